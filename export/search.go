package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// searched is the part of a store that a Search needs.
type searched interface {
	objects
	List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Info, error]
}

// Search says where to look for a job without a ledger. Store is required.
type Search struct {
	Store   searched
	Fields  []jobfile.Fields // as in Config
	TempDir string           // as in Config
}

// Searched is a job that was found in a store alone.
type Searched struct {
	Job    Job
	Reader *Reader // of its versions, and of nothing else

	// Unread is why some of the store could not be looked into: there may be
	// other versions there. Each is ErrDamaged.
	Unread []error
}

const (
	// searches is how often a search is begun anew where what it found is gone
	// when it comes to look: something was moved meanwhile.
	searches = 3

	// searchedAtOnce is how many objects are read at once.
	searchedAtOnce = 16
)

// Find finds a job by its id, of one user, who must be named, by listing what is
// of that user: documents, events and revisions by their names, and segments, each
// in at most two reads. What is erased by a record in the store is not found; that
// it has expired only the ledger knows. It is ErrNotFound or an AmbiguousError as
// Find says.
func (s Search) Find(ctx context.Context, want Wanted) (Searched, error) {
	if want.User == "" || want.ID == "" {
		return Searched{}, errors.New("a search without a ledger needs a user and an id")
	}
	readers, err := newReaders(s.Fields, jobfile.Config{})
	if err != nil {
		return Searched{}, err
	}
	for n := 1; ; n++ {
		found, err := s.once(ctx, want, readers)
		if !errors.Is(err, fs.ErrNotExist) || n == searches {
			return found, err
		}
	}
}

// once is one search.
func (s Search) once(ctx context.Context, want Wanted, readers []*jobfile.Reader) (Searched, error) {
	q := &search{Search: s, want: want, readers: readers, segments: map[int64]*candidate{}}
	prefixes, err := layout.UserPrefixes(want.User)
	if err != nil {
		return Searched{}, fmt.Errorf("user %q: %w", want.User, err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(searchedAtOnce)
	lists, lctx := errgroup.WithContext(gctx)
	for _, prefix := range prefixes {
		lists.Go(func() error { return q.list(lctx, gctx, g, prefix) })
	}
	listed := lists.Wait()
	if err := cmp.Or(g.Wait(), listed); err != nil { // the first ends the listing
		return Searched{}, err
	}
	q.sort()
	if err := q.forgetErased(ctx); err != nil {
		return Searched{}, err
	}
	return q.result(ctx)
}

// result is what is left of what was found.
func (q *search) result(ctx context.Context) (Searched, error) {
	found := Searched{Unread: q.unread}
	var err error
	if found.Job, err = Find(ctx, q, q.want); err != nil {
		return Searched{}, errors.Join(append([]error{err}, q.unread...)...)
	}
	if found.Reader, err = NewReader(q.Store, q); err != nil {
		return Searched{}, err
	}
	for id, c := range q.segments {
		if slices.ContainsFunc(found.Job.Versions, func(d ledger.Document) bool { return d.Segment == id }) {
			found.Reader.segments.put(id, c.Key, c.reader)
		}
	}
	return found, nil
}

// ByJob returns what was found.
func (q *search) ByJob(context.Context, string, string) ([]ledger.Document, error) {
	return slices.Clone(q.docs), nil
}

// Segment returns one that was looked into.
func (q *search) Segment(_ context.Context, id int64) (ledger.Segment, error) {
	c, ok := q.segments[id]
	if !ok {
		return ledger.Segment{}, fs.ErrNotExist
	}
	return ledger.Segment{ID: id, Key: c.Key, User: q.want.User, Size: c.Size}, nil
}

// sort puts versions into the order in which they were archived, as far as that
// can be told (the first has a key of its own, the others are revisions), each once: a segment's row tells more of one than its own object.
func (q *search) sort() {
	slices.SortFunc(q.docs, func(a, b ledger.Document) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), compareBool(b.Segment != 0, a.Segment != 0), cmp.Compare(a.Segment, b.Segment))
	})
	q.docs = slices.CompactFunc(q.docs, func(a, b ledger.Document) bool { return a.Key == b.Key })
	slices.SortStableFunc(q.docs, func(a, b ledger.Document) int {
		return cmp.Or(compareBool(a.Revision, b.Revision), a.ArchivedAt.Compare(b.ArchivedAt))
	})
	for i := range q.docs {
		q.docs[i].ID = int64(i + 1)
	}
}
