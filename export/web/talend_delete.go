package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/export/access"
)

// talendDelete deletes a job and every version of it. Where that was done
// before it is well, too; where it was begun before it is finished.
func (s *Server) talendDelete(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	if id := r.PathValue("id"); !isUUID(id) {
		return badParameter("the execution's id %.50q is not a UUID: it takes 32 hex digits in groups of 8-4-4-4-12", id)
	}
	job, err := s.find(r, c)
	if errors.Is(err, export.ErrNotFound) {
		job, err = talendGone(r, c)
	}
	if err != nil {
		return err
	}
	who := talendAudit(r, c, "delete", job)
	switch _, erased := s.config.Eraser.Erase(r.Context(), job, who); {
	case erased == nil:
		return writeJSON(w, http.StatusOK, struct{}{})
	case errors.Is(erased, fs.ErrNotExist):
		return fmt.Errorf("execution %s: %w", job.ID, export.ErrNotFound)
	default:
		return s.talendHalfDeleted(r, who, erased)
	}
}

// talendGone is a job that is kept no more, as far as a caller can name it.
func talendGone(r *http.Request, c access.Caller) (export.Job, error) {
	query := r.URL.Query()
	job := export.Job{User: c.User, Recipe: query.Get("recipe"), ID: r.PathValue("id")}
	if asked := query.Get("user"); asked != "" {
		if !c.Sees(asked) {
			return export.Job{}, fmt.Errorf("execution %s: %w", job.ID, export.ErrNotFound)
		}
		job.User = asked
	}
	return job, nil
}

// talendHalfDeleted records a deletion that was not finished, with what is gone
// and what is not, and says how to go on. Where store and ledger are and what
// else they said is nothing for whoever asked.
func (s *Server) talendHalfDeleted(r *http.Request, who ledger.AuditEntry, erased error) error {
	p := &problem{status: http.StatusInternalServerError}
	const some = "not all of the execution's logs were deleted: "
	switch {
	case errors.Is(erased, store.ErrUnavailable), errors.Is(erased, ledger.ErrBusy):
		p.message = some + "the store or the ledger is out of reach at the moment; delete again to go on"
		p.retryAfter = busy
	case errors.Is(erased, fs.ErrPermission):
		p.message = some + "the store does not let go of some, which may be locked; its operator finds them in the audit log"
	default:
		p.message = some + "the audit log says why; delete again to go on"
	}
	s.config.Log.ErrorContext(r.Context(), "deletion not finished", "request", requestID(r), "err", erased)
	who.Outcome, who.Detail = "failed", erased.Error()
	if err := s.config.Ledger.Audit(context.WithoutCancel(r.Context()), who); err != nil {
		s.config.Log.ErrorContext(r.Context(), "failed deletion not recorded", "request", requestID(r), "err", err)
	}
	return p
}

// isUUID tells whether id has the form of a UUID, of any version.
func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(id) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)):
			return false
		}
	}
	return true
}
