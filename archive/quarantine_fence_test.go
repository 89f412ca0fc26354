package archive_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout/jobfile"
)

// losing is a store that calls lose after each deletion.
type losing struct {
	store.Store
	lose func()
}

func (s losing) Delete(ctx context.Context, keys ...string) error {
	defer s.lose()
	return s.Store.Delete(ctx, keys...)
}

// Whoever drops records under a lease that is taken over in the middle removes
// nothing more; whoever took it over does.
func TestDropUnderALostLease(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	path := file(t, `{"nothing":1}`+"\n")
	run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
	quarantined := len(keys(t, s))
	lease := func(now time.Time) context.Context {
		got, err := l.AcquireLease(t.Context(), ledger.Lease{Task: "drop", Holder: "h", Since: now, Until: now.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		return ledger.WithFence(t.Context(), got)
	}
	now := time.Now()
	paused := lease(now)
	var taken context.Context
	err := archive.DropQuarantined(paused, losing{s, func() { taken = lease(now.Add(time.Hour)) }}, l, 1)
	if left := len(keys(t, s)); !errors.Is(err, ledger.ErrFenced) || left != quarantined-1 {
		t.Errorf("DropQuarantined = %v, with %d of %d objects left, want ErrFenced after the first", err, left, quarantined)
	}
	if err := archive.DropQuarantined(taken, s, l, 1); err != nil || len(keys(t, s)) > 0 {
		t.Errorf("DropQuarantined by who took the lease over = %v, with %d objects left", err, len(keys(t, s)))
	}
}
