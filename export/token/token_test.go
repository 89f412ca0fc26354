package token_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/export/secret"
	"logstow/export/token"
	"logstow/layout"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const server = "https://logs.example.com/logstow"

// world is tokens on a ledger of their own, at a time that stands still.
type world struct {
	*token.Tokens
	t      *testing.T
	ledger *ledger.Ledger
	path   string // of the ledger
	now    time.Time
}

func newWorld(t *testing.T, c token.Config) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "ledger.db"), now: noon}
	var err error
	if w.ledger, err = ledger.Open(t.Context(), ledger.Config{Path: w.path}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.ledger.Close() })
	c.Ledger, c.Now = w.ledger, func() time.Time { return w.now }
	if c.Store == nil {
		c.Store = memstore.New()
	}
	if w.Tokens, err = token.New(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return w
}

// create makes an export of key 7 for acme's job 4711.
func (w *world) create() (string, ledger.Export) {
	w.t.Helper()
	text, e, err := w.Create(w.t.Context(), ledger.Export{
		Key: 7, User: "acme", Job: "4711", Request: []byte(`{}`), Filename: "5_4711.log",
	}, ledger.AuditEntry{Remote: "192.0.2.1"})
	if err != nil {
		w.t.Fatalf("Create: %v", err)
	}
	return text, e
}

// finish claims an export and ends it in a state.
func (w *world) finish(e ledger.Export, state ledger.ExportState) ledger.Export {
	w.t.Helper()
	claimed, err := w.ledger.ClaimExport(w.t.Context(), e.ID, w.now, time.Minute)
	if err != nil {
		w.t.Fatalf("ClaimExport: %v", err)
	}
	claimed.State, claimed.Updated = state, w.now
	switch state {
	case ledger.ExportReady:
		if claimed.Object, err = layout.Export(e.ID, claimed.Attempt, "log"); err != nil {
			w.t.Fatal(err)
		}
		claimed.Size, claimed.SHA256 = 5, ledger.Hash{1}
	case ledger.ExportFailed:
		claimed.Error = "the store is on fire"
	case ledger.ExportRunning:
		return claimed
	}
	if err := w.ledger.FinishExport(w.t.Context(), claimed); err != nil {
		w.t.Fatalf("FinishExport: %v", err)
	}
	return claimed
}

// ready makes an export that is ready.
func (w *world) ready() (string, ledger.Export) {
	w.t.Helper()
	text, e := w.create()
	return text, w.finish(e, ledger.ExportReady)
}

// refused checks that a token resolves to an error that is want and no other
// of this package.
func (w *world) refused(what, text string, key int64, job string, want error) {
	w.t.Helper()
	got, err := w.Resolve(w.t.Context(), text, key, job)
	if !errors.Is(err, want) || got.URL != "" || got.Status != "" || got.Export.ID != "" {
		w.t.Errorf("Resolve %s = %+v, %v, want %v and nothing else", what, got, err, want)
	}
	for _, other := range []error{token.ErrUnknown, token.ErrExpired, token.ErrRevoked, token.ErrFailed} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			w.t.Errorf("Resolve %s is %v too", what, other)
		}
	}
	// Nobody but its owner learns more than that it is unknown.
	if errors.Is(want, token.ErrUnknown) && err != nil && err.Error() != token.ErrUnknown.Error() {
		w.t.Errorf("Resolve %s says %q to a stranger, want %q", what, err, token.ErrUnknown)
	}
}

