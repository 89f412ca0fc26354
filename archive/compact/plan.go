package compact

import (
	"context"
	"fmt"
	"iter"
	"time"

	"logstow/archive/ledger"
)

const (
	// soon is how long documents that are ready wait for others of their month.
	soon = 31 * 24 * time.Hour

	// fullSegments is how many segments a partition's documents make, at least,
	// that are packed whatever else there is.
	fullSegments = compression

	// keptDocuments is how many documents a partition may have that are remembered
	// until they are packed, some MB of them. Of larger ones the ledger is asked again.
	keptDocuments = 8192

	dateFormat = "2006-01-02"
)

// partition is a user's month that has something loose.
type partition struct {
	Partition
	month ledger.Month
	late  bool // it has segments already
	holds []ledger.Hold
	docs  []ledger.Document // that are ready or held; nil where they are not remembered
}

// turn is what a document waits for.
type turn int

const (
	ready turn = iota
	waits      // for its time
	stays      // for good
	held       // for who holds it
	turns
)

// turn tells what a document waits for, and until when.
func (r *run) turn(p *partition, d *ledger.Document) (turn, time.Time) {
	for i := range p.holds {
		if p.holds[i].Holds(d) {
			return held, time.Time{}
		}
	}
	wait, ok := r.After(d)
	if !ok {
		return stays, time.Time{}
	}
	from := d.Time
	if p.late && d.ArchivedAt.After(from) {
		from = d.ArchivedAt
	}
	if at := from.Add(wait); at.After(r.at) {
		return waits, at
	}
	return ready, time.Time{}
}

// counts is how many documents of a partition wait for what.
type counts struct {
	documents [turns]int64
	bytes     int64 // of those that are ready

	soon   int64     // of those that wait: that are ready soon
	latest time.Time // of those: when the last is ready
	first  time.Time // of those that wait: when the first is ready
}

// plan decides what is to become of a month.
func (r *run) plan(ctx context.Context, m ledger.Month) (*partition, error) {
	p := &partition{month: m, Partition: Partition{
		User: m.User, Month: m.First, Action: Wait, Documents: m.Documents, Bytes: m.Bytes,
	}}
	segments, err := r.Ledger.Segments(ctx, ledger.SegmentQuery{
		User: m.User, Month: m.First, States: []ledger.SegmentState{ledger.SegmentStored},
	})
	if err != nil {
		return nil, err
	}
	p.Segments, p.late = len(segments), len(segments) > 0
	over := !r.at.Before(m.First.AddDate(0, 1, 0))
	if !over && m.Bytes < r.full() {
		p.Reason = "the month is not over"
		return p, nil
	}
	if p.holds, err = r.Ledger.Holds(ctx, true); err != nil {
		return nil, err
	}
	n, err := r.countTurns(ctx, p)
	if err != nil {
		return nil, err
	}
	p.decide(n, over, r.full())
	return p, nil
}

func (r *run) full() int64 { return fullSegments * r.segmentBytes() }

func (r *run) countTurns(ctx context.Context, p *partition) (n counts, err error) {
	remember := p.month.Documents <= keptDocuments
	for d, err := range r.Ledger.Loose(ctx, p.month) {
		if err != nil {
			return n, err
		}
		is, at := r.turn(p, &d)
		n.documents[is]++
		if remember && (is == ready || is == held) {
			p.docs = append(p.docs, d)
		}
		switch {
		case is == ready:
			n.bytes += d.Size
			continue
		case is != waits:
			continue
		}
		if n.first.IsZero() || at.Before(n.first) {
			n.first = at
		}
		if !at.After(r.at.Add(soon)) {
			n.soon++
			if at.After(n.latest) {
				n.latest = at
			}
		}
	}
	return n, nil
}

// decide says what is to become of the partition, and why. over tells whether the
// month is, and full how many bytes are packed whatever else there is.
func (p *partition) decide(n counts, over bool, full int64) {
	p.Left = n.documents[stays] + n.documents[held]
	waiting := n.documents[ready] + n.documents[waits]
	p.Documents = waiting
	switch {
	case n.documents[ready] > 0 && n.bytes >= full:
		p.Reason = fmt.Sprintf("those that are ready have %d MB, at least %d", n.bytes/1_000_000, full/1_000_000)
	case waiting == 0 && n.documents[held] > 0:
		p.Reason = fmt.Sprintf("what it has is to stay as it is, %d on hold", n.documents[held])
		return
	case waiting == 0 && n.documents[stays] > 0:
		p.Reason = "what it has is to stay as it is"
		return
	case waiting == 0:
		p.Reason = "what it has is about to expire"
		return
	case !over:
		p.Reason = "the month is not over"
		return
	case n.soon > 0:
		p.Reason = fmt.Sprintf("the youngest of %d is ready on %s", n.documents[ready]+n.soon, n.latest.Format(dateFormat))
		return
	case n.documents[ready] == 0:
		p.Reason = fmt.Sprintf("the first of %d is ready on %s", waiting, n.first.Format(dateFormat))
		return
	case p.late:
		p.Reason = "they came late, and are ready"
	default:
		p.Reason = "the month is over and they are ready"
	}
	p.Action, p.Documents, p.Bytes = Pack, n.documents[ready], n.bytes
	p.Left += n.documents[waits]
}

// readyOf yields the documents that are to be packed, in their order. It gives
// notice of those on hold.
func (r *run) readyOf(ctx context.Context, p *partition) iter.Seq2[ledger.Document, error] {
	return func(yield func(ledger.Document, error) bool) {
		for d, err := range r.loose(ctx, p) {
			if err == nil {
				switch is, _ := r.turn(p, &d); is {
				case held:
					r.left(&d, "it is on hold")
					continue
				case ready:
				default:
					continue
				}
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// loose yields what the plan remembers of a partition, or else what the ledger has.
// What was remembered may be gone meanwhile: whoever reads it finds out.
func (r *run) loose(ctx context.Context, p *partition) iter.Seq2[ledger.Document, error] {
	if p.docs == nil {
		return r.Ledger.Loose(ctx, p.month)
	}
	return func(yield func(ledger.Document, error) bool) {
		for _, d := range p.docs {
			if !yield(d, nil) {
				return
			}
		}
	}
}
