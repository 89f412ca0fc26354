// Package retain removes what is no longer to be kept.
package retain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
)

// Config says where to erase, and to expire. Store and Ledger are required.
type Config struct {
	Store  store.Store
	Ledger *ledger.Ledger

	// TempDir is where segments are made anew; empty: the system's.
	TempDir string

	// Turn, where not nil, is locked while segments are made anew. Whoever
	// erases much at once in one process gives the same to all: then one pass
	// over a segment is enough for all who wait.
	Turn sync.Locker

	// Whose, where not nil, tells whose records a quarantined one may be of.
	// Without it, and where it names none or several, that isn't known.
	Whose Whose
}

// compact is the Config of what makes segments anew.
func (c Config) compact() compact.Config {
	return compact.Config{Store: c.Store, Ledger: c.Ledger, TempDir: c.TempDir}
}

// Why says who wants something erased, and what for.
type Why struct {
	By, Reason string            // kept for good in the erasure's record: no content of logs
	Audit      ledger.AuditEntry // goes into the audit log when it is done; At is when
}

// Erase removes versions of one job, or one event, for good, and returns how
// many are gone. They are refused when they come again, also by a ledger that
// is made anew from the store; and the files that were made of this job for
// download go with them. A segment that holds one is made anew without it.
// Without docs it is fs.ErrNotExist.
//
// After an error some may be gone. Once Erase has begun none of them is listed
// any more, and another Erase of the same versions, or Resume, goes on. What
// the store does not let go is a *store.RetainedError, what holds keep a
// *HeldError, and all else is gone then.
//
// Where ctx is of a task's lease (see ledger.WithFence) that is lost meanwhile,
// it is ledger.ErrFenced, and nothing more is removed but what the one request
// names whose turn it was: what was to go, and goes when another Erase goes on.
func Erase(ctx context.Context, c Config, docs []ledger.Document, why Why) (int, error) {
	if len(docs) == 0 {
		return 0, fmt.Errorf("erase a job without versions: %w", fs.ErrNotExist)
	}
	for _, d := range docs {
		if refOf(d) != refOf(docs[0]) {
			return 0, fmt.Errorf("erase job %q: %q is another", docs[0].Job, d.Job)
		}
	}
	gone, err := EraseVersions(ctx, c, docs, why)
	if err != nil {
		return gone, fmt.Errorf("erase job %q: %w", docs[0].Job, err)
	}
	return gone, nil
}

// EraseVersions is Erase for versions of any jobs. The audit log says of each job
// by itself that it was erased, unless they are very many.
func EraseVersions(ctx context.Context, c Config, docs []ledger.Document, why Why) (gone int, err error) {
	if err := LoadHolds(ctx, c); err != nil {
		return 0, err
	}
	return eraseAll(ctx, c, docs, why)
}

func eraseAll(ctx context.Context, c Config, docs []ledger.Document, why Why) (gone int, err error) {
	e := newErasing(c, why)
	if gone, err = e.users(ctx, docs); err != nil {
		return gone, err
	}
	return gone, e.left()
}

// users erases user by user, also after what was kept of one.
func (e *erasing) users(ctx context.Context, docs []ledger.Document) (gone int, err error) {
	docs = slices.Clone(docs)
	slices.SortStableFunc(docs, func(a, b ledger.Document) int { return cmp.Compare(a.User, b.User) })
	for len(docs) > 0 {
		n := slices.IndexFunc(docs, func(d ledger.Document) bool { return d.User != docs[0].User })
		if n < 0 {
			n = len(docs)
		}
		some, err := e.versions(ctx, docs[:n])
		gone += some
		if err != nil {
			return gone, err
		}
		docs = docs[n:]
	}
	return gone, nil
}

// ref is a job or an event.
type ref struct{ user, recipe, job string }

func refOf(d ledger.Document) ref { return ref{d.User, d.Recipe, d.Job} }

// Resume goes on with erasures of a job that were begun and not finished, erases
// what of it is expiring, and returns how many versions are gone now. Where user is
// empty they may be of several users. It is fs.ErrNotExist where the ledger has
// nothing, or nothing but what is still listed or has expired, of that name.
func Resume(ctx context.Context, c Config, user, job string, why Why) (int, error) {
	docs, err := c.Ledger.Versions(ctx, user, job)
	if err != nil {
		return 0, fmt.Errorf("erase job %q: %w", job, err)
	}
	docs = slices.DeleteFunc(docs, func(d ledger.Document) bool {
		return d.State != ledger.Deleting && d.State != ledger.Expiring && d.State != ledger.Erased
	})
	if len(docs) == 0 {
		return 0, fmt.Errorf("erase job %q: %w", job, fs.ErrNotExist)
	}
	docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return d.State == ledger.Erased })
	gone, err := eraseAll(ctx, c, docs, why)
	if err != nil {
		return gone, fmt.Errorf("erase job %q: %w", job, err)
	}
	return gone, nil
}

// ResumeAll goes on with all erasures that were begun and not finished, user by
// user, also after one of whom that fails; not after ledger.ErrFenced. It holds a
// page of them at a time.
func ResumeAll(ctx context.Context, c Config, why Why) (gone int, err error) {
	users, err := c.Ledger.DeletingUsers(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for unfinished erasures: %w", err)
	}
	var errs []error
	for _, user := range users {
		e := newErasing(c, why)
		n, err := e.resume(ctx, user)
		gone += n
		if err == nil {
			err = e.left()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("erase what is of user %q: %w", user, err))
		}
		if errors.Is(err, ledger.ErrFenced) || ctx.Err() != nil {
			break
		}
	}
	return gone, errors.Join(errs...)
}

// EraseOwed erases what was to be erased while a hold kept it, and is held no
// more, and returns how many versions are gone. What is still held it leaves.
// Holds must have been loaded (see LoadHolds). What the store does not let go is a
// *store.RetainedError.
func EraseOwed(ctx context.Context, c Config, why Why) (n int64, err error) {
	standing, err := standingHolds(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("erase what was held: %w", err)
	}
	owed, err := c.Ledger.Owed(ctx)
	if err != nil {
		return 0, fmt.Errorf("erase what was held: %w", err)
	}
	free := slices.DeleteFunc(owed, func(d ledger.Document) bool { return len(standing.Of(&d)) > 0 })
	e := newErasing(c, why)
	gone, err := e.users(ctx, free)
	if err == nil {
		err = e.kept.error() // and what was put on hold just now stays owed
	}
	if err != nil {
		return int64(gone), fmt.Errorf("erase what was held: %w", err)
	}
	return int64(gone), nil
}
