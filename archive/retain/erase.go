// Package retain removes what is no longer to be kept.
package retain

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// Config says where to erase. Both are required.
type Config struct {
	Store  store.Store
	Ledger *ledger.Ledger
}

// Why says who wants something erased, and what for.
type Why struct {
	By, Reason string            // kept for good in the erasure's record: no content of logs
	Audit      ledger.AuditEntry // goes into the audit log when it is done; At is when
}

// Erase removes versions of one job, or one event, for good, and returns how
// many are gone. They are refused when they come again, also by a ledger that
// is made anew from the store; and the files that were made of this job for
// download go with them. Without docs it is fs.ErrNotExist.
//
// After an error some may be gone. Once Erase has begun none of them is listed
// any more, and another Erase of the same versions, or Resume, goes on. What
// the store does not let go is a *RetainedError, and all else is gone then.
//
// Where ctx is of a task's lease (see ledger.WithFence) that is lost meanwhile,
// it is ledger.ErrFenced, and nothing more is removed but the one object whose
// removal had begun: one that was to go, and goes when another Erase goes on.
func Erase(ctx context.Context, c Config, docs []ledger.Document, why Why) (int, error) {
	if len(docs) == 0 {
		return 0, fmt.Errorf("erase a job without versions: %w", fs.ErrNotExist)
	}
	for _, d := range docs {
		if refOf(d) != refOf(docs[0]) {
			return 0, fmt.Errorf("erase job %q: %q is another", docs[0].Job, d.Job)
		}
	}
	gone, err := erase(ctx, c, docs, why)
	if err != nil {
		return gone, fmt.Errorf("erase job %q: %w", docs[0].Job, err)
	}
	return gone, nil
}

// ref is a job or an event.
type ref struct{ user, recipe, job string }

func refOf(d ledger.Document) ref { return ref{d.User, d.Recipe, d.Job} }

// erase keeps an order that may break off between any two lines: the record
// comes first, since a ledger that is made anew goes by it, and the objects go
// when nobody can find them any more.
func erase(ctx context.Context, c Config, docs []ledger.Document, why Why) (int, error) {
	if err := record(ctx, c.Store, docs, why); err != nil {
		return 0, err
	}
	exports, _, err := c.Ledger.StartErasure(ctx, docs, why.Audit)
	if err != nil {
		return 0, err
	}
	kept := &RetainedError{}
	if err := removeExports(ctx, c, exports, kept); err != nil {
		return 0, err
	}
	var gone []ledger.Document
	for _, d := range docs {
		whole, err := removeDocument(ctx, c, d.Key, kept)
		if err != nil {
			return 0, err
		}
		if whole {
			gone = append(gone, d)
		}
	}
	if err := c.Ledger.EndErasure(ctx, gone, why.Audit); err != nil {
		return 0, err
	}
	if len(kept.Keys) > 0 {
		return len(gone), kept
	}
	return len(gone), nil
}

// Resume goes on with erasures of a job that were begun and not finished, and
// returns how many versions are gone now. Where user is empty they may be of
// several users. It is fs.ErrNotExist where the ledger has nothing, or nothing
// but what is still listed, of that name.
func Resume(ctx context.Context, c Config, user, job string, why Why) (int, error) {
	docs, err := c.Ledger.Versions(ctx, user, job)
	if err != nil {
		return 0, fmt.Errorf("erase job %q: %w", job, err)
	}
	docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return d.State == ledger.Stored || d.State == ledger.Expired })
	if len(docs) == 0 {
		return 0, fmt.Errorf("erase job %q: %w", job, fs.ErrNotExist)
	}
	return resume(ctx, c, docs, why)
}

// ResumeAll goes on with all erasures that were begun and not finished, one
// after the other, also after one that fails; not after ledger.ErrFenced.
func ResumeAll(ctx context.Context, c Config, why Why) (int, error) {
	docs, err := c.Ledger.Deleting(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for unfinished erasures: %w", err)
	}
	return resume(ctx, c, docs, why)
}

func resume(ctx context.Context, c Config, docs []ledger.Document, why Why) (gone int, err error) {
	var order []ref
	jobs := map[ref][]ledger.Document{}
	for _, d := range docs {
		if d.State != ledger.Deleting {
			continue
		}
		if jobs[refOf(d)] == nil {
			order = append(order, refOf(d))
		}
		jobs[refOf(d)] = append(jobs[refOf(d)], d)
	}
	var errs []error
	for _, r := range order {
		one := why
		one.Audit.User, one.Audit.Job = r.user, r.job
		n, err := Erase(ctx, c, jobs[r], one)
		gone += n
		errs = append(errs, err)
		if errors.Is(err, ledger.ErrFenced) {
			break
		}
	}
	return gone, errors.Join(errs...)
}

const (
	// recordVersions is how many versions one record names, and recordText how
	// many bytes of each text it keeps: who reads it back reads a little.
	recordVersions = 40
	recordText     = 500
)

// record writes which versions are erased, unless that is written already.
func record(ctx context.Context, s store.Store, docs []ledger.Document, why Why) error {
	var versions []layout.ErasedVersion
	for _, d := range docs {
		versions = append(versions, layout.ErasedVersion{Key: d.Key, Kind: d.Kind, InputSHA256: d.InputHash.String()})
	}
	slices.SortFunc(versions, func(a, b layout.ErasedVersion) int {
		return cmp.Or(cmp.Compare(a.InputSHA256, b.InputSHA256), cmp.Compare(a.Key, b.Key))
	})
	for chunk := range slices.Chunk(versions, recordVersions) {
		r := layout.ErasureRecord{
			User: docs[0].User, Recipe: docs[0].Recipe, Job: docs[0].Job, Versions: chunk,
			By: text(why.By), Reason: text(why.Reason), At: why.Audit.At.UTC(),
		}
		key := layout.Erasure(idOf(chunk))
		err := s.Put(ctx, key, store.Bytes(layout.Encode(r)), store.PutOptions{IfAbsent: true})
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("write %s: %w", key, err)
		}
	}
	return nil
}

func text(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), recordText)], "")
}

// idOf names an erasure by what it erases, so that it is recorded once however
// often it is begun. Keys have no line ends in them.
func idOf(sorted []layout.ErasedVersion) string {
	h := sha256.New()
	for _, v := range sorted {
		_, _ = fmt.Fprintf(h, "%s %s\n", v.InputSHA256, v.Key) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
