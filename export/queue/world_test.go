package queue_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/export"
	"logstow/export/queue"
	"logstow/layout"
)

// A Queue takes what the program has.
var _ = queue.Config{Exporter: (*export.Exporter)(nil), Ledger: (*ledger.Ledger)(nil)}

// write is an exporter made of one function.
type write func(ctx context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (export.Progress, error)

func (f write) Write(ctx context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (export.Progress, error) {
	return f(ctx, w, r, progress)
}

// copyJobs writes what a store holds of the jobs that are asked for, piece by
// piece.
func copyJobs(s store.Store) write {
	return func(ctx context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (p export.Progress, err error) {
		p.Total = int64(len(r.Jobs))
		for _, job := range r.Jobs {
			body, _, err := s.Get(ctx, "in/"+job, store.Range{})
			if err != nil {
				return p, err
			}
			n, err := io.Copy(onlyWriter{w}, body)
			if err := errors.Join(err, body.Close()); err != nil {
				return p, err
			}
			p.Jobs, p.Lines, p.Bytes = p.Jobs+1, p.Lines+1, p.Bytes+n
			progress(p)
		}
		return p, ctx.Err()
	}
}

type onlyWriter struct{ io.Writer }

// contents is what the jobs of an export are.
func contents(id string, size int) []byte {
	return bytes.Repeat([]byte(id+"\n"), size/(len(id)+1)+1)
}

// world is a ledger and a store with exports in it.
type world struct {
	t    *testing.T
	path string         // of the ledger
	l    *ledger.Ledger // that nobody breaks
	s    store.Store    // that nobody breaks
	tmp  string
	want map[string][]byte // file by export
}

func newWorld(t *testing.T, s store.Store) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "ledger.db"), s: s, tmp: t.TempDir(), want: map[string][]byte{}}
	w.l = w.ledger(nil)
	return w
}

// ledger opens the ledger once more.
func (w *world) ledger(fault func(string, ledger.Phase) error) *ledger.Ledger {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), ledger.Config{Path: w.path, Fault: fault})
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, l.Close()) })
	return l
}

// config is that of a queue that does its work at once and never gives up a
// claim by itself.
func (w *world) config() queue.Config {
	return queue.Config{
		Exporter: copyJobs(w.s), Store: w.s, Ledger: w.l, TempDir: w.tmp,
		Poll: time.Hour, Lease: 4 * time.Hour, Pause: time.Millisecond, Attempts: 1 << 40,
	}
}

func (w *world) queue(c queue.Config) *queue.Queue {
	w.t.Helper()
	q, err := queue.New(c)
	must(w.t, err)
	return q
}

// create records an export of size bytes or a little more, and what it is of.
func (w *world) create(size int) string {
	w.t.Helper()
	id := newID()
	half := contents(id, size/2)
	for _, job := range []string{id + "-a", id + "-b"} {
		must(w.t, w.s.Put(w.t.Context(), "in/"+job, store.Bytes(half), store.PutOptions{}))
	}
	w.want[id] = append(bytes.Clone(half), half...)
	w.record(id, export.Request{Format: export.Text, User: "u", Jobs: []string{id + "-a", id + "-b"}})
	return id
}

func (w *world) record(id string, r export.Request) {
	w.t.Helper()
	b, err := json.Marshal(r)
	must(w.t, err)
	w.recordAs(id, "u", b)
}

func (w *world) recordAs(id, user string, request []byte) {
	w.t.Helper()
	now := time.Now()
	_, err := w.l.CreateExport(w.t.Context(),
		ledger.Export{ID: id, User: user, Request: request, Filename: "r_" + id + ".log", Created: now},
		ledger.Token{Hash: sha256.Sum256([]byte(id)), Export: id, Created: now, Expires: now.Add(time.Hour)},
		ledger.AuditEntry{At: now, Action: "export", Outcome: "ok"})
	must(w.t, err)
}

func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// state returns an export as the ledger has it.
func (w *world) state(id string) ledger.Export {
	w.t.Helper()
	e, err := w.l.Export(w.t.Context(), id)
	must(w.t, err)
	return e
}

// lie returns what is wrong with an export that is said to be ready; nil where
// its file is whole. It may be called from anywhere.
func (w *world) lie(ctx context.Context) error {
	all, err := w.l.Exports(ctx, ledger.ExportQuery{States: []ledger.ExportState{ledger.ExportReady}})
	if err != nil {
		return err
	}
	for _, e := range all {
		r, _, err := w.s.Get(ctx, e.Object, store.Range{})
		if err != nil {
			return fmt.Errorf("export %s is ready and has no file: %w", e.ID, err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("export %s: %w", e.ID, err)
		}
		if !bytes.Equal(got, w.want[e.ID]) || e.Size != int64(len(got)) || e.SHA256 != sha256.Sum256(got) {
			return fmt.Errorf("export %s, attempt %d, is ready with %d bytes and said to have %d; want %d", e.ID, e.Attempt, len(got), e.Size, len(w.want[e.ID]))
		}
	}
	return nil
}

// wantReady checks that an export is ready and whole.
func (w *world) wantReady(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		if e := w.state(id); e.State != ledger.ExportReady {
			w.t.Errorf("export %s is %s (%s) after %d attempts, want it ready", id, e.State, e.Error, e.Attempt)
		}
	}
	if err := w.lie(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	w.wantNoFiles()
}

func (w *world) wantNoFiles() {
	w.t.Helper()
	left, err := os.ReadDir(w.tmp)
	must(w.t, err)
	for _, f := range left {
		w.t.Errorf("a temporary file is left: %s", f.Name())
	}
}

// keys are the keys of the files of exports.
func (w *world) keys() []string {
	w.t.Helper()
	var keys []string
	for info, err := range w.s.List(w.t.Context(), store.ListOptions{Prefix: layout.Exports}) {
		must(w.t, err)
		keys = append(keys, strings.TrimPrefix(info.Key, layout.Exports))
	}
	return keys
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noLeaks checks at the end of a test that it has left no goroutine.
func noLeaks(t *testing.T) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		goleak.VerifyNone(t, ignore, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
	})
}

func newMemory(t *testing.T) *world {
	t.Helper()
	noLeaks(t)
	return newWorld(t, memstore.New())
}
