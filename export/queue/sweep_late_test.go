package queue_test

import (
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// Who made an export may put its file when it was swept already, or when what
// it holds was erased.
func TestSweepTakesWhatComesLate(t *testing.T) {
	w := newMemory(t)
	swept, kept := w.create(10), w.create(10)
	w.make(swept, kept)
	q := w.queue(w.config())
	must(t, w.l.CancelExport(t.Context(), swept, ledger.AuditEntry{At: time.Now().Add(-2 * time.Hour), Action: "cancel", Outcome: "ok"}))
	if n, err := q.Sweep(t.Context(), time.Now()); n != 1 || err != nil || w.state(swept).State != ledger.ExportSwept {
		t.Fatalf("Sweep = %d, %v, and the export is %s; want 1, swept", n, err, w.state(swept).State)
	}
	young := []string{kept + "/2.log", newID() + "/1.log"} // that may still be recorded
	w.put(swept + "/1.log")
	for _, name := range young {
		w.put(name)
	}
	if n, err := q.Sweep(t.Context(), time.Now()); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v; want 1", n, err)
	}
	for _, key := range w.keys() {
		if strings.Contains(key, swept) {
			t.Errorf("%s is left", key)
		}
	}
	if k := w.keys(); len(k) != 3 {
		t.Errorf("the store has %v; want what is ready and what is young", k)
	}
}
