package main

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"logstow/archive/ledger"
	"logstow/cmd/internal/term"
)

// tally counts what a server did. It is safe for concurrent use.
type tally struct {
	began    time.Time
	requests atomic.Int64

	mu   sync.Mutex // guards runs
	runs map[string]int64
}

func newTally() *tally { return &tally{began: time.Now(), runs: map[string]int64{}} }

func (t *tally) ran(r ledger.Run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runs[r.Outcome]++
}

// serveSummary is what a server did. Its JSON form is kept with its run.
type serveSummary struct {
	Requests        int64            `json:"requests"`
	Runs            map[string]int64 `json:"runs"` // by outcome
	DurationSeconds float64          `json:"duration_seconds"`
}

func (t *tally) summary() serveSummary {
	t.mu.Lock()
	defer t.mu.Unlock()
	return serveSummary{Requests: t.requests.Load(), Runs: maps.Clone(t.runs), DurationSeconds: time.Since(t.began).Seconds()}
}

// String says it in one line: "served for 3h2m0s: 4 requests, 12 runs, 11 ok, 1
// failed".
func (s serveSummary) String() string {
	var did, outcomes []string
	total := int64(0)
	for _, outcome := range []string{"ok", "partial", "failed", "interrupted"} {
		if n := s.Runs[outcome]; n > 0 {
			outcomes = append(outcomes, term.Count(n)+" "+outcome)
			total += n
		}
	}
	if s.Requests > 0 {
		did = append(did, counted(s.Requests, "request"))
	}
	if total > 0 {
		did = append(append(did, counted(total, "run")), outcomes...)
	}
	took := time.Duration(s.DurationSeconds * float64(time.Second)).Round(time.Second)
	line := "served for " + took.String()
	if len(did) > 0 {
		line += ": " + strings.Join(did, ", ")
	}
	return line
}