func TestLifeOfAToken(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	text, e := w.create()
	if len(e.ID) != 32 || e.State != ledger.ExportCreated || !e.Expires.Equal(noon.Add(time.Hour)) || e.Total != -1 {
		t.Errorf("Create = %+v, want an export for an hour", e)
	}
	kept, err := w.ledger.Export(t.Context(), e.ID)
	if diff := cmp.Diff(kept, e); err != nil || diff != "" {
		t.Errorf("the ledger keeps another export than Create returns: %v\n%s", err, diff)
	}
	waiting := token.Resolved{Status: token.InProgress, Export: kept, Expires: noon.Add(time.Hour)}
	got, err := w.Resolve(t.Context(), text, 7, "4711")
	if diff := cmp.Diff(waiting, got); err != nil || diff != "" {
		t.Errorf("Resolve before it is worked on: %v (-want +got):\n%s", err, diff)
	}
	w.finish(e, ledger.ExportRunning)
	if got, err := w.Resolve(t.Context(), text, 7, ""); err != nil || got.Status != token.InProgress || got.URL != "" {
		t.Errorf("Resolve while it is worked on = %+v, %v, want %s", got, err, token.InProgress)
	}
	w.now = noon.Add(2 * time.Minute) // the claim is over
	w.finish(e, ledger.ExportReady)
	w.now = noon.Add(time.Hour - time.Millisecond)
	got, err = w.Resolve(t.Context(), text, 7, "4711")
	if want := noon.Add(2*time.Hour - time.Second); err != nil || got.Status != token.Ready || !got.Expires.Equal(want) {
		t.Errorf("Resolve in the last moment = %+v, %v, want a URL until %v", got, err, want)
	}
	if !strings.HasPrefix(got.URL, server+"/files/"+e.ID+"/2.log?") {
		t.Errorf("its URL is %s, want one of %s", got.URL, server)
	}
	w.now = noon.Add(time.Hour)
	w.refused("after an hour", text, 7, "4711", token.ErrExpired)
	log, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{})
	want := []ledger.AuditEntry{{ID: 1, At: noon, Key: 7, Remote: "192.0.2.1", Action: "export", User: "acme", Job: "4711", Outcome: "ok", Detail: "export " + e.ID + ": {}"}}
	if diff := cmp.Diff(want, log); err != nil || diff != "" {
		t.Errorf("the audit log: %v (-want +got):\n%s", err, diff)
	}
}

// To a stranger, every token is as unknown as one that never was.
func TestStrangersLearnNothing(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	states := map[string]func() string{
		"created": func() string { text, _ := w.create(); return text },
		"ready":   func() string { text, _ := w.ready(); return text },
		"failed": func() string {
			text, e := w.create()
			w.finish(e, ledger.ExportFailed)
			return text
		},
		"revoked": func() string {
			text, _ := w.ready()
			if err := w.Revoke(t.Context(), text, ledger.AuditEntry{Key: 7}); err != nil {
				t.Errorf("Revoke: %v", err)
			}
			return text
		},
		"cancelled": func() string {
			text, e := w.create()
			if err := w.ledger.CancelExport(t.Context(), e.ID, ledger.AuditEntry{At: w.now}); err != nil {
				t.Errorf("CancelExport: %v", err)
			}
			return text
		},
	}
	own := map[string]error{"failed": token.ErrFailed, "revoked": token.ErrRevoked, "cancelled": token.ErrFailed}
	for name, make := range states {
		text := make()
		if err := own[name]; err != nil {
			w.refused("a "+name+" one by its owner", text, 7, "4711", err)
		} else if _, err := w.Resolve(t.Context(), text, 7, "4711"); err != nil {
			t.Errorf("Resolve a %s one by its owner: %v", name, err)
		}
		for _, later := range []time.Duration{0, 2 * time.Hour} {
			w.now = noon.Add(later)
			w.refused("a "+name+" one by another key", text, 8, "4711", token.ErrUnknown)
			w.refused("a "+name+" one by the command line", text, 0, "", token.ErrUnknown)
			w.refused("a "+name+" one for another job", text, 7, "4712", token.ErrUnknown)
		}
		w.now = noon
	}
	text, _ := w.ready()
	for _, wrong := range []string{"", "#1", "1", text[:51], text + "A", "lsk_" + text[4:], secret.Token.New(), secret.Key.New(), "' OR 1=1 --"} {
		w.refused(wrong, wrong, 7, "", token.ErrUnknown)
	}
}

