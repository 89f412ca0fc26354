package ledger_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"logstow/archive/ledger"
	"logstow/layout"
)

var errBroken = errors.New("broken on purpose")

// keeper makes random calls to a ledger and to its model, some of which fail.
type keeper struct {
	*rapid.T
	l     *ledger.Ledger
	model keeping
	fail  *ledger.Phase // of the next call; nil: none
}

// Whatever is marked, held, released, expired and erased in whatever order, and
// whichever call fails before or after it took effect, the ledger has what its
// model has, and nothing leaves that is on hold.
func TestRetentionAgreesWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := &keeper{T: t, model: keeping{marks: map[int64]ledger.Mark{}, owed: map[int64]bool{}}}
		dir, err := os.MkdirTemp("", "ledger")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		k.l, err = ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(dir, "l"), Fault: k.fault})
		if err != nil {
			t.Fatal(err)
		}
		defer k.l.Close()
		k.l.SetPage(rapid.IntRange(1, 4).Draw(t, "page"))
		k.fill()
		calls := []func(){
			k.commit, k.mark, k.mark, k.unmark, k.hold, k.release, k.startExpiry, k.startExpiry, k.endExpiry, k.startErasure, k.startErasure, k.endErasure,
		}
		for range rapid.IntRange(1, 16).Draw(t, "calls") {
			calls[rapid.IntRange(0, len(calls)-1).Draw(t, "call")]()
			if rapid.IntRange(0, 3).Draw(t, "check") == 0 {
				k.check()
			}
		}
		k.check()
	})
}

func (k *keeper) fault(_ string, phase ledger.Phase) error {
	if k.fail != nil && *k.fail == phase {
		return errBroken
	}
	return nil
}

// do makes a call, and the same to the model unless it failed before it took
// effect. What it returned counts where it returns true.
func (k *keeper) do(call func() error, model func()) bool {
	k.Helper()
	if n := rapid.IntRange(0, 9).Draw(k.T, "fault"); n < 2 {
		phase := []ledger.Phase{ledger.Before, ledger.After}[n]
		k.fail = &phase
	}
	failing := k.fail
	err := call()
	k.fail = nil
	switch {
	case failing == nil && err != nil:
		k.Fatalf("call: %v", err)
	case failing != nil && !errors.Is(err, errBroken):
		k.Fatalf("call with a fault = %v, want %v", err, errBroken)
	}
	if failing == nil || *failing == ledger.After {
		model()
	}
	return failing == nil
}

func (k *keeper) same(what string, got, want any) {
	k.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		k.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

var someVersions = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ledger.Document {
	d := job(rapid.SampledFrom([]string{"u", "v"}).Draw(t, "user"), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "job"),
		rapid.StringMatching("[a-c]").Draw(t, "content"))
	d.Time = someTimes.Draw(t, "time")
	d.Recipe = rapid.SampledFrom([]string{"r", "s"}).Draw(t, "recipe")
	d.Status = rapid.SampledFrom([]string{"failed", "Failed", "succeeded", ""}).Draw(t, "status")
	d.Kind = rapid.SampledFrom([]string{"job", "log"}).Draw(t, "kind")
	return d
}), 1, 6)

// fill commits without a fault, so that there is something.
func (k *keeper) fill() {
	docs := someVersions.Draw(k.T, "documents")
	if err := k.l.Commit(k.Context(), ledger.Batch{Documents: docs}); err != nil {
		k.Fatal(err)
	}
	k.model.commit(docs)
}

func (k *keeper) commit() {
	docs := someVersions.Draw(k.T, "documents")
	k.do(func() error { return k.l.Commit(k.Context(), ledger.Batch{Documents: docs}) }, func() { k.model.commit(docs) })
}

// some returns ids of documents, in their order, each once: all, or few and at
// least one.
func (k *keeper) some() []int64 {
	few := rapid.Bool().Draw(k.T, "few")
	var ids []int64
	for id := range int64(len(k.model.docs)) {
		if rapid.IntRange(0, 3).Draw(k.T, "take") == 0 || !few {
			ids = append(ids, id+1)
		}
	}
	if len(ids) == 0 && len(k.model.docs) > 0 {
		ids = append(ids, int64(rapid.IntRange(1, len(k.model.docs)).Draw(k.T, "id")))
	}
	return ids
}

