package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits on connections. Answers have none of their own: they must move.
const (
	headerTime  = 10 * time.Second // to send a request's header
	requestTime = 30 * time.Second // to send all of it
	idleTime    = 2 * time.Minute  // between two requests
	maxHeader   = 32 << 10         // bytes
)

// recordEvery is how often refusals are written down.
const recordEvery = 10 * time.Second

// Serve answers requests that come in on l until ctx ends. Then it takes no
// more, and lets those under way finish for as long as grace; what is not done
// by then is cut off.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	err := s.record(ctx, ended)

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(closing) != nil {
		err = errors.Join(err, server.Close())
	}
	if err == nil {
		err = <-ended
	}
	s.recordRefusals(context.WithoutCancel(ctx))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// record writes refusals down now and then, until ctx ends or serving does.
func (s *Server) record(ctx context.Context, ended <-chan error) error {
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-tick.C:
			s.recordRefusals(ctx)
		}
	}
}
