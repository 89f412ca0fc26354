package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
	"logstow/export"
	"logstow/layout"
)

// settle does what is still to be done, until there is nothing.
func (w *movedWorld) settle() {
	w.archiveAll()
	for _, j := range w.jobs { // one that was killed may have put its record alone
		if j.erasing && !j.erased {
			w.finish("erase", j.id, "--reason", "again", "--yes")
		}
	}
	until(w.t, "nothing is left to do", func() bool {
		w.finish("run", "sweep")
		did, packed := w.finish("retain", "--yes"), w.finish("compact")
		return did["marked"]+did["waiting"]+did["removed"]+did["erased"]+did["rewritten"] == 0 &&
			packed["packed"]+packed["waiting"]+packed["inputs_removed"]+packed["segments_removed"] == 0
	})
}

// archiveAll archives what is in the source when nobody is hurt.
func (w *movedWorld) archiveAll() {
	w.finish("archive", w.input)
	w.change(func() {
		for _, j := range w.jobs {
			j.archived = true
		}
	})
}

// finish runs a command that nobody hurts, and returns the numbers that it prints.
func (w *movedWorld) finish(args ...string) map[string]float64 {
	w.t.Helper()
	s := w.run(append(args, "--json")...)
	switch exitStatus(s.status) {
	case exitOK, exitPartial:
	case exitNotFound:
		return nil
	default:
		w.t.Errorf("%v: status %d: %s", args, s.status, s.stderr)
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(s.stdout), &all); err != nil {
		w.t.Fatalf("%v: %v: %s", args, err, s.stdout)
	}
	did := map[string]float64{}
	for name, v := range all {
		if n, ok := v.(float64); ok {
			did[name] = n
		}
	}
	return did
}

// everythingRight requires that each job is there with all its versions, or gone;
// that check finds nothing; and that no files are left.
func (w *movedWorld) everythingRight() {
	w.finish("check", "--repair")
	there := w.read()
	active := w.holds()
	held := map[string]bool{}
	for _, job := range active {
		held[job] = true
	}
	for _, j := range w.jobs {
		if j.hold != "" && active[j.hold] != j.id {
			w.t.Errorf("hold %s of %s is not there", j.hold, j.id)
		}
		goes := j.erasing || j.recipe == recipeBrief
		if !goes || held[j.id] && j.stays() {
			slices.Sort(j.versions)
			slices.Sort(there[j.id])
			if !slices.Equal(there[j.id], j.versions) {
				w.t.Errorf("of %s (recipe %d, hold %q) there is %.300q, not %.300q", j.id, j.recipe, j.hold, there[j.id], j.versions)
			}
		}
		if goes && !held[j.id] && len(there[j.id]) > 0 {
			w.t.Errorf("%s (recipe %d) is still there", j.id, j.recipe)
		}
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "tmp", "*"))
	if err != nil || len(left) > 0 {
		w.t.Errorf("%v, %v is left", left, err)
	}
}

// read is the records of every job that is there, as it came in.
func (w *movedWorld) read() map[string][]string {
	var out, stderr bytes.Buffer
	cmd := exec.Command("settled", w.config)
	cmd.Env = append(os.Environ(), w.env...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		w.t.Errorf("what is there in the end: %v: %s", err, stderr.String())
	}
	there := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		var r settledRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			w.t.Fatal(err)
		}
		there[r.Job] = append(there[r.Job], r.Record)
	}
	return there
}

// settledRecord is a line that settled prints.
type settledRecord struct{ Job, Record string }

// settled prints every document of a store at which nobody is at work, and fails
// where a deep check finds anything but segments that nobody finished: those are left
// alone for an hour.
func settled() {
	ctx := context.Background()
	if err := printSettled(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func printSettled(ctx context.Context, file string) (err error) {
	c, _, err := config.Load(config.Options{File: file})
	if err != nil {
		return err
	}
	s, l, err := openForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var found []error
	_, err = check.Run(ctx, check.Config{Store: s, Ledger: l, Deep: true, Settle: -1, Finding: func(f check.Finding) {
		if f.Kind == check.Leftover && strings.HasPrefix(f.Key, layout.Segments) && strings.Contains(f.Reason, "begun and not finished") {
			return
		}
		found = append(found, fmt.Errorf("%s: %s: %s", f.Kind, f.Key, f.Reason))
	}})
	return errors.Join(append(found, err, printRecords(ctx, s, l))...)
}

func printRecords(ctx context.Context, s store.Store, l *ledger.Ledger) error {
	r, err := export.NewReader(s, l)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for d, err := range l.Documents(ctx, ledger.Query{}) {
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := r.WriteFull(ctx, &b, d); err != nil {
			return err
		}
		if err := out.Encode(settledRecord{d.Job, b.String()}); err != nil {
			return err
		}
	}
	return nil
}
