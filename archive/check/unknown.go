package check

import (
	"context"
	"fmt"
	"slices"

	"logstow/archive/ledger"
	"logstow/layout"
)

// unknown is about a document that the ledger doesn't have at its key.
func (k *checker) unknown(ctx context.Context, o *object) error {
	if k.young(o.ModTime) {
		return nil
	}
	versions, err := k.Ledger.Versions(ctx, o.name.User, o.name.ID)
	if err != nil {
		return err
	}
	f := Finding{Kind: Orphaned, Key: o.Key, Reason: "the ledger does not know it: logstow adopt would take it in"}
	twin, err := k.twin(ctx, o, versions)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case twin == nil:
	case twin.State == ledger.Stored:
		f.Kind, f.Reason = Doubled, "the ledger has this version under "+twin.Key
	default:
		f.Kind, f.Reason = Leftover, fmt.Sprintf("this version of its job's record was %s, and is still there", twin.State)
	}
	same, err := k.unchanged(ctx, o)
	if err == nil && same {
		k.find(f)
	}
	return err
}

// twin returns the version with the content of an object; nil where there is
// none. It reads the object only where one has its size.
func (k *checker) twin(ctx context.Context, o *object, versions []ledger.Document) (*ledger.Document, error) {
	by := func(same func(d ledger.Document) bool) *ledger.Document {
		if i := slices.IndexFunc(versions, same); i >= 0 {
			return &versions[i]
		}
		return nil
	}
	if o.name.Kind == layout.RevisionKey {
		if d := by(func(d ledger.Document) bool { return d.InputHash.String() == o.name.Hash }); d != nil {
			return d, nil
		}
	}
	if by(func(d ledger.Document) bool { return d.Size == o.Size || d.InputSize == o.Size }) == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	sum, _, err := k.sum(ctx, o.Key)
	return by(func(d ledger.Document) bool { return d.SHA256 == sum || d.InputHash == sum }), err
}
