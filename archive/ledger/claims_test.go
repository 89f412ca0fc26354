package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"logstow/archive/ledger"
)

// world is exports as they ought to be, beside two ledgers on one file.
type world struct {
	ledgers [2]*ledger.Ledger
	now     time.Time
	exports map[string]*ledger.Export // by id, as they ought to be
	held    []ledger.Export           // claims that somebody had, lost or not
}

// TestClaimsAgreeWithAnOracle makes random calls through two ledgers on one
// file, and holds each against what a fence promises.
func TestClaimsAgreeWithAnOracle(t *testing.T) {
	path := newPath(t)
	ledgers := [2]*ledger.Ledger{open(t, path), open(t, path)}
	for _, l := range ledgers { // nothing here dies
		if _, err := l.Writer().ExecContext(t.Context(), "PRAGMA synchronous = off"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if _, err := ledgers[0].Writer().ExecContext(context.Background(), "DELETE FROM tokens; DELETE FROM exports"); err != nil {
			t.Fatal(err)
		}
		w := &world{ledgers: ledgers, now: noon, exports: map[string]*ledger.Export{}}
		t.Repeat(map[string]func(*rapid.T){
			"create": w.create, "claim": w.claim, "renew": w.renew, "finish": w.finish,
			"cancel": w.cancel, "sweep": w.sweep, "": w.check,
		})
	})
}

func (w *world) any(t *rapid.T) *ledger.Ledger {
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes")) * time.Minute)
	return w.ledgers[rapid.IntRange(0, 1).Draw(t, "ledger")]
}