func TestOwnersLearnWhy(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	text, e := w.create()
	w.finish(e, ledger.ExportFailed)
	if _, err := w.Resolve(t.Context(), text, 7, ""); err == nil || !strings.Contains(err.Error(), "the store is on fire") {
		t.Errorf("Resolve a failed one = %v, want why", err)
	}
	// Sweeping may have begun before a token's end by another clock.
	text, e = w.ready()
	if _, err := w.ledger.StartSweep(t.Context(), noon.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.refused("one that is swept", text, 7, "", token.ErrExpired)
	if err := w.ledger.EndSweep(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	w.refused("one that was swept", text, 7, "", token.ErrExpired)
}

func TestRevoke(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	revoke := func(what string, key int64) error {
		return w.Revoke(t.Context(), what, ledger.AuditEntry{Key: key})
	}
	first, _ := w.ready()
	second, e := w.ready()
	third, expires, err := w.Another(t.Context(), e)
	if err != nil || !expires.Equal(noon.Add(time.Hour)) {
		t.Fatalf("Another = until %v, %v", expires, err)
	}
	for _, c := range []struct {
		what string
		key  int64
	}{{first, 8}, {"#1", 8}, {"#4", 0}, {"#4", 7}, {"#", 0}, {"#-1", 0}, {"#1x", 0}, {"1", 0}, {"", 0}, {secret.Token.New(), 0}} {
		if err := revoke(c.what, c.key); !errors.Is(err, token.ErrUnknown) {
			t.Errorf("Revoke(%q) by key %d = %v, want ErrUnknown", c.what, c.key, err)
		}
	}
	for _, text := range []string{first, second, third} {
		if _, err := w.Resolve(t.Context(), text, 7, ""); err != nil {
			t.Errorf("Resolve before: %v", err)
		}
	}
	for what, key := range map[string]int64{first: 7, "#2": 7, "#3": 0} {
		for range 2 { // the second time it changes nothing
			if err := revoke(what, key); err != nil {
				t.Errorf("Revoke(%q) by key %d: %v", what, key, err)
			}
		}
	}
	for _, text := range []string{first, second, third} {
		w.refused("a revoked one", text, 7, "", token.ErrRevoked)
	}
	log, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{Limit: 4})
	if err != nil || len(log) != 4 || log[0].Action != "revoke" || log[2].Action != "revoke" || log[3].Action != "export" ||
		!strings.HasPrefix(log[0].Detail, "token #") || log[0].Outcome != "ok" || !log[0].At.Equal(noon) {
		t.Errorf("the audit log ends in %+v, %v, want three times revoke", log, err)
	}
}

// Another token opens the same file, for an hour from then on.
func TestAnother(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	first, e := w.ready()
	w.now = noon.Add(50 * time.Minute)
	second, _, err := w.Another(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	w.now = noon.Add(100 * time.Minute)
	w.refused("the first", first, 7, "", token.ErrExpired)
	got, err := w.Resolve(t.Context(), second, 7, "4711")
	if err != nil || got.Status != token.Ready || !got.Export.Expires.Equal(noon.Add(110*time.Minute)) {
		t.Errorf("Resolve the second = %+v, %v, want it ready", got, err)
	}
	w.refused("the second by another key", second, 0, "", token.ErrUnknown)
}

// The token itself is in no file of the ledger, and neither is the URL.
func TestTokenIsNotKept(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	text, _ := w.ready()
	got, err := w.Resolve(t.Context(), text, 7, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Revoke(t.Context(), text, ledger.AuditEntry{Key: 7}); err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(got.URL, "signature=")
	hash, _ := secret.Token.Hash(text)
	paths, err := filepath.Glob(w.path + "*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of the ledger: %v", err)
	}
	hashFound := false
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text[4:20])) || bytes.Contains(b, []byte(signature)) {
			t.Errorf("%s has the token or its URL's signature", path)
		}
		hashFound = hashFound || bytes.Contains(b, hash[:])
	}
	if !hashFound {
		t.Error("no file has the token's hash: this looked at the wrong files")
	}
}

func TestConfigIsChecked(t *testing.T) {
	l := newWorld(t, token.Config{}).ledger
	for _, c := range []struct {
		config token.Config
		want   string
	}{
		{token.Config{}, "need a ledger and a store"},
		{token.Config{Ledger: l}, "need a ledger and a store"},
		{token.Config{Ledger: l, Store: memstore.New(), Life: -1}, "negative"},
		{token.Config{Ledger: l, Store: memstore.New(), BaseURL: "logs.example.com"}, "does not begin with"},
		{token.Config{Ledger: l, Store: memstore.New(), BaseURL: "ftp://logs.example.com"}, "does not begin with"},
		{token.Config{Ledger: l, Store: memstore.New(), BaseURL: "https:///x"}, "does not begin with"},
		{token.Config{Ledger: l, Store: memstore.New(), BaseURL: "https://u:hunter2@x"}, "more than a host and a path"},
		{token.Config{Ledger: l, Store: memstore.New(), BaseURL: "https://x?"}, "more than a host and a path"},
		{token.Config{Ledger: l, Store: memstore.New(), BaseURL: "https://x#"}, "more than a host and a path"},
	} {
		_, err := token.New(t.Context(), c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("New(%q) = %v, want an error with %q", c.config.BaseURL, err, c.want)
		}
	}
}

