package web

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"

	"logstow/export"
	"logstow/layout/jobfile"
)

// lineSeq yields the lines of a record, each with a time, as often as it is
// ranged over.
type lineSeq iter.Seq2[jobfile.Line, error]

// linesOf are the lines of a record until ctx ends; then they end in its error.
func linesOf(ctx context.Context, record *export.Record) lineSeq {
	const checked = 1 << 12 // lines between two looks at ctx
	return func(yield func(jobfile.Line, error) bool) {
		n := 0
		for line, err := range record.TimedLines() {
			if n++; err == nil && n%checked == 0 {
				err = ctx.Err()
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// moment is where an entry stands in its record and in time.
type moment struct {
	index, ms int64
}

// moments yields every entry once, however many pieces it comes in.
func (lines lineSeq) moments() iter.Seq2[moment, error] {
	return func(yield func(moment, error) bool) {
		before := int64(-1)
		for line, err := range lines {
			if err == nil && line.Index == before {
				continue
			}
			before = line.Index
			if !yield(moment{index: line.Index, ms: line.Time.UnixMilli()}, err) || err != nil {
				return
			}
		}
	}
}

// timeline is the entries of a record that lie in a span, the oldest first,
// and those of the same millisecond as they stand in the record.
type timeline struct {
	lines lineSeq
	span
	total   int64 // entries of the record
	size    int64 // of them, in the span
	ordered bool  // those in the span stand in order in the record
}

// timelineOf looks at every line once.
func timelineOf(lines lineSeq, in span) (timeline, error) {
	t := timeline{lines: lines, span: in, ordered: true}
	last := int64(math.MinInt64)
	for m, err := range lines.moments() {
		if err != nil {
			return timeline{}, err
		}
		t.total++
		if !in.holds(m.ms) {
			continue
		}
		t.size++
		t.ordered = t.ordered && m.ms >= last
		last = m.ms
	}
	return t, nil
}

// slice returns the entries from the place from up to, not including, to.
// Only where the record is not in order does it hold all moments to sort them.
func (t timeline) slice(from, to int64) ([]moment, error) {
	var all []moment
	place := int64(0)
	for m, err := range t.lines.moments() {
		if err != nil {
			return nil, err
		}
		if t.ordered && place >= to {
			break
		}
		if !t.holds(m.ms) {
			continue
		}
		if !t.ordered || place >= from {
			all = append(all, m)
		}
		place++
	}
	if t.ordered {
		return all, nil
	}
	slices.SortFunc(all, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.ms, b.ms), cmp.Compare(a.index, b.index))
	})
	return slices.Clone(all[from:to]), nil
}

// page returns the entries of a page in its order, and where the next page
// starts; 0 where there is none. Newest first is oldest first backwards.
func (t timeline) page(q talendPageQuery) (entries []moment, next int64, err error) {
	if q.start >= t.size {
		return nil, 0, nil
	}
	n := min(q.count, t.size-q.start)
	if q.start+n < t.size {
		next = q.start + n
	}
	if q.oldestFirst {
		entries, err = t.slice(q.start, q.start+n)
		return entries, next, err
	}
	end := t.size - q.start
	entries, err = t.slice(end-n, end)
	slices.Reverse(entries)
	return entries, next, err
}
