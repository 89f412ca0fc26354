package export_test

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/store/storetest"
	"logstow/export"
	"logstow/layout/jobfile"
)

// lineCount is how many lines a record has.
func lineCount(t *testing.T, r *export.Record) int {
	t.Helper()
	n := 0
	for _, err := range r.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func (w *world) open(id string) (*export.Record, error) {
	w.t.Helper()
	job, err := w.exporter().Find(w.t.Context(), export.Wanted{ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.exporter().Open(w.t.Context(), job.Versions[0])
}

func TestOpen(t *testing.T) {
	const custom = `{"run":"c","pipeline":"p","end":"2026-01-23T12:00:00Z","id":7,"recipe_id":8,"completed_at":"2026-01-23T12:00:00Z","steps":["a","b","c"]}`
	w := newWorld(t)
	w.fields = []jobfile.Fields{
		{UserID: "nowhere", RecipeID: "x", JobID: "y", CompletedAt: "z"},
		{RecipeID: "pipeline", JobID: "run", CompletedAt: "end", Lines: "steps", UserID: "owner"},
	}
	w.add(run("plain", entry("info", "", "1"), entry("info", "", "2")), generated("talend", 5_000))
	w.addCapped(run("kept", entry("info", "", "1")), run("kept"), true)
	w.addCapped(run("dropped", entry("info", "", "1")), `{"id":"dropped","organization_id":"o","action_id":"a",`+
		`"completed_at":"2026-01-23T11:00:00Z","logs":"Log lines exceed size limit"}`, false)
	for _, d := range []ledger.Document{
		// Archived under a user of its own choice, and under a field map.
		w.row([]byte(run("forced", entry("info", "", "1"))), jobfile.Config{User: "somebody"}),
		w.row([]byte(custom), jobfile.Config{Fields: &w.fields[1], User: "somebody"}),
	} {
		record := custom
		if d.Job == "forced" {
			record = run("forced", entry("info", "", "1"))
		}
		w.put(d.Key, []byte(record))
		w.commit(d)
	}
	tests := []struct {
		id, user, platform string
		lines              int
	}{
		{"plain", "o", "virtuousai", 2},
		{"e", "w", "talend", 5_000},
		{"kept", "o", "virtuousai", 1},
		{"dropped", "o", "virtuousai", 0},
		{"forced", "somebody", "virtuousai", 1},
		{"c", "somebody", "custom", 3},
	}
	for _, tt := range tests {
		r, err := w.open(tt.id)
		if err != nil {
			t.Errorf("Open(%s) = %v", tt.id, err)
			continue
		}
		for range 2 {
			if n := lineCount(t, r); n != tt.lines || r.Info.User != tt.user || r.Info.Platform != tt.platform || r.Info.Job != tt.id {
				t.Errorf("Open(%s): %d lines, info %+v, want %+v", tt.id, n, r.Info, tt)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A damaged or unreadable record ends an export with an error that names the
// job; one that was removed from the ledger meanwhile is passed over.
func TestDamageEndsAnExport(t *testing.T) {
	record := run("bad", entry("info", "", "1"))
	tests := []struct {
		name   string
		damage func(w *world, d ledger.Document)
	}{
		{"other bytes", func(w *world, d ledger.Document) { w.put(d.Key, []byte(strings.Replace(record, "1", "2", 1))) }},
		{"missing", func(w *world, d ledger.Document) {
			if err := w.store.Delete(w.t.Context(), d.Key); err != nil {
				w.t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range []export.Format{export.JSON, export.Text, export.NDJSON, export.Zip} {
				w := newWorld(t)
				w.add(run("good", entry("info", "", "1")), record)
				job, err := w.exporter().Find(t.Context(), export.Wanted{ID: "bad"})
				if err != nil {
					t.Fatal(err)
				}
				tt.damage(w, job.Versions[0])
				for _, r := range []export.Request{{Format: f}, {Format: f, Jobs: []string{"bad"}}} {
					_, err = w.tryWrite(t.Context(), r)
					if !errors.Is(err, export.ErrDamaged) || !strings.Contains(err.Error(), "export job bad of recipe a of user o") {
						t.Errorf("Write(%+v) = %v, want ErrDamaged of job bad", r, err)
					}
				}
			}
		})
	}
}

func TestUnreadableRecordIsNamed(t *testing.T) {
	w := newWorld(t)
	d := w.row([]byte(run("a")), jobfile.Config{})
	d.Job = "b"
	w.put(d.Key, []byte(run("a")))
	w.commit(d)
	_, err := w.open("b")
	if !errors.Is(err, export.ErrUnreadable) || errors.Is(err, export.ErrDamaged) || !strings.Contains(err.Error(), d.Key) {
		t.Errorf("Open of another job's record = %v, want ErrUnreadable with the key", err)
	}
}

// deleting is a ledger from which a document vanishes once it was listed.
type deleting struct {
	*ledger.Ledger
	gone string
}

func (d deleting) ByJob(ctx context.Context, user, job string) ([]ledger.Document, error) {
	if job == d.gone {
		return nil, nil
	}
	return d.Ledger.ByJob(ctx, user, job)
}

func TestRemovedMeanwhile(t *testing.T) {
	for _, f := range []export.Format{export.JSON, export.Text, export.NDJSON, export.Zip} {
		w := newWorld(t)
		w.add(run("stays", entry("info", "", "1")), run("goes", entry("info", "", "1")))
		job, err := w.exporter().Find(t.Context(), export.Wanted{ID: "goes"})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.Delete(t.Context(), job.Versions[0].Key); err != nil {
			t.Fatal(err)
		}
		e, err := export.New(export.Config{Store: w.store, Ledger: deleting{w.ledger, "goes"}})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := e.Write(t.Context(), io.Discard, export.Request{Format: f}, nil); err != nil || p.Lines != 1 {
			t.Errorf("Write(%s) while a job is erased = %+v, %v, want the other's line", f, p, err)
		}
	}
}

// Whichever call of the store fails, and however, the export fails with it.
func TestStoreFaultsEndAnExport(t *testing.T) {
	w := newWorld(t)
	w.add(run("a", entry("info", "", "1")), generated("talend", 5_000))
	w.addCapped(run("b", entry("info", "", "1")), run("b"), true)
	broken := errors.New("broken on purpose")
	for _, f := range []export.Format{export.JSON, export.Text, export.NDJSON, export.Zip} {
		for call := 1; ; call++ {
			fired := false
			for _, when := range []storetest.When{storetest.Before, storetest.During} {
				s := storetest.NewFaulty(w.store)
				s.Arm(storetest.Fault{Call: call, When: when, Err: broken})
				e, err := export.New(export.Config{Store: s, Ledger: w.ledger, TempDir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				_, err = e.Write(t.Context(), io.Discard, export.Request{Format: f}, nil)
				if len(s.Calls()) < call {
					continue
				}
				fired = true
				if !errors.Is(err, broken) || errors.Is(err, export.ErrDamaged) {
					t.Errorf("Write(%s) with call %d failing = %v, want %v", f, call, err, broken)
				}
			}
			if !fired {
				if call-1 != 4 { // two documents, and what was done to the third with its overflow
					t.Errorf("Write(%s) made %d calls, want 4", f, call-1)
				}
				break
			}
		}
	}
}

func TestWriteFailsWithItsWriter(t *testing.T) {
	w := newWorld(t)
	w.add(generated("talend", 5_000))
	closed := errors.New("closed")
	for _, f := range export.Formats() {
		_, err := w.exporter().Write(t.Context(), refusing{closed}, export.Request{Format: f}, nil)
		if !errors.Is(err, closed) {
			t.Errorf("Write(%s) to a closed pipe = %v, want %v", f, err, closed)
		}
	}
}

// Neither the heap nor a folder grows with the lines of a job.
func TestMemoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	const lines = 80_000
	w.add(generated("talend", lines))
	e, err := export.New(export.Config{Store: w.store, Ledger: w.ledger, TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []export.Format{export.JSON, export.Text, export.NDJSON, export.Zip} {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		out := &watcher{dir: dir}
		p, err := e.Write(t.Context(), out, export.Request{Format: f}, nil)
		if err != nil || p.Lines != lines {
			t.Fatalf("Write(%s) = %+v, %v", f, p, err)
		}
		const most = 12 << 20
		if grown := int64(out.heap) - int64(before.HeapAlloc); grown > most {
			t.Errorf("Write(%s) of %d lines, %d bytes: the heap grew by %d bytes, more than %d", f, lines, p.Bytes, grown, most)
		}
		if out.files > 0 {
			t.Errorf("Write(%s): %d files in the temporary folder, want none with a name", f, out.files)
		}
	}
}

// watcher notes the largest heap and the number of files at each write.
type watcher struct {
	dir   string
	heap  uint64
	files int
}

func (w *watcher) Write(p []byte) (int, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.heap = max(w.heap, m.HeapAlloc)
	files, err := os.ReadDir(w.dir)
	w.files = max(w.files, len(files))
	return len(p), err
}

func TestProgress(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"a", "b", "c"} {
		w.add(run(id, entry("info", "", "1"), entry("info", "", "2")))
	}
	var last export.Progress
	p, err := w.exporter().Write(t.Context(), io.Discard, export.Request{Format: export.Text}, func(p export.Progress) { last = p })
	if err != nil || p != last || p.Jobs != 3 || p.Total != 3 || p.Lines != 6 || p.Bytes == 0 {
		t.Errorf("Write = %+v, %v, and reported %+v at last", p, err, last)
	}
}
