// Package access makes API keys and tells what each may do.
package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"logstow/archive/ledger"
	"logstow/export/secret"
)

// Permission is one thing that a key may do.
type Permission string

// The permissions. None includes another.
const (
	Read   Permission = "read"   // list jobs and read their logs
	Export Permission = "export" // make files of them
	Delete Permission = "delete" // delete them
	Admin  Permission = "admin"  // see metrics and everybody's exports
)

// Permissions lists all, in the order in which help texts name them.
func Permissions() []Permission { return []Permission{Read, Export, Delete, Admin} }

// ParsePermission returns the permission called name.
func ParsePermission(name string) (Permission, error) {
	p := Permission(name)
	if !slices.Contains(Permissions(), p) {
		return "", fmt.Errorf("unknown permission %.40q: use some of %s", name, joined(Permissions()))
	}
	return p, nil
}

// Caller is who asks.
type Caller struct {
	Key  int64  // 0: the command line, or anybody where there is no authentication
	Name string // of the key
	User string // whose jobs it sees; empty: everybody's
	May  []Permission
}

// Can tells whether the caller may do p.
func (c Caller) Can(p Permission) bool { return slices.Contains(c.May, p) }

// Sees tells whether jobs of this user exist for the caller.
func (c Caller) Sees(user string) bool { return c.User == "" || c.User == user }

// ErrUnknownKey says that a key is none of ours, or was revoked.
var ErrUnknownKey = errors.New("unknown API key")

// maxName is how many characters the name of a key may have.
const maxName = 100

// usedEvery is how often the use of one key is recorded.
const usedEvery = time.Minute

// noteTime is how long a request waits for that.
const noteTime = 2 * time.Second

// keys is the part of the ledger that access needs.
type keys interface {
	CreateKey(ctx context.Context, k ledger.APIKey, a ledger.AuditEntry) (ledger.APIKey, error)
	KeyByHash(ctx context.Context, h ledger.Hash) (ledger.APIKey, error)
	KeyUsed(ctx context.Context, id int64, at time.Time) error
}

// Keys makes and recognises API keys. It is safe for concurrent use.
type Keys struct {
	ledger keys
	now    func() time.Time

	mu   sync.Mutex
	used map[int64]time.Time // guarded by mu; by key: when its use was last recorded
}

// New returns a Keys.
func New(l keys) *Keys {
	return &Keys{ledger: l, now: time.Now, used: map[int64]time.Time{}}
}

// Create makes a key and returns it. It is shown this once: only its hash is
// kept. An empty user means everybody's jobs.
func (k *Keys) Create(ctx context.Context, name, user string, may []Permission) (key string, _ ledger.APIKey, err error) {
	if err := CheckName(name); err != nil {
		return "", ledger.APIKey{}, err
	}
	if may, err = ordered(may); err != nil {
		return "", ledger.APIKey{}, err
	}
	key = secret.Key.New()
	hash, _ := secret.Key.Hash(key)
	now := k.now()
	made, err := k.ledger.CreateKey(ctx,
		ledger.APIKey{Hash: hash, Name: name, User: user, May: joined(may), Created: now},
		ledger.AuditEntry{At: now, Action: "key create", User: user, Outcome: "ok", Detail: name + ": " + joined(may)})
	if err != nil {
		return "", ledger.APIKey{}, fmt.Errorf("create key %s: %w", name, err)
	}
	return key, made, nil
}

// CheckName returns what is wrong with the name of a key, if anything.
func CheckName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("a key needs a name, to tell it from others")
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("the name of a key has at most %d characters, not %d", maxName, utf8.RuneCountInString(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the name of a key is of printable characters, unlike %q", name)
	default:
		return nil
	}
}

// ordered returns permissions once each, in the order of Permissions.
func ordered(may []Permission) ([]Permission, error) {
	if len(may) == 0 {
		return nil, fmt.Errorf("a key that may do nothing is of no use: give it some of %s", joined(Permissions()))
	}
	for _, p := range may {
		if _, err := ParsePermission(string(p)); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(Permissions(), func(p Permission) bool { return !slices.Contains(may, p) }), nil
}

// joined is how the ledger keeps permissions.
func joined(may []Permission) string {
	var names []string
	for _, p := range may {
		names = append(names, string(p))
	}
	return strings.Join(names, ",")
}

// Recognise returns whose key it is; ErrUnknownKey where it is nobody's.
func (k *Keys) Recognise(ctx context.Context, key string) (Caller, error) {
	hash, ok := secret.Key.Hash(key)
	if !ok {
		return Caller{}, ErrUnknownKey
	}
	found, err := k.ledger.KeyByHash(ctx, hash)
	if errors.Is(err, fs.ErrNotExist) {
		return Caller{}, ErrUnknownKey
	}
	if err != nil {
		return Caller{}, fmt.Errorf("look up an API key: %w", err)
	}
	if !secret.Same(found.Hash, hash) || !found.Revoked.IsZero() {
		return Caller{}, ErrUnknownKey
	}
	k.note(ctx, found)
	caller := Caller{Key: found.ID, Name: found.Name, User: found.User}
	for _, name := range strings.Split(found.May, ",") {
		// What a later version may have added grants nothing here.
		if p, err := ParsePermission(name); err == nil {
			caller.May = append(caller.May, p)
		}
	}
	return caller, nil
}

// note records that a key was used, once in a while. When a key was last used
// is a hint for people: a ledger that is too busy to take it keeps nobody out,
// nor waiting.
func (k *Keys) note(ctx context.Context, key ledger.APIKey) {
	now := k.now()
	if !k.due(key, now) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	_ = k.ledger.KeyUsed(ctx, key.ID, now)
}

// due tells whether the use of a key is to be recorded, to one caller alone.
func (k *Keys) due(key ledger.APIKey, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := k.used[key.ID]
	if key.LastUsed.After(last) {
		last = key.LastUsed
	}
	if now.Sub(last) < usedEvery {
		return false
	}
	k.used[key.ID] = now
	return true
}
