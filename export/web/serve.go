package web

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"
)

// patience is how long the server waits for a client. Answers have no limit of
// their own: they must move.
type patience struct {
	header  time.Duration // for a request's header
	request time.Duration // for all of it
	idle    time.Duration // between two requests
	write   time.Duration // until a piece of an answer is accepted
	turn    time.Duration // until another of the same sender's requests is answered
}

func usualPatience() patience {
	return patience{header: 10 * time.Second, request: 30 * time.Second, idle: 2 * time.Minute, write: 30 * time.Second, turn: 10 * time.Second}
}

// maxHeader is the largest header of a request, in bytes.
const maxHeader = 32 << 10

// recordEvery is how often refusals are written down.
const recordEvery = 10 * time.Second

// lines takes each line that is written.
type lines func(line string)

// Write implements io.Writer.
func (l lines) Write(b []byte) (int, error) {
	l(string(bytes.TrimSuffix(b, []byte("\n"))))
	return len(b), nil
}

// Serve answers requests that come in on l until ctx ends. Then it takes no
// more, and lets those under way finish for as long as grace; what is not done
// by then is cut off. When Serve returns no request is being answered.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	answering, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.patience.header,
		ReadTimeout:       s.patience.request,
		IdleTimeout:       s.patience.idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog: log.New(lines(func(line string) {
			s.config.Log.DebugContext(ctx, "told by the HTTP server", "err", line)
		}), "", 0),
		BaseContext: func(net.Listener) context.Context { return answering },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	err := s.record(ctx, ended)

	closing, cancel := context.WithTimeout(answering, grace)
	defer cancel()
	if server.Shutdown(closing) != nil {
		err = errors.Join(err, server.Close()) // before: none is to look finished
		cut()
	}
	if err == nil {
		err = <-ended
	}
	s.answering.Wait()
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
