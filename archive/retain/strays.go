package retain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

const (
	// straysAtOnce is of how many revisions strays are looked for at once.
	straysAtOnce = 16

	// maxChange is how much is read of what says what was done to a document.
	maxChange = 64 << 10
)

// stray is what was put for a revision and lies beside another document, or none.
type stray struct {
	overflow string // key of a full record; empty: it is another's
	meta     string // key of what says whose that is; empty: it stays
	open     bool   // nothing tells yet whose the full record is: it stays
}

// keys returns the keys of what is to go with the revision.
func (s stray) keys() (keys []string) {
	if s.overflow != "" && !s.open {
		keys = append(keys, s.overflow)
	}
	if s.meta != "" {
		keys = append(keys, s.meta)
	}
	return keys
}

// strays returns the strays of those of docs that are revisions, by their keys. A run
// puts the full record of a capped document, and what was done to it, before it knows
// that the document has the key. Where it finds other content there, or dies and that
// comes before the next run does, the document becomes a revision, with all that
// belongs to it, and what was put first stays.
//
// A full record is that of the version which the meta object beside it names. Where
// that names none it is nobody's, once the ledger has a version of that key: nothing
// is put there any more.
func (c Config) strays(ctx context.Context, docs []ledger.Document) (map[string]stray, error) {
	var revisions []revision
	var places []ledger.Place
	for _, d := range docs {
		if n, err := layout.Parse(d.Key); err == nil && n.Kind == layout.RevisionKey {
			revisions = append(revisions, revision{d, n.Of})
			places = append(places, ledger.Place{User: d.User, Job: d.Job, Key: n.Of})
		}
	}
	if len(revisions) == 0 {
		return nil, nil
	}
	at, err := c.Ledger.At(ctx, places)
	if err != nil {
		return nil, err
	}
	found := make([]stray, len(revisions))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(straysAtOnce)
	for i, r := range revisions {
		g.Go(func() (err error) {
			found[i], err = c.strayOf(gctx, r, at[places[i]])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	strays := make(map[string]stray, len(revisions))
	for i, r := range revisions {
		strays[r.Key] = found[i]
	}
	return strays, nil
}

// revision is one, and the key that it would have if no other version had it.
type revision struct {
	ledger.Document
	of string
}

// strayOf is strays for one revision; at is what the ledger has at r.of. As long as
// that is nothing the meta object stays: without it another run could put a full
// record of its own there in the meantime.
func (c Config) strayOf(ctx context.Context, r revision, at []ledger.Document) (s stray, err error) {
	if slices.ContainsFunc(at, hasOverflow) {
		return s, nil
	}
	change, err := c.change(ctx, r.of)
	if err != nil {
		return s, fmt.Errorf("look for what was put for %s: %w", r.Key, err)
	}
	own := change.InputSHA256 == r.InputHash.String()
	taken := slices.ContainsFunc(at, func(d ledger.Document) bool { return d.Verified || d.State != ledger.Stored })
	if own || change.OverflowSHA256 == "" {
		s.overflow, s.open = layout.Overflow(r.of), !own && !taken
	}
	if own && taken {
		s.meta = layout.Meta(r.of)
	}
	return s, nil
}

// hasOverflow tells whether the full record beside a document is its own.
func hasOverflow(d ledger.Document) bool {
	return d.Overflow && (d.State == ledger.Stored || d.State == ledger.Deleting || d.State == ledger.Expiring)
}

// change reads what was done to the document at key: nothing, where nothing says so,
// or may be read. Who may not list a bucket may not read what isn't there.
func (c Config) change(ctx context.Context, key string) (layout.Change, error) {
	r, _, err := c.Store.Get(ctx, layout.Meta(key), store.Range{})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return layout.Change{}, nil
	}
	if err != nil {
		return layout.Change{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxChange))
	if err != nil {
		return layout.Change{}, fmt.Errorf("read %s: %w", layout.Meta(key), err)
	}
	change, err := layout.Decode[layout.Change](b)
	if err != nil {
		return layout.Change{}, nil //nolint:nilerr // what is damaged says nothing
	}
	return change, nil
}