// Whatever breaks in the ledger, it is no answer about a token.
func TestLedgerThatFails(t *testing.T) {
	broken := errors.New("broken on purpose")
	var op string
	l, err := ledger.Open(t.Context(), ledger.Config{
		Path: filepath.Join(t.TempDir(), "ledger.db"),
		Fault: func(o string, p ledger.Phase) error {
			if o == op {
				return broken
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	open := func() (*token.Tokens, error) {
		return token.New(t.Context(), token.Config{Ledger: l, Store: memstore.New(), BaseURL: server})
	}
	tokens, err := open()
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := tokens.Create(t.Context(), ledger.Export{}, ledger.AuditEntry{})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context) error{
		"secret":        func(context.Context) error { _, err := open(); return err },
		"token by hash": func(ctx context.Context) error { _, err := tokens.Resolve(ctx, text, 0, ""); return err },
		"tokens":        func(ctx context.Context) error { return tokens.Revoke(ctx, "#1", ledger.AuditEntry{}) },
		"revoke token":  func(ctx context.Context) error { return tokens.Revoke(ctx, text, ledger.AuditEntry{}) },
		"create export": func(ctx context.Context) error {
			made, _, err := tokens.Create(ctx, ledger.Export{}, ledger.AuditEntry{})
			if made != "" {
				t.Error("Create returns a token that the ledger does not have")
			}
			return err
		},
	} {
		op = name
		if err := call(t.Context()); !errors.Is(err, broken) || errors.Is(err, token.ErrUnknown) {
			t.Errorf("with %q broken = %v, want what broke", name, err)
		}
	}
}

// failing is a store whose presigning is as the test says.
type failing struct {
	store.Store
	presign func(ttl time.Duration) (string, time.Time, error)
}

func (f failing) Presign(_ context.Context, key string, ttl time.Duration, _ string) (string, time.Time, error) {
	return f.presign(ttl)
}

// A URL that the credentials let die early is given for what it is, or where
// there is a server, one of that server with a full life.
func TestCredentialsThatEndSoon(t *testing.T) {
	presigned := func(life time.Duration, err error) failing {
		return failing{memstore.New(), func(time.Duration) (string, time.Time, error) {
			if err != nil {
				return "", time.Time{}, err
			}
			return "https://bucket/", noon.Add(life), nil
		}}
	}
	for _, c := range []struct {
		name    string
		store   failing
		base    string
		want    string // the beginning of the URL
		expires time.Duration
		err     error
	}{
		{"lasting", presigned(59*time.Minute+50*time.Second, nil), server, "https://bucket/", 59*time.Minute + 50*time.Second, nil},
		{"short", presigned(10*time.Minute, nil), "", "https://bucket/", 10 * time.Minute, nil},
		{"short, with a server", presigned(10*time.Minute, nil), server, server, time.Hour, nil},
		{"ended", presigned(0, store.ErrRefused), "", "", 0, store.ErrRefused},
		{"ended, with a server", presigned(0, store.ErrRefused), server, server, time.Hour, nil},
		{"out of reach", presigned(0, store.ErrUnavailable), server, "", 0, store.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, token.Config{Store: c.store, BaseURL: c.base})
			text, _ := w.ready()
			got, err := w.Resolve(t.Context(), text, 7, "")
			if c.err != nil {
				if !errors.Is(err, c.err) || got.URL != "" {
					t.Errorf("Resolve = %+v, %v, want %v", got, err, c.err)
				}
				return
			}
			if err != nil || !strings.HasPrefix(got.URL, c.want) || !got.Expires.Equal(noon.Add(c.expires)) {
				t.Errorf("Resolve = %+v, %v, want %s… for %v", got, err, c.want, c.expires)
			}
		})
	}
}

// Whatever stands in the ledger, a token opens no file but its own export's.
func TestFilesOfOthers(t *testing.T) {
	for _, object := range []string{
		"_logstow/exports/0123456789abcdef0123456789abcdef/1.log",
		"globex/jobs/5/20261121/8/globex-5-8-20261121110000-failed.json",
	} {
		w := newWorld(t, token.Config{BaseURL: server})
		text, e := w.create()
		claimed, err := w.ledger.ClaimExport(t.Context(), e.ID, w.now, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		claimed.State, claimed.Object, claimed.Updated = ledger.ExportReady, object, w.now
		if err := w.ledger.FinishExport(t.Context(), claimed); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Resolve(t.Context(), text, 7, ""); err == nil || got.URL != "" {
			t.Errorf("Resolve with object %q = %+v, want an error", object, got)
		}
	}
}

// A store that can't presign, and no server: what to do is said.
func TestNowhereToDownloadFrom(t *testing.T) {
	w := newWorld(t, token.Config{})
	text, _ := w.ready()
	if got, err := w.Resolve(t.Context(), text, 7, ""); !errors.Is(err, token.ErrNoURL) || got.URL != "" {
		t.Errorf("Resolve = %+v, %v, want ErrNoURL", got, err)
	}
}
