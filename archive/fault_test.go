package archive_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// story is a stream in which everything happens that can: a document, the same
// again, a revision, capped ones, an event, a broken record and one without a
// user.
func story() (stream string, delivered []string, broken []string) {
	long := `,"lines":["` + strings.Repeat("x", 500) + `"]`
	delivered = []string{
		job("a", ""), job("b", ""), job("a", `,"v":2`), job("c", long), job("c", long+`,"v":2`),
		`{"event":"e","timestamp":"2024-03-01 10:00:00 UTC","team":{"id":5}}`,
		job("z", ""),
	}
	broken = []string{`{"id":"x",}`, `{"id":"y","recipe_id":7}`}
	all := append([]string{}, delivered[:6]...)
	all = append(all, broken...)
	all = append(all, delivered[0], delivered[3], delivered[6])
	return strings.Join(all, "\n") + "\n", delivered, broken
}

// wantSafe checks that the store and the ledger hold exactly the story.
func wantSafe(t *testing.T, s store.Store, l *ledger.Ledger) {
	t.Helper()
	_, delivered, broken := story()
	wantAgreement(t, s, l)
	want, got := map[ledger.Hash]string{}, map[ledger.Hash]string{}
	for _, r := range delivered {
		want[sha256.Sum256([]byte(r))] = r
	}
	for _, d := range collect(t, l.Documents(t.Context(), ledger.Query{})) {
		key := d.Key
		if d.Overflow {
			got[d.InputHash] = string(unzstd(t, get(t, s, layout.Overflow(key))))
		} else {
			got[d.InputHash] = string(get(t, s, key))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("documents (-want +got):\n%s", d)
	}
	raw := map[string]bool{}
	for _, q := range collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})) {
		raw[string(unzstd(t, get(t, s, q.Key)))] = true
	}
	for _, b := range broken {
		if !raw[b] || len(raw) != len(broken) {
			t.Errorf("quarantine %v; want %v", raw, broken)
		}
	}
	wantKeys := 4 + len(delivered) + 2*2 + 2*len(broken) - 4 // documents; overflow and meta of two; raw bytes and notes
	if k := keys(t, s); len(k) != wantKeys {
		t.Errorf("%d objects, want %d: %s", len(k), wantKeys, strings.Join(k, "\n"))
	}
}

var errInjected = errors.New("injected fault")

// TestStoreFaults lets every call to the store fail in turn, before, during and
// after it takes effect, once or for good. A second run then makes everything
// safe.
func TestStoreFaults(t *testing.T) {
	stream, _, _ := story()
	path := file(t, stream)
	config := func(s store.Store, l *ledger.Ledger) archive.Config {
		return archive.Config{
			Store: s, Ledger: l, MaxFileSize: 300, Concurrency: 2,
			Inputs: []archive.Input{input(t, path, jobfile.Config{})},
		}
	}
	calls := func() int {
		s, l := storetest.NewFaulty(memstore.New()), newLedger(t)
		run(t, config(s, l))
		wantSafe(t, s, l)
		return len(s.Calls())
	}()
	if calls < 15 {
		t.Fatalf("only %d calls", calls)
	}
	for n := 1; n <= calls; n++ {
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			for _, dies := range []bool{false, true} { // and takes the ledger along
				t.Run(fmt.Sprintf("%d %s dies=%v", n, when, dies), func(t *testing.T) {
					s, l := storetest.NewFaulty(memstore.New()), newLedger(t)
					s.Arm(storetest.Fault{Call: n, When: when, Err: errInjected, Sticky: dies})
					if _, err := archive.Run(t.Context(), config(s, l)); err != nil && !errors.Is(err, errInjected) {
						t.Fatalf("the first run: %v", err)
					}
					s.Reset()
					wantAgreementOfRows(t, s, l)
					if dies {
						l = newLedger(t)
						if _, err := archive.Adopt(t.Context(), archive.AdoptConfig{Store: s, Ledger: l, Reader: reader(t, jobfile.Config{})}); err != nil {
							t.Fatal(err)
						}
					}
					run(t, config(s, l))
					wantSafe(t, s, l)
				})
			}
		}
	}
}

// wantAgreementOfRows checks that what the ledger calls safe is.
func wantAgreementOfRows(t *testing.T, s store.Store, l *ledger.Ledger) {
	t.Helper()
	for _, d := range collect(t, l.Documents(t.Context(), ledger.Query{})) {
		if sum := sha256.Sum256(get(t, s, d.Key)); ledger.Hash(sum) != d.SHA256 {
			t.Errorf("%s is recorded as %s and is %x", d.Key, d.SHA256, sum)
		}
	}
	for _, q := range collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})) {
		if sum := sha256.Sum256(unzstd(t, get(t, s, q.Key))); ledger.Hash(sum) != q.SHA256 {
			t.Errorf("quarantined %s is not what the ledger says", q.Key)
		}
	}
}

