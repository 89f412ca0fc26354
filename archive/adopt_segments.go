package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// segmentsAtOnce is how many segments are read at once.
const segmentsAtOnce = 4

// foundSegment is a segment that is to be adopted, and what became of it.
type foundSegment struct {
	info     store.Info
	name     layout.Name
	manifest *layout.ManifestRecord // nil: there is none that can be read

	adopted ledger.Adopted
	damage  string
}

// segments adopts the segments of the store. It comes after all that lies under its
// own key; and what was replaced comes after all else, so that documents lie where
// they lay.
func (a *adoption) segments(ctx context.Context) error {
	known, err := a.knownSegments(ctx)
	if err != nil {
		return err
	}
	all, err := a.listSegments(ctx, known)
	if err != nil || len(all) == 0 {
		return err
	}
	replaced, err := a.manifests(ctx, all)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(x, y *foundSegment) int {
		switch {
		case replaced[x.info.Key] == replaced[y.info.Key]:
			return 0
		case replaced[x.info.Key]:
			return 1
		}
		return -1
	})
	for batch := range slices.Chunk(all, segmentsAtOnce) {
		if err := a.adoptSegments(ctx, batch); err != nil {
			return err
		}
		for _, s := range batch {
			s.adopted = ledger.Adopted{}
		}
		a.progress()
	}
	return nil
}

// knownSegments returns the segments that the ledger knows to have been put, by
// their keys.
func (a *adoption) knownSegments(ctx context.Context) (map[string]ledger.Segment, error) {
	known := map[string]ledger.Segment{}
	if a.Ledger == nil {
		return known, nil
	}
	all, err := a.Ledger.Segments(ctx, ledger.SegmentQuery{
		States: []ledger.SegmentState{ledger.SegmentStored, ledger.SegmentReplaced, ledger.SegmentDeleting},
	})
	for _, s := range all {
		known[s.Key] = s
	}
	return known, err
}

// listSegments returns the segments that are to be adopted.
func (a *adoption) listSegments(ctx context.Context, known map[string]ledger.Segment) (all []*foundSegment, err error) {
	for info, err := range a.Store.List(ctx, store.ListOptions{Prefix: layout.Segments}) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", layout.Segments, err)
		}
		name, err := layout.Parse(info.Key)
		if err != nil || name.Kind != layout.SegmentKey || !a.mayHold(name.User) {
			continue // the walk says so
		}
		if s, ok := known[info.Key]; ok {
			if err := a.alreadyThere(ctx, s); err != nil {
				return nil, err
			}
			continue
		}
		if a.wanted(info.Key) {
			all = append(all, &foundSegment{info: info, name: name})
		}
	}
	return all, nil
}

// mayHold tells whether something of a user may have a key that is asked for.
func (a *adoption) mayHold(user string) bool {
	prefixes, err := layout.UserPrefixes(user)
	return err == nil && slices.ContainsFunc(prefixes, func(of string) bool {
		return strings.HasPrefix(of, a.Prefix) || strings.HasPrefix(a.Prefix, of)
	})
}

// alreadyThere counts what lies in a segment that is recorded.
func (a *adoption) alreadyThere(ctx context.Context, s ledger.Segment) error {
	use, err := a.Ledger.SegmentUse(ctx, s.ID)
	a.s.AlreadyRecorded += use.Stored + use.Deleting + use.Expiring
	return err
}

// manifests reads what was written of segments, and returns the keys of those that
// others of them have replaced.
func (a *adoption) manifests(ctx context.Context, all []*foundSegment) (map[string]bool, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.Concurrency)
	for _, s := range all {
		g.Go(func() error { return a.readManifest(gctx, s) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	replaced := map[string]bool{}
	for _, s := range all {
		if s.manifest == nil {
			continue
		}
		for _, key := range s.manifest.Replaces {
			replaced[key] = true
		}
	}
	return replaced, nil
}

// maxManifest bounds what is read of a manifest: it names a few keys.
const maxManifest = 1 << 20

// readManifest reads what was written of a segment. What can't be read, or is of
// another file, is as good as none.
func (a *adoption) readManifest(ctx context.Context, s *foundSegment) error {
	key := layout.Manifest(s.name.Hash)
	b, err := readUpTo(ctx, a.Store, key, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if m, err := layout.Decode[layout.ManifestRecord](b); err == nil && m.Segment == s.info.Key && m.Size == s.info.Size {
		s.manifest = &m
	}
	return nil
}

// adoptSegments reads segments, some at a time, and records them.
func (a *adoption) adoptSegments(ctx context.Context, batch []*foundSegment) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, s := range batch {
		g.Go(func() error { return a.readSegment(gctx, s) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, s := range batch {
		if s.damage == "" {
			if err := a.recordSegment(ctx, s); err != nil {
				return err
			}
		}
		if s.damage != "" {
			a.s.Damaged++
			a.notice("damaged", s.info.Key, s.damage)
		}
	}
	return nil
}

// recordSegment puts a segment into the ledger, and counts what is in it.
func (a *adoption) recordSegment(ctx context.Context, s *foundSegment) error {
	docs := s.adopted.Documents
	begins := func(d ledger.Document) bool { return strings.HasPrefix(ownKey(d.Key), a.Prefix) }
	if a.Prefix != "" && !slices.ContainsFunc(docs, begins) {
		return nil
	}
	var known []bool
	for chunk := range slices.Chunk(docs, grouped) {
		var refs []ledger.Ref
		for i := range chunk {
			a.honour(&chunk[i], false)
			refs = append(refs, ledger.Ref{User: chunk[i].User, Job: chunk[i].Job})
		}
		some, err := a.known(ctx, chunk, refs)
		if err != nil {
			return err
		}
		known = append(known, some...)
	}
	if !a.DryRun {
		_, err := a.Ledger.AdoptSegment(ctx, s.adopted)
		if errors.Is(err, ledger.ErrMoved) {
			s.damage = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
	}
	a.s.Segments++
	for i := range docs {
		if !known[i] {
			a.countNew(&docs[i])
		}
	}
	if a.Adopted != nil {
		a.Adopted(s.info.Key)
	}
	return nil
}

// ownKey is the key of a document, or that of which it is a revision.
func ownKey(key string) string {
	if n, err := layout.Parse(key); err == nil && n.Of != "" {
		return n.Of
	}
	return key
}
