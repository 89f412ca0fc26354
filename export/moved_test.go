package export_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/storetest"
	"logstow/export"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// movingWorld is a world with these records, each job once, a revision, and records
// that were capped, with their lines kept and without.
func movingWorld(t *testing.T, records []string) *world {
	t.Helper()
	w := newWorld(t)
	seen := map[string]bool{}
	for _, record := range records {
		d := w.row([]byte(record), jobfile.Config{})
		if ref := d.User + "/" + d.Job + "/" + d.Kind; !seen[ref] {
			seen[ref] = true
			w.add(record)
		}
	}
	for i := range 12 {
		w.add(run(fmt.Sprintf("many-%d", i), entry("info", "", strings.Repeat(fmt.Sprint(i), 2000))))
	}
	w.revise(run("many-1", entry("info", "", "another")))
	w.addCapped(run("capped", entry("info", "", "kept")), run("capped"), true)
	w.addCapped(run("dropped", entry("info", "", "lost")), run("dropped"), false)
	w.add(generated("talend", 300))
	return w
}

// snapshot is everything that reading gives.
func snapshot(t *testing.T, w *world, e *export.Exporter) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, f := range export.Formats() {
		var out bytes.Buffer
		if _, err := e.Write(t.Context(), &out, export.Request{Format: f}, nil); err != nil {
			t.Fatalf("Write(%s) = %v", f, err)
		}
		all["export "+string(f)] = out.String()
	}
	jobs, lines, err := e.Selected(t.Context(), export.Request{Format: export.NDJSON})
	w.must(err)
	all["selected"] = fmt.Sprint(jobs, lines)
	for _, d := range w.all() {
		listed, err := json.Marshal(export.List(d))
		w.must(err)
		all["ls "+d.Key] = string(listed)
		var out, full bytes.Buffer
		w.must(e.Reader().Write(t.Context(), &out, d))
		all["cat "+d.Key] = out.String()
		if err := e.Reader().WriteFull(t.Context(), &full, d); err != nil && !errors.Is(err, export.ErrNoFull) {
			t.Fatal(err)
		}
		all["full "+d.Key] = full.String()
	}
	return all
}

// Wherever documents lie, what is read is the same: by who begins to read then,
// and by who has read before.
func TestWhereverTheyLie(t *testing.T) {
	w := movingWorld(t, samples(t))
	old := w.exporter()
	stale := w.all()
	want := snapshot(t, w, old)
	for i, m := range append(w.moves(), w.moves()[:2]...) {
		m.do()
		if inSegments := slices.ContainsFunc(w.all(), func(d ledger.Document) bool { return d.Segment != 0 }); inSegments != (m.what != "taken out") {
			t.Fatalf("%s: in segments: %v", m.what, inSegments)
		}
		for who, e := range map[string]*export.Exporter{"new": w.exporter(), "old": old} {
			if d := cmp.Diff(want, snapshot(t, w, e)); d != "" {
				t.Fatalf("step %d, %s, a %s reader (-before +after):\n%.3000s", i, m.what, who, d)
			}
		}
		for _, d := range stale { // as they were looked up at first
			var out bytes.Buffer
			if err := old.Reader().Write(t.Context(), &out, d); err != nil || out.String() != want["cat "+d.Key] {
				t.Fatalf("step %d, %s: Write(%s as it was) = %v", i, m.what, d.Key, err)
			}
		}
	}
	for key := range want {
		if d, ok := strings.CutPrefix(key, "cat "); ok {
			if _, err := w.store.Stat(t.Context(), d); err == nil {
				t.Fatalf("%s is still there", d)
			}
		}
	}
}

// turn is how readers and a mover take turns: after each move every reader ends
// what it was doing, so that nobody is overtaken three times by moves that have no
// grace.
type turn struct {
	reads []atomic.Int64
	ended atomic.Bool
}

func (u *turn) pass() {
	var before []int64
	for i := range u.reads {
		before = append(before, u.reads[i].Load())
	}
	for i := range u.reads {
		for u.reads[i].Load() == before[i] && !u.ended.Load() {
			time.Sleep(time.Millisecond)
		}
	}
}

