package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"logstow/export/web"
)

// weary is a listener that has no more descriptors the first time.
type weary struct {
	net.Listener
	tired chan struct{} // one element until then
}

type tooMany struct{ error }

func (tooMany) Temporary() bool { return true }
func (tooMany) Timeout() bool   { return false }

func (l weary) Accept() (net.Conn, error) {
	select {
	case <-l.tired:
		return nil, tooMany{errors.New("too many open files")}
	default:
		return l.Listener.Accept()
	}
}

type logKey struct{}

// heard passes on what the log's contexts say.
type heard struct {
	slog.Handler
	of chan any
}

func (h heard) Enabled(context.Context, slog.Level) bool { return true }

func (h heard) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "told by the HTTP server" {
		h.of <- ctx.Value(logKey{})
	}
	return nil
}

// What the HTTP server of the standard library says is logged with the context
// of Serve, as everything else is.
func TestServerLogsWithItsContext(t *testing.T) {
	h := heard{of: make(chan any, 10)}
	var server *web.Server
	newWorld(t).serve(t, func(c *web.Config, s *web.Server) { c.Log, server = slog.New(h), s })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	tired := make(chan struct{}, 1)
	tired <- struct{}{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), logKey{}, "mine"))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, weary{listener, tired}, time.Minute) }()
	if of := <-h.of; of != "mine" {
		t.Errorf("it is logged with the context of %v, want mine", of)
	}
	cancel()
	fatal(t, <-ended)
}
