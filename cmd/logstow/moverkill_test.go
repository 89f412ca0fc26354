package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"logstow/archive/store/storetest/gateway"
)

// Documents are packed, restored, held, expired and erased by servers and commands,
// any of which is killed or paused at any time. Who reads meanwhile never notices,
// and in the end everything is where it belongs.
func TestMoversThatAreKilledAndPaused(t *testing.T) {
	t.Parallel()
	g := gateway.Start(t, gateway.Options{})
	versioned := gateway.Options{Bucket: "versioned", Versioning: true}
	if err := g.CreateBucket(t.Context(), versioned); err != nil {
		t.Fatal(err)
	}
	stores := map[string]string{
		"directory": "", "S3": g.URL("moved"),
		"S3 with versions": strings.Replace(g.URL("moved"), "s3://"+g.Bucket, "s3://"+versioned.Bucket, 1),
	}
	// Parallel subtests end after this function has, and the server with it.
	t.Run("stores", func(t *testing.T) {
		for name, store := range stores {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				newMovedWorld(t, store, g.Env()).survives(killTime(t))
			})
		}
	})
}

// movedConfig is a configuration by which everything moves all the time: what is of
// recipe 2 expires.
const movedConfig = `store: '%[2]s'
ledger: %[1]s/ledger.db
log: {level: warn}
archive: {sources: [%[1]s/in.ndjson], max_file_size: 6KB}
serve: {no_auth: true, listen: "127.0.0.1:0", rate: none}
compact: {after: 0s, grace: 1s}
retain:
  grace: 2s
  policies:
    - {name: brief, match: {recipe: "2"}, expire_after: 1d}
schedules:
  - {name: compact, task: compact, cron: "@every 1s", retries: 1000, backoff: 10ms}
  - {name: retain, task: retain, cron: "@every 1s", retries: 1000, backoff: 10ms}
  - {name: sweep, task: sweep, cron: "@every 2s", retries: 1000, backoff: 10ms}
`

// The recipes of jobs, by what is done to them.
const (
	recipeKept    = 1
	recipeBrief   = 2 // expires
	recipeErasing = 3 // is erased, job by job
)

// movedJob is what a job is to be.
type movedJob struct {
	id       string
	recipe   int
	full     bool     // larger than a document may be
	versions []string // its records
	archived bool     // somebody was told that it is
	erasing  bool     // somebody has begun to erase it
	erased   bool     // somebody was told that it is gone
	hold     string   // of whoever was told that it is on hold
	standing bool     // nobody releases that
}

// movedWorld is a world whose documents move.
type movedWorld struct {
	*serveWorld
	env  []string
	over chan struct{} // closed when nobody is to begin anything

	mu     sync.Mutex // guards what follows
	random *rand.Rand
	jobs   []*movedJob
	server *serveProcess
	did    map[string]int           // how often what ended how
	took   map[string]time.Duration // how long the last of a command took that was not hurt
}

func newMovedWorld(t *testing.T, store string, env []string) *movedWorld {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newServeWorld(t, "")
	if store == "" {
		store = "file://" + w.dir + "/store"
	}
	for _, name := range []string{"out", "tmp"} {
		if err := os.Mkdir(filepath.Join(w.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.write(w.config, fmt.Sprintf(movedConfig, w.dir, store))
	return &movedWorld{
		serveWorld: w, random: rand.New(rand.NewPCG(seed, 0)), env: append(env, "TMPDIR="+w.dir+"/tmp"),
		over: make(chan struct{}), did: map[string]int{}, took: map[string]time.Duration{},
	}
}

// survives requires that nobody notices what is done, and that all is done in the
// end.
func (w *movedWorld) survives(during time.Duration) {
	w.append(30)
	w.archiveAll()
	w.holdSome()
	w.serve()
	var wg sync.WaitGroup
	for name, do := range map[string]func(){
		"archive": w.archiveMore, "compact": w.compact, "another compact": w.compact, "retain": w.retain, "order": w.order,
		"cat": w.cat, "export": w.export, "fetch": w.fetch,
	} {
		wg.Go(func() {
			for n := 0; n == 0 || !w.isOver(); n++ {
				do()
				w.counted(name)
			}
		})
	}
	for end := time.Now().Add(during); time.Now().Before(end); {
		w.hurtServer()
	}
	close(w.over)
	wg.Wait()
	if got := w.server.end(syscall.SIGTERM); got != 0 {
		w.t.Errorf("the server ended with %d: %s", got, w.server.stderr.String())
	}
	w.settle()
	w.everythingRight()
	for _, what := range slices.Sorted(maps.Keys(w.did)) {
		w.t.Logf("%4d times %s", w.did[what], what)
	}
}

func (w *movedWorld) isOver() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

func (w *movedWorld) counted(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did[what]++
}

// chance is a random number below n.
func (w *movedWorld) chance(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

// append appends records of n jobs to the source, some of them of jobs that are
// there already.
func (w *movedWorld) append(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var text strings.Builder
	for range n {
		j := &movedJob{id: fmt.Sprintf("job%d", len(w.jobs)), recipe: 1 + w.random.IntN(3)}
		j.full = w.random.IntN(10) == 0
		again := len(w.jobs) > 0 && w.random.IntN(8) == 0
		if again {
			j = w.jobs[w.random.IntN(len(w.jobs))]
		}
		if again && (j.recipe != recipeKept || j.full) {
			continue
		}
		if !again {
			w.jobs = append(w.jobs, j)
		}
		record := w.record(j)
		j.versions = append(j.versions, record)
		text.WriteString(record + "\n")
	}
	f, err := os.OpenFile(w.input, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer f.Close()
	if _, err := f.WriteString(text.String()); err != nil {
		w.t.Error(err)
	}
}

// record is another record of a job. The caller holds mu.
func (w *movedWorld) record(j *movedJob) string {
	size := w.random.IntN(3000)
	if j.full {
		size += 20000
	}
	n := int(j.id[len(j.id)-1])
	at := time.Date(2024, time.Month(1+n%3), 1+n%28, 1, 2, 3, 0, time.UTC)
	return fmt.Sprintf(`{"id": %q, "recipe_id": %d, "account_id": %d, "status": "failed", "completed_at": %q, "lines": [{"x": "%d %s"}]}`,
		j.id, j.recipe, 1+n%2, at.Format(time.RFC3339), w.random.Uint64(), strings.Repeat("x", size))
}

// pick is a job that is archived and of which this is true.
func (w *movedWorld) pick(is func(*movedJob) bool) *movedJob {
	w.mu.Lock()
	defer w.mu.Unlock()
	var those []*movedJob
	for _, j := range w.jobs {
		if j.archived && is(j) {
			those = append(those, j)
		}
	}
	if len(those) == 0 {
		return nil
	}
	return those[w.random.IntN(len(those))]
}

// change changes what is known of a job.
func (w *movedWorld) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// now is a job as it is known now.
func (w *movedWorld) now(j *movedJob) movedJob {
	w.mu.Lock()
	defer w.mu.Unlock()
	is := *j
	is.versions = slices.Clone(j.versions)
	return is
}

// stays tells whether a job must be there for whoever looks.
func (j *movedJob) stays() bool { return j.archived && (j.recipe == recipeKept || j.hold != "") }

// is tells whether this is one of a job's records.
func (j *movedJob) is(got string) bool { return slices.Contains(j.versions, got) }