// Nobody who reads while documents are moved, rewritten and put back gets an
// error, or other bytes.
func TestReadersBesideAMover(t *testing.T) {
	w := movingWorld(t, samples(t)[:5])
	e := w.exporter()
	want := snapshot(t, w, e)
	stale := w.all()
	u := &turn{reads: make([]atomic.Int64, 4)}
	var readers sync.WaitGroup
	read := func(i int, do func(n int) error) {
		readers.Go(func() {
			for n := 0; !u.ended.Load(); n++ {
				if err := do(n); err != nil {
					t.Errorf("reader %d, read %d: %v", i, n, err)
					u.ended.Store(true)
				}
				u.reads[i].Add(1)
			}
		})
	}
	same := func(what string, write func(io.Writer) error) error {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if out.String() != want[what] {
			return fmt.Errorf("%s: %d bytes, want %d:\n%.1000s", what, out.Len(), len(want[what]), cmp.Diff(want[what], out.String()))
		}
		return nil
	}
	read(0, func(n int) error { // as they were looked up at first
		d := stale[n%len(stale)]
		return same("cat "+d.Key, func(out io.Writer) error { return e.Reader().Write(t.Context(), out, d) })
	})
	read(1, func(n int) error { // as they are looked up now
		d := stale[n*7%len(stale)]
		now, err := e.Find(t.Context(), export.Wanted{ID: d.Job, User: d.User, Recipe: d.Recipe, Event: d.Kind != "job"})
		if err != nil {
			return err
		}
		v := now.Versions[0]
		return same("full "+v.Key, func(out io.Writer) error {
			if err := e.Reader().WriteFull(t.Context(), out, v); !errors.Is(err, export.ErrNoFull) {
				return err
			}
			return nil
		})
	})
	for i, f := range []export.Format{export.NDJSON, export.Zip} {
		read(2+i, func(int) error {
			return same("export "+string(f), func(out io.Writer) error {
				_, err := e.Write(t.Context(), out, export.Request{Format: f}, nil)
				return err
			})
		})
	}
	for _, m := range append(w.moves(), w.moves()[:2]...) {
		if m.do(); !u.ended.Load() {
			u.pass()
		}
	}
	u.ended.Store(true)
	readers.Wait()
}

// moving is a store in which something happens before a part of an object is read
// that isn't its end.
type moving struct {
	store.Store
	before func(part int)
	parts  int
}

func (m *moving) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	if strings.HasPrefix(key, layout.Segments) && part.Length > segment.TailBytes {
		m.parts++
		m.before(m.parts)
	}
	return m.Store.Get(ctx, key, part)
}

// A large document is read by parts. One that is moved between two of them goes
// on from where it lies then.
func TestMovedInTheMiddle(t *testing.T) {
	w := newWorld(t)
	noise := make([]byte, 9_000_000)
	_, err := rand.NewChaCha8([32]byte{1}).Read(noise)
	w.must(err)
	record := run("large", entry("info", "", base64.StdEncoding.EncodeToString(noise)))
	w.add(record, run("small", entry("info", "", "1")))
	w.pack(1)
	w.removeInputs()
	m := &moving{Store: w.store}
	for _, move := range w.moves()[2:] {
		m.parts = 0
		m.before = func(part int) {
			if part == 2 {
				move.do()
			}
		}
		r, err := export.NewReader(m, w.ledger)
		w.must(err)
		docs, err := w.ledger.ByJob(t.Context(), "o", "large")
		w.must(err)
		var out bytes.Buffer
		if err := r.Write(t.Context(), &out, docs[0]); err != nil || out.String() != record || m.parts < 2 {
			t.Errorf("Write() with its document %s after the first of %d parts = %d bytes, %v; want %d", move.what, m.parts, out.Len(), err, len(record))
		}
	}
}

