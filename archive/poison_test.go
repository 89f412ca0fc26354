package archive_test

import (
	"fmt"
	"strings"
	"testing"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// One quarantined record whose bytes are gone or damaged is named, and does not
// keep the others from coming in.
func TestRetryGoesOn(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	var stream strings.Builder
	for i := range 4 {
		fmt.Fprintf(&stream, `{"run":"r%d","pipeline":"p","account":"acme","end":1709287200}`+"\n", i)
	}
	run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{input(t, file(t, stream.String()), jobfile.Config{})}})
	rows := collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{}))
	if err := s.Delete(t.Context(), rows[0].Key); err != nil {
		t.Fatal(err)
	}
	for i, damage := range []string{"no zstd", string(get(t, s, rows[3].Key))} {
		if err := s.Put(t.Context(), rows[1+i].Key, store.Bytes([]byte(damage)), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	fields := reader(t, jobfile.Config{Fields: &jobfile.Fields{UserID: "account", RecipeID: "pipeline", JobID: "run", CompletedAt: "end"}})
	got, err := archive.Retry(t.Context(), archive.Config{Store: s, Ledger: l}, fields)
	if err == nil || got.Archived != 1 {
		t.Fatalf("Retry: %+v, %v; want one archived, and an error", got, err)
	}
	for _, row := range rows[:3] {
		if !strings.Contains(err.Error(), fmt.Sprintf("quarantined record %d", row.ID)) {
			t.Errorf("Retry: %v; does not name record %d", err, row.ID)
		}
	}
	left := collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}}))
	if len(left) != 3 {
		t.Errorf("%d records are left in quarantine; want the 3 that could not be read", len(left))
	}
}

// A damaged note of what was done to one document is named, and does not keep
// the others from being adopted.
func TestAdoptDamagedNote(t *testing.T) {
	s := memstore.New()
	c := archive.Config{Store: s, Ledger: newLedger(t), Detail: jobfile.StatusOnly}
	c.Inputs = []archive.Input{input(t, file(t, job("a", `,"lines":[]`)+"\n"+job("b", `,"lines":[]`)), jobfile.Config{})}
	run(t, c)
	if err := s.Put(t.Context(), layout.Meta(jobKey("a")), store.Bytes([]byte("{")), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	var notices []archive.Notice
	l := newLedger(t)
	got := adopt(t, archive.AdoptConfig{Store: s, Ledger: l, Notice: func(n archive.Notice) { notices = append(notices, n) }})
	if got.Adopted != 1 || got.Damaged != 1 || len(notices) != 1 || notices[0].Key != jobKey("a") || !strings.Contains(notices[0].Reason, layout.Meta(jobKey("a"))) {
		t.Errorf("Adopt: %+v, notices %+v", got, notices)
	}
}