// faults fails the nth call to a ledger. Calls of several goroutines overlap:
// how many there are, and in which order they end, depends on time.
type faults struct {
	fail  int // the call that fails; 0: none
	phase ledger.Phase

	mu     sync.Mutex
	calls  int    // guarded by mu: how many have begun
	armed  string // guarded by mu: the call to fail when it ends; empty: none
	struck bool   // guarded by mu: a call has failed
}

func (f *faults) strike(op string, p ledger.Phase) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p == ledger.Before {
		f.calls++
		if f.calls != f.fail {
			return nil
		}
		if f.phase == ledger.After {
			f.armed = op
			return nil
		}
	} else if f.armed == "" || op != f.armed {
		return nil
	}
	f.armed, f.struck = "", true
	return errInjected
}

// disarm lets every further call pass, and tells whether one has failed.
func (f *faults) disarm() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.armed = 0, ""
	return f.struck
}

// TestLedgerFaults lets every call to the ledger fail in turn, before and after
// it takes effect.
func TestLedgerFaults(t *testing.T) {
	stream, _, _ := story()
	path := file(t, stream)
	config := func(s store.Store, l *ledger.Ledger) archive.Config {
		return archive.Config{
			Store: s, Ledger: l, MaxFileSize: 300,
			Inputs: []archive.Input{input(t, path, jobfile.Config{})},
		}
	}
	count := &faults{}
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), count.strike)
	run(t, config(memstore.New(), l))
	if count.calls < 3 {
		t.Fatalf("only %d calls", count.calls)
	}
	for n := 1; n <= count.calls; n++ {
		for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
			t.Run(fmt.Sprintf("%d %v", n, phase), func(t *testing.T) {
				f := &faults{fail: n, phase: phase}
				s := memstore.New()
				l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), f.strike)
				_, err := archive.Run(t.Context(), config(s, l))
				struck := f.disarm()
				if errors.Is(err, errInjected) != struck || err != nil && !struck {
					t.Fatalf("Run: %v; want the injected fault: %v", err, struck)
				}
				wantAgreementOfRows(t, s, l)
				run(t, config(s, l))
				wantSafe(t, s, l)
			})
		}
	}
}

// ledgerStaysOpen is what an open ledger runs, until the test's cleanup.
var ledgerStaysOpen = goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")

// A refusal stops the run, names the record, skips nothing and leaves the
// cursor where it was.
func TestRefusalStops(t *testing.T) {
	for name, refusal := range map[string]error{
		"denied":      fmt.Errorf("%w: %w", store.ErrRefused, fs.ErrPermission),
		"unavailable": store.ErrUnavailable,
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), ledgerStaysOpen)
			path := file(t, job("a", "")+"\n"+job("b", "")+"\n"+job("c", "")+"\n")
			inner, l := memstore.New(), newLedger(t)
			s := refusing{inner, "/b/", refusal}
			in := input(t, path, jobfile.Config{})
			got, err := archive.Run(t.Context(), archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{in}})
			if !errors.Is(err, refusal) || !strings.Contains(err.Error(), jobKey("b")) || !strings.Contains(err.Error(), path) {
				t.Errorf("Run: %v; want it to name the document, the file and the refusal", err)
			}
			if got.AlreadyArchived != 0 || got.Archived > 2 {
				t.Errorf("summary %+v", got)
			}
			c, err := l.Cursors(t.Context(), in.Source.Name())
			if err != nil || len(c) != 0 {
				t.Errorf("cursors %v, %v; want none", c, err)
			}
			wantAgreement(t, inner, l)
			run(t, archive.Config{Store: inner, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
			if k := keys(t, inner); len(k) != 3 {
				t.Errorf("keys %v", k)
			}
		})
	}
}

// refusing refuses every Put to a key that has part in it.
type refusing struct {
	store.Store
	part string
	err  error
}

func (r refusing) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	if strings.Contains(key, r.part) {
		return fmt.Errorf("put %s: %w", key, r.err)
	}
	return r.Store.Put(ctx, key, b, o)
}