// What the ledger says is there and isn't, or is something else, is damage, once
// the ledger was asked again.
func TestDamagedSegments(t *testing.T) {
	for what, damage := range map[string]func(w *world, key string, file []byte){
		"missing":   func(w *world, key string, _ []byte) { w.must(w.store.Delete(w.t.Context(), key)) },
		"truncated": func(w *world, key string, file []byte) { w.put(key, file[:len(file)/2]) },
		"changed":   func(w *world, key string, file []byte) { w.put(key, flipped(file)) },
		"no longer a segment": func(w *world, key string, file []byte) {
			w.put(key, bytes.Repeat([]byte("x"), len(file)))
		},
	} {
		w := newWorld(t)
		w.add(run("one", entry("info", "", "1")))
		w.addCapped(run("capped", entry("info", "", "kept")), run("capped"), true)
		w.pack(1)
		w.removeInputs()
		old := w.exporter()
		docs := w.all()
		for _, d := range docs {
			w.must(old.Reader().Write(t.Context(), io.Discard, d))
		}
		s, err := w.ledger.Segment(t.Context(), docs[0].Segment)
		w.must(err)
		damage(w, s.Key, w.object(s.Key))
		for _, d := range docs {
			if err := w.exporter().Reader().WriteFull(t.Context(), io.Discard, d); !errors.Is(err, export.ErrDamaged) {
				t.Errorf("%s: WriteFull(%s) = %v, want %v", what, d.Job, err, export.ErrDamaged)
			}
		}
		if _, err := w.exporter().Write(t.Context(), io.Discard, export.Request{Format: export.NDJSON}, nil); !errors.Is(err, export.ErrDamaged) {
			t.Errorf("%s: an export = %v, want %v", what, err, export.ErrDamaged)
		}
	}
}

// flipped is a file of which every byte before its end is another.
func flipped(file []byte) []byte {
	file = bytes.Clone(file)
	for i := 4; i < len(file)/2; i++ {
		file[i] ^= 1
	}
	return file
}

// A document that is deleted while it is looked for is not found, and isn't
// damaged.
func TestDeletedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.add(run("one", entry("info", "", "1")))
	d := w.all()[0]
	_, _, err := w.ledger.StartErasure(t.Context(), []ledger.Document{d}, ledger.AuditEntry{At: d.ArchivedAt, Action: "erase", Outcome: "ok"})
	w.must(err)
	w.must(w.store.Delete(t.Context(), d.Key))
	if err := w.exporter().Reader().Write(t.Context(), io.Discard, d); !errors.Is(err, export.ErrNotFound) || errors.Is(err, export.ErrDamaged) {
		t.Errorf("Write() of what was deleted = %v, want %v", err, export.ErrNotFound)
	}
}

// A store that fails while a segment is read is not damaged, and neither is a
// place that is written to that fails.
func TestSegmentFaults(t *testing.T) {
	w := newWorld(t)
	w.addCapped(run("capped", entry("info", "", "kept")), run("capped"), true)
	w.add(generated("talend", 40_000), run("one", entry("info", "", "1")))
	w.pack(1)
	w.removeInputs()
	broken := errors.New("broken on purpose")
	for _, d := range w.all() {
		for call := 1; ; call++ {
			s := storetest.NewFaulty(w.store)
			s.Arm(storetest.Fault{Call: call, When: storetest.During, Err: broken})
			r, err := export.NewReader(s, w.ledger)
			w.must(err)
			err = r.WriteFull(t.Context(), io.Discard, d)
			if len(s.Calls()) < call {
				w.must(err)
				break
			}
			if !errors.Is(err, broken) || errors.Is(err, export.ErrDamaged) {
				t.Errorf("WriteFull(%s) with call %d failing = %v, want %v", d.Job, call, err, broken)
			}
			w.must(r.WriteFull(t.Context(), io.Discard, d)) // the next finds nothing amiss
		}
		if err := w.exporter().Reader().WriteFull(t.Context(), refusing{io.ErrClosedPipe}, d); !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, export.ErrDamaged) {
			t.Errorf("WriteFull(%s) to a closed pipe = %v", d.Job, err)
		}
	}
}

// An export of what lies in a segment, whatever its order, reads little more
// than the segment once.
func TestSegmentIsReadOnce(t *testing.T) {
	w := newWorld(t)
	for i := range 600 {
		record := strings.Replace(run(fmt.Sprintf("j-%d", i), entry("info", "", strings.Repeat("x", 6000))), `"action_id":"`, fmt.Sprintf(`"action_id":"%d-`, i%9), 1)
		w.add(record)
	}
	w.pack(1)
	w.removeInputs()
	s := storetest.NewFaulty(w.store)
	e, err := export.New(export.Config{Store: s, Ledger: w.ledger, TempDir: t.TempDir()})
	w.must(err)
	if p, err := e.Write(t.Context(), io.Discard, export.Request{Format: export.NDJSON}, nil); err != nil || p.Jobs != 600 {
		t.Fatalf("Write = %+v, %v", p, err)
	}
	if calls := len(s.Calls()); calls > 20 {
		t.Errorf("%d calls for 600 documents in one segment of %d MB", calls, 4)
	}
}
