package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
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
	} {
		w.eraser.erase = func(export.Job) error { return fmt.Errorf("erase: %w", erased) }
		got := refused(t, w.ask(t, w.all, http.MethodDelete, logs(execution)), http.StatusInternalServerError)
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
