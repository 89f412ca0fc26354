package ledger_test

import (
	"fmt"
	"testing"

	"logstow/archive/ledger"
)

func TestQuarantine(t *testing.T) {
	l := open(t, newPath(t))
	l.SetPage(2)
	var b ledger.Batch
	for i := range 7 {
		b.Quarantined = append(b.Quarantined, ledger.Quarantined{
			Source: fmt.Sprint("s", i%2), Part: "p", Offset: int64(i), SHA256: hash("q"), Key: fmt.Sprint("k", i), At: noon,
		})
	}
	commit(t, l, b)
	if n, err := l.SetQuarantine(t.Context(), ledger.StillOpen, ledger.Retried, 2, 3, 3, 99); n != 2 || err != nil {
		t.Errorf("SetQuarantine = %d, %v, want 2", n, err)
	}
	if n, err := l.SetQuarantine(t.Context(), ledger.StillOpen, ledger.Dropping, 3, 4, 5); n != 2 || err != nil {
		t.Errorf("SetQuarantine = %d, %v, want the two that are open", n, err)
	}
	for _, tt := range []struct {
		query ledger.QuarantineQuery
		want  []int64
	}{
		{ledger.QuarantineQuery{}, []int64{1, 2, 3, 4, 5, 6, 7}},
		{ledger.QuarantineQuery{Limit: 3, After: 2}, []int64{3, 4, 5}},
		{ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}}, []int64{1, 6, 7}},
		{ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen, ledger.Dropping}}, []int64{1, 4, 5, 6, 7}},
		{ledger.QuarantineQuery{Source: "s1"}, []int64{2, 4, 6}},
		{ledger.QuarantineQuery{IDs: []int64{7, 1, 1, 4, 99, 3}}, []int64{1, 3, 4, 7}},
		{ledger.QuarantineQuery{IDs: []int64{7, 1, 4, 3}, Limit: 3}, []int64{1, 3, 4}},
	} {
		var got []int64
		for _, q := range all(t, l.Quarantine(t.Context(), tt.query)) {
			got = append(got, q.ID)
		}
		equal(t, fmt.Sprintf("Quarantine(%+v)", tt.query), got, tt.want)
	}
}

func TestQuarantineIsOneRecordAKey(t *testing.T) {
	l := open(t, newPath(t))
	q := ledger.Quarantined{Source: "s", Part: "p", SHA256: hash("q"), Key: "k", Reason: "r", At: noon}
	again := q
	again.Source, again.Part = "adopted", "k"
	commit(t, l, ledger.Batch{Quarantined: []ledger.Quarantined{q}})
	commit(t, l, ledger.Batch{Quarantined: []ledger.Quarantined{again}})
	q.ID, q.State = 1, ledger.StillOpen
	equal(t, "Quarantine", all(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})), []ledger.Quarantined{q})
	if _, err := l.SetQuarantine(t.Context(), ledger.StillOpen, ledger.Dropped, q.ID); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]ledger.QuarantineState{"k": ledger.Dropped, "other": ""} {
		if got, err := l.QuarantineState(t.Context(), key); err != nil || got != want {
			t.Errorf("QuarantineState(%q) = %q, %v, want %q", key, got, err, want)
		}
	}
}
