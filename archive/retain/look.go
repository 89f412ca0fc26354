package retain

import (
	"context"
	"fmt"

	"logstow/archive/ledger"
	"logstow/layout"
)

// lookPage is how many keys are looked up in the ledger at once.
const lookPage = 500

// look looks for what is left of the user in the store, although nothing keeps it.
func (u *userErasing) look(ctx context.Context, prefixes []string) error {
	var page []layoutKey
	for _, prefix := range prefixes {
		for key, err := range keysBelow(ctx, u.Store, prefix) {
			if err != nil {
				return fmt.Errorf("look for what is left below %s: %w", prefix, err)
			}
			if u.kept.keys[key] {
				continue
			}
			if page = append(page, readKey(key)); len(page) < lookPage {
				continue
			}
			if err := u.judge(ctx, page); err != nil || len(u.did.Left) >= MaxLeft {
				return err
			}
			page = page[:0]
		}
	}
	return u.judge(ctx, page)
}

// layoutKey is a key and what it says.
type layoutKey struct {
	key, of string // of is that of the document that it belongs to
	name    layout.Name
}

func readKey(key string) layoutKey {
	k := layoutKey{key: key, of: key}
	name, err := layout.Parse(key)
	if err != nil {
		return k // it is of no document that the ledger has
	}
	k.name = name
	if name.Kind == layout.OverflowKey || name.Kind == layout.MetaKey {
		k.of = name.Of
	}
	return k
}

// judge notes those keys under which nothing lies that is Stored: what is Stored
// came meanwhile, or is held.
func (u *userErasing) judge(ctx context.Context, page []layoutKey) error {
	refs := make([]ledger.Ref, len(page))
	for i, k := range page {
		refs[i] = ledger.Ref{User: u.user, Job: k.name.ID}
	}
	found, err := u.Ledger.Find(ctx, refs)
	if err != nil {
		return err
	}
	for i, k := range page {
		stored := false
		for _, v := range found[i] {
			belongs := v.Key == k.of && (v.Overflow || k.name.Kind != layout.OverflowKey)
			stored = stored || belongs && v.State == ledger.Stored
		}
		if k.name.Kind == layout.SegmentKey {
			if stored, err = u.storedSegment(ctx, k.key); err != nil {
				return err
			}
		}
		if !stored && len(u.did.Left) < MaxLeft {
			u.did.Left = append(u.did.Left, k.key)
		}
	}
	return nil
}

// storedSegment tells whether the ledger has a segment. One that a compaction has
// replaced since had nothing in it that was to go.
func (u *userErasing) storedSegment(ctx context.Context, key string) (bool, error) {
	all, err := u.Ledger.Segments(ctx, ledger.SegmentQuery{Key: key, States: []ledger.SegmentState{
		ledger.SegmentStored, ledger.SegmentWriting, ledger.SegmentReplaced, ledger.SegmentDeleting,
	}})
	return len(all) > 0, err
}
