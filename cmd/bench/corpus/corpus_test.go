package corpus_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"logstow/cmd/bench/corpus"
	"logstow/layout"
	"logstow/layout/jobfile"
)

func TestRecordsAreTheSameEveryTime(t *testing.T) {
	o := corpus.Options{Jobs: 50, Seed: 7}
	for i := range o.Jobs {
		a, keyA, errA := corpus.Record(nil, i, o)
		b, keyB, errB := corpus.Record([]byte("before"), i, o)
		if errA != nil || errB != nil {
			t.Fatalf("Record(%d): %v, %v", i, errA, errB)
		}
		if !bytes.Equal(a, bytes.TrimPrefix(b, []byte("before"))) || keyA != keyB {
			t.Fatalf("Record(%d) is not the same twice", i)
		}
	}
	a, _, _ := corpus.Record(nil, 3, o)
	b, _, _ := corpus.Record(nil, 3, corpus.Options{Jobs: 50, Seed: 8})
	if bytes.Equal(a, b) {
		t.Error("another seed makes the same record")
	}
}

// The keys of the index must be the ones that archiving the records yields.
func TestKeysAreThoseOfTheRecords(t *testing.T) {
	r, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	o := corpus.Options{Jobs: 200, Seed: 1}
	for i := range o.Jobs {
		b, key, err := corpus.Record(nil, i, o)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(b, '\n') >= 0 || !json.Valid(b) {
			t.Fatalf("Record(%d) is not one line of JSON: %.200s", i, b)
		}
		info, err := r.Read(jobfile.Memory(b), int64(len(b)))
		if err != nil {
			t.Fatalf("read record %d: %v", i, err)
		}
		d := layout.Document{User: info.User, Recipe: info.Recipe, Job: info.Job, Time: info.Time, Status: info.Status}
		got, err := d.Key()
		if err != nil || got != key {
			t.Fatalf("record %d has key %s (%v), the index says %s", i, got, err, key)
		}
	}
}

func TestStatsAreAsPromised(t *testing.T) {
	f, err := corpus.Open(t.TempDir(), corpus.Options{Jobs: 5000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := f.Stats
	within := func(what string, got, low, high float64) {
		if got < low || got > high {
			t.Errorf("%s is %v, want between %v and %v", what, got, low, high)
		}
	}
	within("the mean", float64(s.Mean), 7500, 9100)
	within("the median", float64(s.P50), 5000, 5800)
	within("the 99th percentile", float64(s.P99), 34_000, 47_000)
	within("the largest", float64(s.Max), 1_590_000, 1_601_000)
	within("the ratio", s.Ratio, 3.5, 4.5)
	index, err := os.ReadFile(f.Index)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(index), "\n"); n != s.Jobs {
		t.Errorf("the index has %d lines, want %d", n, s.Jobs)
	}
}

func TestLarge(t *testing.T) {
	dir := t.TempDir()
	for _, shape := range []corpus.Shape{corpus.Lines, corpus.String} {
		path, err := corpus.Large(dir, 3_000_000, shape)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 3_000_000 || len(b) > 3_010_000 || !json.Valid(b) {
			t.Errorf("Large(%s) wrote %d bytes, valid JSON: %v; want about 3,000,000, valid", shape, len(b), json.Valid(b))
		}
	}
}

// Small records are read as any others, each with a job of its own, in the order
// of their times.
func TestSmall(t *testing.T) {
	o := corpus.Options{Jobs: 3000, Seed: 1}
	path, err := corpus.Small(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := corpus.Small(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(again); err != nil || !bytes.Equal(b, second) {
		t.Errorf("the same options make other records (%v)", err)
	}
	if mean := len(b) / o.Jobs; mean < corpus.SmallBytes-40 || mean > corpus.SmallBytes+40 {
		t.Errorf("a record has %d bytes at the mean, want about %d", mean, corpus.SmallBytes)
	}
	r, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	jobs := map[string]bool{}
	var last time.Time
	for line := range bytes.Lines(b) {
		info, err := r.Read(jobfile.Memory(line), int64(len(line)))
		if err != nil {
			t.Fatalf("read %s: %v", line, err)
		}
		if info.Time.Before(last) {
			t.Fatalf("%s is of before %v", line, last)
		}
		jobs[info.Job], last = true, info.Time
	}
	if len(jobs) != o.Jobs {
		t.Errorf("there are %d jobs, want %d", len(jobs), o.Jobs)
	}
}
