package access_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/export/access"
	"logstow/export/secret"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// counted is a ledger that counts what is recorded of the use of keys.
type counted struct {
	*ledger.Ledger
	used atomic.Int64
	fail error // of KeyUsed
	held bool  // by another process, so that KeyUsed waits
}

func (c *counted) KeyUsed(ctx context.Context, id int64, at time.Time) error {
	c.used.Add(1)
	if c.held {
		<-ctx.Done()
		return ctx.Err()
	}
	if c.fail != nil {
		return c.fail
	}
	return c.Ledger.KeyUsed(ctx, id, at)
}

func open(t *testing.T) (*access.Keys, *counted, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(t.Context(), ledger.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &counted{Ledger: l}
	k := access.New(c)
	k.SetNow(func() time.Time { return noon })
	return k, c, path
}

func create(t *testing.T, k *access.Keys, name, user string, may ...access.Permission) (string, ledger.APIKey) {
	t.Helper()
	key, made, err := k.Create(t.Context(), name, user, may)
	if err != nil {
		t.Fatalf("Create(%q): %v", name, err)
	}
	return key, made
}

func TestKeys(t *testing.T) {
	k, l, _ := open(t)
	key, made := create(t, k, "grafana", "acme", access.Export, access.Read, access.Read)
	if made.May != "read,export" || made.ID == 0 || !made.Created.Equal(noon) {
		t.Errorf("Create = %+v, want a number, noon, and read,export", made)
	}
	other, _ := create(t, k, "root", "", access.Permissions()...)
	got, err := k.Recognise(t.Context(), key)
	want := access.Caller{Key: made.ID, Name: "grafana", User: "acme", May: []access.Permission{access.Read, access.Export}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Recognise: %v (-want +got):\n%s", err, diff)
	}
	for _, p := range access.Permissions() {
		if want := slices.Contains(want.May, p); got.Can(p) != want {
			t.Errorf("Can(%s) = %v, want %v", p, got.Can(p), want)
		}
	}
	if got.Sees("globex") || !got.Sees("acme") {
		t.Error("a key of acme sees globex, or not acme")
	}
	if all, err := k.Recognise(t.Context(), other); err != nil || !all.Sees("globex") || !all.Can(access.Admin) {
		t.Errorf("Recognise the other = %+v, %v, want one that may everything everywhere", all, err)
	}
	log, err := l.AuditLog(t.Context(), ledger.AuditQuery{})
	if err != nil || len(log) != 2 || log[1].Action != "key create" || log[1].User != "acme" || log[1].Detail != "grafana: read,export" {
		t.Errorf("the audit log says %+v, %v, want both keys made", log, err)
	}
}

func TestUnknownKeys(t *testing.T) {
	k, l, _ := open(t)
	key, made := create(t, k, "a", "", access.Read)
	for _, wrong := range []string{
		"", "lsk_", key + "x", key[:len(key)-1], strings.ToLower(key), secret.Key.New(), secret.Token.New(), "Bearer " + key,
	} {
		if c, err := k.Recognise(t.Context(), wrong); !errors.Is(err, access.ErrUnknownKey) || c.Key != 0 || c.May != nil {
			t.Errorf("Recognise(%q) = %+v, %v, want ErrUnknownKey", wrong, c, err)
		}
	}
	if err := l.RevokeKey(t.Context(), made.ID, noon, ledger.AuditEntry{At: noon, Action: "key revoke"}); err != nil {
		t.Fatal(err)
	}
	if c, err := k.Recognise(t.Context(), key); !errors.Is(err, access.ErrUnknownKey) || c.May != nil {
		t.Errorf("Recognise a revoked key = %+v, %v, want ErrUnknownKey", c, err)
	}
}

// A permission that this version doesn't know grants nothing.
func TestPermissionsOfALaterVersion(t *testing.T) {
	k, l, _ := open(t)
	key := secret.Key.New()
	hash, _ := secret.Key.Hash(key)
	if _, err := l.CreateKey(t.Context(), ledger.APIKey{Hash: hash, Name: "later", May: "read,rule the world,"}, ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	got, err := k.Recognise(t.Context(), key)
	if diff := cmp.Diff([]access.Permission{access.Read}, got.May); err != nil || diff != "" {
		t.Errorf("Recognise: %v (-want +got):\n%s", err, diff)
	}
}

func TestCreateRefuses(t *testing.T) {
	k, l, _ := open(t)
	read := []access.Permission{access.Read}
	for _, c := range []struct {
		name string
		may  []access.Permission
		want string
	}{
		{"", read, "needs a name"},
		{" ", read, "needs a name"},
		{"a\nb", read, "printable"},
		{"a\x1b[31m", read, "printable"},
		{"a\xff", read, "printable"},
		{strings.Repeat("ü", 101), read, "at most 100"},
		{"a", nil, "no use"},
		{"a", []access.Permission{"read", "write"}, `unknown permission "write": use some of read,export,delete,admin`},
	} {
		if key, _, err := k.Create(t.Context(), c.name, "", c.may); err == nil || !strings.Contains(err.Error(), c.want) || key != "" {
			t.Errorf("Create(%q, %v) = %q, %v, want an error with %q", c.name, c.may, key, err, c.want)
		}
	}
	if all, err := l.Keys(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("there are keys %+v, %v, want none", all, err)
	}
	create(t, k, strings.Repeat("ü", 100), "", access.Read)
}

// The key itself is in no file of the ledger, and neither is what it is made
// of.
func TestKeyIsNotKept(t *testing.T) {
	k, _, path := open(t)
	key, made := create(t, k, "secretive", "", access.Read)
	if _, err := k.Recognise(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the ledger: %v", err)
	}
	hashFound := false
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(key[4:20])) {
			t.Errorf("%s has the key", file)
		}
		hashFound = hashFound || bytes.Contains(b, made.Hash[:])
	}
	if !hashFound {
		t.Error("no file has the key's hash: this looked at the wrong files")
	}
}

