// Package web is the HTTP API: logstow's own routes, and the log routes of
// Talend, Apify and VirtuousAI, each in the words, status codes, error bodies
// and headers of its platform.
package web

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"logstow/archive/ledger"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/token"
)

// Config says what a Server serves. Exporter, Ledger, Tokens, Objects, Eraser
// and Wake are required; Keys is unless NoAuth.
type Config struct {
	Exporter *export.Exporter
	Ledger   index
	Tokens   *token.Tokens
	Objects  objects
	Eraser   eraser
	Wake     func() // tells the queue that there is a new export

	Keys   *access.Keys
	NoAuth bool // everybody on this machine may do everything

	Metrics http.Handler                    // of /metrics; nil: there is none
	Observe func(Observation)               // told of every request that was answered; may be nil
	Ready   func(ctx context.Context) error // of /readyz; nil: always
	Log     *slog.Logger                    // nil: nothing is logged

	RatePerMinute int   // requests of one key; 0: 600, as Talend's; negative: no limit
	TalendLimit   int64 // entries in a file of the Talend API, above which it answers 206; 0: no limit
}

// Observation is one request and how it was answered.
type Observation struct {
	Route  string // its pattern, never the path itself; empty where there is none
	Status int
	Took   time.Duration
	Bytes  int64 // of the body that was sent
}

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	config   Config
	mux      *http.ServeMux
	owners   map[string]family // by the first segment of a path
	perKey   *limits
	failures *limits
	turns    turns
	refused  refusals
	ready    readiness
	cursors  cursorSeal
	patience patience

	answering sync.WaitGroup // requests
}

// index is the part of the ledger that is served.
type index interface {
	Documents(ctx context.Context, q ledger.Query) iter.Seq2[ledger.Document, error]
	Export(ctx context.Context, id string) (ledger.Export, error)
	Exports(ctx context.Context, q ledger.ExportQuery) ([]ledger.Export, error)
	CancelExport(ctx context.Context, id string, a ledger.AuditEntry) error
	Audit(ctx context.Context, entries ...ledger.AuditEntry) error
	Secret(ctx context.Context, name string) ([]byte, error)
}

// eraser deletes a job and every version of it, and sees to it that it is
// refused when it comes again.
type eraser interface {
	// Erase returns how many versions are gone. fs.ErrNotExist: there is no
	// such job. After any other error some may be gone and some not, and the
	// error says which, to operators; it is fs.ErrPermission where the store
	// doesn't let go of them.
	//
	// A job without Versions is one that is listed no more: what an earlier
	// call left of it is deleted, and it is no error where that is nothing. Its
	// User is empty where the caller may see everybody's and named nobody.
	Erase(ctx context.Context, job export.Job, who ledger.AuditEntry) (int, error)
}

// handler answers one request of a caller who may make it. The request's body
// is there as a whole. An error that it returns before it has written anything
// is answered in its family's form, without the headers that it had set; after
// that the connection is cut, so that nobody takes a part for the whole.
type handler func(w http.ResponseWriter, r *http.Request, c access.Caller) error

// route is one method of one path, in http.ServeMux's pattern syntax. A GET
// route answers HEAD too.
type route struct {
	method, path string
	may          access.Permission // or public
	do           handler
	stream       bool // the answer may take any time, while it moves
}

// public is what a route may that needs no key.
const public access.Permission = "public"

// family is the routes that share a form of errors. It answers for every path
// that begins with the first segment of one of its routes.
type family struct {
	name   string
	routes []route
	// refuse answers with a problem. Retry-After, Allow and WWW-Authenticate
	// are set already where they belong.
	refuse func(w http.ResponseWriter, r *http.Request, p *problem)
}

// problem is why a request isn't answered as it was meant.
type problem struct {
	status     int           // HTTP's
	message    string        // for whoever asked: what, where, and what to do
	retryAfter time.Duration // with 429 and 503
	allow      []string      // with 405: the methods there are
}

// Error makes a problem an error that a handler may return.
func (p *problem) Error() string { return p.message }

// defaultRate is how many requests a minute a key has, as Talend's API grants.
const defaultRate = 600

// maxFailures is how many failed authentications a minute an address has.
const maxFailures = 60

// New returns a Server, or an error that says what is missing.
func New(c Config) (*Server, error) {
	switch {
	case c.Exporter == nil, c.Ledger == nil, c.Tokens == nil, c.Objects == nil, c.Eraser == nil, c.Wake == nil:
		return nil, errors.New("web: Exporter, Ledger, Tokens, Objects, Eraser and Wake are required")
	case c.Keys == nil && !c.NoAuth:
		return nil, errors.New("web: Keys is required, unless NoAuth")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.RatePerMinute == 0 {
		c.RatePerMinute = defaultRate
	}
	s := &Server{config: c, perKey: newLimits(c.RatePerMinute), failures: newLimits(maxFailures), patience: usualPatience()}
	return s, s.register()
}

// Handler answers every request. What was refused is recorded by Serve.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// families lists all that is served.
func (s *Server) families() []family {
	return []family{s.talend(), s.apify(), s.virtuousAI(), s.own()}
}
