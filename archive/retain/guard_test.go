package retain_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/layout"
)

func TestFarMoreStops(t *testing.T) {
	for _, c := range []struct {
		name  string
		usual []int64 // that it marked before
		now   int
		stops bool
		want  int64 // the median
	}{
		{"first, a thousand", nil, 1000, false, 0},
		{"first, more", nil, 1001, true, -1},
		{"usually few", []int64{10, 20, 30}, 1001, true, 20},
		{"usually few, and a thousand now", []int64{10, 20, 30}, 1000, false, 0},
		{"ten times", []int64{1, 110, 5000}, 1100, false, 0},
		{"one more than ten times", []int64{1, 110, 5000}, 1101, true, 110},
		{"the mean of two", []int64{100, 120}, 1101, true, 110},
		{"the last ten count", []int64{1, 1, 1, 1, 1, 1, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500}, 1101, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newShelf(t)
			for i, n := range c.usual {
				if err := w.ledger.RecordPolicyRun(t.Context(), noon.AddDate(0, 0, i-100), map[string]int64{"quarter": n}); err != nil {
					t.Fatal(err)
				}
			}
			w.record(t, many("6", c.now, 100*day)...)
			config := w.config(quarter)
			did, err := retain.Expire(t.Context(), config)
			var far *retain.FarMoreError
			if errors.As(err, &far) != c.stops {
				t.Fatalf("Expire = %+v, %v, want it stopped: %v", did, err, c.stops)
			}
			if !c.stops {
				if did.Marked != int64(c.now) {
					t.Errorf("Expire = %+v, want %d marked", did, c.now)
				}
				return
			}
			if d := cmp.Diff(&retain.FarMoreError{Policy: "quarter", Matches: int64(c.now), Usual: c.want}, far); d != "" {
				t.Errorf("the error (-want +got):\n%s", d)
			}
			w.wantMarks(t, 0)
			config.Yes = true
			if did := w.expire(t, config); did.Marked != int64(c.now) {
				t.Errorf("Expire with Yes = %+v, want %d marked", did, c.now)
			}
		})
	}
}

// record records documents of which nothing is in the store.
func (w *shelf) record(t *testing.T, docs ...ledger.Document) {
	t.Helper()
	for i := range docs {
		docs[i].Key = "x/jobs/" + docs[i].Job
	}
	if err := w.ledger.Commit(t.Context(), ledger.Batch{Documents: docs}); err != nil {
		t.Fatal(err)
	}
}

func (w *shelf) wantMarks(t *testing.T, want int) {
	t.Helper()
	n := 0
	for m, err := range w.ledger.Marks(t.Context(), ledger.MarkQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n > want {
			t.Errorf("%s is marked by %s", m.Key, m.Mark.Policy)
		}
	}
	if n != want {
		t.Errorf("%d documents are marked, want %d", n, want)
	}
}

// Where one policy stops, none marks anything and nothing is removed but what had
// been begun; what is unmarked is; and a dry run lists all and says it too.
func TestFarMoreOfOneStopsAll(t *testing.T) {
	w := newShelf(t)
	w.record(t, many("6", 1001, 100*day)...)
	w.add(t, doc("a", 100*day), doc("b", 100*day), doc("begun", 100*day), doc("fresh", 100*day))
	marks := map[string]ledger.Mark{}
	for _, job := range []string{"a", "b", "begun"} {
		docs, err := w.ledger.ByJob(t.Context(), "5", job)
		if err != nil {
			t.Fatal(err)
		}
		marks[job] = ledger.Mark{Policy: "five", Marked: noon.Add(-8 * day), Due: noon.Add(-day)}
		if _, err := w.ledger.Mark(t.Context(), []int64{docs[0].ID}, marks[job]); err != nil {
			t.Fatal(err)
		}
		if job == "begun" {
			if _, _, err := w.ledger.StartExpiry(t.Context(), docs, noon); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.hold(t, 1, layout.Scope{Job: "b"})
	five := retain.Policy{Name: "five", Match: retain.Match{Users: []string{"5"}}, ExpireAfter: days(90)}
	c := w.config(five, quarter)
	c.DryRun = true
	said, err := retain.Expire(t.Context(), c)
	if !errors.As(err, new(*retain.FarMoreError)) || said.Marked != 1002 || said.Unmarked != 1 || said.Removed != 2 {
		t.Errorf("a dry run = %+v, %v, want 1002 marked, one unmarked, two removed, and the error", said, err)
	}
	c.DryRun = false
	did, err := retain.Expire(t.Context(), c)
	if !errors.As(err, new(*retain.FarMoreError)) || did.Marked != 0 || did.Unmarked != 1 || did.Removed != 1 {
		t.Errorf("Expire = %+v, %v, want one unmarked, one removed, and the error", did, err)
	}
	w.want(t, map[string]ledger.State{"a": ledger.Stored, "b": ledger.Stored, "begun": ledger.Expired, "fresh": ledger.Stored})
	w.wantMarks(t, 1)
}
