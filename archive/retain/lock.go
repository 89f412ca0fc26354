package retain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// lockPage is how many documents are locked or unlocked between two looks at the
// holds there are.
const lockPage = 1000

// lock puts the store's legal hold on what is within a scope, and returns on how
// many documents it did: none where the store has no such thing. What can't be
// locked is an error at the end, and everything else is locked then.
func lock(ctx context.Context, c Config, scope layout.Scope, progress func(int64)) (n int64, err error) {
	r, ok := store.As[store.Retainer](c.Store)
	if !ok {
		return 0, nil
	}
	var failed failures
	for d, err := range c.Ledger.Documents(ctx, ledger.Within(scope)) {
		if err != nil {
			return n, fmt.Errorf("lock: %w", err)
		}
		switch err := setLegalHold(ctx, r, d, true); {
		case errors.Is(err, errors.ErrUnsupported):
			return 0, nil // the bucket has no Object Lock
		case ctx.Err() != nil:
			return n, ctx.Err()
		case errors.Is(err, fs.ErrNotExist) && moved(ctx, c.Ledger, d):
			continue
		case err != nil:
			failed.add(err)
			continue
		}
		n++
		progress(n)
	}
	return n, failed.error("put the store's legal hold on")
}

// moved tells whether a document is no longer where, or what, it was.
func moved(ctx context.Context, l *ledger.Ledger, d ledger.Document) bool {
	now, err := l.ByIDs(ctx, []ledger.Document{d})
	return err == nil && (len(now) == 0 || now[0].State != ledger.Stored || now[0].Segment != 0)
}

// unlock takes the store's legal hold off what is within a scope and no hold
// matches any more.
func unlock(ctx context.Context, c Config, scope layout.Scope) error {
	r, ok := store.As[store.Retainer](c.Store)
	if !ok {
		return nil
	}
	var failed failures
	var page []ledger.Document
	for d, err := range c.Ledger.Documents(ctx, ledger.Within(scope)) {
		if err != nil {
			return fmt.Errorf("unlock: %w", err)
		}
		if d.Segment != 0 { // packed since
			input, _, err := c.Ledger.Input(ctx, d.ID)
			if err != nil {
				return fmt.Errorf("unlock: %w", err)
			}
			if !input {
				continue // and nothing of its own
			}
		}
		if page = append(page, d); len(page) < lockPage {
			continue
		}
		if done, err := unlockPage(ctx, c, r, page, &failed); done || err != nil {
			return err
		}
		page = page[:0]
	}
	if done, err := unlockPage(ctx, c, r, page, &failed); done || err != nil {
		return err
	}
	return failed.error("take the store's legal hold off")
}

// unlockPage unlocks what nothing holds. Whoever places a hold records it before
// it locks: so what is held by the time that all is unlocked is locked again,
// either by them or here.
func unlockPage(ctx context.Context, c Config, r store.Retainer, page []ledger.Document, failed *failures) (unsupported bool, err error) {
	before, err := c.Ledger.Holds(ctx, true)
	if err != nil {
		return false, err
	}
	free := slices.DeleteFunc(page, func(d ledger.Document) bool { return held(before, &d) })
	for _, d := range free {
		switch err := setLegalHold(ctx, r, d, false); {
		case errors.Is(err, errors.ErrUnsupported):
			return true, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.Is(err, fs.ErrNotExist): // nothing is there to unlock
		case err != nil:
			failed.add(err)
		}
	}
	after, err := c.Ledger.Holds(ctx, true)
	if err != nil {
		return false, err
	}
	for _, d := range free {
		if !held(after, &d) {
			continue
		}
		if err := setLegalHold(ctx, r, d, true); err != nil {
			failed.add(err)
		}
	}
	return false, nil
}

// held tells whether any of these holds matches d.
func held(holds []ledger.Hold, d *ledger.Document) bool {
	return slices.ContainsFunc(holds, func(h ledger.Hold) bool { return h.Holds(d) })
}

// setLegalHold locks or unlocks all that a document is made of and lies under keys
// of its own.
func setLegalHold(ctx context.Context, r store.Retainer, d ledger.Document, on bool) error {
	keys := []string{d.Key}
	if d.Overflow {
		keys = append(keys, layout.Overflow(d.Key))
	}
	if d.Changed != "" {
		keys = append(keys, layout.Meta(d.Key))
	}
	for _, key := range keys {
		if err := r.SetLegalHold(ctx, key, on); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// failures are what failed of many, of which the first few are kept.
type failures struct {
	n    int64
	errs []error
}

func (f *failures) add(err error) {
	if f.n++; len(f.errs) < 10 {
		f.errs = append(f.errs, err)
	}
}

func (f *failures) error(what string) error {
	if f.n == 0 {
		return nil
	}
	return fmt.Errorf("%s %d documents, such as: %w", what, f.n, errors.Join(f.errs...))
}
