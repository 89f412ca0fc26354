package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"logstow/export/access"
)

// health says that the process answers.
func (s *Server) health(w http.ResponseWriter, _ *http.Request, _ access.Caller) error {
	return writeJSON(w, http.StatusOK, statusJSON{Status: "ok"})
}

type statusJSON struct {
	Status string `json:"status"`
}

// readyFor is how long an answer of /readyz stands.
const readyFor = 3 * time.Second

// readyTime is how long store and ledger have to answer.
const readyTime = 10 * time.Second

// readiness remembers for a moment whether store and ledger answered, so that
// whoever asks without a key can't keep them busy.
type readiness struct {
	mu  sync.Mutex
	at  time.Time // guarded by mu, as is err
	err error
}

// isReady says whether store and ledger can be reached, and why not in the log
// alone.
func (s *Server) isReady(w http.ResponseWriter, r *http.Request, _ access.Caller) error {
	if err := s.checkReady(r.Context()); err != nil {
		return &problem{
			status: http.StatusServiceUnavailable, retryAfter: readyFor,
			message: "the store or the ledger can't be reached; the server's log says why",
		}
	}
	return writeJSON(w, http.StatusOK, statusJSON{Status: "ready"})
}

func (s *Server) checkReady(ctx context.Context) error {
	if s.config.Ready == nil {
		return nil
	}
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	if !s.ready.at.IsZero() && time.Since(s.ready.at) < readyFor {
		return s.ready.err
	}
	// Whoever asked may leave; the answer is for the others too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
	defer cancel()
	s.ready.err = s.config.Ready(ctx)
	s.ready.at = time.Now()
	if s.ready.err != nil {
		s.config.Log.WarnContext(ctx, "not ready", "err", s.ready.err)
	}
	return s.ready.err
}

// metrics serves the numbers of the whole installation, which no key of one
// user may see.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	if c.User != "" {
		return lacking(access.Admin)
	}
	s.config.Metrics.ServeHTTP(w, r)
	return nil
}
