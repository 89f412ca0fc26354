package archive_test

import (
	"context"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/source"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// acted is a source that a test plays.
type acted func(yield func(*source.Record, error) bool)

func (acted) Name() string { return "acted" }

func (a acted) Records(context.Context, map[string]string) iter.Seq2[*source.Record, error] {
	return iter.Seq2[*source.Record, error](a)
}

func record(content string) *source.Record {
	return source.NewRecord("part", 0, jobfile.Memory(content), int64(len(content)), func() {})
}

// eventually waits for what comes soon, and gives up when it must be that it
// doesn't.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("still not: %s", what)
}

// What is in the store is soon on record, also while the source has nothing
// more to say.
func TestIdleSource(t *testing.T) {
	l := newLedger(t)
	src := acted(func(yield func(*source.Record, error) bool) {
		if !yield(record(job("a", "")), nil) {
			return
		}
		eventually(t, "a row of the first record", func() bool {
			return len(collect(t, l.Documents(t.Context(), ledger.Query{}))) == 1
		})
		yield(record(job("b", "")), nil)
	})
	got := run(t, archive.Config{Store: memstore.New(), Ledger: l, Inputs: []archive.Input{{Source: src, Reader: reader(t, jobfile.Config{})}}})
	wantSummary(t, got, archive.Summary{Read: 2, Archived: 2})
}

// gated holds back the documents of one job.
type gated struct {
	store.Store
	job  string
	open chan struct{}
}

func (g gated) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	if n, _ := layout.Parse(key); n.ID == g.job {
		<-g.open
	}
	return g.Store.Put(ctx, key, b, o)
}

// A record that waits for the one before it to be recorded has given back its
// memory.
func TestFinishedHoldsNoMemory(t *testing.T) {
	gate := gated{memstore.New(), "slow", make(chan struct{})}
	src := acted(func(yield func(*source.Record, error) bool) {
		defer close(gate.open)
		if !yield(record(job("slow", "")), nil) {
			return
		}
		data := []byte(job("b", `,"x":"`+strings.Repeat("x", 1<<20)+`"`))
		held := weak.Make(&data[0])
		if !yield(source.NewRecord("part", 1, jobfile.Memory(data), int64(len(data)), func() {}), nil) {
			return
		}
		eventually(t, "the record's memory is free", func() bool {
			runtime.GC()
			return held.Value() == nil
		})
	})
	c := archive.Config{Store: gate, Ledger: newLedger(t), Inputs: []archive.Input{{Source: src, Reader: reader(t, jobfile.Config{})}}}
	wantSummary(t, run(t, c), archive.Summary{Read: 2, Archived: 2})
}
