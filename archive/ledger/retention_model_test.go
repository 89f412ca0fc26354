package ledger_test

import (
	"cmp"
	"slices"
	"time"

	"logstow/archive/ledger"
)

// keeping does in memory what the ledger does of holds, marks, expiry and erasure
// in SQL.
type keeping struct {
	docs  []ledger.Document // that of ID n is docs[n-1]
	marks map[int64]ledger.Mark
	owed  map[int64]bool
	holds []ledger.Hold
}

func (k *keeping) doc(id int64) *ledger.Document { return &k.docs[id-1] }

func (k *keeping) in(states ...ledger.State) (docs []ledger.Document) {
	for _, d := range k.docs {
		if slices.Contains(states, d.State) {
			docs = append(docs, d)
		}
	}
	return docs
}

func (k *keeping) isHeld(d *ledger.Document) bool {
	return slices.ContainsFunc(k.holds, func(h ledger.Hold) bool { return h.Holds(d) })
}

func (k *keeping) commit(docs []ledger.Document) {
	for _, d := range docs {
		same := func(have ledger.Document) bool {
			return have.User == d.User && have.Job == d.Job && have.InputHash == d.InputHash
		}
		if !slices.ContainsFunc(k.docs, same) {
			d.ID = int64(len(k.docs) + 1)
			k.docs = append(k.docs, d)
		}
	}
}

func (k *keeping) mark(ids []int64, m ledger.Mark) (n int64) {
	for _, id := range ids {
		if _, marked := k.marks[id]; !marked && k.doc(id).State == ledger.Stored {
			k.marks[id] = m
			n++
		}
	}
	return n
}

func (k *keeping) unmark(ids []int64) (n int64) {
	for _, id := range ids {
		if _, marked := k.marks[id]; marked && k.doc(id).State == ledger.Stored {
			delete(k.marks, id)
			n++
		}
	}
	return n
}

// record records a hold, and returns what it comes too late for.
func (k *keeping) record(h ledger.Hold) (leaving []ledger.Document) {
	known := slices.IndexFunc(k.holds, func(have ledger.Hold) bool { return have.ID == h.ID })
	switch {
	case known < 0:
		k.holds = append(k.holds, h)
	case k.holds[known].Released.IsZero():
		have := &k.holds[known]
		have.Released, have.ReleasedBy, have.ReleaseReason = h.Released, h.ReleasedBy, h.ReleaseReason
	}
	for _, d := range k.in(ledger.Deleting, ledger.Expiring) {
		if h.Holds(&d) {
			leaving = append(leaving, d)
		}
	}
	return leaving
}

func (k *keeping) startExpiry(ids []int64, now time.Time) (started, held []ledger.Document) {
	for _, id := range ids {
		d := k.doc(id)
		m, marked := k.marks[id]
		switch {
		case !marked || d.State != ledger.Stored || m.Due.After(now):
		case k.isHeld(d):
			held = append(held, *d)
		default:
			d.State = ledger.Expiring
			started = append(started, *d)
		}
	}
	return started, held
}

func (k *keeping) startErasure(ids []int64) (held []ledger.Document) {
	for _, id := range ids {
		d := k.doc(id)
		switch {
		case d.State != ledger.Stored && d.State != ledger.Expiring:
		case k.isHeld(d):
			k.owed[id] = true
			held = append(held, *d)
		default:
			d.State = ledger.Deleting
			delete(k.marks, id)
			delete(k.owed, id)
		}
	}
	return held
}

// end makes what is in one state another, with little left of it.
func (k *keeping) end(ids []int64, from, to ledger.State) {
	for _, id := range ids {
		d := k.doc(id)
		if d.State != from {
			continue
		}
		d.State = to
		d.Title, d.Error, d.ErrorType, d.Source, d.Lines = "", "", "", "", -1
		d.StartedAt, d.CompletedAt = time.Time{}, time.Time{}
		delete(k.marks, id)
		delete(k.owed, id)
	}
}

// marked is what a query of marks selects, or of what is Expiring, in its order.
func (k *keeping) marked(q ledger.MarkQuery, state ledger.State) (all []ledger.Marked) {
	for id, m := range k.marks {
		d := k.doc(id)
		switch {
		case d.State != state,
			q.User != "" && q.User != d.User,
			q.Recipe != "" && q.Recipe != d.Recipe,
			q.Job != "" && q.Job != d.Job,
			q.Policy != "" && q.Policy != m.Policy,
			!q.DueBy.IsZero() && m.Due.After(q.DueBy):
			continue
		}
		all = append(all, ledger.Marked{Document: *d, Mark: m})
	}
	slices.SortFunc(all, func(a, b ledger.Marked) int {
		return cmp.Or(a.Mark.Due.Compare(b.Mark.Due), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// held is the holds in the order of their placing, or the active ones alone.
func (k *keeping) held(active bool) (holds []ledger.Hold) {
	for _, h := range k.holds {
		if !active || h.Released.IsZero() {
			holds = append(holds, h)
		}
	}
	slices.SortFunc(holds, func(a, b ledger.Hold) int { return cmp.Or(a.Placed.Compare(b.Placed), cmp.Compare(a.ID, b.ID)) })
	return holds
}