func TestUseIsRecordedOnceAMinute(t *testing.T) {
	k, l, _ := open(t)
	now := noon
	k.SetNow(func() time.Time { return now })
	key, made := create(t, k, "busy", "", access.Read)
	other, _ := create(t, k, "other", "", access.Read)
	use := func(key string) {
		t.Helper()
		if _, err := k.Recognise(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() { use(key) })
	}
	wait.Wait()
	if got := l.used.Load(); got != 1 {
		t.Errorf("20 uses at once were recorded %d times, want once", got)
	}
	use(other)
	now = now.Add(59 * time.Second)
	use(key)
	if got := l.used.Load(); got != 2 {
		t.Errorf("within a minute the use of two keys was recorded %d times, want twice", got)
	}
	now = now.Add(time.Second)
	use(key)
	if got := l.used.Load(); got != 3 {
		t.Errorf("after a minute it was recorded %d times, want 3", got)
	}
	all, err := l.Keys(t.Context())
	if err != nil || !all[0].LastUsed.Equal(now) || all[0].ID != made.ID {
		t.Errorf("Keys = %+v, %v, want the first last used at %v", all, err, now)
	}
	// Another process sees what this one has recorded.
	again := access.New(l)
	again.SetNow(func() time.Time { return now.Add(time.Second) })
	if _, err := again.Recognise(t.Context(), key); err != nil || l.used.Load() != 3 {
		t.Errorf("another process: %v, recorded %d times, want 3", err, l.used.Load())
	}
}

// When a key was used last is no reason to keep its holder out.
func TestUseThatCannotBeRecorded(t *testing.T) {
	k, l, _ := open(t)
	l.fail = ledger.ErrBusy
	key, _ := create(t, k, "a", "", access.Read)
	if _, err := k.Recognise(t.Context(), key); err != nil || l.used.Load() != 1 {
		t.Errorf("Recognise = %v after %d attempts to record it, want no error after one", err, l.used.Load())
	}
}

// What the ledger can't tell is neither a known key nor an unknown one.
func TestLedgerThatFails(t *testing.T) {
	broken := errors.New("broken on purpose")
	l, err := ledger.Open(t.Context(), ledger.Config{
		Path: filepath.Join(t.TempDir(), "ledger.db"),
		Fault: func(op string, _ ledger.Phase) error {
			if op == "key by hash" {
				return broken
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if _, err := access.New(l).Recognise(t.Context(), secret.Key.New()); !errors.Is(err, broken) || errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("Recognise = %v, want what broke", err)
	}
}

// Nor is it a reason to keep its holder waiting until another process lets go
// of the ledger.
func TestUseThatCannotBeRecordedNow(t *testing.T) {
	k, l, _ := open(t)
	l.held = true
	key, made := create(t, k, "one", "a", access.Read)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	caller, err := k.Recognise(ctx, key)
	if err != nil || caller.Key != made.ID {
		t.Errorf("Recognise = %+v, %v, want key %d", caller, err, made.ID)
	}
	if ctx.Err() != nil || l.used.Load() != 1 {
		t.Errorf("it waited as long as it could (%v), and recorded the use %d times, want once", ctx.Err(), l.used.Load())
	}
}
