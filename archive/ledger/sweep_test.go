package ledger_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	"logstow/archive/ledger"
)

func TestCancelExport(t *testing.T) {
	l := open(t, newPath(t))
	for _, id := range []string{"created", "running", "ready", "failed", "swept"} {
		create(t, l, id)
		if id != "created" {
			e := claim(t, l, id, noon, time.Minute)
			switch id {
			case "ready":
				finish(t, l, e)
			case "failed":
				e.State = ledger.ExportFailed
				if err := l.FinishExport(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := l.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"created", "running", "ready", "failed"} {
		want := ledger.ExportCancelled
		if id == "failed" {
			want = ledger.ExportFailed
		}
		for range 2 {
			if err := l.CancelExport(t.Context(), id, ledger.AuditEntry{Action: "cancel", Job: id, At: noon.Add(time.Second)}); err != nil {
				t.Fatal(err)
			}
		}
		if got := export(t, l, id); got.State != want || got.Object != "" || !got.LeaseUntil.IsZero() {
			t.Errorf("%s, cancelled, is %+v", id, got)
		}
		token, _, err := l.TokenByHash(t.Context(), hash("token of "+id))
		if err != nil {
			t.Fatal(err)
		}
		if revoked := !token.Revoked.IsZero(); revoked != (id != "failed") {
			t.Errorf("%s, cancelled: its token is revoked: %v", id, revoked)
		}
	}
	if err := l.CancelExport(t.Context(), "none", ledger.AuditEntry{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("CancelExport of none = %v, want fs.ErrNotExist", err)
	}
	if err := l.RenewExport(t.Context(), ledger.Export{ID: "running", Attempt: 1}); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("RenewExport of a cancelled one = %v, want ErrFenced", err)
	}
	if _, err := l.AddToken(t.Context(), ledger.Token{Export: "ready", Hash: hash("x")}); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("AddToken to a cancelled one = %v, want ErrFenced", err)
	}
	cancels := 0
	for _, a := range auditLog(t, l) {
		if a.Action == "cancel" {
			cancels++
		}
	}
	if cancels != 3 {
		t.Errorf("%d cancellations are on record, want those 3 that ended something", cancels)
	}
}

func TestSweep(t *testing.T) {
	l := open(t, newPath(t))
	// Who has a token until 13:00, and what became of them by then.
	for _, id := range []string{"created", "lapsed", "busy", "ready", "prolonged", "failed", "cancelled", "late"} {
		create(t, l, id)
	}
	for id, lease := range map[string]time.Duration{"lapsed": time.Minute, "busy": 5 * time.Hour, "ready": time.Hour, "prolonged": time.Hour, "failed": time.Hour, "late": time.Hour} {
		e := claim(t, l, id, noon, lease)
		switch id {
		case "ready", "prolonged":
			finish(t, l, e)
		case "failed", "late":
			e.State = ledger.ExportFailed
			if id == "late" {
				e.Updated = noon.Add(3 * time.Hour)
			}
			if err := l.FinishExport(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.CancelExport(t.Context(), "cancelled", ledger.AuditEntry{At: noon.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	for _, life := range []time.Duration{4 * time.Hour, 2 * time.Hour} { // the earlier one takes nothing back
		if _, err := l.AddToken(t.Context(), ledger.Token{Export: "prolonged", Hash: hash(life.String()), Expires: noon.Add(life)}); err != nil {
			t.Fatal(err)
		}
	}
	sweep := func(before time.Time) (ids []string) {
		t.Helper()
		swept, err := l.StartSweep(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range swept {
			ids = append(ids, e.ID)
			if e.State != ledger.ExportSweeping || e.Object != "" || e.Filename != e.ID+".log" {
				t.Errorf("StartSweep returns %+v", e)
			}
		}
		slices.Sort(ids)
		return ids
	}
	equal(t, "a sweep before any token ended", sweep(noon), []string(nil))
	equal(t, "a sweep at 12:01", sweep(noon.Add(time.Minute)), []string{"failed"})
	equal(t, "a sweep at 13:00", sweep(noon.Add(time.Hour)), []string{"cancelled", "failed"})
	want := []string{"cancelled", "created", "failed", "lapsed", "ready"}
	for range 2 { // the second takes up what the first has left
		equal(t, "a sweep after 13:00", sweep(noon.Add(time.Hour+time.Millisecond)), want)
	}
	if _, err := l.AddToken(t.Context(), ledger.Token{Export: "ready", Hash: hash("x")}); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("AddToken while it is swept = %v, want ErrFenced", err)
	}
	if err := l.EndSweep(t.Context(), append(want, "busy", "none")...); err != nil {
		t.Fatal(err)
	}
	if got := export(t, l, "busy"); got.State != ledger.ExportRunning {
		t.Errorf("one that is worked on is %q", got.State)
	}
	if got := export(t, l, "ready"); got.State != ledger.ExportSwept {
		t.Errorf("one that was swept is %q", got.State)
	}
	equal(t, "the next sweep", sweep(noon.Add(2*time.Hour)), []string(nil))
	equal(t, "a sweep at 17:01", sweep(noon.Add(5*time.Hour+1)), []string{"late", "prolonged"})
}
