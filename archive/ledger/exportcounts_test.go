package ledger_test

import (
	"testing"
	"time"

	"logstow/archive/ledger"
)

func TestExportCounts(t *testing.T) {
	l := open(t, newPath(t))
	want := ledger.ExportCounts{ByState: map[ledger.ExportState]int64{}}
	check := func(after string) {
		t.Helper()
		got, err := l.ExportCounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "ExportCounts after "+after, got, want)
	}
	check("nothing")
	for _, id := range []string{"ready", "large", "failed", "waits"} {
		token := ledger.Token{Hash: hash(id), Expires: noon.Add(time.Hour)}
		if _, err := l.CreateExport(t.Context(), ledger.Export{ID: id, Created: noon}, token, ledger.AuditEntry{}); err != nil {
			t.Fatal(err)
		}
		want.ByState[ledger.ExportCreated]++
		check("creating " + id)
		if id == "waits" {
			continue
		}
		e, err := l.ClaimExport(t.Context(), id, noon, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		want.ByState[ledger.ExportCreated]--
		if want.ByState[ledger.ExportCreated] == 0 {
			delete(want.ByState, ledger.ExportCreated)
		}
		e.State, e.Size = ledger.ExportReady, int64(len(id))
		if id == "failed" {
			e.State = ledger.ExportFailed
		} else {
			e.Object, want.Bytes = "object "+id, want.Bytes+e.Size
		}
		want.ByState[e.State]++
		if err := l.FinishExport(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		check("finishing " + id)
	}
	swept, err := l.StartSweep(t.Context(), noon.Add(2*time.Hour))
	if err != nil || len(swept) == 0 {
		t.Fatalf("StartSweep = %v, %v", swept, err)
	}
	for _, e := range swept {
		if err := l.EndSweep(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.ExportCounts(t.Context())
	if err != nil || got.Bytes != 0 || got.ByState[ledger.ExportReady] != 0 || got.ByState[ledger.ExportSwept] != 0 {
		t.Errorf("ExportCounts after a sweep of %d = %+v, %v, want none that is ready, nor swept", len(swept), got, err)
	}
}
