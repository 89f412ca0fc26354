package ledger_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// newExport is an export that nobody has worked on, created at noon.
func newExport(id string) (ledger.Export, ledger.Token) {
	e := ledger.Export{
		ID: id, User: "u", Job: "j", Request: []byte(`{"format":"text"}`), Filename: id + ".log", Created: noon,
	}
	return e, ledger.Token{Hash: hash("token of " + id), Created: noon, Expires: noon.Add(time.Hour)}
}

func create(t *testing.T, l *ledger.Ledger, id string) ledger.Token {
	t.Helper()
	e, token := newExport(id)
	token, err := l.CreateExport(t.Context(), e, token, ledger.AuditEntry{Action: "export", At: noon, Outcome: "ok"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func claim(t *testing.T, l *ledger.Ledger, id string, now time.Time, lease time.Duration) ledger.Export {
	t.Helper()
	e, err := l.ClaimExport(t.Context(), id, now, lease)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func export(t *testing.T, l *ledger.Ledger, id string) ledger.Export {
	t.Helper()
	e, err := l.Export(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// finish makes the export ready with a file.
func finish(t *testing.T, l *ledger.Ledger, e ledger.Export) {
	t.Helper()
	e.State, e.Object, e.Size, e.SHA256 = ledger.ExportReady, "object of "+e.ID, 17, hash(e.ID)
	if err := l.FinishExport(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func TestExportsComeBackAsTheyWent(t *testing.T) {
	l := open(t, newPath(t))
	e, token := newExport("e")
	e.State, e.Attempt, e.Lines, e.Error, e.Object = ledger.ExportReady, 9, 9, "x", "x" // not for the caller to say
	token, err := l.CreateExport(t.Context(), e, token, ledger.AuditEntry{Action: "export", At: noon})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := newExport("e")
	want.State, want.Total, want.Updated, want.Expires = ledger.ExportCreated, -1, noon, noon.Add(time.Hour)
	equal(t, "a new export", export(t, l, "e"), want)

	later := noon.Add(time.Second)
	want.State, want.Attempt, want.Updated, want.LeaseUntil = ledger.ExportRunning, 1, later, later.Add(time.Minute)
	equal(t, "ClaimExport", claim(t, l, "", later, time.Minute), want)

	want.Jobs, want.Total, want.Lines, want.Bytes, want.LeaseUntil = 1, 2, 3, 4, later.Add(2*time.Minute)
	if err := l.RenewExport(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	equal(t, "a renewed export", export(t, l, "e"), want)

	want.Updated = later.Add(3 * time.Second)
	finish(t, l, want)
	want.State, want.Object, want.Size, want.SHA256, want.LeaseUntil = ledger.ExportReady, "object of e", 17, hash("e"), time.Time{}
	gotToken, got, err := l.TokenByHash(t.Context(), token.Hash)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the export by its token", got, want)
	token.ID, token.Export = 1, "e"
	equal(t, "its token", gotToken, token)
	equal(t, "Tokens", tokens(t, l, ledger.ExportQuery{}), []ledger.Token{token})
	if _, _, err := l.TokenByHash(t.Context(), hash("another")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("TokenByHash of another = %v, want fs.ErrNotExist", err)
	}
	finish(t, l, want) // as one whose answer was lost does again
	want.Object = "another"
	if err := l.FinishExport(t.Context(), want); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("FinishExport with another file = %v, want ErrFenced", err)
	}
}

func tokens(t *testing.T, l *ledger.Ledger, q ledger.ExportQuery) []ledger.Token {
	t.Helper()
	got, err := l.Tokens(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestExportsOfHostileStrings(t *testing.T) {
	l := open(t, newPath(t))
	for _, s := range hostile {
		e, token := newExport(s)
		e.User, e.Job, e.Filename, e.Request = s, s, s, []byte(s)
		if _, err := l.CreateExport(t.Context(), e, token, ledger.AuditEntry{}); err != nil {
			t.Fatal(err)
		}
		e.State, e.Total, e.Updated, e.Expires = ledger.ExportCreated, -1, noon, noon.Add(time.Hour)
		equal(t, "Export", export(t, l, s), e)
	}
}

func TestFinishExportEnds(t *testing.T) {
	l := open(t, newPath(t))
	create(t, l, "e")
	e := claim(t, l, "e", noon, time.Minute)
	for _, state := range []ledger.ExportState{ledger.ExportReady, ledger.ExportRunning, ledger.ExportSwept, ""} {
		e.State = state
		if err := l.FinishExport(t.Context(), e); err == nil || errors.Is(err, ledger.ErrFenced) {
			t.Errorf("FinishExport as %q without an object = %v, want a refusal", state, err)
		}
	}
	e.State = ledger.ExportCreated
	for range 2 {
		if err := l.FinishExport(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	e = claim(t, l, "e", noon, time.Minute) // the lease of the one that gave it back does not hold it
	if e.Attempt != 2 {
		t.Errorf("attempt %d after it was given back, want 2", e.Attempt)
	}
	e.State, e.Error = ledger.ExportFailed, strings.Repeat("é", ledger.MaxText)
	if err := l.FinishExport(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := export(t, l, "e"); got.State != ledger.ExportFailed || got.Error != e.Error[:ledger.MaxText] {
		t.Errorf("a failed export is %q: %q", got.State, got.Error)
	}
}

func TestClaimExport(t *testing.T) {
	l := open(t, newPath(t))
	nobody := func(id string, now time.Time) {
		t.Helper()
		if e, err := l.ClaimExport(t.Context(), id, now, time.Minute); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ClaimExport(%q) = %q, %v, want fs.ErrNotExist", id, e.ID, err)
		}
	}
	nobody("", noon)
	for _, id := range []string{"1", "2", "3"} {
		create(t, l, id)
	}
	first := claim(t, l, "2", noon, time.Minute)
	nobody("2", noon.Add(59*time.Second))
	for _, want := range []string{"1", "3"} {
		if got := claim(t, l, "", noon, time.Hour); got.ID != want {
			t.Errorf("ClaimExport = %q, want the oldest: %q", got.ID, want)
		}
	}
	nobody("", noon)
	create(t, l, "4")
	later := noon.Add(time.Minute)
	if got := claim(t, l, "", later, time.Minute); got.ID != "2" || got.Attempt != 2 {
		t.Errorf("ClaimExport = %q, attempt %d; want the one whose lease ran out, older than what is new", got.ID, got.Attempt)
	}
	for name, err := range map[string]error{
		"RenewExport": l.RenewExport(t.Context(), first),
		"FinishExport": l.FinishExport(t.Context(), ledger.Export{
			ID: "2", Attempt: 1, State: ledger.ExportReady, Object: "late",
		}),
		"RenewExport of none": l.RenewExport(t.Context(), ledger.Export{ID: "9", Attempt: 1}),
	} {
		if !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("%s by who lost the claim = %v, want ErrFenced", name, err)
		}
	}
	nobody("9", later)
}

func TestListingsOfExports(t *testing.T) {
	l := open(t, newPath(t))
	for i := range 6 {
		e, token := newExport(fmt.Sprint(i))
		e.Key, token.Key = int64(i%2), int64(i%2)
		if _, err := l.CreateExport(t.Context(), e, token, ledger.AuditEntry{}); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, l, claim(t, l, "2", noon, time.Minute))
	finish(t, l, claim(t, l, "3", noon, time.Minute))
	nobody, one := int64(0), int64(1)
	for _, tt := range []struct {
		query           ledger.ExportQuery
		exports, tokens string
	}{
		{ledger.ExportQuery{}, "5 4 3 2 1 0", "5 4 3 2 1 0"},
		{ledger.ExportQuery{Key: &one}, "5 3 1", "5 3 1"},
		{ledger.ExportQuery{Key: &nobody, Limit: 2}, "4 2", "4 2"},
		{ledger.ExportQuery{States: []ledger.ExportState{ledger.ExportReady}}, "3 2", "3 2"},
		{ledger.ExportQuery{Key: &one, States: []ledger.ExportState{ledger.ExportReady, ledger.ExportFailed}}, "3", "3"},
		{ledger.ExportQuery{After: "3", Limit: 2}, "2 1", "5 4"},
		{ledger.ExportQuery{After: "none"}, "", "5 4 3 2 1 0"},
	} {
		exports, err := l.Exports(t.Context(), tt.query)
		if err != nil {
			t.Fatal(err)
		}
		var ids, of []string
		for _, e := range exports {
			ids = append(ids, e.ID)
		}
		for _, token := range tokens(t, l, tt.query) {
			of = append(of, token.Export)
		}
		equal(t, fmt.Sprintf("Exports(%+v)", tt.query), strings.Join(ids, " "), tt.exports)
		equal(t, fmt.Sprintf("Tokens(%+v)", tt.query), strings.Join(of, " "), tt.tokens)
	}
}

func TestTokens(t *testing.T) {
	l := open(t, newPath(t))
	token := create(t, l, "e")
	if _, err := l.AddToken(t.Context(), ledger.Token{Export: "none", Hash: hash("x")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("AddToken to no export = %v, want fs.ErrNotExist", err)
	}
	revoke := func(at time.Time) {
		t.Helper()
		if err := l.RevokeToken(t.Context(), token.ID, at, ledger.AuditEntry{Action: "revoke"}); err != nil {
			t.Fatal(err)
		}
	}
	revoke(noon)
	revoke(noon.Add(time.Hour))
	got, _, err := l.TokenByHash(t.Context(), token.Hash)
	if err != nil || !got.Revoked.Equal(noon) {
		t.Errorf("a token revoked twice: %v, %v, want revoked at noon", got.Revoked, err)
	}
	if log := auditLog(t, l); len(log) != 2 {
		t.Errorf("%d entries, want the export and one revocation", len(log))
	}
	if err := l.RevokeToken(t.Context(), 99, noon, ledger.AuditEntry{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("RevokeToken of none = %v, want fs.ErrNotExist", err)
	}
}
