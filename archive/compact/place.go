package compact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// claimPoll is how often it is looked whether an input that is being removed is
// gone.
const claimPoll = 100 * time.Millisecond

// place puts a row's document to its own key, byte for byte, with what was done to it
// beside it, and has it lie there. Where its object is just being removed as an input
// it waits for that. It is fs.ErrExist where there is other content under its key:
// then that is no input, unless it was one before.
func (c *Config) place(ctx context.Context, d ledger.Document, row *segment.Row) error {
	input, err := c.awaitInput(ctx, d)
	if err != nil {
		return err
	}
	if !input { // what is put there now, should this process die
		if err := c.notOther(ctx, d, row); err != nil {
			return err
		}
		if err := c.Ledger.AddInputs(ctx, []ledger.Document{d}); err != nil {
			return err
		}
	}
	if len(row.Change) > 0 { // before its document, as when it was archived
		if err := c.putSame(ctx, layout.Meta(d.Key), row.Change, nil); err != nil {
			return err
		}
	}
	if err := c.putSame(ctx, d.Key, row.Document, row.Metadata); err != nil {
		return err
	}
	return c.Ledger.KeepInput(ctx, d)
}

// awaitInput waits while somebody removes the object under a document's own key,
// and tells whether that is still there as an input. What somebody began to remove
// and didn't live to finish it finishes.
func (c *Config) awaitInput(ctx context.Context, d ledger.Document) (bool, error) {
	for {
		is, claimed, err := c.Ledger.Input(ctx, d.ID)
		if err != nil || !is || claimed.IsZero() {
			return is, err
		}
		if c.now().Sub(claimed).Abs() > staleClaim {
			return false, c.endInput(ctx, d, claimed)
		}
		if err := sleep(ctx, claimPoll); err != nil {
			return false, fmt.Errorf("wait until somebody has removed %s: %w", d.Key, err)
		}
	}
}

// endInput removes the object under a document's own key, which somebody claimed at
// a time and didn't live to remove. It is ledger.ErrMoved where another is faster. What
// the store does not let go is no input any more: it is what the document is to be.
func (c *Config) endInput(ctx context.Context, d ledger.Document, claimed time.Time) error {
	those, at := []ledger.Document{d}, c.wallClock()
	if err := c.Ledger.RenewInputs(ctx, those, claimed, at); err != nil {
		return err
	}
	err := store.Remove(ctx, c.Store, c.stillClaimed(those, at), d.Key, layout.Meta(d.Key))
	var kept retained
	if err := kept.take(err); err != nil {
		return err
	}
	return c.Ledger.EndInputs(ctx, those)
}

// notOther is fs.ErrExist where what lies under a document's own key, or beside it,
// isn't what its row has: whatever is an input is removed once the grace is over.
func (c *Config) notOther(ctx context.Context, d ledger.Document, row *segment.Row) error {
	err := c.isSame(ctx, d.Key, store.Bytes(row.Document))
	if (err == nil || absent(err)) && len(row.Change) > 0 {
		err = c.isSame(ctx, layout.Meta(d.Key), store.Bytes(row.Change))
	}
	if absent(err) {
		return nil
	}
	return err
}

// absent tells whether an error may say that something isn't there: who may not list
// a bucket may not ask for what it doesn't have.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

// putSame puts an object, unless it is there already.
func (c *Config) putSame(ctx context.Context, key string, content []byte, metadata map[string]string) error {
	body := store.Bytes(content)
	err := c.Store.Put(ctx, key, body, store.PutOptions{IfAbsent: true, Metadata: metadata})
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = c.isSame(ctx, key, body)
	if errors.Is(err, fs.ErrNotExist) { // nothing is missing: it was there just now
		return fmt.Errorf("%s is being removed: %w", key, ledger.ErrMoved)
	}
	return err
}

// isSame is nil where an object has that content, and fs.ErrExist where it has other.
func (c *Config) isSame(ctx context.Context, key string, body store.Body) error {
	there, _, err := c.Store.Get(ctx, key, store.Range{})
	if err != nil {
		return err
	}
	defer there.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(there, body.Size+1)); err != nil {
		return fmt.Errorf("compare %s: %w", key, err)
	}
	if sum := ledger.Hash(h.Sum(nil)); sum != body.SHA256 {
		return fmt.Errorf("%s has other content, with the SHA-256 %s, not %x as in the segment: %w", key, sum, body.SHA256, fs.ErrExist)
	}
	return nil
}
