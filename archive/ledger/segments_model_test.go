package ledger_test

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// model is what a ledger should have of segments, in memory.
type model struct {
	docs   map[int64]*ledger.Document // by ID
	segs   map[int64]*ledger.Segment
	inputs map[int64]time.Time // of documents: when they were claimed; zero: not
	copies map[[2]int64]bool   // document, segment
	held   map[string]bool     // recipes that are held
	marked map[int64]bool      // documents
	last   int64               // the id of the last segment
}

func newModel() *model {
	return &model{
		docs: map[int64]*ledger.Document{}, segs: map[int64]*ledger.Segment{}, inputs: map[int64]time.Time{},
		copies: map[[2]int64]bool{}, held: map[string]bool{}, marked: map[int64]bool{},
	}
}

func monthOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// in returns the documents of a segment that are Stored, or all.
func (m *model) in(segment int64, stored bool) (docs []ledger.Document) {
	for _, d := range m.docs {
		if d.Segment == segment && (!stored || d.State == ledger.Stored) {
			docs = append(docs, *d)
		}
	}
	slices.SortFunc(docs, func(a, b ledger.Document) int {
		return cmp.Or(cmp.Compare(a.SegmentRow, b.SegmentRow), cmp.Compare(a.ID, b.ID))
	})
	return docs
}

// loose returns what of a month is loose, in the order of a segment. Events and
// such have the same order here, as keys are of jobs.
func (m *model) loose(user string, month time.Time, marked bool) (docs []ledger.Document) {
	for _, d := range m.in(0, true) {
		if d.Verified && d.User == user && monthOf(d.Time).Equal(month) && (marked || !m.marked[d.ID]) {
			docs = append(docs, d)
		}
	}
	slices.SortFunc(docs, func(a, b ledger.Document) int {
		return cmp.Or(cmp.Compare(a.Recipe, b.Recipe), a.Time.Compare(b.Time), cmp.Compare(a.Job, b.Job), cmp.Compare(a.Key, b.Key))
	})
	return docs
}

// known returns the version that d is, nil where there is none.
func (m *model) known(d *ledger.Document) *ledger.Document {
	for _, k := range m.docs {
		if k.User == d.User && k.Job == d.Job && k.InputHash == d.InputHash {
			return k
		}
	}
	return nil
}

func (m *model) archive(d ledger.Document) {
	if known := m.known(&d); known != nil {
		if d.Verified && !known.Verified && known.State == ledger.Stored && known.Segment == 0 {
			known.Verified, known.Key = true, d.Key
		}
		return
	}
	d.ID, d.State = int64(len(m.docs)+1), cmp.Or(d.State, ledger.Stored)
	m.docs[d.ID] = &d
}

// begin returns nil where it should be ErrMoved.
func (m *model) begin(s ledger.Segment) *ledger.Segment {
	for _, known := range m.segs {
		if known.Key != s.Key {
			continue
		}
		if known.State == ledger.SegmentWriting || known.State == ledger.SegmentStored {
			return known
		}
		return nil
	}
	m.last++
	s.ID, s.State = m.last, ledger.SegmentWriting
	m.segs[s.ID] = &s
	return &s
}

// commit tells whether the segments may be committed, and does it then.
func (m *model) commit(packed []ledger.Packed, old []int64, at, due time.Time) bool {
	old = slices.DeleteFunc(slices.Clone(old), func(id int64) bool {
		return slices.ContainsFunc(packed, func(p ledger.Packed) bool { return p.Segment.ID == id })
	})
	carried := map[int64]bool{}
	moves := 0
	for _, p := range packed {
		s := m.segs[p.Segment.ID]
		if s == nil || s.Key != p.Segment.Key || s.State != ledger.SegmentWriting && s.State != ledger.SegmentStored {
			return false
		}
		if s.State == ledger.SegmentStored && (s.SHA256 != p.Segment.SHA256 || s.Rows != p.Segment.Rows) {
			return false
		}
		for row, id := range p.Documents {
			d := m.docs[id]
			if d == nil || d.State != ledger.Stored {
				return false
			}
			carried[id] = true
			if d.Segment == p.Segment.ID && d.SegmentRow == int64(row) {
				continue
			}
			moves++
			if d.Segment != 0 && !slices.Contains(old, d.Segment) || d.Segment == 0 && m.held[d.Recipe] {
				return false
			}
		}
	}
	for _, id := range old {
		s := m.segs[id]
		if s != nil && s.State == ledger.SegmentWriting || moves > 0 && (s == nil || s.State != ledger.SegmentStored) {
			return false
		}
		for _, d := range m.in(id, true) {
			if !carried[d.ID] {
				return false
			}
		}
	}
	m.committed(packed, old, at, due)
	return true
}

