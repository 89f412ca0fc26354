package main

import (
	"context"
	"fmt"
	"time"

	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/probe"
	"logstow/archive/store/s3store"
	"logstow/cmd/internal/config"
)

// packedBy is how old a document may be, about, when its segment is written: a
// month and as long again. The store locks that from then on.
const packedBy = 62 * 24 * time.Hour

// checkRetention holds the policies against how long the store locks what is
// written to it. It isn't ok where there is nothing to be held against each other.
func checkRetention(ctx context.Context, c *config.Config, s store.Store) (check probe.Check, ok bool) {
	lock, mode := lockOf(ctx, c, s)
	if lock == 0 {
		return probe.Check{}, false
	}
	for _, p := range c.Retain.Policies {
		if p.ExpireAfter.IsZero() {
			continue
		}
		if found := compareWithLock(p, lock, mode); found.State != probe.OK {
			return found, true
		}
		ok = true
	}
	return probe.Check{Name: "retention policies", State: probe.OK, Detail: "what they let expire the store lets go by then"}, ok
}

// lockOf is for how long the store locks what is written to it; 0 where it doesn't,
// or doesn't tell, which the check of the lock itself says.
func lockOf(ctx context.Context, c *config.Config, s store.Store) (time.Duration, string) {
	locker, has := store.As[store.Locker](s)
	if !has {
		return 0, ""
	}
	if s3, err := s3store.ParseURL(c.Store); err == nil && s3.LockDays > 0 {
		return time.Duration(s3.LockDays) * 24 * time.Hour, s3.LockMode
	}
	lock, err := locker.Lock(ctx)
	if err != nil {
		return 0, ""
	}
	return lock.Default, lock.Mode
}

func compareWithLock(p retain.Policy, lock time.Duration, mode string) probe.Check {
	epoch := time.Unix(0, 0)
	expires, days := p.ExpireAfter.After(epoch).Sub(epoch), int(lock.Hours()/24)
	check := probe.Check{Name: "retention policies", State: probe.Warn}
	switch {
	case lock > expires:
		check.Detail = fmt.Sprintf("policy %s lets documents expire after %s, and the store locks them for %d days (%s)", p.Name, p.ExpireAfter, days, mode)
		check.Advice = "they stay until their lock is over: let one of both be longer or shorter"
	case lock+packedBy > expires:
		check.Detail = fmt.Sprintf("policy %s lets documents expire after %s, and the store locks them for %d days (%s) anew when their segment is written", p.Name, p.ExpireAfter, days, mode)
		check.Advice = "give the policy compact_after: never, or a shorter lock; what is locked stays until its lock is over"
	default:
		check.State = probe.OK
	}
	return check
}
