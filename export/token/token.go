// Package token issues, resolves and revokes download tokens.
package token

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export/secret"
)

// Life is how long a token is valid, and URLLife how long a URL that it
// resolves to. Both are Talend's (execution logs API).
const (
	Life    = time.Hour
	URLLife = 60 * time.Minute
)

// Errors that Resolve, Revoke and Verify return, wrapped. Test with errors.Is.
var (
	// ErrUnknown says that there is no such token, or that it is bound to
	// somebody else or to something else: none of this is told apart.
	ErrUnknown = errors.New("unknown token")
	ErrExpired = errors.New("token has expired")
	ErrRevoked = errors.New("token was revoked")
	// ErrFailed says that the export failed or was cancelled; the error says why.
	ErrFailed = errors.New("export failed")
	// ErrNoURL says that the store can't make URLs, and that nobody said where
	// logstow's own server is.
	ErrNoURL = errors.New("nowhere to download from")
	// ErrBadURL says that a URL was not signed by this ledger's secret, or that
	// its time is over.
	ErrBadURL = errors.New("not a valid download URL")
)

// Config says what a Tokens works with. Ledger and Store are required.
type Config struct {
	Ledger *ledger.Ledger
	Store  store.Store

	// BaseURL is where logstow's own server is reached ("https://logs.example.com"),
	// for stores that can't presign, or whose credentials end too soon. Empty:
	// resolving on a store that can't is ErrNoURL.
	BaseURL string

	Life, URLLife time.Duration    // 0: the constants; shorter ones are for tests and trials
	Now           func() time.Time // nil: time.Now
}

// Tokens issues and resolves tokens. It is safe for concurrent use.
type Tokens struct {
	ledger        *ledger.Ledger
	presigner     store.Presigner // nil where the store is none
	baseURL       string          // without a slash at its end; empty where there is no server
	secret        []byte          // that URLs are signed with
	life, urlLife time.Duration
	now           func() time.Time
}

// New returns a Tokens. The first one of a ledger makes the secret that URLs
// are signed with.
func New(ctx context.Context, c Config) (*Tokens, error) {
	if c.Ledger == nil || c.Store == nil {
		return nil, errors.New("tokens need a ledger and a store")
	}
	if c.Life < 0 || c.URLLife < 0 {
		return nil, fmt.Errorf("tokens for %v that resolve to URLs for %v: neither can be negative", c.Life, c.URLLife)
	}
	base, err := parseBase(c.BaseURL)
	if err != nil {
		return nil, err
	}
	key, err := c.Ledger.Secret(ctx, "download urls")
	if err != nil {
		return nil, fmt.Errorf("the secret that URLs are signed with: %w", err)
	}
	t := &Tokens{ledger: c.Ledger, baseURL: base, secret: key, life: c.Life, urlLife: c.URLLife, now: c.Now}
	t.presigner, _ = store.As[store.Presigner](c.Store)
	if t.life == 0 {
		t.life = Life
	}
	if t.urlLife == 0 {
		t.urlLife = URLLife
	}
	if t.now == nil {
		t.now = time.Now
	}
	return t, nil
}

// parseBase checks where a server is and returns it without a slash at its end.
func parseBase(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("the server's URL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("the server's URL %q does not begin with http://host or https://host", text)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return "", fmt.Errorf("the server's URL %q has more than a host and a path", u.Redacted())
	default:
		return strings.TrimRight(text, "/"), nil
	}
}

// Create records an export and returns the token that it is downloaded with.
// Of e it takes Key, User, Job, Request and Filename, and of a where it came
// from. The token is in nobody's hands but the caller's; it is
// not stored.
func (t *Tokens) Create(ctx context.Context, e ledger.Export, a ledger.AuditEntry) (token string, _ ledger.Export, err error) {
	now := t.moment()
	id := make([]byte, 16)
	rand.Read(id)
	e.ID = hex.EncodeToString(id)
	e.Created, e.Updated, e.Expires = now, now, now.Add(t.life)
	e.State, e.Total = ledger.ExportCreated, -1
	token, row := t.issue(e.ID, e.Key, now)
	a.At, a.Key, a.User, a.Job = now, e.Key, e.User, e.Job
	a.Action, a.Outcome, a.Detail = "export", "ok", "export "+e.ID+": "+string(e.Request)
	if _, err := t.ledger.CreateExport(ctx, e, row, a); err != nil {
		return "", ledger.Export{}, err
	}
	return token, e, nil
}

// Another returns one more token for an export, of a full life, for the key
// that asked for the export.
func (t *Tokens) Another(ctx context.Context, e ledger.Export) (token string, expires time.Time, err error) {
	token, row := t.issue(e.ID, e.Key, t.moment())
	if _, err := t.ledger.AddToken(ctx, row); err != nil {
		return "", time.Time{}, err
	}
	return token, row.Expires, nil
}

// issue makes a token and what the ledger keeps of it.
func (t *Tokens) issue(export string, key int64, now time.Time) (string, ledger.Token) {
	text := secret.Token.New()
	hash, _ := secret.Token.Hash(text)
	return text, ledger.Token{Hash: hash, Export: export, Key: key, Created: now, Expires: now.Add(t.life)}
}

// moment is the time, as the ledger keeps it.
func (t *Tokens) moment() time.Time { return t.now().UTC().Truncate(time.Millisecond) }