func (w *world) create(t *rapid.T) {
	l := w.any(t)
	id := fmt.Sprint(len(w.exports))
	e, token := newExport(id)
	e.Created, token.Expires = w.now, w.now.Add(10*time.Minute)
	if _, err := l.CreateExport(context.Background(), e, token, ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	w.exports[id] = &ledger.Export{ID: id, State: ledger.ExportCreated, Expires: token.Expires}
}

func (w *world) claimable(e *ledger.Export) bool {
	return e.State == ledger.ExportCreated || e.State == ledger.ExportRunning && !e.LeaseUntil.After(w.now)
}

func (w *world) claim(t *rapid.T) {
	l := w.any(t)
	id := ""
	if len(w.exports) > 0 && rapid.Bool().Draw(t, "named") {
		id = fmt.Sprint(rapid.IntRange(0, len(w.exports)-1).Draw(t, "id"))
	}
	var want *ledger.Export
	for n := range len(w.exports) {
		e := w.exports[fmt.Sprint(n)]
		if (id == "" || id == e.ID) && w.claimable(e) {
			want = e
			break
		}
	}
	got, err := l.ClaimExport(context.Background(), id, w.now, 2*time.Minute)
	switch {
	case want == nil && errors.Is(err, fs.ErrNotExist):
		return
	case want == nil || err != nil || got.ID != want.ID || got.Attempt != want.Attempt+1:
		t.Fatalf("ClaimExport(%q) = %q, attempt %d, %v; want %+v", id, got.ID, got.Attempt, err, want)
	}
	want.State, want.Attempt, want.LeaseUntil = ledger.ExportRunning, got.Attempt, w.now.Add(2*time.Minute)
	w.held = append(w.held, got)
}

// holder draws somebody who has, or had, a claim, and tells whether it holds.
func (w *world) holder(t *rapid.T) (ledger.Export, *ledger.Export, bool) {
	if len(w.held) == 0 {
		t.Skip("nobody has claimed anything")
	}
	e := w.held[rapid.IntRange(0, len(w.held)-1).Draw(t, "holder")]
	e.Updated = w.now
	is := w.exports[e.ID]
	return e, is, is.State == ledger.ExportRunning && is.Attempt == e.Attempt
}

func (w *world) renew(t *rapid.T) {
	l := w.any(t)
	e, is, holds := w.holder(t)
	e.LeaseUntil = w.now.Add(5 * time.Minute)
	if err := l.RenewExport(context.Background(), e); holds != (err == nil) || !holds && !errors.Is(err, ledger.ErrFenced) {
		t.Fatalf("RenewExport(attempt %d) = %v; it is %+v", e.Attempt, err, is)
	}
	if holds {
		is.LeaseUntil = e.LeaseUntil
	}
}

func (w *world) finish(t *rapid.T) {
	l := w.any(t)
	e, is, holds := w.holder(t)
	e.State = rapid.SampledFrom([]ledger.ExportState{ledger.ExportReady, ledger.ExportFailed, ledger.ExportCreated}).Draw(t, "state")
	e.Object = fmt.Sprint(e.ID, "/", e.Attempt)
	// It may be told twice that it ended, where an answer was lost.
	again := is.Attempt == e.Attempt && is.State == e.State
	err := l.FinishExport(context.Background(), e)
	if (holds || again) != (err == nil) || err != nil && !errors.Is(err, ledger.ErrFenced) {
		t.Fatalf("FinishExport(attempt %d, %s) = %v; it is %+v", e.Attempt, e.State, err, is)
	}
	if holds {
		is.State, is.LeaseUntil, is.Updated = e.State, time.Time{}, w.now
		if e.State == ledger.ExportReady {
			is.Object = e.Object
		}
	}
}

func (w *world) cancel(t *rapid.T) {
	l := w.any(t)
	if len(w.exports) == 0 {
		t.Skip("nothing to cancel")
	}
	e := w.exports[fmt.Sprint(rapid.IntRange(0, len(w.exports)-1).Draw(t, "id"))]
	if err := l.CancelExport(context.Background(), e.ID, ledger.AuditEntry{At: w.now}); err != nil {
		t.Fatal(err)
	}
	switch e.State {
	case ledger.ExportCreated, ledger.ExportRunning, ledger.ExportReady:
		e.State, e.Object, e.LeaseUntil, e.Updated = ledger.ExportCancelled, "", time.Time{}, w.now
	}
}

func (w *world) sweep(t *rapid.T) {
	l := w.any(t)
	swept, err := l.StartSweep(context.Background(), w.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range w.exports {
		over := e.Expires.Before(w.now)
		switch e.State {
		case ledger.ExportCreated, ledger.ExportReady:
		case ledger.ExportRunning:
			over = over && e.LeaseUntil.Before(w.now)
		case ledger.ExportFailed, ledger.ExportCancelled:
			over = e.Updated.Before(w.now)
		default:
			over = e.State == ledger.ExportSweeping
		}
		if over {
			e.State, e.Object, e.LeaseUntil = ledger.ExportSweeping, "", time.Time{}
		}
	}
	if len(swept) > 0 && rapid.Bool().Draw(t, "to its end") {
		if err := l.EndSweep(context.Background(), swept[0].ID); err != nil {
			t.Fatal(err)
		}
		w.exports[swept[0].ID].State = ledger.ExportSwept
	}
}

// check holds every export against what it ought to be.
func (w *world) check(t *rapid.T) {
	l := w.any(t)
	exports, err := l.Exports(context.Background(), ledger.ExportQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if len(exports) != len(w.exports) {
		t.Fatalf("%d exports, want %d", len(exports), len(w.exports))
	}
	for _, got := range exports {
		want := w.exports[got.ID]
		if got.State != want.State || got.Attempt != want.Attempt || got.Object != want.Object || !got.LeaseUntil.Equal(want.LeaseUntil) {
			t.Fatalf("export %s is %+v, want %+v", got.ID, got, want)
		}
	}
	revoked, err := l.Tokens(context.Background(), ledger.ExportQuery{States: []ledger.ExportState{ledger.ExportCancelled}})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range revoked {
		if token.Revoked.IsZero() {
			t.Fatalf("export %s is cancelled, and its token is not revoked", token.Export)
		}
	}
}

// TestClaimsAtOnce has workers of two ledgers take, renew, lose, finish and
// cancel exports at the same time. Of each attempt at most one may finish, and
// of each export at most one attempt.
func TestClaimsAtOnce(t *testing.T) {
	path := newPath(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const exports = 30
	ledgers := []*ledger.Ledger{open(t, path), open(t, path)}
	for n := range exports {
		create(t, ledgers[0], fmt.Sprint(n))
	}
	var done, clock atomic.Int64
	var mu sync.Mutex
	finished := map[string]int64{} // guarded by mu: which attempt was told that it made it
	var wg sync.WaitGroup
	for worker := range 6 {
		l, rng := ledgers[worker%2], rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for done.Load() < exports {
				now := noon.Add(time.Duration(clock.Add(1)) * time.Second)
				e, err := l.ClaimExport(t.Context(), "", now, time.Duration(rng.IntN(4))*time.Second)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Errorf("ClaimExport: %v", err)
					return
				}
				if rng.IntN(3) == 0 {
					e.LeaseUntil = now.Add(time.Second)
					if err := l.RenewExport(t.Context(), e); err != nil && !errors.Is(err, ledger.ErrFenced) {
						t.Errorf("RenewExport: %v", err)
					}
				}
				if rng.IntN(10) == 0 {
					if err := l.CancelExport(t.Context(), e.ID, ledger.AuditEntry{At: now}); err != nil {
						t.Errorf("CancelExport: %v", err)
					}
				}
				e.State, e.Object = ledger.ExportReady, fmt.Sprint(e.ID, "/", e.Attempt)
				switch err := l.FinishExport(t.Context(), e); {
				case errors.Is(err, ledger.ErrFenced):
				case err != nil:
					t.Errorf("FinishExport: %v", err)
				default:
					mu.Lock()
					if other, ok := finished[e.ID]; ok {
						t.Errorf("export %s was finished by attempts %d and %d", e.ID, other, e.Attempt)
					}
					finished[e.ID] = e.Attempt
					mu.Unlock()
				}
				done.Store(int64(ended(t, l)))
			}
		})
	}
	wg.Wait()
	for n := range exports {
		e := export(t, ledgers[n%2], fmt.Sprint(n))
		attempt, ok := finished[e.ID]
		switch {
		case e.State == ledger.ExportReady && (!ok || e.Attempt != attempt || e.Object != fmt.Sprint(e.ID, "/", attempt)):
			t.Errorf("export %s is ready by attempt %d with %q; attempt %d was told so", e.ID, e.Attempt, e.Object, attempt)
		case e.State != ledger.ExportReady && e.State != ledger.ExportCancelled:
			t.Errorf("export %s is %s", e.ID, e.State)
		}
	}
}

// ended is how many exports nobody need work on any more.
func ended(t *testing.T, l *ledger.Ledger) int {
	all, err := l.Exports(t.Context(), ledger.ExportQuery{States: []ledger.ExportState{ledger.ExportReady, ledger.ExportCancelled}})
	if err != nil {
		t.Errorf("Exports: %v", err)
	}
	return len(all)
}
