package ledger_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// calls makes every call that reads or writes, by the name its fault has.
var calls = map[string]func(ctx context.Context, l *ledger.Ledger) error{
	"bind": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Bind(ctx, "file:///a"); return err },
	"find": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.Find(ctx, make([]ledger.Ref, 3))
		return err
	},
	"commit": func(ctx context.Context, l *ledger.Ledger) error {
		return l.Commit(ctx, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	},
	"documents": func(ctx context.Context, l *ledger.Ledger) error {
		for _, err := range l.Documents(ctx, ledger.Query{}) {
			return err
		}
		return nil
	},
	"by job":         func(ctx context.Context, l *ledger.Ledger) error { _, err := l.ByJob(ctx, "", "1"); return err },
	"cursors":        func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Cursors(ctx, "s"); return err },
	"delete cursors": func(ctx context.Context, l *ledger.Ledger) error { return l.DeleteCursors(ctx, "s", "p") },
	"quarantine state": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.QuarantineState(ctx, "q")
		return err
	},
	"quarantine": func(ctx context.Context, l *ledger.Ledger) error {
		for _, err := range l.Quarantine(ctx, ledger.QuarantineQuery{}) {
			return err
		}
		return nil
	},
	"set quarantine": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.SetQuarantine(ctx, ledger.StillOpen, ledger.Dropping, 1)
		return err
	},
	"start run": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.StartRun(ctx, "archive", noon)
		return err
	},
	"end run": func(ctx context.Context, l *ledger.Ledger) error { return l.EndRun(ctx, ledger.Run{ID: 1}) },
	"runs": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.Runs(ctx, ledger.RunQuery{})
		return err
	},
	"run":         func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Run(ctx, 1); return err },
	"forget runs": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.ForgetRuns(ctx, noon); return err },
	"unverified":  func(ctx context.Context, l *ledger.Ledger) error { _, _, err := l.Unverified(ctx); return err },
	"check fence": func(ctx context.Context, l *ledger.Ledger) error {
		return l.CheckFence(ledger.WithFence(ctx, ledger.Lease{Task: "t", Fence: 1}))
	},
	"export counts": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.ExportCounts(ctx); return err },
	"recent runs":   func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Recent(ctx, "t"); return err },
	"counts":        func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Counts(ctx); return err },
	"versions":      func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Versions(ctx, "u", "1"); return err },
	"deleting":      func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Deleting(ctx); return err },
	"start erasure": func(ctx context.Context, l *ledger.Ledger) error {
		_, _, err := l.StartErasure(ctx, []ledger.Document{{ID: 99}}, ledger.AuditEntry{})
		return err
	},
	"end erasure": func(ctx context.Context, l *ledger.Ledger) error {
		return l.EndErasure(ctx, []ledger.Document{{ID: 99}}, ledger.AuditEntry{})
	},
	"record holds": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.RecordHolds(ctx, []ledger.Hold{holdOf(1, layout.Scope{User: "v"})})
		return err
	},
	"holds": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Holds(ctx, true); return err },
	"owed":  func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Owed(ctx); return err },
	"mark": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.Mark(ctx, []int64{99}, ledger.Mark{})
		return err
	},
	"unmark":   func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Unmark(ctx, []int64{99}); return err },
	"marks of": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.MarksOf(ctx, []int64{99}); return err },
	"marks": func(ctx context.Context, l *ledger.Ledger) error {
		for _, err := range l.Marks(ctx, ledger.MarkQuery{}) {
			return err
		}
		return nil
	},
	"expiring": func(ctx context.Context, l *ledger.Ledger) error {
		for _, err := range l.Expiring(ctx) {
			return err
		}
		return nil
	},
	"start expiry": func(ctx context.Context, l *ledger.Ledger) error {
		_, _, err := l.StartExpiry(ctx, []ledger.Document{{ID: 99}}, noon)
		return err
	},
	"end expiry": func(ctx context.Context, l *ledger.Ledger) error {
		return l.EndExpiry(ctx, []ledger.Document{{ID: 99}})
	},
	"record policy run": func(ctx context.Context, l *ledger.Ledger) error {
		return l.RecordPolicyRun(ctx, noon, map[string]int64{"p": 1})
	},
	"policy runs": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.PolicyRuns(ctx, "p"); return err },
	"create export": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.CreateExport(ctx, ledger.Export{ID: rand.Text(), Created: noon}, ledger.Token{Hash: hash(rand.Text())}, ledger.AuditEntry{})
		return err
	},
	"export": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Export(ctx, "running"); return err },
	"exports": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.Exports(ctx, ledger.ExportQuery{})
		return err
	},
	"claim export": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.ClaimExport(ctx, "running", noon.Add(time.Hour), 0)
		return err
	},
	"renew export": func(ctx context.Context, l *ledger.Ledger) error {
		e, err := l.Export(ctx, "running")
		return cmp.Or(err, l.RenewExport(ctx, e))
	},
	"finish export": func(ctx context.Context, l *ledger.Ledger) error {
		return l.FinishExport(ctx, ledger.Export{ID: "finished", Attempt: 1, State: ledger.ExportFailed})
	},
	"cancel export": func(ctx context.Context, l *ledger.Ledger) error {
		return l.CancelExport(ctx, "cancelled", ledger.AuditEntry{})
	},
	"start sweep": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.StartSweep(ctx, time.Time{})
		return err
	},
	"end sweep": func(ctx context.Context, l *ledger.Ledger) error { return l.EndSweep(ctx, "no such") },
	"add token": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.AddToken(ctx, ledger.Token{Export: "running", Hash: hash(rand.Text())})
		return err
	},
	"token by hash": func(ctx context.Context, l *ledger.Ledger) error {
		_, _, err := l.TokenByHash(ctx, hash("token of running"))
		return err
	},
	"tokens": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.Tokens(ctx, ledger.ExportQuery{})
		return err
	},
	"revoke token": func(ctx context.Context, l *ledger.Ledger) error {
		return l.RevokeToken(ctx, 1, noon, ledger.AuditEntry{})
	},
	"create key": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.CreateKey(ctx, ledger.APIKey{Hash: hash(rand.Text())}, ledger.AuditEntry{})
		return err
	},
	"key by hash": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.KeyByHash(ctx, hash("key")); return err },
	"keys":        func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Keys(ctx); return err },
	"revoke key": func(ctx context.Context, l *ledger.Ledger) error {
		return l.RevokeKey(ctx, 1, noon, ledger.AuditEntry{})
	},
	"key used": func(ctx context.Context, l *ledger.Ledger) error { return l.KeyUsed(ctx, 1, noon) },
	"audit":    func(ctx context.Context, l *ledger.Ledger) error { return l.Audit(ctx, ledger.AuditEntry{}) },
	"audit log": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.AuditLog(ctx, ledger.AuditQuery{})
		return err
	},
	"acquire lease": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.AcquireLease(ctx, ledger.Lease{Task: rand.Text(), Holder: "h", Since: noon, Until: noon.Add(time.Minute)})
		return err
	},
	"renew lease": func(ctx context.Context, l *ledger.Ledger) error {
		return l.RenewLease(ctx, ledger.Lease{Task: "t", Fence: 1, Until: noon})
	},
	"release lease": func(ctx context.Context, l *ledger.Ledger) error {
		return l.ReleaseLease(ctx, ledger.Lease{Task: "released", Fence: 1})
	},
	"lease":  func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Lease(ctx, "t"); return err },
	"leases": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Leases(ctx); return err },
	"last planned": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.LastPlanned(ctx, "t", noon)
		return err
	},
	"start task run": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.StartTaskRun(ctx, ledger.Run{Task: "t", Fence: 1, Started: noon})
		return err
	},
	"secret": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Secret(ctx, "s"); return err },
}

