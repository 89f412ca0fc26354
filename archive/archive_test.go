package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/source"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
	"logstow/layout/jobfile"
)

const samples = "../testdata/records"

// openLedger opens the ledger at path, until the test ends.
func openLedger(t *testing.T, path string, fault func(string, ledger.Phase) error) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: path, Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func newLedger(t *testing.T) *ledger.Ledger {
	t.Helper()
	return openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), nil)
}

// input is a file, directory or glob as an input of a run.
func input(t *testing.T, path string, c jobfile.Config) archive.Input {
	t.Helper()
	s, err := filesource.New(filesource.Config{Path: path, Budget: archive.NewBudget(archive.DefaultBudget)})
	if err != nil {
		t.Fatal(err)
	}
	return archive.Input{Source: s, Reader: reader(t, c)}
}

func reader(t *testing.T, c jobfile.Config) *jobfile.Reader {
	t.Helper()
	r, err := jobfile.NewReader(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// file writes a file of its own and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.ndjson")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run archives and wants no error.
func run(t *testing.T, c archive.Config) archive.Summary {
	t.Helper()
	s, err := archive.Run(t.Context(), c)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	return s
}

// counts are what of a summary does not depend on time.
var counts = cmpopts.IgnoreFields(archive.Summary{}, "DurationSeconds", "ReadBytes", "Bytes", "Concurrency")

func wantSummary(t *testing.T, got, want archive.Summary) {
	t.Helper()
	if d := cmp.Diff(want, got, counts); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
}

// get reads an object.
func get(t *testing.T, s store.Store, key string) []byte {
	t.Helper()
	r, _, err := s.Get(t.Context(), key, store.Range{})
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	return b
}

func unzstd(t *testing.T, b []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	out, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// keys lists the store, but for the probe.
func keys(t *testing.T, s store.Store) []string {
	t.Helper()
	var all []string
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if info.Key != layout.Probe {
			all = append(all, info.Key)
		}
	}
	return all
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// wantAgreement checks that the ledger and the store tell the same: every
// document has its row, every row its document, with the SHA-256 it says.
func wantAgreement(t *testing.T, s store.Store, l *ledger.Ledger) {
	t.Helper()
	rows := map[string]ledger.Document{}
	for _, d := range collect(t, l.Documents(t.Context(), ledger.Query{})) {
		if _, twice := rows[d.Key]; twice {
			t.Errorf("two rows for %s", d.Key)
		}
		rows[d.Key] = d
		sum := sha256.Sum256(get(t, s, d.Key))
		if ledger.Hash(sum) != d.SHA256 {
			t.Errorf("%s has SHA-256 %x, the ledger says %s", d.Key, sum, d.SHA256)
		}
		if d.Overflow {
			get(t, s, layout.Overflow(d.Key))
		}
		if d.Changed != "" {
			get(t, s, layout.Meta(d.Key))
		}
	}
	for _, key := range keys(t, s) {
		n, err := layout.Parse(key)
		if err != nil {
			t.Errorf("in the store: %v", err)
			continue
		}
		switch n.Kind {
		case layout.DocumentKey, layout.EventKey, layout.RevisionKey:
			if _, ok := rows[key]; !ok {
				t.Errorf("no row for %s", key)
			}
		}
	}
}

// job is a small record; more is put before its end.
func job(id, more string) string {
	return fmt.Sprintf(`{"id":%q,"recipe_id":7,"account_id":5,"status":"succeeded","completed_at":"2024-03-01T10:00:00Z"%s}`, id, more)
}

func jobKey(id string) string {
	return fmt.Sprintf("5/jobs/7/20240301/%s/5-7-%s-20240301100000-succeeded.json", id, id)
}

func hashOf(record string) string {
	sum := sha256.Sum256([]byte(record))
	return hex.EncodeToString(sum[:])
}

func TestVendorSamples(t *testing.T) {
	for name, path := range map[string]string{
		"one a file": filepath.Join(samples, "workato"),
		"a stream":   sampleStream(t),
	} {
		t.Run(name, func(t *testing.T) {
			s, l := memstore.New(), newLedger(t)
			var notices []archive.Notice
			c := archive.Config{
				Store: s, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})},
				Notice: func(n archive.Notice) { notices = append(notices, n) },
			}
			got := run(t, c)
			wantSummary(t, got, archive.Summary{Read: 53, Archived: 3, Events: 48, Quarantined: 2})
			if !got.Partial() || len(notices) != 2 {
				t.Errorf("partial %v, notices %+v; want 2", got.Partial(), notices)
			}
			wantAgreement(t, s, l)
			for _, q := range collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})) {
				raw := unzstd(t, get(t, s, q.Key))
				if sha256.Sum256(raw) != q.SHA256 || int64(len(raw)) != q.Size || !strings.Contains(string(raw), "job_url") || !strings.Contains(q.Reason, "(byte ") {
					t.Errorf("quarantined %+v: %.100q…", q, raw)
				}
			}
			before := keys(t, s)
			wantSummary(t, run(t, c), archive.Summary{})
			if d := cmp.Diff(before, keys(t, s)); d != "" {
				t.Errorf("a second run changed the store:\n%s", d)
			}
		})
	}
}

