package ledger_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"logstow/archive/ledger"
)

func auditLog(t *testing.T, l *ledger.Ledger) []ledger.AuditEntry {
	t.Helper()
	got, err := l.AuditLog(t.Context(), ledger.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestKeys(t *testing.T) {
	l := open(t, newPath(t))
	var want []ledger.APIKey
	for _, s := range append(hostile, "") {
		k := ledger.APIKey{Hash: hash(s), Name: s, User: s, May: s, Created: noon}
		k, err := l.CreateKey(t.Context(), k, ledger.AuditEntry{Action: "key create", At: noon})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, k)
		got, err := l.KeyByHash(t.Context(), hash(s))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "KeyByHash", got, k)
	}
	keys, err := l.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Keys", keys, want)
	if _, err := l.KeyByHash(t.Context(), hash("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("KeyByHash of none = %v, want fs.ErrNotExist", err)
	}
	if _, err := l.CreateKey(t.Context(), want[0], ledger.AuditEntry{}); err == nil {
		t.Error("CreateKey of the same hash: no error")
	}
	for id, want := range map[int64]error{1: nil, 99: fs.ErrNotExist} {
		if err := l.KeyUsed(t.Context(), id, noon); !errors.Is(err, want) {
			t.Errorf("KeyUsed(%d) = %v, want %v", id, err, want)
		}
	}
	for _, at := range []time.Time{noon.Add(time.Second), noon.Add(-time.Hour)} {
		if err := l.KeyUsed(t.Context(), 1, at); err != nil {
			t.Fatal(err)
		}
	}
	k, err := l.KeyByHash(t.Context(), want[0].Hash)
	if err != nil || !k.LastUsed.Equal(noon.Truncate(time.Minute)) {
		t.Errorf("LastUsed = %v, %v, want noon", k.LastUsed, err)
	}
}

func TestRevokeKey(t *testing.T) {
	l := open(t, newPath(t))
	for _, name := range []string{"one", "two"} {
		if _, err := l.CreateKey(t.Context(), ledger.APIKey{Hash: hash(name), Created: noon}, ledger.AuditEntry{}); err != nil {
			t.Fatal(err)
		}
	}
	issue := func(id string, key int64) {
		t.Helper()
		e, token := newExport(id)
		e.Key, token.Key = key, key
		if _, err := l.CreateExport(t.Context(), e, token, ledger.AuditEntry{}); err != nil {
			t.Fatal(err)
		}
	}
	issue("a", 1)
	issue("b", 2)
	issue("c", 0)
	for _, after := range []time.Duration{time.Second, time.Minute} {
		if err := l.RevokeKey(t.Context(), 1, noon.Add(after), ledger.AuditEntry{Action: "key revoke"}); err != nil {
			t.Fatal(err)
		}
	}
	issue("d", 1) // by a request that was on its way
	k, err := l.KeyByHash(t.Context(), hash("one"))
	if err != nil || !k.Revoked.Equal(noon.Add(time.Second)) {
		t.Errorf("a key revoked twice: %v, %v, want the first time", k.Revoked, err)
	}
	for id, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true} {
		token, _, err := l.TokenByHash(t.Context(), hash("token of "+id))
		if err != nil || token.Revoked.IsZero() == want {
			t.Errorf("the token of %s: revoked %v, %v; want %v", id, token.Revoked, err, want)
		}
	}
	if err := l.RevokeKey(t.Context(), 99, noon, ledger.AuditEntry{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("RevokeKey of none = %v, want fs.ErrNotExist", err)
	}
	if n := strings.Count(actions(auditLog(t, l)), "key revoke"); n != 1 {
		t.Errorf("%d revocations are on record, want 1", n)
	}
}

func actions(log []ledger.AuditEntry) string {
	var all []string
	for _, a := range log {
		all = append(all, a.Action)
	}
	return strings.Join(all, " ")
}

func TestAuditLog(t *testing.T) {
	l := open(t, newPath(t))
	full := ledger.AuditEntry{At: noon, Key: 7, Remote: "192.0.2.1", Action: "delete", User: "u", Job: "j", Outcome: "ok", Detail: "d"}
	long := full
	long.Job, long.Detail = strings.Repeat("j", 5000), strings.Repeat("d", 5000)
	if err := l.Audit(t.Context(), full, long, full); err != nil {
		t.Fatal(err)
	}
	long.Job, long.Detail = long.Job[:ledger.MaxText], long.Detail[:ledger.MaxText]
	want := []ledger.AuditEntry{full, long, full}
	for i := range want {
		want[i].ID = int64(3 - i)
	}
	equal(t, "AuditLog", auditLog(t, l), want)
	got, err := l.AuditLog(t.Context(), ledger.AuditQuery{Before: 3, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "AuditLog before 3, limit 1", got, want[1:2])
}

// A change and its entry are one: where the entry can't be recorded nothing is.
func TestNothingChangesWithoutItsAuditEntry(t *testing.T) {
	l := open(t, newPath(t))
	create(t, l, "e")
	if _, err := l.CreateKey(t.Context(), ledger.APIKey{Hash: hash("k")}, ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Writer().ExecContext(t.Context(), "ALTER TABLE audit RENAME TO hidden"); err != nil {
		t.Fatal(err)
	}
	e, token := newExport("f")
	_, created := l.CreateExport(t.Context(), e, token, ledger.AuditEntry{})
	_, key := l.CreateKey(t.Context(), ledger.APIKey{Hash: hash("l")}, ledger.AuditEntry{})
	for name, err := range map[string]error{
		"CreateExport": created, "CreateKey": key,
		"CancelExport": l.CancelExport(t.Context(), "e", ledger.AuditEntry{}),
		"RevokeToken":  l.RevokeToken(t.Context(), 1, noon, ledger.AuditEntry{}),
		"RevokeKey":    l.RevokeKey(t.Context(), 1, noon, ledger.AuditEntry{}),
	} {
		if err == nil {
			t.Errorf("%s without an entry: no error", name)
		}
	}
	got, _, err := l.TokenByHash(t.Context(), hash("token of e"))
	if err != nil || !got.Revoked.IsZero() || export(t, l, "e").State != ledger.ExportCreated {
		t.Errorf("what was refused had an effect: %+v, %v", got, err)
	}
	if keys, err := l.Keys(t.Context()); len(keys) != 1 || err != nil || !keys[0].Revoked.IsZero() {
		t.Errorf("Keys = %v, %v, want one that is not revoked", keys, err)
	}
	if _, err := l.Export(t.Context(), "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an export without an entry: %v", err)
	}
}

func TestSecretIsMadeOnce(t *testing.T) {
	path := newPath(t)
	const names, handles = 10, 6
	var ledgers []*ledger.Ledger
	for range handles {
		ledgers = append(ledgers, open(t, path))
	}
	reading := openWith(t, ledger.Config{Path: path, ReadOnly: true})
	if s, err := reading.Secret(t.Context(), "0"); err == nil {
		t.Errorf("Secret that was never made, for reading only = %x, no error", s)
	}
	var got [names][handles][]byte
	var wg sync.WaitGroup
	for h, l := range ledgers {
		wg.Go(func() {
			for n := range names {
				var err error
				if got[n][h], err = l.Secret(t.Context(), string(rune('0'+n))); err != nil {
					t.Errorf("Secret: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for n := range names {
		for h := range handles {
			if len(got[n][h]) != 32 || !bytes.Equal(got[n][h], got[n][0]) {
				t.Errorf("secret %d: handle %d has %x, the first %x", n, h, got[n][h], got[n][0])
			}
		}
		if n > 0 && bytes.Equal(got[n][0], got[0][0]) {
			t.Error("two names have the same secret")
		}
	}
	if s, err := reading.Secret(t.Context(), "0"); err != nil || !bytes.Equal(s, got[0][0]) {
		t.Errorf("Secret for reading only = %x, %v, want %x", s, err, got[0][0])
	}
}
