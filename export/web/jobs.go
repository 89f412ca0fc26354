package web

import (
	"encoding/json"
	"net/http"
	"time"

	"logstow/archive/ledger"
	"logstow/export"
	"logstow/export/access"
	"logstow/layout/jobfile"
)

// The sizes of a page of a listing.
const (
	defaultPage = 50
	maxPage     = 1000
)

// jobsJSON is a page of jobs. It only grows.
type jobsJSON struct {
	Jobs       []export.Listed `json:"jobs"`
	NextCursor string          `json:"next_cursor,omitempty"` // where there is more
}

// listJobs lists versions of jobs and events, newest first. A page begins
// where the one before ended, whatever has arrived since.
func (s *Server) listJobs(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	p := readParams(r, "user", "recipe", "status", "kind", "from", "to", "limit", "cursor")
	q := jobsQuery(p)
	cursor := p.text("cursor")
	if err := p.problem(); err != nil {
		return err
	}
	page := jobsJSON{Jobs: []export.Listed{}}
	if q.User != "" && !c.Sees(q.User) {
		return writeJSON(w, http.StatusOK, page)
	}
	if c.User != "" {
		q.User = c.User
	}
	filters, err := filtersOf(q)
	if err != nil {
		return err
	}
	if cursor != "" {
		if q.After, err = s.unseal(r.Context(), cursor, filters); err != nil {
			return err
		}
	}
	limit := q.Limit
	q.Limit++ // tells whether there is more
	var last ledger.Position
	for d, err := range s.config.Ledger.Documents(r.Context(), q) {
		if err != nil {
			return err
		}
		if len(page.Jobs) == limit {
			if page.NextCursor, err = s.seal(r.Context(), last, filters); err != nil {
				return err
			}
			break
		}
		page.Jobs = append(page.Jobs, shownTo(c, d))
		last = ledger.Position{Time: d.Time, ID: d.ID}
	}
	return writeJSON(w, http.StatusOK, page)
}

// shownTo is a version as a caller sees it. Where its record was read from tells
// of this machine, and may tell of other users.
func shownTo(c access.Caller, d ledger.Document) export.Listed {
	l := export.List(d)
	if c.User != "" {
		l.Source = ""
	}
	return l
}

// jobsQuery is what a query of the listing selects.
func jobsQuery(p *params) ledger.Query {
	q := ledger.Query{
		User: p.text("user"), Recipe: p.text("recipe"),
		Statuses: p.list("status"), Kinds: p.list("kind"),
		From: p.time("from", 0), To: p.time("to", 24*time.Hour),
		Limit: p.number("limit", 1, maxPage, defaultPage),
	}
	for _, k := range q.Kinds {
		if _, err := jobfile.ParseKind(k); err != nil {
			p.fail("kind: " + err.Error())
		}
	}
	if len(q.Statuses) > maxList {
		p.fail("status: too many")
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		p.fail("from is not before to")
	}
	return q
}

// maxList is how many values a parameter may have.
const maxList = 100

// filtersOf is what a cursor of a query is bound to: all that selects, and not
// how much of it.
func filtersOf(q ledger.Query) ([]byte, error) {
	return json.Marshal([]any{q.User, q.Recipe, q.Statuses, q.Kinds, q.From.UnixMicro(), q.To.UnixMicro()})
}

// jobJSON is one job and all that is kept of it. It only grows.
type jobJSON struct {
	Kind     string          `json:"kind"`
	User     string          `json:"user_id"`
	Recipe   string          `json:"recipe_id"` // of an event: its type
	Job      string          `json:"job_id"`    // of an event: its id
	Versions []export.Listed `json:"versions"`  // the one to read first is first
}

// jobParams reads the query of a route about one job: what find takes, and
// more.
func jobParams(r *http.Request, more ...string) *params {
	p := readParams(r, append([]string{"user", "recipe"}, more...)...)
	p.text("user")
	p.text("recipe")
	return p
}

func (s *Server) showJob(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	if err := jobParams(r).problem(); err != nil {
		return err
	}
	job, err := s.find(r, c)
	if err != nil {
		return err
	}
	answer := jobJSON{Kind: string(job.Kind), User: job.User, Recipe: job.Recipe, Job: job.ID}
	for _, v := range job.Versions {
		answer.Versions = append(answer.Versions, shownTo(c, v))
	}
	return writeJSON(w, http.StatusOK, answer)
}
