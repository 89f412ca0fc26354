package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/token"
)

// objects is the part of a store that files are served from.
type objects interface {
	Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error)
	Stat(ctx context.Context, key string) (store.Info, error)
}

// find returns the job whose id the path names ({id}), as the caller may see
// it. Where the caller may see several users, ?user= and ?recipe= tell which is
// meant. A job that the caller may not see is one that doesn't exist.
func (s *Server) find(r *http.Request, c access.Caller) (export.Job, error) {
	q := r.URL.Query()
	want := export.Wanted{ID: r.PathValue("id"), User: q.Get("user"), Recipe: q.Get("recipe")}
	if want.User != "" && !c.Sees(want.User) {
		return export.Job{}, export.ErrNotFound
	}
	if c.User != "" {
		want.User = c.User
	}
	return s.config.Exporter.Find(r.Context(), want)
}

// open opens the version of a job to read first.
func (s *Server) open(r *http.Request, c access.Caller) (*export.Record, error) {
	job, err := s.find(r, c)
	if err != nil {
		return nil, err
	}
	return s.config.Exporter.Open(r.Context(), job.Versions[0])
}

// busy is how long to wait before asking again what is out of reach.
const busy = 5 * time.Second

// problemOf turns any error of a handler into what is answered: a *problem as
// it is; export.ErrNotFound 404; export.ErrAmbiguous 400 with what to add;
// token errors by their kind; store.ErrUnavailable and ledger.ErrBusy 503 with
// Retry-After; export.ErrDamaged and all else 500, whose cause goes to the log
// alone, under the request's id.
func problemOf(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, export.ErrNotFound):
		return noJob()
	case errors.Is(err, export.ErrAmbiguous):
		return &problem{status: http.StatusBadRequest, message: err.Error() + "; " + whatToAdd(err)}
	case errors.Is(err, token.ErrUnknown):
		return &problem{status: http.StatusNotFound, message: "unknown token"}
	case errors.Is(err, token.ErrExpired):
		return &problem{status: http.StatusGone, message: "the token has expired"}
	case errors.Is(err, token.ErrRevoked):
		return &problem{status: http.StatusGone, message: "the token was revoked"}
	case errors.Is(err, token.ErrFailed):
		return &problem{status: http.StatusConflict, message: err.Error()}
	case errors.Is(err, token.ErrBadURL):
		return &problem{status: http.StatusForbidden, message: "not a valid download URL, or its time is over: resolve the token again"}
	case errors.Is(err, token.ErrNoURL):
		return &problem{status: http.StatusInternalServerError, message: "this server was not told where clients reach it: set serve.url"}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, ledger.ErrBusy):
		return &problem{status: http.StatusServiceUnavailable, retryAfter: busy, message: "the store or the ledger is out of reach at the moment; try again"}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{status: http.StatusServiceUnavailable, retryAfter: busy, message: "the answer took too long to make; ask for less, or try again"}
	default:
		return internal()
	}
}

// noJob is the answer for a job that doesn't exist, or not for who asks.
func noJob() *problem {
	return &problem{status: http.StatusNotFound, message: "no such job"}
}

// internal is the answer to what went wrong here.
func internal() *problem {
	return &problem{status: http.StatusInternalServerError, message: "something went wrong here; the server's log has the cause under this request's id"}
}

// whatToAdd says how to name one of the several that an id may mean.
func whatToAdd(err error) string {
	var several *export.AmbiguousError
	switch {
	case !errors.As(err, &several):
		return "say which"
	case several.Users != nil:
		return "add ?user= to say whose"
	case several.Recipes != nil:
		return "add ?recipe= to say of which recipe"
	default:
		return "give more of it"
	}
}
