package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// command is a command of this world.
func (w *movedWorld) command(args ...string) *exec.Cmd {
	cmd := exec.Command("hasty", append(args, "--config", w.config)...)
	cmd.Env = append(os.Environ(), w.env...)
	return cmd
}

// ending is how a command ended.
type ending struct {
	status         int // -1 where it was killed
	stdout, stderr string
	hurt           bool // it was killed or paused
}

// run runs a command to its end.
func (w *movedWorld) run(args ...string) ending {
	var out, stderr bytes.Buffer
	cmd := w.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	return ending{status: statusIn(err), stdout: out.String(), stderr: stderr.String()}
}

// move runs a command that may be killed or paused, and requires that it ends well
// where it isn't.
func (w *movedWorld) move(args ...string) ending {
	var out, stderr bytes.Buffer
	cmd := w.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		w.t.Error(err)
		return ending{status: -1}
	}
	began, ended := time.Now(), make(chan bool)
	go func() { ended <- w.hurt(cmd.Process, w.usual(args[0]), ended) }()
	err := cmd.Wait()
	took := time.Since(began)
	ended <- true
	s := ending{status: statusIn(err), stdout: out.String(), stderr: stderr.String(), hurt: <-ended}
	if !s.hurt {
		w.change(func() { w.took[args[0]] = took })
	}
	if !w.endedWell(s) {
		w.t.Errorf("%v: status %d: %s", args, s.status, s.stderr)
	}
	w.counted(args[0] + " ended with " + exitName(s))
	return s
}

func exitName(s ending) string {
	if s.hurt {
		return "a wound"
	}
	return string(rune('0' + max(0, s.status)))
}

// endedWell tells whether a command ended as it may beside others, some of which
// are paused: 3 says that something is on hold, 5 that it is gone.
func (w *movedWorld) endedWell(s ending) bool {
	switch exitStatus(s.status) {
	case exitOK, exitPartial, exitNotFound:
		return true
	case exitUnavailable:
		return strings.Contains(s.stderr, "in use by another process") || strings.Contains(s.stderr, "changed meanwhile")
	case exitFailed:
		return strings.Contains(s.stderr, "being removed already")
	default:
		return s.hurt && s.status == -1
	}
}

// usual is how long a command takes.
func (w *movedWorld) usual(name string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(w.took[name], 10*time.Millisecond)
}

// hurt kills or pauses a process at some time before it usually ends, or lets it be,
// and tells whether it did. It returns when ended has told that the process has. One that waits for what
// somebody dead was about to do is not left to wait.
func (w *movedWorld) hurt(p *os.Process, usual time.Duration, ended <-chan bool) bool {
	const patience = 10 * time.Second
	how, after := w.chance(6), usual*time.Duration(w.chance(100))/100
	if how < 2 {
		after = patience
	}
	select {
	case <-ended:
		return false
	case <-time.After(after):
	}
	if how == 5 {
		w.pause(p)
		select {
		case <-ended:
			return true
		case <-time.After(patience):
		}
	}
	p.Kill() //nolint:errcheck // it may have ended
	<-ended
	return true
}

// pause stops a process for a while.
func (w *movedWorld) pause(p *os.Process) {
	p.Signal(syscall.SIGSTOP) //nolint:errcheck // it may have ended
	time.Sleep(time.Duration(w.chance(4000)>>w.chance(4)) * time.Millisecond)
	p.Signal(syscall.SIGCONT) //nolint:errcheck // it may have ended
}

// archive archives what is in the source, and notes what is archived then.
func (w *movedWorld) archive() {
	w.mu.Lock()
	there := len(w.jobs)
	w.mu.Unlock()
	if s := w.move("archive", w.input); s.status == 0 || s.status == 3 {
		w.change(func() {
			for _, j := range w.jobs[:there] {
				j.archived = true
			}
		})
	}
}