// sampleStream is all samples one after the other, as they are printed.
func sampleStream(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(samples, "workato", "*.json"))
	if err != nil || len(files) != 53 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	var all []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, bytes.TrimSpace(b)...), '\n')
	}
	return file(t, string(all))
}

// Every byte of a record is stored as it came, envelope and all.
func TestStoredAsItCame(t *testing.T) {
	bare := job("a", `,"n":1.50,"x":1,"x":"`+"\xff"+`", "lines":[]`)
	enveloped := `{"UserID":"9","log": ` + job("b", "") + ` ,"Time":1}`
	s, l := memstore.New(), newLedger(t)
	run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{input(t, file(t, bare+"\r\n  "+enveloped+"\n"), jobfile.Config{})}})
	for key, want := range map[string]string{jobKey("a"): bare, jobKey("b"): enveloped} {
		if got := string(get(t, s, key)); got != want {
			t.Errorf("%s holds %q; want %q", key, got, want)
		}
	}
	for _, d := range collect(t, l.Documents(t.Context(), ledger.Query{Job: "b"})) {
		if d.InputHash.String() != hashOf(job("b", "")) {
			t.Errorf("the input hash is not the inner record's")
		}
	}
}

func TestDuplicatesAndRevisions(t *testing.T) {
	first, second := job("a", `,"title":"1"`), job("a", `,"title":"2"`)
	redelivered := `{"Time":2,"log":` + first + `}`
	stream := strings.Join([]string{first, redelivered, second, first, second, job("b", "")}, "\n") + "\n"
	s, l := memstore.New(), newLedger(t)
	got := run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{input(t, file(t, stream), jobfile.Config{})}})
	wantSummary(t, got, archive.Summary{Read: 6, Archived: 3, Revisions: 1, AlreadyArchived: 3})
	wantKeys := []string{jobKey("a"), jobKey("b"), layout.Revision(jobKey("a"), hashOf(second))}
	if d := cmp.Diff(wantKeys, keys(t, s)); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	if string(get(t, s, jobKey("a"))) != first || string(get(t, s, wantKeys[2])) != second {
		t.Error("a version is not what came")
	}
	// The same again, with a ledger that has lost everything.
	l2 := newLedger(t)
	got = run(t, archive.Config{Store: s, Ledger: l2, Inputs: []archive.Input{input(t, file(t, stream), jobfile.Config{})}})
	wantSummary(t, got, archive.Summary{Read: 6, AlreadyArchived: 6})
	wantAgreement(t, s, l2)
	if d := cmp.Diff(wantKeys, keys(t, s)); d != "" {
		t.Errorf("keys after a lost ledger (-want +got):\n%s", d)
	}
}