// known is documents of which the caller knows no more than their ids: what the
// ledger has of them decides.
func known(ids []int64) (docs []ledger.Document) {
	for _, id := range ids {
		docs = append(docs, ledger.Document{ID: id})
	}
	return docs
}

func (k *keeper) mark() {
	ids := k.some()
	m := ledger.Mark{
		Policy: rapid.SampledFrom([]string{"p", "q"}).Draw(k.T, "policy"), Marked: noon,
		Due: noon.Add(time.Duration(rapid.IntRange(0, 4).Draw(k.T, "due")) * time.Hour),
	}
	var got, want int64
	ok := k.do(func() (err error) { got, err = k.l.Mark(k.Context(), ids, m); return err }, func() { want = k.model.mark(ids, m) })
	if ok && got != want {
		k.Fatalf("Mark(%v) = %d, want %d", ids, got, want)
	}
}

func (k *keeper) unmark() {
	ids := k.some()
	var got, want int64
	ok := k.do(func() (err error) { got, err = k.l.Unmark(k.Context(), ids); return err }, func() { want = k.model.unmark(ids) })
	if ok && got != want {
		k.Fatalf("Unmark(%v) = %d, want %d", ids, got, want)
	}
}

var someScopes = rapid.Custom(func(t *rapid.T) layout.Scope {
	s := layout.Scope{
		User:     rapid.SampledFrom([]string{"", "u", "v"}).Draw(t, "user"),
		Recipe:   rapid.SampledFrom([]string{"", "", "r"}).Draw(t, "recipe"),
		Job:      rapid.SampledFrom([]string{"", "", "1", "2"}).Draw(t, "job"),
		Statuses: rapid.SampledFrom([][]string{nil, nil, {"FAILED"}, {"", "succeeded"}}).Draw(t, "statuses"),
		Kinds:    rapid.SampledFrom([][]string{nil, nil, {"log"}}).Draw(t, "kinds"),
	}
	if rapid.IntRange(0, 3).Draw(t, "from") == 0 {
		s.From = someTimes.Draw(t, "from").Add(rapid.SampledFrom([]time.Duration{0, 1, -1}).Draw(t, "ns"))
	}
	if rapid.IntRange(0, 3).Draw(t, "to") == 0 {
		s.To = someTimes.Draw(t, "to").Add(rapid.SampledFrom([]time.Duration{0, 1, -1}).Draw(t, "ns"))
	}
	return s
})

func (k *keeper) hold() {
	h := ledger.Hold{
		ID: fmt.Sprintf("%032x", rapid.IntRange(0, 5).Draw(k.T, "id")), Scope: someScopes.Draw(k.T, "scope"),
		By: "ops", Reason: "a case", Placed: noon.Add(time.Duration(rapid.IntRange(0, 1).Draw(k.T, "placed")) * time.Hour),
	}
	k.record(h)
}

func (k *keeper) release() {
	if len(k.model.holds) == 0 {
		return
	}
	h := rapid.SampledFrom(k.model.holds).Draw(k.T, "hold")
	h.Released, h.ReleasedBy, h.ReleaseReason = noon.Add(5*time.Hour), rapid.SampledFrom([]string{"a", "b"}).Draw(k.T, "by"), "closed"
	k.record(h)
}

func (k *keeper) record(h ledger.Hold) {
	var got, want []ledger.Document
	ok := k.do(func() (err error) { got, err = k.l.RecordHolds(k.Context(), []ledger.Hold{h}); return err },
		func() { want = k.model.record(h) })
	switch {
	case !ok:
	case len(want) <= 10:
		k.same("what a hold came too late for", inOrder(got), want)
	case len(got) != 10 || slices.ContainsFunc(got, func(d ledger.Document) bool { return !h.Holds(&d) }):
		k.Fatalf("a hold came too late for %v, want ten of %v", got, want)
	}
}

func inOrder(docs []ledger.Document) []ledger.Document {
	slices.SortFunc(docs, func(a, b ledger.Document) int { return cmp.Compare(a.ID, b.ID) })
	return docs
}

func (k *keeper) startExpiry() {
	ids, now := k.some(), noon.Add(time.Duration(rapid.IntRange(0, 4).Draw(k.T, "now"))*time.Hour)
	var started, held, wantStarted, wantHeld []ledger.Document
	if k.do(func() (err error) { started, held, err = k.l.StartExpiry(k.Context(), known(ids), now); return err },
		func() { wantStarted, wantHeld = k.model.startExpiry(ids, now) }) {
		k.same("what StartExpiry started", inOrder(started), wantStarted)
		k.same("what StartExpiry found held", inOrder(held), wantHeld)
	}
}

