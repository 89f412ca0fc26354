package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/export/web"
)

// Why a deletion was not finished is for operators: what store and ledger said
// names places, roles and other keys' files.
func TestTalendDeleteTellsNothingOfTheStore(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	for _, erased := range []error{
		&store.RetainedError{Keys: []string{"_logstow/exports/secret"}, Err: errors.New("the role secret may not")},
		fmt.Errorf("GET https://secret: %w", store.ErrUnavailable),
		fmt.Errorf("ledger /secret.db: %w", ledger.ErrBusy),
		errors.New("unlink /secret: input/output error"),
		&web.KeptError{Held: 1, Retained: 2, Err: errors.New("hold secret keeps it")},
	} {
		w.eraser.erase = func(export.Job) error { return fmt.Errorf("erase: %w", erased) }
		status := http.StatusInternalServerError
		if _, kept := errors.AsType[*web.KeptError](erased); kept {
			status = http.StatusBadRequest // as all that Talend has no status for
		}
		got := refused(t, w.ask(t, w.all, http.MethodDelete, logs(execution)), status)
		if strings.Contains(got.Message, "secret") || !strings.Contains(got.Message, "not all") {
			t.Errorf("DELETE that ended in %v: %q", erased, got.Message)
		}
		entries, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{Limit: 1})
		fatal(t, err)
		if len(entries) != 1 || entries[0].Outcome != "failed" || !strings.Contains(entries[0].Detail, "secret") {
			t.Errorf("audit log: %+v, want what %v says", entries, erased)
		}
	}
}

// What is kept is told, how much of it and until when.
func TestTalendDeleteTellsWhatIsKept(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	for _, tc := range []struct {
		kept web.KeptError
		want string
	}{
		{web.KeptError{Held: 2}, "versions deleted: 0; versions on hold: 2, to be deleted once the hold is released, without being asked for again"},
		{web.KeptError{Retained: 3}, "versions deleted: 0; objects that the bucket does not let go: 3, to be deleted when its locks have ended"},
		{
			web.KeptError{Held: 1, Retained: 1, Until: time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)},
			"versions on hold: 1, to be deleted once the hold is released, without being asked for again; " +
				"objects that the bucket does not let go: 1, to be deleted from 2031-05-06T07:08:09Z on",
		},
	} {
		tc.kept.Err = errors.New("some are kept")
		w.eraser.erase = func(export.Job) error { return &tc.kept }
		got := refused(t, w.ask(t, w.all, http.MethodDelete, logs(execution)), http.StatusBadRequest)
		if !strings.HasSuffix(got.Message, tc.want) {
			t.Errorf("DELETE that kept %+v: %q, want %q", tc.kept, got.Message, tc.want)
		}
	}
}