func TestCap(t *testing.T) {
	lines := `,"lines":["` + strings.Repeat("x", 500) + `"]`
	tooMuch := job("c", `,"title":"`+strings.Repeat("t", 500)+`"`)
	stream := job("a", lines) + "\n" + job("a", lines+`,"v":2`) + "\n" + tooMuch + "\n" + job("d", "") + "\n"
	for _, o := range []archive.Overflow{archive.Keep, archive.Drop} {
		t.Run(string(o), func(t *testing.T) {
			s, l := memstore.New(), newLedger(t)
			c := archive.Config{
				Store: s, Ledger: l, MaxFileSize: 300, Overflow: o,
				Inputs: []archive.Input{input(t, file(t, stream), jobfile.Config{})},
			}
			wantSummary(t, run(t, c), archive.Summary{Read: 4, Archived: 3, Revisions: 1, Capped: 2, Quarantined: 1})
			wantAgreement(t, s, l)
			capped := job("a", `,"lines":"Log lines exceed size limit"`)
			if got := string(get(t, s, jobKey("a"))); got != capped {
				t.Errorf("the capped document is %s; want %s", got, capped)
			}
			revision := layout.Revision(jobKey("a"), hashOf(job("a", lines+`,"v":2`)))
			for key, want := range map[string]string{jobKey("a"): job("a", lines), revision: job("a", lines+`,"v":2`)} {
				_, err := s.Stat(t.Context(), layout.Overflow(key))
				if kept := err == nil; kept != (o == archive.Keep) {
					t.Errorf("overflow of %s: %v", key, err)
				} else if kept && string(unzstd(t, get(t, s, layout.Overflow(key)))) != want {
					t.Errorf("the overflow of %s is not the record", key)
				}
			}
			// With a new ledger all of it is recognised.
			c.Ledger = newLedger(t)
			c.Inputs = []archive.Input{input(t, file(t, stream), jobfile.Config{})}
			before := keys(t, s)
			wantSummary(t, run(t, c), archive.Summary{Read: 4, AlreadyArchived: 3, Quarantined: 1})
			wantAgreement(t, s, c.Ledger)
			added := slices.DeleteFunc(keys(t, s), func(k string) bool { return slices.Contains(before, k) })
			for _, k := range added { // another file, so another place of the quarantined record
				if n, err := layout.Parse(k); err != nil || n.Kind != layout.QuarantineKey && n.Kind != layout.QuarantineReasonKey {
					t.Errorf("a second run added %s", k)
				}
			}
		})
	}
}

func TestDetail(t *testing.T) {
	record := job("a", `,"parent_id":1,"lines":[{"line_stat":1}]`)
	for d, want := range map[jobfile.Detail]string{
		jobfile.Full: record, jobfile.Deduplicated: job("a", `,"lines":[{}]`), jobfile.StatusOnly: job("a", `,"parent_id":1`),
	} {
		s, l := memstore.New(), newLedger(t)
		c := archive.Config{Store: s, Ledger: l, Detail: d, Inputs: []archive.Input{input(t, file(t, record+"\n"+job("b", "")), jobfile.Config{})}}
		wantSummary(t, run(t, c), archive.Summary{Read: 2, Archived: 2})
		if got := string(get(t, s, jobKey("a"))); got != want {
			t.Errorf("%s: %s; want %s", d, got, want)
		}
		if _, err := s.Stat(t.Context(), layout.Meta(jobKey("b"))); err == nil {
			t.Errorf("%s: a document that did not change has a meta object", d)
		}
		wantAgreement(t, s, l)
	}
}

func TestKinds(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	got := run(t, archive.Config{
		Store: s, Ledger: l, Kinds: []jobfile.Kind{jobfile.Job, jobfile.Genie},
		Inputs: []archive.Input{input(t, filepath.Join(samples, "workato"), jobfile.Config{})},
	})
	wantSummary(t, got, archive.Summary{Read: 53, Archived: 3, Events: 15, Skipped: 33, Quarantined: 2})
}

func TestDryRun(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	c := archive.Config{
		Store: s, Ledger: l, DryRun: true,
		Inputs: []archive.Input{input(t, filepath.Join(samples, "workato"), jobfile.Config{})},
	}
	wantSummary(t, run(t, c), archive.Summary{Read: 53, Archived: 3, Events: 48, Quarantined: 2})
	if k, n := keys(t, s), collect(t, l.Documents(t.Context(), ledger.Query{})); len(k)+len(n) > 0 {
		t.Errorf("a dry run wrote %v and %v", k, n)
	}
	c.DryRun = false
	wantSummary(t, run(t, c), archive.Summary{Read: 53, Archived: 3, Events: 48, Quarantined: 2})
}

// A record that was erased or has expired is refused, and named.
func TestRefused(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	row := ledger.Document{
		Kind: "job", User: "5", Recipe: "7", Job: "a", Key: jobKey("a"), State: ledger.Erased,
		InputHash: sha256.Sum256([]byte(job("a", ""))), Verified: true, Time: time.Now(),
	}
	if err := l.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{row}}); err != nil {
		t.Fatal(err)
	}
	var notices []archive.Notice
	got := run(t, archive.Config{
		Store: s, Ledger: l, Inputs: []archive.Input{input(t, file(t, job("a", "")+"\n"+job("b", "")), jobfile.Config{})},
		Notice: func(n archive.Notice) { notices = append(notices, n) },
	})
	wantSummary(t, got, archive.Summary{Read: 2, Archived: 1, Refused: 1})
	if len(notices) != 1 || notices[0].What != "refused" || !strings.Contains(notices[0].Reason, "erased") {
		t.Errorf("notices %+v", notices)
	}
}

