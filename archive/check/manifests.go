package check

import (
	"context"
	"errors"
	"fmt"

	"logstow/archive/ledger"
	"logstow/layout"
)

// manifest compares what was written of a Stored segment with the ledger. Without
// it nothing is lost: whoever adopts the segment reads all of it then.
func (k *checker) manifest(ctx context.Context, s ledger.Segment, n layout.Name) error {
	key := layout.Manifest(n.Hash)
	f := Finding{Kind: Damaged, Damage: true, Key: key}
	m, err := small[layout.ManifestRecord](ctx, k, key)
	switch {
	case gone(err):
		f.Kind, f.Damage, f.Reason = Missing, false, "the manifest of "+s.Key+" is not there"
	case errors.Is(err, errNonsense), unreadable(err):
		f.Reason = err.Error()
	case err != nil:
		return err
	case m.Segment != s.Key:
		f.Reason = fmt.Sprintf("it is of the segment %.200q, not of %s", m.Segment, s.Key)
	case m.Size != s.Size || m.Rows != s.Rows || m.SHA256 != s.SHA256.String():
		f.Reason = fmt.Sprintf("it tells of %d bytes, %d rows and the SHA-256 %.70q, and %s has %d, %d and %s",
			m.Size, m.Rows, m.SHA256, s.Key, s.Size, s.Rows, s.SHA256)
	default:
		return nil
	}
	same, err := k.sameSegment(ctx, s)
	if err == nil && same {
		k.find(f)
	}
	return err
}

// strayManifest is about a listed manifest without a listed segment.
func (k *checker) strayManifest(ctx context.Context, hash string, f segmentFile) error {
	if k.young(f.noted) {
		return nil
	}
	key := layout.Manifest(hash)
	m, err := small[layout.ManifestRecord](ctx, k, key)
	switch {
	case gone(err):
		return nil
	case errors.Is(err, errNonsense), unreadable(err):
		k.find(Finding{Kind: Damaged, Key: key, Reason: err.Error()})
		return nil
	case err != nil:
		return err
	}
	n, err := layout.Parse(m.Segment)
	if err == nil && n.Kind == layout.SegmentKey && n.Hash == hash {
		// It may have been put since, and is as unknown then.
		if there, err := k.there(ctx, m.Segment); there || err != nil {
			return err
		}
	}
	there, err := k.there(ctx, key)
	if err == nil && there {
		k.find(Finding{Kind: Leftover, Key: key, Reason: "the segment that it is about is not there"})
	}
	return err
}
