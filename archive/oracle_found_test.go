package archive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// TestCappedInAnotherEnvelope has a run die before the document of a record
// that is too large, and the next one see the same record in another envelope.
func TestCappedInAnotherEnvelope(t *testing.T) {
	inner := `{"id":"big","recipe_id":1,"completed_at":"2026-11-01T00:00:00Z","context":{"user_id":"u"},"lines":["` + strings.Repeat("x", 3000) + `"]}`
	for _, overflow := range []archive.Overflow{archive.Keep, archive.Drop} {
		for fails := 1; fails <= 5; fails++ {
			dir := t.TempDir()
			write := func(name string, clock int) {
				oracleMust(t, os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "{\"log_message\":%s,\"now_utc_micro\":%d}\n", inner, clock), 0o600))
			}
			write("b.ndjson", 1)
			s := memstore.New()
			faulty := storetest.NewFaulty(s)
			faulty.Arm(storetest.Fault{Call: fails, When: storetest.Before, Err: store.ErrUnavailable, Sticky: true})
			c := archive.Config{
				Store: faulty, Ledger: newLedger(t), Inputs: []archive.Input{input(t, dir, jobfile.Config{})},
				MaxFileSize: 1000, Overflow: overflow, Concurrency: 1,
			}
			_, _ = archive.Run(t.Context(), c) // its end is not what this is about
			write("a.ndjson", 2)
			c.Store = s
			run(t, c)
			// A new ledger learns the same.
			c.Ledger = newLedger(t)
			if _, err := archive.Adopt(t.Context(), archive.AdoptConfig{Store: s, Ledger: c.Ledger, Reader: reader(t, jobfile.Config{})}); err != nil {
				t.Fatal(err)
			}
			if sum := run(t, c); sum.AlreadyArchived != 2 {
				t.Errorf("overflow %s, call %d failed: after adopt, a run over the same files says %+v, want 2 already archived", overflow, fails, sum)
			}
			for _, key := range keys(t, s) {
				if name, err := layout.Parse(key); err != nil || name.Kind == layout.RevisionKey {
					t.Errorf("overflow %s, call %d failed: there is a revision: %s (%v)", overflow, fails, key, err)
				}
			}
		}
	}
}

// oracleNoJobs takes no documents of jobs.
type oracleNoJobs struct{ store.Store }

func (s oracleNoJobs) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	if strings.Contains(key, "/jobs/") {
		return store.ErrUnavailable
	}
	return s.Store.Put(ctx, key, b, o)
}

// TestDroppedStaysOut drops a record from quarantine that its source's cursor
// has not passed yet.
func TestDroppedStaysOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.ndjson")
	oracleMust(t, os.WriteFile(path, []byte("{\"no\": \"identity\"}\n"+job("good", "")+"\n"), 0o600))
	s, l := memstore.New(), newLedger(t)
	c := archive.Config{Store: oracleNoJobs{s}, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}, Concurrency: 1}
	if _, err := archive.Run(t.Context(), c); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("Run with a store that takes no documents: %v, want %v", err, store.ErrUnavailable)
	}
	c.Store = s
	var ids []int64
	for _, q := range collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})) {
		ids = append(ids, q.ID)
	}
	if len(ids) != 1 {
		t.Fatalf("%d records in quarantine, want 1", len(ids))
	}
	oracleMust(t, archive.DropQuarantined(t.Context(), s, l, ids...))
	if sum := run(t, c); sum.Refused != 1 || sum.Quarantined != 0 || sum.Archived != 1 {
		t.Errorf("Run = %+v, want one archived and the dropped one refused", sum)
	}
	for _, key := range keys(t, s) {
		if strings.HasPrefix(key, "_logstow/quarantine/") {
			t.Errorf("%s is in the store again", key)
		}
	}
}
