package check

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// erasuresTogether is how many records of erasures, of up to a thousand versions
// each, are looked up at once.
const erasuresTogether = 20

// erasure is the record of one, as it lies in the store.
type erasure struct {
	store.Info
	versions []erased
	fault    string // why it can't be read; empty: it can
}

// erased is a version that an erasure names.
type erased struct {
	place ledger.Place
	hash  ledger.Hash
}

// erasures reads what erasures name, and whether it is gone.
func (k *checker) erasures(ctx context.Context) error {
	owed, err := k.Ledger.Owed(ctx)
	if err != nil {
		return err
	}
	for _, d := range owed {
		k.owed.add(d.ID)
	}
	return k.readErasures(ctx, true)
}

// readErasures marks the rows that erasures name; it reports only where judge
// says so.
func (k *checker) readErasures(ctx context.Context, judge bool) error {
	var batch []*erasure
	flush := func() error {
		err := k.erasureBatch(ctx, batch, judge)
		batch = nil
		return err
	}
	err := k.list(ctx, layout.Erasures, func(info store.Info) error {
		if n, err := layout.Parse(info.Key); err != nil || n.Kind != layout.ErasureKey {
			return nil // the walk says so
		}
		if batch = append(batch, &erasure{Info: info}); len(batch) < erasuresTogether {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

func (k *checker) erasureBatch(ctx context.Context, batch []*erasure, judge bool) error {
	g, gctx := k.group(ctx)
	for _, e := range batch {
		g.Go(func() error { return k.readErasure(gctx, e) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var places []ledger.Place
	for _, e := range batch {
		for _, v := range e.versions {
			places = append(places, v.place)
		}
	}
	found, err := k.Ledger.At(ctx, places)
	if err != nil {
		return err
	}
	for _, e := range batch {
		if e.fault != "" && judge {
			k.find(Finding{Kind: Damaged, Damage: true, Key: e.Key, Reason: e.fault})
		}
		if err := k.erasure(ctx, e, found, judge); err != nil {
			return err
		}
	}
	return nil
}

// readErasure reads one. Once put, none is ever changed or removed.
func (k *checker) readErasure(ctx context.Context, e *erasure) error {
	r, err := small[layout.ErasureRecord](ctx, k, e.Key)
	if errors.Is(err, errNonsense) || unreadable(err) {
		e.fault = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range r.Versions {
		n, err := layout.Parse(v.Key)
		hash, hexErr := hex.DecodeString(v.InputSHA256)
		if err != nil || hexErr != nil || len(hash) != len(ledger.Hash{}) {
			e.fault = fmt.Sprintf("it names a version that is none: %.200q with hash %.70q", v.Key, v.InputSHA256)
			continue
		}
		e.versions = append(e.versions, erased{ledger.Place{User: n.User, Job: n.ID, Key: v.Key}, ledger.Hash(hash)})
	}
	return nil
}

// erasure is about the versions that one names; found is what the ledger has at
// their places.
func (k *checker) erasure(ctx context.Context, e *erasure, found map[ledger.Place][]ledger.Document, judge bool) error {
	unknown := 0
	for _, v := range e.versions {
		d, err := k.erasedRow(ctx, v, found[v.place])
		switch {
		case err != nil:
			return err
		case d == nil:
			unknown++
			continue
		}
		k.named.add(d.ID)
		if !judge || k.young(e.ModTime) {
			continue
		}
		switch {
		case d.State == ledger.Stored && k.owed.has(d.ID) && k.keeps(d):
		case d.State == ledger.Stored && k.owed.has(d.ID):
			k.find(Finding{Kind: Leftover, Key: d.Key, Reason: e.Key + " says that it is erased, and the hold that kept it is released: the next logstow retain erases it"})
		case d.State == ledger.Stored:
			k.find(Finding{Kind: Leftover, Key: d.Key, Reason: e.Key + " says that it is erased, and it was not even begun: delete the job again"})
		case d.State == ledger.Deleting:
			k.find(Finding{Kind: Leftover, Key: d.Key, Reason: "its erasure (" + e.Key + ") was begun and not finished: the task sweep goes on with it"})
		}
	}
	if unknown > 0 && judge && !k.young(e.ModTime) {
		k.find(Finding{Kind: Orphaned, Key: e.Key, Reason: fmt.Sprintf(
			"it erases %d versions that the ledger does not know: logstow adopt would take that in", unknown)})
	}
	return nil
}

// erasedRow is the row of a version, wherever the ledger has it; nil where it
// has none.
func (k *checker) erasedRow(ctx context.Context, v erased, at []ledger.Document) (*ledger.Document, error) {
	for i := range at {
		if at[i].InputHash == v.hash {
			return &at[i], nil
		}
	}
	all, err := k.Ledger.Versions(ctx, v.place.User, v.place.Job)
	for i := range all {
		if all[i].InputHash == v.hash {
			return &all[i], err
		}
	}
	return nil, err
}
