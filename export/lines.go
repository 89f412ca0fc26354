package export

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"

	"logstow/layout/jobfile"
)

// lines yields those of a record's lines that a request chooses, each with a
// time. They end, with its error, when ctx does.
func (r Request) lines(ctx context.Context, rec *Record) iter.Seq2[jobfile.Line, error] {
	return func(yield func(jobfile.Line, error) bool) {
		from := place{milli: math.MinInt64}
		if r.MaxLines > 0 {
			var err error
			if from, err = r.newest(ctx, rec); err != nil {
				yield(jobfile.Line{}, err)
				return
			}
		}
		for l, err := range r.chosen(ctx, rec) {
			if err == nil && comparePlaces(placeOf(l), from) < 0 {
				continue
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// chosen yields the lines of the request's level and times.
func (r Request) chosen(ctx context.Context, rec *Record) iter.Seq2[jobfile.Line, error] {
	const checked = 1 << 12 // lines between two looks at ctx
	return func(yield func(jobfile.Line, error) bool) {
		n := 0
		for l, err := range rec.TimedLines() {
			if n++; err == nil && n%checked == 0 {
				err = ctx.Err()
			}
			if err != nil {
				yield(l, err)
				return
			}
			if r.wants(l) && !yield(l, nil) {
				return
			}
		}
	}
}

// place is where a line stands among all lines of its record by age.
type place struct{ milli, index int64 }

func placeOf(l jobfile.Line) place { return place{l.Time.UnixMilli(), l.Index} }

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.milli, b.milli), cmp.Compare(a.index, b.index))
}

// newest returns the place of the oldest of the newest MaxLines lines.
func (r Request) newest(ctx context.Context, rec *Record) (place, error) {
	n := int(r.MaxLines)
	var kept []place // the newest n among these
	older := false   // there are more than n
	for l, err := range r.chosen(ctx, rec) {
		if err != nil {
			return place{}, err
		}
		if l.More {
			continue // counted by its last piece
		}
		if kept = append(kept, placeOf(l)); len(kept) >= 2*n {
			slices.SortFunc(kept, comparePlaces)
			kept = append(kept[:0], kept[len(kept)-n:]...)
			older = true
		}
	}
	if !older && len(kept) <= n {
		return place{milli: math.MinInt64}, nil
	}
	slices.SortFunc(kept, comparePlaces)
	return kept[len(kept)-n], nil
}
