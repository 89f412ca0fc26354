package web

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"logstow/export/access"
)

// answerTime is how long an answer that is no stream may take to be made.
const answerTime = time.Minute

// serve answers one request, whatever happens.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.answering.Add(1)
	defer s.answering.Done()
	started := time.Now()
	x, r := begin(w, r, s.patience.write)
	x.reset()
	defer func() { s.observe(x, r, time.Since(started)) }()
	defer func() {
		if v := recover(); v != nil {
			s.recovered(x, r, v)
		}
	}()
	s.dispatch(x, r)
}

// recovered answers what panicked, or cuts the connection.
func (s *Server) recovered(x *exchange, r *http.Request, v any) {
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		s.config.Log.ErrorContext(r.Context(), "request panicked",
			"request", x.id, "route", x.route, "panic", v, "stack", string(debug.Stack()))
		if !x.wrote() {
			s.refuse(s.owner(r.URL.EscapedPath()), x, r, internal())
			return
		}
	}
	panic(http.ErrAbortHandler)
}

func (s *Server) observe(x *exchange, r *http.Request, took time.Duration) {
	s.config.Log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("request", x.id), slog.String("method", r.Method), slog.String("route", x.route),
		slog.Int("status", x.status), slog.Int64("key_id", x.caller.Key), slog.String("remote", remote(r)),
		slog.Int64("bytes", x.bytes), slog.Duration("took", took))
	if s.config.Observe != nil {
		s.config.Observe(Observation{Route: x.route, Status: x.status, Took: took, Bytes: x.bytes})
	}
}

// endpoint is a route with everything that stands before it.
func (s *Server) endpoint(f family, rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x, ok := w.(*exchange)
		if !ok {
			panic("web: a route is only reached through serve")
		}
		x.route = rt.method + " " + rt.path
		if !rt.stream {
			ctx, cancel := context.WithTimeout(r.Context(), answerTime)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if err := s.answer(x, r, rt); err != nil {
			s.fail(f, x, r, err)
		}
	}
}

// fail answers a request whose handler returned an error, or cuts it off.
func (s *Server) fail(f family, x *exchange, r *http.Request, err error) {
	var p *problem
	switch {
	case x.head && x.wrote(): // it was told to stop
		return
	case x.wrote():
		s.config.Log.WarnContext(r.Context(), "answer broken off", "request", x.id, "route", x.route, "err", err)
		panic(http.ErrAbortHandler)
	case !errors.As(err, &p) && errors.Is(r.Context().Err(), context.Canceled):
		panic(http.ErrAbortHandler) // nobody listens any more
	}
	p = problemOf(err)
	if p.status >= http.StatusInternalServerError {
		s.config.Log.ErrorContext(r.Context(), "request failed", "request", x.id, "route", x.route, "err", err)
	}
	s.refuse(f, x, r, p)
}

// answer lets a request through to its handler, if it may.
func (s *Server) answer(x *exchange, r *http.Request, rt route) error {
	if rt.may != public {
		c, err := s.authenticate(r)
		if err != nil {
			return err
		}
		x.caller, x.known = c, true
		if err := s.admit(r, c); err != nil {
			return err
		}
		if !c.Can(rt.may) {
			return lacking(rt.may)
		}
	}
	if err := readBody(x, r); err != nil {
		return err
	}
	if rt.may != public {
		done, err := s.turns.take(r.Context(), s.sender(r, x.caller), s.patience.turn)
		if err != nil {
			return err
		}
		defer done()
	}
	return rt.do(x, r, x.caller)
}

// lacking says that a key may not do something.
func lacking(p access.Permission) *problem {
	return &problem{status: http.StatusForbidden, message: "this key lacks the permission " + string(p)}
}

// refuse answers with a problem, in a family's form.
func (s *Server) refuse(f family, w http.ResponseWriter, r *http.Request, p *problem) {
	x, ok := w.(*exchange)
	if !ok {
		panic("web: what is refused came through serve")
	}
	x.reset()
	h := x.Header()
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatFloat(math.Ceil(p.retryAfter.Seconds()), 'f', 0, 64))
	}
	if len(p.allow) > 0 {
		h.Set("Allow", strings.Join(p.allow, ", "))
	}
	switch p.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="logstow"`)
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		h.Set("Connection", "close") // what is still to come is not read
	}
	switch p.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		s.refused.add(refusal{remote: remote(r), key: x.caller.Key, status: p.status}, x.route)
	}
	f.refuse(x, r, p)
}

// errIsTimeout tells whether a client took too long.
func errIsTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
