package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"logstow/archive/ledger"
	"logstow/export/access"
)

// auditEntry is what the ledger records of something that a caller does.
func auditEntry(r *http.Request, c access.Caller, action string) ledger.AuditEntry {
	return ledger.AuditEntry{At: time.Now().UTC(), Key: c.Key, Remote: remote(r), Action: action, Outcome: "ok"}
}

// refusal is a kind of refusals that are counted together.
type refusal struct {
	remote string
	key    int64
	status int
}

// maxRefusals is how many kinds are told apart between two records. All others
// of a key, or of nobody's, are counted as one: who has many addresses can
// neither fill the ledger nor hide what was refused to a key.
const maxRefusals = 100

// refusals counts what was refused, so that a flood of it makes few records
// and no request waits for one.
type refusals struct {
	mu     sync.Mutex
	counts map[refusal]int    // guarded by mu
	routes map[refusal]string // the first of each; guarded by mu
}

func (f *refusals) add(what refusal, route string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts, f.routes = map[refusal]int{}, map[refusal]string{}
	}
	if _, ok := f.counts[what]; !ok && len(f.counts) >= maxRefusals {
		what, route = refusal{remote: "others", key: what.key, status: what.status}, ""
	}
	if f.counts[what]++; f.counts[what] == 1 {
		f.routes[what] = route
	}
}

// take returns what was counted since it was last called.
func (f *refusals) take(now time.Time) []ledger.AuditEntry {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []ledger.AuditEntry
	for _, what := range slices.SortedFunc(maps.Keys(f.counts), refusal.compare) {
		entries = append(entries, ledger.AuditEntry{
			At: now.UTC(), Key: what.key, Remote: what.remote, Action: "refused",
			Outcome: strconv.Itoa(what.status) + " " + http.StatusText(what.status),
			Detail:  fmt.Sprintf("%d requests, the first %s", f.counts[what], cmp.Or(f.routes[what], "of many senders")),
		})
	}
	f.counts, f.routes = nil, nil
	return entries
}

func (f refusal) compare(other refusal) int {
	return cmp.Or(cmp.Compare(f.remote, other.remote), cmp.Compare(f.key, other.key), cmp.Compare(f.status, other.status))
}

// recordRefusals writes down what was refused since it was last called.
func (s *Server) recordRefusals(ctx context.Context) {
	entries := s.refused.take(time.Now())
	if len(entries) == 0 {
		return
	}
	if err := s.config.Ledger.Audit(ctx, entries...); err != nil {
		s.config.Log.ErrorContext(ctx, "refusals not recorded", "err", err)
	}
}