func (m *model) committed(packed []ledger.Packed, old []int64, at, due time.Time) {
	for _, p := range packed {
		s := m.segs[p.Segment.ID]
		if s.State == ledger.SegmentWriting {
			s.State, s.Created, s.Rows, s.Size, s.SHA256 = ledger.SegmentStored, at, p.Segment.Rows, p.Segment.Size, p.Segment.SHA256
		}
		for row, id := range p.Documents {
			d := m.docs[id]
			if d.Segment != s.ID {
				s.Created = at // what comes to lie in it again has a grace of its own
			}
			if d.Segment == 0 {
				m.inputs[id] = time.Time{}
			}
			d.Segment, d.SegmentRow = p.Segment.ID, int64(row)
			delete(m.copies, [2]int64{id, p.Segment.ID})
		}
	}
	for _, id := range old {
		if s := m.segs[id]; s != nil && s.State == ledger.SegmentStored {
			s.State, s.Due = ledger.SegmentReplaced, due
		}
	}
}

func (m *model) startRemoval(id int64, now time.Time) bool {
	s := m.segs[id]
	if s == nil || len(m.in(id, true)) > 0 || s.State == ledger.SegmentReplaced && s.Due.After(now) {
		return false
	}
	s.State = ledger.SegmentDeleting
	return true
}

func (m *model) endRemoval(id int64) bool {
	s := m.segs[id]
	if s == nil {
		return true
	}
	if s.State != ledger.SegmentDeleting {
		return false
	}
	for _, d := range m.in(id, false) {
		m.docs[d.ID].Segment, m.docs[d.ID].SegmentRow = 0, 0
		delete(m.inputs, d.ID)
	}
	maps.DeleteFunc(m.copies, func(c [2]int64, _ bool) bool { return c[1] == id })
	delete(m.segs, id)
	return true
}

// adopt returns how many were not known, -1 where it is ErrMoved.
func (m *model) adopt(a ledger.Adopted) int64 {
	var fresh []ledger.Document
	for row, d := range a.Documents {
		if d.SegmentRow = int64(row); m.known(&d) == nil {
			fresh = append(fresh, d)
		}
	}
	s := m.begin(a.Segment)
	if s != nil && s.State == ledger.SegmentStored && s.SHA256 != a.Segment.SHA256 {
		return -1
	}
	if s == nil {
		if len(fresh) > 0 {
			return -1
		}
		for _, k := range m.segs {
			if k.Key == a.Segment.Key {
				s = k
			}
		}
	}
	if s.State == ledger.SegmentWriting {
		s.State, s.Created, s.Rows, s.Size, s.SHA256 = ledger.SegmentStored, a.Segment.Created, a.Segment.Rows, a.Segment.Size, a.Segment.SHA256
	}
	for _, d := range a.Documents {
		if k := m.known(&d); k != nil && k.Segment != s.ID {
			m.copies[[2]int64{k.ID, s.ID}] = true
		}
	}
	for _, d := range fresh {
		d.Segment = s.ID
		m.archive(d)
	}
	return int64(len(fresh))
}

// claim returns the ids of what is claimed.
func (m *model) claim(segment int64, now time.Time, stale time.Duration, limit int) (ids []int64) {
	for _, id := range slices.Sorted(maps.Keys(m.inputs)) {
		at, d := m.inputs[id], m.docs[id]
		if d.Segment != segment || m.held[d.Recipe] || len(ids) == limit {
			continue
		}
		if at.IsZero() || !at.After(now.Add(-stale)) || at.After(now.Add(stale)) {
			m.inputs[id] = now
			ids = append(ids, id)
		}
	}
	return ids
}

func (m *model) keepInput(d ledger.Document) bool {
	have := m.docs[d.ID]
	claimed, is := m.inputs[d.ID]
	if have == nil || have.State != ledger.Stored || have.Segment != d.Segment || d.Segment == 0 || !is || !claimed.IsZero() {
		return false
	}
	m.copies[[2]int64{d.ID, d.Segment}] = true
	delete(m.inputs, d.ID)
	have.Segment, have.SegmentRow = 0, 0
	return true
}