func (k *keeper) endExpiry() {
	ids := k.some()
	k.do(func() error { return k.l.EndExpiry(k.Context(), known(ids)) },
		func() { k.model.end(ids, ledger.Expiring, ledger.Expired) })
}

func (k *keeper) startErasure() {
	ids := k.some()
	var held, want []ledger.Document
	if k.do(func() (err error) {
		_, held, err = k.l.StartErasure(k.Context(), known(ids), ledger.AuditEntry{At: noon})
		return err
	}, func() { want = k.model.startErasure(ids) }) {
		k.same("what StartErasure found held", inOrder(held), want)
	}
}

func (k *keeper) endErasure() {
	ids := k.some()
	k.do(func() error { return k.l.EndErasure(k.Context(), known(ids), ledger.AuditEntry{At: noon}) },
		func() { k.model.end(ids, ledger.Deleting, ledger.Erased) })
}

// check holds everything that the ledger has against the model.
func (k *keeper) check() {
	must := func(v any, err error) any {
		k.Helper()
		if err != nil {
			k.Fatal(err)
		}
		return v
	}
	k.same("the documents", every(k, k.l.Recorded(k.Context(), 0, 1<<40)), k.model.docs)
	k.same("MarksOf", must(k.l.MarksOf(k.Context(), ids(k.model.docs))), k.model.marks)
	k.same("Expiring", every(k, k.l.Expiring(k.Context())), k.model.marked(ledger.MarkQuery{}, ledger.Expiring))
	q := ledger.MarkQuery{
		User:   rapid.SampledFrom([]string{"", "", "u"}).Draw(k.T, "user"),
		Recipe: rapid.SampledFrom([]string{"", "", "r"}).Draw(k.T, "recipe"),
		Job:    rapid.SampledFrom([]string{"", "", "1"}).Draw(k.T, "job"),
		Policy: rapid.SampledFrom([]string{"", "", "p"}).Draw(k.T, "policy"),
	}
	if n := rapid.IntRange(-3, 3).Draw(k.T, "due"); n >= 0 {
		q.DueBy = noon.Add(time.Duration(n) * time.Hour)
	}
	k.same("Marks", every(k, k.l.Marks(k.Context(), q)), k.model.marked(q, ledger.Stored))
	for _, active := range []bool{false, true} {
		k.same("Holds", must(k.l.Holds(k.Context(), active)), k.model.held(active))
	}
	var owed []ledger.Document
	for _, d := range k.model.in(ledger.Stored) {
		if k.model.owed[d.ID] {
			owed = append(owed, d)
		}
	}
	k.same("Owed", must(k.l.Owed(k.Context())), owed)
	var rows int
	if err := k.l.Writer().QueryRowContext(k.Context(), "SELECT count(*) FROM owed").Scan(&rows); err != nil || rows != len(k.model.owed) {
		k.Fatalf("%d rows are owed, %v, want %d", rows, err, len(k.model.owed))
	}
	k.checkTotals()
}

// checkTotals holds what is counted in passing against what there is.
func (k *keeper) checkTotals() {
	want := map[string]int64{}
	for _, d := range k.model.docs {
		want[d.Kind+" "+string(d.State)]++
	}
	rows, err := k.l.Writer().QueryContext(k.Context(), "SELECT kind || ' ' || state, documents, bytes FROM totals WHERE documents <> 0 OR bytes <> 0")
	if err != nil {
		k.Fatal(err)
	}
	defer rows.Close()
	got := map[string]int64{}
	for rows.Next() {
		var what string
		var documents, bytes int64
		if err := rows.Scan(&what, &documents, &bytes); err != nil {
			k.Fatal(err)
		}
		if got[what] = documents; bytes != documents*98 {
			k.Fatalf("%s: %d documents have %d bytes", what, documents, bytes)
		}
	}
	if err := rows.Err(); err != nil {
		k.Fatal(err)
	}
	k.same("the totals", got, want)
}

func every[T any](k *keeper, seq func(yield func(T, error) bool)) (all []T) {
	k.Helper()
	for v, err := range seq {
		if err != nil {
			k.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}
