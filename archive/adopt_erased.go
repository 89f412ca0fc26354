package archive

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
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
	met   bool // it was read, as what it is
	there bool // an object lies under its key
}

// loadErasures reads the records of all erasures. One that can't be read ends
// it: what it names must not be taken in.
func (a *adoption) loadErasures(ctx context.Context) error {
	a.erased, a.erasedAt = map[version]*erasure{}, map[string]bool{}
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
		a.erased[version{ledger.Ref{User: n.User, Job: n.ID}, ledger.Hash(hash)}] = &erasure{ErasedVersion: v}
		if a.Only != nil {
			a.erasedAt[v.Key] = true
		}
	}
	return nil
}

// honour makes the row of a document that an erasure names say so: it is still
// there, so that its erasure was not finished, or a hold keeps it. An object that
// lies under its own key is loose.
func (a *adoption) honour(d *ledger.Document, loose bool) {
	d.State = ledger.Stored
	e := a.erased[version{ledger.Ref{User: d.User, Job: d.Job}, d.InputHash}]
	if e == nil {
		return
	}
	e.met = true
	e.there = e.there || loose && e.Key == d.Key
	if len(a.standing.Of(d)) > 0 {
		return
	}
	d.State = ledger.Deleting
	d.Title, d.Error, d.ErrorType = "", "", ""
}

// stillThere notes that what lies under key, and can't be read, may be what an
// erasure names.
func (a *adoption) stillThere(key string) {
	for _, e := range a.erased {
		if e.Key == key {
			e.there = true
		}
	}
}

// settleErased records what else erasures name, and has what they name be erased
// where the ledger says otherwise.
func (a *adoption) settleErased(ctx context.Context) error {
	all := slices.SortedFunc(maps.Keys(a.erased), func(v, w version) int {
		return cmp.Or(strings.Compare(v.ref.User, w.ref.User), strings.Compare(v.ref.Job, w.ref.Job), bytes.Compare(v.hash[:], w.hash[:]))
	})
	for batch := range slices.Chunk(all, grouped) {
		if err := a.recordErased(ctx, batch); err != nil {
			return err
		}
		if a.DryRun {
			continue
		}
		if err := a.eraseAgain(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// recordErased records what erasures name and was met nowhere.
func (a *adoption) recordErased(ctx context.Context, batch []version) error {
	var docs []ledger.Document
	var refs []ledger.Ref
	for _, v := range batch {
		e := a.erased[v]
		if e.met {
			continue
		}
		n, err := layout.Parse(e.Key)
		if err != nil {
			return err
		}
		state := ledger.Erased
		if e.there {
			state = ledger.Deleting
		}
		refs = append(refs, v.ref)
		docs = append(docs, ledger.Document{
			Kind: e.Kind, User: n.User, Recipe: n.Group, Job: n.ID, Status: n.Status,
			Time: n.Time, Lines: -1, Key: e.Key, Revision: n.Kind == layout.RevisionKey,
			InputHash: v.hash, SHA256: v.hash, Verified: true, State: state, ArchivedAt: time.Now().UTC(),
		})
	}
	if err := a.count(ctx, docs, refs); err != nil {
		return err
	}
	if a.DryRun {
		return nil
	}
	return a.Ledger.Commit(ctx, ledger.Batch{Documents: docs})
}

// eraseAgain begins the erasure of what erasures name and the ledger has as Stored:
// what holds keep is Owed then. What it has as Erased, and is still there, is to be
// erased again.
func (a *adoption) eraseAgain(ctx context.Context, batch []version) error {
	refs := make([]ledger.Ref, len(batch))
	for i, v := range batch {
		refs[i] = v.ref
	}
	known, err := a.Ledger.Find(ctx, refs)
	if err != nil {
		return err
	}
	var stored, erased []ledger.Document
	for i, v := range batch {
		settled := func(k ledger.Version) bool {
			return k.InputHash != v.hash || k.State != ledger.Stored && (k.State != ledger.Erased || !a.erased[v].there)
		}
		if !slices.ContainsFunc(known[i], func(k ledger.Version) bool { return !settled(k) }) {
			continue
		}
		all, err := a.Ledger.Versions(ctx, v.ref.User, v.ref.Job)
		if err != nil {
			return err
		}
		for _, d := range all {
			switch {
			case d.InputHash != v.hash:
			case d.State == ledger.Stored:
				stored = append(stored, d)
			case d.State == ledger.Erased:
				erased = append(erased, d)
			}
		}
	}
	if err := a.Ledger.EraseAgain(ctx, erased); err != nil || len(stored) == 0 {
		return err
	}
	_, _, err = a.Ledger.StartErasure(ctx, stored, ledger.AuditEntry{At: time.Now()})
	return err
}