// prepareCalls makes what the calls are about.
func prepareCalls(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	if _, err := l.StartRun(t.Context(), "archive", noon); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"running", "finished", "cancelled"} {
		create(t, l, id)
	}
	for _, id := range []string{"running", "finished"} {
		claim(t, l, id, noon, time.Minute)
	}
	for _, task := range []string{"t", "released"} {
		acquire(t, l, task, noon, time.Minute)
	}
	if _, err := l.CreateKey(t.Context(), ledger.APIKey{Hash: hash("key")}, ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
}

func TestFaultsReachEveryCall(t *testing.T) {
	type point struct {
		op    string
		phase ledger.Phase
	}
	broken := errors.New("broken on purpose")
	var fail point
	l := openWith(t, ledger.Config{Path: newPath(t), Fault: func(op string, phase ledger.Phase) error {
		if fail == (point{op, phase}) {
			return broken
		}
		return nil
	}})
	prepareCalls(t, l)
	recorded := func() int {
		fail = point{}
		return len(all(t, l.Documents(t.Context(), ledger.Query{})))
	}
	for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
		for op, call := range calls {
			fail = point{op, phase}
			if err := call(t.Context(), l); !errors.Is(err, broken) {
				t.Errorf("%s with a fault in phase %d = %v, want %v", op, phase, err, broken)
			}
		}
		if got := recorded(); got != int(phase) {
			t.Errorf("a commit that failed in phase %d recorded %d documents", phase, got)
		}
	}
	for op, call := range calls {
		fail = point{}
		if err := call(t.Context(), l); err != nil {
			t.Errorf("%s without a fault: %v", op, err)
		}
	}
}

func TestTwoHandlesWriteAtOnce(t *testing.T) {
	path := newPath(t)
	var wg sync.WaitGroup
	for range 2 {
		l := open(t, path)
		for range 2 {
			wg.Go(func() {
				for n := range 20 { // the same batches by everybody
					if err := l.Commit(t.Context(), crashBatch(n+1)); err != nil {
						t.Errorf("Commit: %v", err)
					}
					if _, err := l.Find(t.Context(), []ledger.Ref{{User: "u0", Job: "1-0"}}); err != nil {
						t.Errorf("Find: %v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	checkBatches(t, open(t, path), 20)
}
