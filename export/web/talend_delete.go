package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

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
	switch gone, erased := s.config.Eraser.Erase(r.Context(), job, who); {
	case erased == nil:
		return writeJSON(w, http.StatusOK, struct{}{})
	case errors.Is(erased, fs.ErrNotExist):
		return fmt.Errorf("execution %s: %w", job.ID, export.ErrNotFound)
	default:
		return s.talendHalfDeleted(r, who, gone, erased)
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
func (s *Server) talendHalfDeleted(r *http.Request, who ledger.AuditEntry, gone int, erased error) error {
	p := &problem{status: http.StatusInternalServerError}
	const some = "not all of the execution's logs were deleted: "
	var kept *KeptError
	switch {
	case errors.As(erased, &kept):
		p.status, p.message = http.StatusConflict, some+kept.answer(gone)
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

// KeptError is what an Eraser returns where everything is deleted that may be, and
// some is kept.
type KeptError struct {
	Held     int64     // versions that are on hold; they are deleted once that is released
	Retained int       // objects that the store does not let go
	Until    time.Time // when the first of those may be tried again; zero: not known
	Err      error     // who keeps what, for operators
}

// Error is what operators are told.
func (e *KeptError) Error() string { return e.Err.Error() }

// Unwrap returns what it was made of.
func (e *KeptError) Unwrap() error { return e.Err }

// answer says what was deleted, what is kept and what becomes of it.
func (e *KeptError) answer(gone int) string {
	parts := []string{"versions deleted: " + strconv.Itoa(gone)}
	if e.Held > 0 {
		parts = append(parts, fmt.Sprintf("versions on hold: %d, to be deleted once the hold is released, without being asked for again", e.Held))
	}
	if e.Retained > 0 {
		when := "when its locks have ended"
		if !e.Until.IsZero() {
			when = "from " + e.Until.UTC().Format(time.RFC3339) + " on"
		}
		parts = append(parts, fmt.Sprintf("objects that the bucket does not let go: %d, to be deleted %s", e.Retained, when))
	}
	return strings.Join(parts, "; ")
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
