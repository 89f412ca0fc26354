package token

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export/secret"
)

// Status of what a token stands for, in Talend's words.
const (
	Ready      = "READY"
	InProgress = "IN_PROGRESS"
)

// Resolved is what a token stands for at this moment.
type Resolved struct {
	Status  string // Ready or InProgress
	Export  ledger.Export
	URL     string    // when Ready
	Expires time.Time // of the URL, truly; of the token while in progress
}

// Resolve tells what a token stands for, and makes a fresh URL if that is
// ready. key is who asks, and must be who it was issued to; job, where not
// empty, must be the job it was issued for. To anybody else it is ErrUnknown,
// whatever became of it.
func (t *Tokens) Resolve(ctx context.Context, token string, key int64, job string) (Resolved, error) {
	row, export, err := t.find(ctx, token)
	if err != nil {
		return Resolved{}, err
	}
	now := t.now()
	if row.Key != key || job != "" && job != export.Job {
		return Resolved{}, ErrUnknown
	}
	if err := ended(row, export, now); err != nil {
		return Resolved{}, err
	}
	if export.State != ledger.ExportReady {
		return Resolved{Status: InProgress, Export: export, Expires: row.Expires}, nil
	}
	address, expires, err := t.download(ctx, export, now)
	if err != nil {
		return Resolved{}, fmt.Errorf("export %s: %w", export.ID, err)
	}
	return Resolved{Status: Ready, Export: export, URL: address, Expires: expires}, nil
}

// find looks a token up, by nothing but its hash.
func (t *Tokens) find(ctx context.Context, token string) (ledger.Token, ledger.Export, error) {
	hash, ok := secret.Token.Hash(token)
	if !ok {
		return ledger.Token{}, ledger.Export{}, ErrUnknown
	}
	row, export, err := t.ledger.TokenByHash(ctx, hash)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Token{}, ledger.Export{}, ErrUnknown
	}
	if err != nil {
		return ledger.Token{}, ledger.Export{}, fmt.Errorf("look up a token: %w", err)
	}
	if !secret.Same(row.Hash, hash) {
		return ledger.Token{}, ledger.Export{}, ErrUnknown
	}
	return row, export, nil
}

// ended is why there is nothing to wait for or to download, to whoever the
// token was issued to; nil where there is.
func ended(row ledger.Token, e ledger.Export, now time.Time) error {
	switch {
	case e.State == ledger.ExportCancelled: // which revoked it too
		return fmt.Errorf("%w: it was cancelled", ErrFailed)
	case !row.Revoked.IsZero():
		return ErrRevoked
	case !now.Before(row.Expires):
		return fmt.Errorf("%w at %s", ErrExpired, row.Expires.UTC().Format(time.RFC3339))
	}
	switch e.State {
	case ledger.ExportCreated, ledger.ExportRunning, ledger.ExportReady:
		return nil
	case ledger.ExportFailed:
		return fmt.Errorf("%w: %s", ErrFailed, e.Error)
	default: // its file is gone
		return ErrExpired
	}
}

// download makes a URL for a ready export: the store's own, or where it has
// none, or none that lasts, one of logstow's server.
func (t *Tokens) download(ctx context.Context, e ledger.Export, now time.Time) (string, time.Time, error) {
	if id, ok := isFile(e.Object); !ok || id != e.ID {
		return "", time.Time{}, fmt.Errorf("its object %q is no file of it", e.Object)
	}
	if t.presigner == nil {
		return t.own(e, now)
	}
	address, expires, err := t.presigner.Presign(ctx, e.Object, t.urlLife, e.Filename)
	tooShort := err == nil && expires.Before(now.Add(t.urlLife-t.slack()))
	if t.baseURL != "" && (tooShort || errors.Is(err, store.ErrRefused)) {
		return t.own(e, now)
	}
	if err != nil {
		return "", time.Time{}, err
	}
	return address, expires, nil
}

// slack is by how much a URL may end early and still count as lasting: URLs are
// made to the second, and clocks of credentials are no better.
func (t *Tokens) slack() time.Duration { return max(t.urlLife/60, 2*time.Second) }

// own makes a URL of logstow's own server.
func (t *Tokens) own(e ledger.Export, now time.Time) (string, time.Time, error) {
	expires := now.Add(t.urlLife).UTC().Truncate(time.Second)
	address, err := t.URL(File{Object: e.Object, Filename: e.Filename, Expires: expires})
	if err != nil {
		return "", time.Time{}, err
	}
	return address, expires, nil
}

// Revoke makes a token useless, given itself or its number ("#17"), by whoever
// it was issued to or from the command line (a.Key 0); to others it is
// ErrUnknown. It can't reach URLs that were given out already.
func (t *Tokens) Revoke(ctx context.Context, tokenOrNumber string, a ledger.AuditEntry) error {
	row, err := t.revocable(ctx, tokenOrNumber, a.Key)
	if err != nil {
		return err
	}
	if a.At.IsZero() {
		a.At = t.moment()
	}
	a.Action, a.Outcome, a.Detail = "revoke", "ok", fmt.Sprintf("token #%d of export %s", row.ID, row.Export)
	err = t.ledger.RevokeToken(ctx, row.ID, a.At, a)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUnknown
	}
	return err
}

// revocable finds a token by itself or by its number, for a key that may
// revoke it.
func (t *Tokens) revocable(ctx context.Context, tokenOrNumber string, key int64) (ledger.Token, error) {
	number, isNumber := strings.CutPrefix(tokenOrNumber, "#")
	if !isNumber {
		row, _, err := t.find(ctx, tokenOrNumber)
		if err == nil && key != 0 && row.Key != key {
			err = ErrUnknown
		}
		return row, err
	}
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return ledger.Token{}, ErrUnknown
	}
	query := ledger.ExportQuery{}
	if key != 0 {
		query.Key = &key
	}
	all, err := t.ledger.Tokens(ctx, query)
	if err != nil {
		return ledger.Token{}, err
	}
	for _, row := range all {
		if row.ID == id {
			return row, nil
		}
	}
	return ledger.Token{}, ErrUnknown
}