// writeOnly is a role that may write and not read.
type writeOnly struct{ store.Store }

func (writeOnly) Get(_ context.Context, key string, _ store.Range) (io.ReadCloser, store.Info, error) {
	return nil, store.Info{}, fmt.Errorf("get %s: %w", key, fs.ErrPermission)
}

func TestWriteOnly(t *testing.T) {
	inner, path := memstore.New(), file(t, job("a", "")+"\n"+job("b", "")+"\n")
	l := newLedger(t)
	wantSummary(t, run(t, archive.Config{Store: writeOnly{inner}, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}}),
		archive.Summary{Read: 2, Archived: 2})

	// The ledger is lost: what is there can't be compared.
	l = newLedger(t)
	got := run(t, archive.Config{Store: writeOnly{inner}, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
	wantSummary(t, got, archive.Summary{Read: 2, Unverified: 2})
	for _, d := range collect(t, l.Documents(t.Context(), ledger.Query{})) {
		if d.Verified {
			t.Errorf("%s is recorded as verified", d.Key)
		}
	}

	// It comes again, and now the role may read: one is the same, the other
	// turns out to be other content.
	again := file(t, job("a", "")+"\n")
	wantSummary(t, run(t, archive.Config{Store: inner, Ledger: l, Inputs: []archive.Input{input(t, again, jobfile.Config{})}}),
		archive.Summary{Read: 1, AlreadyArchived: 1})
	if v, err := l.Find(t.Context(), []ledger.Ref{{User: "5", Job: "a"}}); err != nil || len(v[0]) != 1 || !v[0][0].Verified {
		t.Errorf("after a comparison: %+v, %v", v, err)
	}
}

// An unverified key that turns out to hold other content.
func TestUnverifiedBecomesRevision(t *testing.T) {
	inner, l := memstore.New(), newLedger(t)
	theirs, ours := job("a", `,"v":1`), job("a", `,"v":2`)
	if err := inner.Put(t.Context(), jobKey("a"), store.Bytes([]byte(theirs)), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	in := func() []archive.Input { return []archive.Input{input(t, file(t, ours), jobfile.Config{})} }
	wantSummary(t, run(t, archive.Config{Store: writeOnly{inner}, Ledger: l, Inputs: in()}), archive.Summary{Read: 1, Unverified: 1})
	wantSummary(t, run(t, archive.Config{Store: inner, Ledger: l, Inputs: in()}), archive.Summary{Read: 1, Archived: 1, Revisions: 1})
	rows := collect(t, l.Documents(t.Context(), ledger.Query{}))
	if len(rows) != 1 || rows[0].Key != layout.Revision(jobKey("a"), hashOf(ours)) || !rows[0].Revision || !rows[0].Verified {
		t.Errorf("rows %+v", rows)
	}
}

// unconditional has no conditional writes: it ignores the wish.
type unconditional struct{ store.Store }

func (s unconditional) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	o.IfAbsent = false
	return s.Store.Put(ctx, key, b, o)
}

func TestWithoutConditionalWrites(t *testing.T) {
	inner := memstore.New()
	stream := job("a", `,"v":1`) + "\n" + job("a", `,"v":2`) + "\n"
	for range 2 {
		run(t, archive.Config{Store: unconditional{inner}, Ledger: newLedger(t), Inputs: []archive.Input{input(t, file(t, stream), jobfile.Config{})}})
	}
	want := []string{jobKey("a"), layout.Revision(jobKey("a"), hashOf(job("a", `,"v":2`)))}
	if d := cmp.Diff(want, keys(t, inner)); d != "" || string(get(t, inner, jobKey("a"))) != job("a", `,"v":1`) {
		t.Errorf("keys (-want +got):\n%s", d)
	}
}

// silent is a store that can't be reached.
type silent struct{ store.Store }

func (silent) Put(context.Context, string, store.Body, store.PutOptions) error {
	return store.ErrUnavailable
}

// A run that finds nothing new doesn't ask the store anything.
func TestNothingNewAsksNothing(t *testing.T) {
	l, path := newLedger(t), file(t, job("a", ""))
	for _, s := range []store.Store{memstore.New(), silent{}} {
		in := input(t, path, jobfile.Config{})
		in.Source = renamed{in.Source}
		run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{in}})
	}
}