// check compares everything that can be asked for with the model.
func (m *model) check(t *testing.T, l *ledger.Ledger, where string) {
	t.Helper()
	var want []ledger.Document
	for _, id := range slices.Sorted(maps.Keys(m.docs)) {
		want = append(want, *m.docs[id])
	}
	equal(t, where+": the documents", all(t, l.Recorded(t.Context(), 0, 1<<40)), want)
	for _, id := range slices.Sorted(maps.Keys(m.docs)) {
		is, claimed, err := l.Input(t.Context(), id)
		at, wanted := m.inputs[id]
		if err != nil || is != wanted || !claimed.Equal(at) {
			t.Errorf("%s: Input(%d) = %t, %s, %v, want %t, %s", where, id, is, claimed, err, wanted, at)
		}
		copies := must(l.Copies(t.Context(), id))(t)
		for _, s := range m.segs {
			if has := slices.ContainsFunc(copies, func(c ledger.Segment) bool { return c == *s }); has != m.copies[[2]int64{id, s.ID}] {
				t.Errorf("%s: a copy of document %d in segment %d: %t, want %t", where, id, s.ID, has, !has)
			}
		}
	}
	m.checkSegments(t, l, where)
	m.checkLoose(t, l, where)
	if t.Failed() {
		t.FailNow()
	}
}

func (m *model) checkSegments(t *testing.T, l *ledger.Ledger, where string) {
	t.Helper()
	var segs []ledger.Segment
	for _, id := range slices.Sorted(maps.Keys(m.segs)) {
		s := *m.segs[id]
		segs = append(segs, s)
		in := m.in(id, false)
		equal(t, where+": InSegment", must(l.InSegment(t.Context(), id))(t), append([]ledger.Document{}, in...))
		var use ledger.SegmentUse
		var inputs int64
		for _, d := range in {
			if _, is := m.inputs[d.ID]; is {
				inputs++
			}
			switch d.State {
			case ledger.Stored:
				use.Stored, use.StoredBytes = use.Stored+1, use.StoredBytes+d.Size
			case ledger.Deleting:
				use.Deleting++
			}
		}
		equal(t, where+": SegmentUse", must(l.SegmentUse(t.Context(), id))(t), use)
		equal(t, where+": Inputs", must(l.Inputs(t.Context(), id))(t), inputs)
		equal(t, where+": Segment", must(l.Segment(t.Context(), id))(t), s)
		equal(t, where+": Segments", must(l.Segments(t.Context(), ledger.SegmentQuery{User: s.User, Month: s.Month, Key: s.Key, States: []ledger.SegmentState{s.State}}))(t), []ledger.Segment{s})
	}
	equal(t, where+": all Segments", must(l.Segments(t.Context(), ledger.SegmentQuery{}))(t), append([]ledger.Segment{}, segs...))
}

func (m *model) checkLoose(t *testing.T, l *ledger.Ledger, where string) {
	t.Helper()
	var want []ledger.Month
	for _, user := range modelUsers {
		for _, month := range modelMonths {
			docs := m.loose(user, month, true)
			if len(docs) == 0 {
				continue
			}
			of := ledger.Month{User: user, First: month, Documents: int64(len(docs))}
			for _, d := range docs {
				of.Bytes += d.Size
			}
			want = append(want, of)
			equal(t, where+": Loose", all(t, l.Loose(t.Context(), of)), m.loose(user, month, false))
		}
	}
	equal(t, where+": LooseMonths", all(t, l.LooseMonths(t.Context(), "")), want)
	of := slices.DeleteFunc(slices.Clone(want), func(o ledger.Month) bool { return o.User != modelUsers[1] })
	if len(of) == 0 {
		of = nil
	}
	equal(t, where+": LooseMonths of a user", all(t, l.LooseMonths(t.Context(), modelUsers[1])), of)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var (
	modelUsers  = []string{"a\x00", "b", "b\xff"} // in byte order
	modelMonths = []time.Time{monthOf(noon.AddDate(0, -2, 0)), monthOf(noon), monthOf(noon.AddDate(0, 1, 0))}
)