// A ledger that takes nothing is named once, however often it was tried.
func TestRefusalOfTheLedgerIsToldOnce(t *testing.T) {
	var stream strings.Builder
	for i := range 3000 {
		stream.WriteString(job(fmt.Sprint("j", i), "") + "\n")
	}
	path, commits := file(t, stream.String()), 0
	l := openLedger(t, filepath.Join(t.TempDir(), "l.db"), func(op string, phase ledger.Phase) error {
		if op != "commit" || phase != ledger.Before {
			return nil
		}
		commits++
		return errInjected
	})
	for commits < 2 { // the first may have been all that was on its way
		commits = 0
		_, err := archive.Run(t.Context(), archive.Config{Store: memstore.New(), Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
		if !errors.Is(err, errInjected) || strings.Count(err.Error(), errInjected.Error()) != 1 {
			t.Fatalf("Run after %d commits that failed: %v", commits, err)
		}
	}
}

// When ctx ends, nothing more is begun, and what was confirmed is recorded.
func TestCancel(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), ledgerStaysOpen)
	var stream strings.Builder
	for i := range 500 {
		stream.WriteString(job(fmt.Sprint("j", i), "") + "\n")
	}
	path := file(t, stream.String())
	inner, l := memstore.New(), newLedger(t)
	s := storetest.NewFaulty(inner)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Arm(storetest.Fault{Call: 200, When: storetest.Before, Err: context.Canceled, Do: cancel})
	_, err := archive.Run(ctx, archive.Config{Store: s, Ledger: l, Concurrency: 4, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Run: %v", err)
	}
	wantAgreement(t, inner, l)
	stored := len(keys(t, inner))
	if stored < 190 || stored > 210 {
		t.Errorf("%d documents were stored, of which call 200 ended the run", stored)
	}
	wantSummary(t, run(t, archive.Config{Store: inner, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}}),
		archive.Summary{Read: 500, Archived: 500 - int64(stored), AlreadyArchived: int64(stored)})
}

// What was quarantined comes in once it can be read, and can be dropped.
func TestRetryAndDrop(t *testing.T) {
	record := `{"run":"r1","pipeline":"p","account":"acme","end":1709287200}`
	path := file(t, record+"\n"+`{"nothing":1}`+"\n")
	fields := reader(t, jobfile.Config{Fields: &jobfile.Fields{UserID: "account", RecipeID: "pipeline", JobID: "run", CompletedAt: "end"}})
	count := &faults{}
	setup := func(t *testing.T, strike func(string, ledger.Phase) error) (*storetest.Faulty, *ledger.Ledger) {
		s, l := storetest.NewFaulty(memstore.New()), openLedger(t, filepath.Join(t.TempDir(), "l.db"), strike)
		wantSummary(t, run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}}),
			archive.Summary{Read: 2, Quarantined: 2})
		s.Reset()
		return s, l
	}
	// attempt takes in what can be read, and drops the other record.
	attempt := func(ctx context.Context, s store.Store, l *ledger.Ledger) error {
		if _, err := archive.Retry(ctx, archive.Config{Store: s, Ledger: l}, fields); err != nil {
			return err
		}
		return archive.DropQuarantined(ctx, s, l, 2)
	}
	finish := func(t *testing.T, s *storetest.Faulty, l *ledger.Ledger) {
		t.Helper()
		if err := attempt(t.Context(), s, l); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		rows := collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{}))
		if len(rows) != 2 || rows[0].State != ledger.Retried || rows[1].State != ledger.Dropped {
			t.Fatalf("rows %+v", rows)
		}
		key := "acme/jobs/p/20240301/r1/acme-p-r1-20240301100000-unknown.json"
		if got := string(get(t, s, key)); got != record {
			t.Errorf("the document is %s", got)
		}
		wantAgreement(t, s, l)
		if k := keys(t, s); slices.ContainsFunc(k, func(k string) bool { return strings.Contains(k, rows[1].Key[:60]) }) {
			t.Errorf("the dropped record is still there: %v", k)
		}
	}
	s, l := setup(t, count.strike)
	count.calls = 0
	if err := attempt(t.Context(), s, l); err != nil {
		t.Fatal(err)
	}
	storeCalls, ledgerCalls := len(s.Calls()), count.calls
	finish(t, s, l)
	if d := cmp.Diff([]string{"acme/jobs/p/20240301/r1/acme-p-r1-20240301100000-unknown.json"}, keys(t, s)); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	for n := 1; n <= storeCalls; n++ {
		for _, when := range []storetest.When{storetest.Before, storetest.After} {
			t.Run(fmt.Sprintf("store call %d %s", n, when), func(t *testing.T) {
				s, l := setup(t, nil)
				s.Arm(storetest.Fault{Call: n, When: when, Err: errInjected})
				if err := attempt(t.Context(), s, l); err != nil && !errors.Is(err, errInjected) {
					t.Fatal(err)
				}
				s.Arm(storetest.Fault{})
				finish(t, s, l)
			})
		}
	}
	for n := 1; n <= ledgerCalls; n++ {
		for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
			t.Run(fmt.Sprintf("ledger call %d %v", n, phase), func(t *testing.T) {
				f := &faults{}
				s, l := setup(t, f.strike)
				f.calls, f.fail, f.phase = 0, n, phase
				err := attempt(t.Context(), s, l)
				if struck := f.disarm(); errors.Is(err, errInjected) != struck {
					t.Fatalf("%v; want the injected fault: %v", err, struck)
				}
				finish(t, s, l)
			})
		}
	}
	if err := archive.DropQuarantined(t.Context(), s, l, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dropping a record that is archived: %v", err)
	}
}