// dead is a store that can't be reached, and says so late.
type dead struct {
	store.Store
	asked atomic.Int64
}

func (s *dead) Put(context.Context, string, store.Body, store.PutOptions) error {
	s.asked.Add(1)
	time.Sleep(time.Millisecond)
	return store.ErrUnavailable
}

// All writers wait for the first answer of the store, and none asks again.
func TestDeadStoreIsAskedOnce(t *testing.T) {
	var b strings.Builder
	for i := range 200 {
		b.WriteString(job(fmt.Sprint(i), "") + "\n")
	}
	s := &dead{}
	_, err := archive.Run(t.Context(), archive.Config{Store: s, Ledger: newLedger(t), Inputs: []archive.Input{input(t, file(t, b.String()), jobfile.Config{})}})
	if n := s.asked.Load(); !errors.Is(err, store.ErrUnavailable) || n != 1 {
		t.Errorf("after %d requests the run ends with %v", n, err)
	}
}

// renamed is a source that is read from its start each time.
type renamed struct{ source.Source }

func (r renamed) Records(ctx context.Context, _ map[string]string) iter.Seq2[*source.Record, error] {
	return r.Source.Records(ctx, map[string]string{})
}

// failing is a source one of whose parts can't be read.
type failing struct{ source.Source }

func (f failing) Records(ctx context.Context, c map[string]string) iter.Seq2[*source.Record, error] {
	return func(yield func(*source.Record, error) bool) {
		if !yield(nil, fmt.Errorf("open x: %w", fs.ErrPermission)) {
			return
		}
		for r, err := range f.Source.Records(ctx, c) {
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestUnreadablePart(t *testing.T) {
	in := input(t, file(t, job("a", "")), jobfile.Config{})
	in.Source = failing{in.Source}
	var notices []archive.Notice
	got := run(t, archive.Config{
		Store: memstore.New(), Ledger: newLedger(t), Inputs: []archive.Input{in},
		Notice: func(n archive.Notice) { notices = append(notices, n) },
	})
	wantSummary(t, got, archive.Summary{Read: 1, Archived: 1, Unreadable: 1})
	if !got.Partial() || len(notices) != 1 || notices[0].Reason != "open x: permission denied" {
		t.Errorf("notices %+v", notices)
	}
}

// What a run that died left beside a key, for another record, does not become
// this record's.
func TestLeftoversOfAnother(t *testing.T) {
	lines := `,"lines":["` + strings.Repeat("x", 500) + `"]`
	theirs, ours := job("a", lines+`,"v":1`), job("a", lines+`,"v":2`)
	for _, o := range []archive.Overflow{archive.Keep, archive.Drop} {
		t.Run(string(o), func(t *testing.T) {
			s := memstore.New()
			config := func(record string) archive.Config {
				return archive.Config{
					Store: s, Ledger: newLedger(t), MaxFileSize: 300, Overflow: o,
					Inputs: []archive.Input{input(t, file(t, record), jobfile.Config{})},
				}
			}
			run(t, config(theirs))
			if err := s.Delete(t.Context(), jobKey("a")); err != nil { // it died before the document
				t.Fatal(err)
			}
			c := config(ours)
			wantSummary(t, run(t, c), archive.Summary{Read: 1, Archived: 1, Revisions: 1, Capped: 1})
			rows := collect(t, c.Ledger.Documents(t.Context(), ledger.Query{}))
			if len(rows) != 1 || rows[0].Key != layout.Revision(jobKey("a"), hashOf(ours)) {
				t.Fatalf("rows %+v", rows)
			}
			if o == archive.Keep && string(unzstd(t, get(t, s, layout.Overflow(rows[0].Key)))) != ours {
				t.Error("the overflow is not the record's")
			}
			wantAgreement(t, s, c.Ledger)

			// The one that died comes again, and takes its place.
			wantSummary(t, run(t, config(theirs)), archive.Summary{Read: 1, Archived: 1, Capped: 1})
			get(t, s, jobKey("a"))
		})
	}
}