func (w *movedWorld) archiveMore() {
	w.append(1 + w.chance(8))
	w.archive()
	time.Sleep(time.Duration(w.chance(500)) * time.Millisecond)
}

func (w *movedWorld) compact() { w.move("compact") }

func (w *movedWorld) retain() { w.move("retain", "--yes") }

// order asks for one of what is asked for by people.
func (w *movedWorld) order() {
	switch w.chance(6) {
	case 0:
		w.erase()
	case 1, 2:
		w.hold()
	case 3:
		w.release()
	case 4:
		if j := w.pick(func(*movedJob) bool { return true }); j != nil {
			w.move("restore", j.id)
		}
	case 5:
		w.move("restore", "--all")
	}
}

// erase erases a job, one that is on hold as often as not.
func (w *movedWorld) erase() {
	held := w.chance(2) == 0
	j := w.pick(func(j *movedJob) bool { return j.recipe == recipeErasing && !j.erasing && (j.hold != "") == held })
	if j == nil {
		return
	}
	w.change(func() { j.erasing = true })
	if s := w.move("erase", j.id, "--reason", "a test", "--yes"); s.status == 0 {
		w.change(func() {
			if j.erased = true; j.hold != "" {
				w.t.Errorf("%s was erased, and is on hold %s", j.id, j.hold)
			}
		})
	}
}

// holdSome places holds on some jobs, which are released no more.
func (w *movedWorld) holdSome() {
	for _, recipe := range []int{recipeBrief, recipeErasing} {
		for range 3 {
			j := w.pick(func(j *movedJob) bool { return j.recipe == recipe && j.hold == "" })
			if j == nil {
				return
			}
			s := w.run("hold", "place", j.id, "--reason", "a test")
			if s.status != 0 {
				w.t.Fatalf("hold place: status %d: %s", s.status, s.stderr)
			}
			j.hold, j.standing = strings.TrimSpace(s.stdout), true
		}
	}
}

// hold places a hold. Who is told its id may rely on it.
func (w *movedWorld) hold() {
	j := w.pick(func(j *movedJob) bool { return j.recipe != recipeKept && j.hold == "" && !j.erased })
	if j == nil {
		return
	}
	s := w.move("hold", "place", j.id, "--reason", "a test")
	if id := strings.TrimSpace(s.stdout); s.status == 0 && id != "" {
		w.change(func() { j.hold = id })
	}
}

func (w *movedWorld) release() {
	j := w.pick(func(j *movedJob) bool { return j.hold != "" && !j.standing })
	if j == nil || w.chance(2) == 0 {
		return
	}
	id := w.now(j).hold
	w.change(func() { j.hold = "" })
	w.move("hold", "release", id, "--reason", "a test")
}

// holds is the jobs of the holds that are active, by their ids.
func (w *movedWorld) holds() map[string]string {
	jobs := map[string]string{}
	for line := range strings.Lines(w.run("hold", "ls", "--json").stdout) {
		var h struct {
			ID    string
			Scope struct{ Job string }
		}
		if err := json.Unmarshal([]byte(line), &h); err != nil {
			w.t.Fatal(err)
		}
		jobs[h.ID] = h.Scope.Job
	}
	return jobs
}

var servesAt = regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(serving) + `(\S+)`)

// serve starts the server.
func (w *movedWorld) serve() {
	p := &serveProcess{Cmd: w.command("serve"), t: w.t}
	p.Stderr = &p.stderr
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill() //nolint:errcheck // it has ended since
			p.Wait()         //nolint:errcheck // killed
		}
	})
	until(w.t, "the server serves", func() bool { return servesAt.MatchString(p.stderr.String()) })
	w.change(func() { w.server = p })
}

// hurtServer kills or pauses the server.
func (w *movedWorld) hurtServer() {
	time.Sleep(time.Duration(500+w.chance(2000)) * time.Millisecond)
	if w.chance(3) == 0 {
		w.pause(w.server.Process)
		return
	}
	w.server.end(syscall.SIGKILL)
	w.serve()
}
