package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/export"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// world is a store and a ledger that agree.
type world struct {
	t      testing.TB
	store  *memstore.Store
	ledger *ledger.Ledger
	fields []jobfile.Fields
}

func newWorld(t testing.TB) *world {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, store: memstore.New(), ledger: l}
}

func (w *world) exporter() *export.Exporter {
	w.t.Helper()
	e, err := export.New(export.Config{Store: w.store, Ledger: w.ledger, Fields: w.fields, TempDir: w.t.TempDir()})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// row is what the ledger would know of a record, read as c says.
func (w *world) row(record []byte, c jobfile.Config) ledger.Document {
	w.t.Helper()
	r, err := jobfile.NewReader(c)
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := r.Read(jobfile.Memory(record), int64(len(record)))
	if err != nil {
		w.t.Fatalf("Read(%.200s) = %v", record, err)
	}
	key, err := layout.Document{User: info.User, Recipe: info.Recipe, Job: info.Job, Time: info.Time, Status: info.Status}.Key()
	if info.Kind != jobfile.Job {
		key, err = layout.Event{User: info.User, Type: info.Recipe, ID: info.Job, Time: info.Time}.Key()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return ledger.Document{
		Kind: string(info.Kind), User: info.User, Recipe: info.Recipe, Job: info.Job, Status: info.Status,
		Time: info.Time, StartedAt: info.StartedAt, CompletedAt: info.CompletedAt,
		Title: info.Title, Error: info.Error, ErrorType: info.ErrorType, Lines: info.LineCount,
		Key: key, Verified: true, InputHash: info.InputHash, SHA256: sha256.Sum256(record),
		InputSize: int64(len(record)), Size: int64(len(record)), State: ledger.Stored, Source: "test",
		ArchivedAt: time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC),
	}
}

func (w *world) put(key string, b []byte) {
	w.t.Helper()
	if err := w.store.Put(w.t.Context(), key, store.Bytes(b), store.PutOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commit(rows ...ledger.Document) {
	w.t.Helper()
	if err := w.ledger.Commit(w.t.Context(), ledger.Batch{Documents: rows}); err != nil {
		w.t.Fatal(err)
	}
}

// add archives records of the built-in platforms.
func (w *world) add(records ...string) {
	w.t.Helper()
	for _, record := range records {
		d := w.row([]byte(record), jobfile.Config{})
		w.put(d.Key, []byte(record))
		w.commit(d)
	}
}

// revise archives a record as another version of a job that is there.
func (w *world) revise(record string) {
	w.t.Helper()
	d := w.row([]byte(record), jobfile.Config{})
	d.Revision, d.Key = true, layout.Revision(d.Key, d.InputHash.String())
	w.put(d.Key, []byte(record))
	w.commit(d)
}

// addCapped archives a record whose document is short, and the record itself
// where kept.
func (w *world) addCapped(record, short string, kept bool) {
	w.t.Helper()
	d := w.row([]byte(record), jobfile.Config{})
	d.Changed, d.Overflow, d.SHA256, d.Size = "capped", kept, sha256.Sum256([]byte(short)), int64(len(short))
	w.put(d.Key, []byte(short))
	change := layout.Change{
		InputSHA256: d.InputHash.String(), StoredSHA256: w.row([]byte(short), jobfile.Config{}).InputHash.String(),
		InputSize: int64(len(record)), Lines: d.Lines, Changed: []string{"capped"},
	}
	if kept {
		sum := sha256.Sum256([]byte(record))
		change.OverflowSHA256 = hex.EncodeToString(sum[:])
		w.put(layout.Overflow(d.Key), compressed(w.t, record))
	}
	w.put(layout.Meta(d.Key), layout.Encode(change))
	w.commit(d)
}

// cappedForm is a record as archiving caps it.
func (w *world) cappedForm(record string) string {
	w.t.Helper()
	r, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		w.t.Fatal(err)
	}
	data := jobfile.Memory(record)
	info, err := r.Read(data, int64(len(record)))
	if err != nil {
		w.t.Fatal(err)
	}
	var short bytes.Buffer
	if err := jobfile.Cap(&short, data, int64(len(record)), info); err != nil {
		w.t.Fatal(err)
	}
	return short.String()
}

// write returns what a request gives.
func (w *world) write(r export.Request) string {
	w.t.Helper()
	out, err := w.tryWrite(w.t.Context(), r)
	if err != nil {
		w.t.Fatalf("Write(%+v) = %v", r, err)
	}
	return out
}

func (w *world) tryWrite(ctx context.Context, r export.Request) (string, error) {
	w.t.Helper()
	var out bytes.Buffer
	p, err := w.exporter().Write(ctx, &out, r, nil)
	if err == nil && (p.Bytes != int64(out.Len()) || p.Total != p.Jobs) {
		w.t.Errorf("Write(%+v): progress at its end %+v, wrote %d bytes", r, p, out.Len())
	}
	return out.String(), err
}

// sample is a record of testdata/records.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "records", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// samples is every record of testdata/records that can be archived.
func samples(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "records", "*", "*.json"))
	if err != nil || len(paths) < 50 {
		t.Fatalf("found %d samples, %v", len(paths), err)
	}
	var all []string
	for _, path := range paths {
		name := filepath.ToSlash(strings.TrimPrefix(path, filepath.Join("..", "testdata", "records")+string(filepath.Separator)))
		if name != "workato/02-job-history-summary.json" && name != "workato/03-job-history-failure.json" { // not JSON
			all = append(all, sample(t, name))
		}
	}
	return all
}
