package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/layout/segment"
)

// Restored is what a Restore did. Its JSON form is what restore --json prints; it
// only grows.
type Restored struct {
	Documents       int64   `json:"documents"` // copied out
	Bytes           int64   `json:"bytes"`
	AlreadyThere    int64   `json:"already_there"` // that lay under their own keys
	Left            int64   `json:"left"`          // that could not be; each is a Notice
	DurationSeconds float64 `json:"duration_seconds"`
}

// Restore takes out of their segments what q selects, several at once: each is copied
// to its own key, and lies there from then on. A later run of Run packs them again,
// unless a hold keeps them. Each segment is read once. Where an object is just being
// removed as an input it waits for that.
//
// What lies in a segment that is damaged or not there, or whose key has other
// content, is left where it is and is a Notice; everything else is restored, and the
// error is the first of theirs. After any other error some may be restored, and
// another Restore goes on. progress, where not nil, is called a few times a second
// and at the end, never concurrently.
func Restore(ctx context.Context, c Config, q ledger.Query, progress func(Restored)) (Restored, error) {
	r := &restore{Config: c, query: q, progress: progress, began: time.Now(), left: map[int64]error{}}
	err := r.run(ctx)
	if err == nil {
		err = r.first
	}
	r.show(true)
	return r.did, err
}

// restore is one Restore.
type restore struct {
	Config
	query    ledger.Query
	progress func(Restored)
	began    time.Time

	mu    sync.Mutex // guards what follows
	did   Restored
	shown time.Time
	moved bool            // something was, and is to be looked for again
	last  bool            // it isn't looked for again
	left  map[int64]error // documents that can't be taken out
	first error           // of those
}

func (r *restore) run(ctx context.Context) error {
	pause := lookPause
	for look := range looks {
		if look > 0 {
			if err := sleep(ctx, pause); err != nil {
				return fmt.Errorf("restore: %w", err)
			}
			pause *= 2
		}
		r.moved, r.last = false, look == looks-1
		where, err := r.list(ctx, look == 0)
		if err != nil {
			return fmt.Errorf("list what to restore: %w", err)
		}
		for _, id := range slices.Sorted(maps.Keys(where)) {
			if err := r.segment(ctx, id, where[id]); err != nil {
				return err
			}
		}
		if !r.moved {
			return nil
		}
	}
	return fmt.Errorf("restore: documents are moved again and again: %w", ledger.ErrMoved)
}

// list returns the IDs of the documents that lie in segments, by segment.
func (r *restore) list(ctx context.Context, first bool) (map[int64][]int64, error) {
	where := map[int64][]int64{}
	for d, err := range r.Ledger.Documents(ctx, r.query) {
		switch {
		case err != nil:
			return nil, err
		case d.Segment != 0 && r.left[d.ID] == nil:
			where[d.Segment] = append(where[d.Segment], d.ID)
		case d.Segment == 0 && first:
			r.did.AlreadyThere++
		}
	}
	return where, nil
}

// segment takes documents out of one segment.
func (r *restore) segment(ctx context.Context, id int64, ids []int64) error {
	s, err := r.Ledger.Segment(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		r.moved = true
		return nil
	}
	if err != nil {
		return err
	}
	docs, err := r.stillIn(ctx, id, ids)
	if err != nil || len(docs) == 0 {
		return err
	}
	free, err := r.free(ctx, docs)
	if err != nil {
		return err
	}
	if err := r.Ledger.AddInputs(ctx, free); errors.Is(err, ledger.ErrMoved) {
		r.moved = true
		return nil
	} else if err != nil {
		return err
	}
	return r.takeAll(ctx, s, docs, func(d ledger.Document, err error) error { return r.took(s, d, err) })
}

// stillIn returns those of these documents that lie in a segment.
func (r *restore) stillIn(ctx context.Context, id int64, ids []int64) ([]ledger.Document, error) {
	docs, err := r.Ledger.InSegment(ctx, id)
	if err != nil {
		return nil, err
	}
	wanted := make(map[int64]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return !wanted[d.ID] || d.State != ledger.Stored })
	r.moved = r.moved || len(docs) < len(ids)
	return docs, nil
}

// free returns those of docs whose objects are inputs already, or that have none. What
// others have under their own keys is to be compared before it becomes an input.
func (r *restore) free(ctx context.Context, docs []ledger.Document) ([]ledger.Document, error) {
	taken := make([]bool, len(docs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cmp.Or(r.Concurrency, defaultConcurrency))
	for i, d := range docs {
		g.Go(func() (err error) {
			taken[i], err = r.taken(gctx, d)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	free := make([]ledger.Document, 0, len(docs))
	for i, d := range docs {
		if !taken[i] {
			free = append(free, d)
		}
	}
	return free, nil
}

// taken tells whether something that is no input lies under a document's own key, or
// beside it.
func (r *restore) taken(ctx context.Context, d ledger.Document) (bool, error) {
	is, _, err := r.Ledger.Input(ctx, d.ID)
	if is || err != nil {
		return false, err
	}
	for _, key := range inputKeys([]ledger.Document{d}) {
		if _, err := r.Store.Stat(ctx, key); !absent(err) {
			return err == nil, err
		}
	}
	return false, nil
}

// took counts a document that was taken out, or could not be. An error that it
// returns is about more than that document.
func (r *restore) took(s ledger.Segment, d ledger.Document, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.did.Documents++
		r.did.Bytes += d.Size
	case movedMeanwhile(err) && !r.last:
		r.moved = true
	case movedMeanwhile(err), errors.Is(err, segment.ErrDamaged), errors.Is(err, fs.ErrExist):
		err = fmt.Errorf("take %s out of %s: %w", d.Key, s.Key, err)
		if r.first == nil {
			r.first = err
		}
		r.left[d.ID] = err
		r.did.Left++
		if r.Notice != nil {
			r.Notice(Notice{Key: d.Key, Reason: err.Error()})
		}
	default:
		return fmt.Errorf("take %s out of %s: %w", d.Key, s.Key, err)
	}
	r.showLocked(false)
	return nil
}

// showEvery is how often progress is told.
const showEvery = 250 * time.Millisecond

func (r *restore) show(last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.showLocked(last)
}

func (r *restore) showLocked(last bool) {
	r.did.DurationSeconds = time.Since(r.began).Seconds()
	if r.progress != nil && (last || time.Since(r.shown) >= showEvery) {
		r.shown = time.Now()
		r.progress(r.did)
	}
}
