package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// together are what several processes do with one ledger: each has its own.
type together struct {
	t   *testing.T
	l   *ledger.Ledger
	rnd *rand.Rand
}

func TestSeveralMoveDocumentsAtOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	path := newPath(t)
	first := open(t, path)
	docs := archived(t, first, "u", 60)
	var wg sync.WaitGroup
	for n := range 4 {
		w := &together{t: t, l: open(t, path), rnd: rand.New(rand.NewPCG(seed, uint64(n)))}
		wg.Go(func() {
			for range 40 {
				w.step(t.Context())
			}
		})
	}
	wg.Wait()
	checkPlaces(t, first, docs)
	if drifts, err := first.Drifts(t.Context()); err != nil || len(drifts) > 0 {
		t.Errorf("Drifts = %+v, %v, want none", drifts, err)
	}
}

// step does one thing to the end; the only error there may be is ErrMoved.
func (w *together) step(ctx context.Context) {
	var err error
	switch w.rnd.IntN(4) {
	case 0:
		err = w.pack(ctx)
	case 1:
		err = w.merge(ctx)
	case 2:
		err = w.clean(ctx)
	case 3:
		err = w.takeOut(ctx)
	}
	if err != nil && !errors.Is(err, ledger.ErrMoved) {
		w.t.Error(err)
	}
}

// put begins a segment and commits it; whoever was too late removes it.
func (w *together) put(ctx context.Context, docs []ledger.Document, old []int64) error {
	key := fmt.Sprint(ids(docs)) // the same documents make the same key
	s, err := w.l.BeginSegment(ctx, ledger.Segment{Key: key, User: "u", Month: monthOf(noon), Created: noon})
	if err != nil {
		return err
	}
	s.Rows, s.Size, s.SHA256 = int64(len(docs)), 1, hash(key)
	err = w.l.CommitSegments(ctx, []ledger.Packed{{Segment: s, Documents: ids(docs)}}, old, noon, noon)
	if errors.Is(err, ledger.ErrMoved) {
		return w.remove(ctx, s.ID)
	}
	return err
}

func (w *together) remove(ctx context.Context, id int64) error {
	if _, err := w.l.StartSegmentRemoval(ctx, id, noon); err != nil {
		return err
	}
	return w.l.EndSegmentRemoval(ctx, id)
}

func (w *together) pack(ctx context.Context) error {
	var docs []ledger.Document
	for d, err := range w.l.Loose(ctx, ledger.Month{User: "u", First: monthOf(noon)}) {
		if err != nil {
			return err
		}
		docs = append(docs, d)
	}
	if len(docs) == 0 {
		return nil
	}
	return w.put(ctx, docs[:1+w.rnd.IntN(len(docs))], nil)
}

func (w *together) segments(ctx context.Context, states ...ledger.SegmentState) ([]ledger.Segment, error) {
	return w.l.Segments(ctx, ledger.SegmentQuery{User: "u", States: states})
}

func (w *together) merge(ctx context.Context) error {
	segs, err := w.segments(ctx, ledger.SegmentStored)
	if err != nil || len(segs) < 2 {
		return err
	}
	var docs []ledger.Document
	var old []int64
	for _, s := range segs[:2] {
		in, err := w.l.InSegment(ctx, s.ID)
		if err != nil {
			return err
		}
		docs, old = append(docs, in...), append(old, s.ID)
	}
	if len(docs) == 0 {
		return w.l.CommitSegments(ctx, nil, old, noon, noon)
	}
	// What was read between the moves of others may be twice in it.
	seen := map[int64]bool{}
	for _, d := range docs {
		if seen[d.ID] {
			return nil
		}
		seen[d.ID] = true
	}
	return w.put(ctx, docs, old)
}

func (w *together) clean(ctx context.Context) error {
	segs, err := w.segments(ctx, ledger.SegmentReplaced, ledger.SegmentDeleting, ledger.SegmentStored)
	for _, s := range segs {
		if s.State != ledger.SegmentStored {
			err = errors.Join(err, w.remove(ctx, s.ID))
			continue
		}
		docs, claim := w.l.ClaimInputs(ctx, s.ID, noon, time.Hour, 5)
		err = errors.Join(err, claim)
		if w.rnd.IntN(3) > 0 { // or it dies here
			err = errors.Join(err, w.l.EndInputs(ctx, docs))
		}
	}
	return onlyMoved(err)
}

// onlyMoved is nil where all that went wrong is that others were faster.
func onlyMoved(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if onlyMoved(e) != nil {
				return e
			}
		}
		return nil
	}
	if errors.Is(err, ledger.ErrMoved) {
		return nil
	}
	return err
}

func (w *together) takeOut(ctx context.Context) error {
	docs, err := w.l.ByJob(ctx, "u", fmt.Sprint(w.rnd.IntN(60)))
	if err != nil || docs[0].Segment == 0 {
		return err
	}
	if err := w.l.AddInputs(ctx, docs[:1]); err != nil {
		return err
	}
	return w.l.KeepInput(ctx, docs[0])
}

// checkPlaces checks that each document lies in one place, and is there.
func checkPlaces(t *testing.T, l *ledger.Ledger, docs []ledger.Document) {
	t.Helper()
	rows := map[[2]int64]bool{}
	packed := 0
	for _, d := range all(t, l.Recorded(t.Context(), 0, 1<<40)) {
		if d.State != ledger.Stored {
			t.Errorf("document %d is %s", d.ID, d.State)
		}
		is, _, err := l.Input(t.Context(), d.ID)
		if err != nil || is && d.Segment == 0 {
			t.Errorf("document %d lies under its own key and is an input there, %v", d.ID, err)
		}
		if d.Segment == 0 {
			continue
		}
		packed++
		place := [2]int64{d.Segment, d.SegmentRow}
		if rows[place] {
			t.Errorf("two documents lie in segment %d at row %d", d.Segment, d.SegmentRow)
		}
		rows[place] = true
		if s, err := l.Segment(t.Context(), d.Segment); err != nil || s.State != ledger.SegmentStored || d.SegmentRow >= s.Rows {
			t.Errorf("document %d lies at row %d of %+v, %v", d.ID, d.SegmentRow, s, err)
		}
	}
	t.Logf("%d of %d documents lie in segments", packed, len(docs))
}
