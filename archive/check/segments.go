package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// overdue is how long after its time something may still be there that a run of
// compact or retain removes: they run once a day, or more often.
const overdue = 25 * time.Hour

// segmentFile is what the listing has shown of a segment: its file, and its
// manifest.
type segmentFile struct {
	key      string // empty: no file of it was listed
	size     int64
	put      time.Time
	manifest bool
	noted    time.Time // when the manifest was put
}

// rememberSegment notes a listed segment or manifest.
func (k *checker) rememberSegment(o *object) {
	if k.files == nil {
		k.files = map[string]segmentFile{}
	}
	f := k.files[o.name.Hash]
	if o.name.Kind == layout.ManifestKey {
		f.manifest, f.noted = true, o.ModTime
	} else {
		f.key, f.size, f.put = o.Key, o.Size, o.ModTime
	}
	k.files[o.name.Hash] = f
}

// segments compares what the ledger has of segments with what was listed.
func (k *checker) segments(ctx context.Context) error {
	all, err := k.Ledger.Segments(ctx, ledger.SegmentQuery{})
	if err != nil {
		return err
	}
	var deleting []ledger.Segment
	g, gctx := k.group(ctx)
	for _, s := range all {
		k.known.add(s.ID)
		n, err := layout.Parse(s.Key)
		if err != nil || n.Kind != layout.SegmentKey {
			k.find(Finding{Kind: Damaged, Damage: true, Key: LedgerKey, Reason: fmt.Sprintf("segment %d lies at %.200q, which is no key of one", s.ID, s.Key)})
			continue
		}
		f := k.files[n.Hash]
		delete(k.files, n.Hash)
		if s.State == ledger.SegmentDeleting {
			deleting = append(deleting, s)
			continue
		}
		g.Go(func() error { return k.segment(gctx, s, n, f) })
	}
	for hash, f := range k.files { // what the ledger doesn't know
		g.Go(func() error { return k.unknownSegment(gctx, hash, f) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	k.files = nil
	return k.deletingSegments(ctx, deleting)
}

// segment judges one that is not Deleting.
func (k *checker) segment(ctx context.Context, s ledger.Segment, n layout.Name, f segmentFile) error {
	switch {
	case s.State == ledger.SegmentStored:
		return k.storedSegment(ctx, s, n, f)
	case s.State == ledger.SegmentReplaced && k.since(s.Due) < max(overdue, k.Settle):
		return nil
	case s.State == ledger.SegmentWriting && (k.young(s.Created) || f.key != "" && k.young(f.put)):
		return nil
	}
	reason := "it was replaced, and was to go on " + s.Due.Format("2006-01-02 15:04:05")
	if s.State == ledger.SegmentWriting {
		reason = "it was begun and not finished"
	}
	now, err := k.sameSegment(ctx, s)
	if err == nil && now {
		k.find(Finding{Kind: Leftover, Key: s.Key, Reason: reason + ": the next logstow compact removes it"})
	}
	return err
}

// since is how long ago a time was; less than nothing where it is to come.
func (k *checker) since(t time.Time) time.Duration { return time.Since(t) }

// deletingSegments is about those whose removal was begun, once whoever is at it
// had time to.
func (k *checker) deletingSegments(ctx context.Context, all []ledger.Segment) error {
	if len(all) == 0 {
		return nil
	}
	select {
	case <-time.After(time.Until(k.walked.Add(removal))):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, s := range all {
		now, err := k.sameSegment(ctx, s)
		if err != nil {
			return err
		}
		if now {
			k.find(Finding{Kind: Leftover, Key: s.Key, Reason: "its removal was begun and not finished: the next logstow compact goes on with it"})
		}
	}
	return nil
}

// sameSegment tells whether the ledger says of a segment what it said before.
func (k *checker) sameSegment(ctx context.Context, s ledger.Segment) (bool, error) {
	now, err := k.Ledger.Segment(ctx, s.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && now.State == s.State && now.Size == s.Size && now.SHA256 == s.SHA256, err
}

// storedSegment compares a segment with its file and its manifest.
func (k *checker) storedSegment(ctx context.Context, s ledger.Segment, n layout.Name, f segmentFile) error {
	size := f.size
	if f.key == "" || size != s.Size {
		info, err := k.Store.Stat(ctx, s.Key)
		switch {
		case gone(err):
			return k.brokenSegment(ctx, s, Missing, "it is not there")
		case err != nil:
			return fmt.Errorf("look for %s: %w", s.Key, err)
		}
		size = info.Size
	}
	if size != s.Size {
		return k.brokenSegment(ctx, s, Damaged, fmt.Sprintf("it has %d bytes, not %d", size, s.Size))
	}
	if err := k.manifest(ctx, s, n); err != nil {
		return err
	}
	if !k.chosen() {
		return nil
	}
	return k.readSegment(ctx, s)
}

// brokenSegment reports a Stored segment that is missing or damaged, with what lies
// in it, unless the ledger says otherwise by now.
func (k *checker) brokenSegment(ctx context.Context, s ledger.Segment, kind Kind, reason string) error {
	in, err := k.liesIn(ctx, s)
	if err != nil {
		return err
	}
	same, err := k.sameSegment(ctx, s)
	if err != nil || !same {
		return err
	}
	k.find(Finding{Kind: kind, Damage: len(in) > 0, Key: s.Key, Reason: reason + "; " + naming(in)})
	k.lose(in...)
	return nil
}

// liesIn returns the Stored documents that lie in a segment.
func (k *checker) liesIn(ctx context.Context, s ledger.Segment) ([]ledger.Document, error) {
	in, err := k.Ledger.InSegment(ctx, s.ID)
	return slices.DeleteFunc(in, func(d ledger.Document) bool { return d.State != ledger.Stored }), err
}

// naming says how many documents lie in a segment, and names some of them.
func naming(docs []ledger.Document) string {
	if len(docs) == 0 {
		return "no document lies in it"
	}
	var names []string
	for _, d := range docs[:min(len(docs), 3)] {
		names = append(names, d.Key)
	}
	what := "1 document lies in it: "
	if len(docs) > 1 {
		what = fmt.Sprintf("%d documents lie in it: ", len(docs))
	}
	if more := len(docs) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return what + strings.Join(names, ", ")
}

// lose tells of documents that are not where the ledger says they lie.
func (k *checker) lose(docs ...ledger.Document) {
	if k.Lost == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range docs {
		k.Lost(d)
	}
}

// unknownSegment is about a segment, or a manifest, that the ledger didn't know
// when it was asked for all.
func (k *checker) unknownSegment(ctx context.Context, hash string, f segmentFile) error {
	if f.key == "" {
		return k.strayManifest(ctx, hash, f)
	}
	if k.young(f.put) {
		return nil
	}
	now, err := k.Ledger.Segments(ctx, ledger.SegmentQuery{Key: f.key})
	if err != nil || len(now) > 0 {
		return err
	}
	there, err := k.there(ctx, f.key)
	if err == nil && there {
		k.find(Finding{Kind: Orphaned, Key: f.key, Reason: "the ledger does not know this segment: logstow adopt would take it in"})
	}
	return err
}

// inSegment is about a listed object under the own key of a document that lies in
// a segment: it stays there for a while, and is not what counts.
func (k *checker) inSegment(ctx context.Context, d ledger.Document, info store.Info) error {
	is, _, err := k.Ledger.Input(ctx, d.ID)
	if err != nil || is || k.young(info.ModTime) {
		return err
	}
	same, err := k.still(ctx, d)
	if err != nil || !same {
		return err
	}
	there, err := k.there(ctx, info.Key)
	if err == nil && there {
		k.find(Finding{Kind: Leftover, Key: info.Key, Reason: "its document lies in a segment: an interrupted run left it"})
	}
	return err
}
