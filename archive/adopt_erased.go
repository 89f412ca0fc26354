package archive

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// version is what a version of a job is known by.
type version struct {
	ref  ledger.Ref
	hash ledger.Hash
}

// erasure is a version that an erasure names.
type erasure struct {
	layout.ErasedVersion
	there bool // an object lies under its key
}

// loadErasures reads the records of all erasures. One that can't be read ends
// it: what it names must not be taken in.
func (a *adoption) loadErasures(ctx context.Context) error {
	a.erased = map[version]erasure{}
	for info, err := range a.Store.List(ctx, store.ListOptions{Prefix: layout.Erasures}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", layout.Erasures, err)
		}
		if n, err := layout.Parse(info.Key); err != nil || n.Kind != layout.ErasureKey {
			continue // the walk says so
		}
		b, err := readUpTo(ctx, a.Store, info.Key, layout.MaxErasure)
		if err != nil {
			return fmt.Errorf("read %s: %w", info.Key, err)
		}
		r, err := layout.Decode[layout.ErasureRecord](b)
		if err != nil {
			return fmt.Errorf("read %s: %w", info.Key, err)
		}
		for _, v := range r.Versions {
			if err := a.load(v); err != nil {
				return fmt.Errorf("read %s: %w", info.Key, err)
			}
		}
	}
	return nil
}

func (a *adoption) load(v layout.ErasedVersion) error {
	n, err := layout.Parse(v.Key)
	if err != nil {
		return err
	}
	hash, err := hex.DecodeString(v.InputSHA256)
	if err != nil || len(hash) != len(ledger.Hash{}) || v.Kind == "" {
		return fmt.Errorf("the version of kind %q and hash %.70q is none", v.Kind, v.InputSHA256)
	}
	under := v.Key
	if n.Of != "" {
		under = n.Of
	}
	if strings.HasPrefix(under, a.Prefix) {
		a.erased[version{ledger.Ref{User: n.User, Job: n.ID}, ledger.Hash(hash)}] = erasure{ErasedVersion: v}
	}
	return nil
}

// honour makes the row of a document that an erasure names say so: it is still
// there, so that its erasure was not finished.
func (a *adoption) honour(d *ledger.Document) {
	d.State = ledger.Stored
	v := version{ledger.Ref{User: d.User, Job: d.Job}, d.InputHash}
	if _, ok := a.erased[v]; !ok {
		return
	}
	delete(a.erased, v)
	d.State = ledger.Deleting
	d.Title, d.Error, d.ErrorType = "", "", ""
}

// stillThere notes that what lies under key, and can't be read, may be what an
// erasure names.
func (a *adoption) stillThere(key string) {
	for v, e := range a.erased {
		if e.Key == key {
			e.there = true
			a.erased[v] = e
		}
	}
}

// recordErased records what else erasures name.
func (a *adoption) recordErased(ctx context.Context) error {
	var docs []ledger.Document
	for v, erased := range a.erased {
		n, err := layout.Parse(erased.Key)
		if err != nil {
			return err
		}
		state := ledger.Erased
		if erased.there {
			state = ledger.Deleting
		}
		docs = append(docs, ledger.Document{
			Kind: erased.Kind, User: n.User, Recipe: n.Group, Job: n.ID, Status: n.Status,
			Time: n.Time, Lines: -1, Key: erased.Key, Revision: n.Kind == layout.RevisionKey,
			InputHash: v.hash, SHA256: v.hash, Verified: true, State: state, ArchivedAt: time.Now().UTC(),
		})
	}
	slices.SortFunc(docs, func(a, b ledger.Document) int { return strings.Compare(a.Key, b.Key) })
	for batch := range slices.Chunk(docs, grouped) {
		var refs []ledger.Ref
		for _, d := range batch {
			refs = append(refs, ledger.Ref{User: d.User, Job: d.Job})
		}
		if err := a.count(ctx, batch, refs); err != nil {
			return err
		}
		if a.DryRun {
			continue
		}
		if err := a.Ledger.Commit(ctx, ledger.Batch{Documents: batch}); err != nil {
			return err
		}
	}
	return nil
}
