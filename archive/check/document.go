package check

import (
	"context"
	"fmt"
	"slices"

	"logstow/archive/ledger"
	"logstow/layout"
)

// document is about a listed document, event or revision.
func (k *checker) document(ctx context.Context, o *object) error {
	if len(o.docs) == 0 {
		return k.unknown(ctx, o)
	}
	stored := false
	for _, d := range o.docs {
		switch {
		case d.State == ledger.Stored && d.Segment != 0:
			stored = true
			if err := k.inSegment(ctx, d, o.Info); err != nil {
				return err
			}
		case d.State == ledger.Stored:
			stored = true
			if err := k.compare(ctx, d, o.Size); err != nil {
				return err
			}
		case d.State == ledger.Deleting, d.State == ledger.Expiring: // others tell whether somebody is at it
			stored = true
		}
	}
	if stored {
		return nil
	}
	return k.leftover(ctx, o, fmt.Sprintf("its job's record was %s, and it is still there", o.docs[0].State))
}

// compare compares what lies at the key of a Stored row with the row.
func (k *checker) compare(ctx context.Context, d ledger.Document, size int64) error {
	if size == d.Size {
		if k.chosen() {
			return k.read(ctx, d)
		}
		return nil
	}
	now, err := k.Store.Stat(ctx, d.Key)
	if gone(err) {
		return k.missing(ctx, d, d.Key)
	}
	if err != nil {
		return fmt.Errorf("look for %s: %w", d.Key, err)
	}
	if now.Size == d.Size {
		return nil
	}
	return k.damaged(ctx, d, d.Key, fmt.Sprintf("it has %d bytes, not %d", now.Size, d.Size))
}

// damaged reports something of a Stored row, unless the ledger says otherwise
// by now. What could never be compared was never known to be right.
func (k *checker) damaged(ctx context.Context, d ledger.Document, key, reason string) error {
	still, err := k.still(ctx, d)
	if err != nil || !still {
		return err
	}
	if !d.Verified {
		reason += "; it was there before its job's record came, and could not be compared then"
	}
	k.find(Finding{Kind: Damaged, Damage: d.Verified, Key: key, Reason: reason})
	if key == d.Key {
		k.lose(d)
	}
	return nil
}

// missing reports what belongs to a Stored row and was not there, unless the
// ledger says otherwise by now: what is deleted is marked first.
func (k *checker) missing(ctx context.Context, d ledger.Document, key string) error {
	still, err := k.still(ctx, d)
	if err != nil || !still {
		return err
	}
	reason := "it was recorded on " + d.ArchivedAt.Format("2006-01-02 15:04:05")
	if key != d.Key {
		reason = "it belongs to " + d.Key
	}
	k.find(Finding{Kind: Missing, Damage: true, Key: key, Reason: reason + " and is not there"})
	if key == d.Key {
		k.lose(d)
	}
	return nil
}

// beside is about a listed meta object or overflow.
func (k *checker) beside(ctx context.Context, o *object) error {
	belongs := func(d ledger.Document) bool {
		return d.State == ledger.Deleting || d.State == ledger.Expiring ||
			d.State == ledger.Stored && (o.name.Kind == layout.MetaKey && d.Changed != "" || o.name.Kind == layout.OverflowKey && d.Overflow)
	}
	if i := slices.IndexFunc(o.docs, belongs); i >= 0 {
		if d := o.docs[i]; d.State == ledger.Stored && d.Segment != 0 && o.name.Kind == layout.MetaKey {
			return k.inSegment(ctx, d, o.Info) // what was done to it, the segment has too
		}
		return nil
	}
	if k.young(o.ModTime) {
		return nil
	}
	reason := "the document that it belongs to is not there"
	switch {
	case len(o.docs) == 0:
		if there, err := k.there(ctx, o.name.Of); there || err != nil {
			return err // one is as unknown as the other
		}
	case slices.ContainsFunc(o.docs, func(d ledger.Document) bool { return d.State == ledger.Stored }):
		reason = "it is of another document than the one that was written"
	default:
		reason = fmt.Sprintf("its job's record was %s, and it is still there", o.docs[0].State)
	}
	return k.leftover(ctx, o, reason)
}

// leftover reports an object, if it is still there and the ledger still says
// the same of it.
func (k *checker) leftover(ctx context.Context, o *object, reason string) error {
	same, err := k.unchanged(ctx, o)
	if err == nil && same {
		k.find(Finding{Kind: Leftover, Key: o.Key, Reason: reason})
	}
	return err
}

// unchanged asks the store and the ledger again.
func (k *checker) unchanged(ctx context.Context, o *object) (bool, error) {
	there, err := k.there(ctx, o.Key)
	if err != nil || !there {
		return false, err
	}
	p, _ := o.place()
	docs, err := k.at(ctx, p)
	return err == nil && slices.EqualFunc(docs, o.docs, func(a, b ledger.Document) bool {
		return a.ID == b.ID && a.State == b.State
	}), err
}
