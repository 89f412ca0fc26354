package check

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// readSegment reads a Stored segment: its file is to have its hash, each document
// that of its row, and what lies in it is to be the row that the ledger says.
func (k *checker) readSegment(ctx context.Context, s ledger.Segment) error {
	sum, _, err := k.sum(ctx, s.Key)
	switch {
	case gone(err):
		return k.brokenSegment(ctx, s, Missing, "it is not there")
	case unreadable(err):
		return k.brokenSegment(ctx, s, Damaged, err.Error())
	case err != nil:
		return err
	case sum != s.SHA256:
		return k.brokenSegment(ctx, s, Damaged, fmt.Sprintf("its SHA-256 is %s, not %s", sum, s.SHA256))
	}
	err = k.readRows(ctx, s)
	if errors.Is(err, segment.ErrDamaged) || errors.Is(err, segment.ErrVersion) || unreadable(err) {
		return k.brokenSegment(ctx, s, Damaged, err.Error())
	}
	if gone(err) || errors.Is(err, store.ErrChanged) {
		return k.brokenSegment(ctx, s, Missing, "it was replaced or removed while it was read")
	}
	return err
}

// dead is a row of a segment that no document lies in.
type dead struct {
	ref ledger.Ref
	sum ledger.Hash // of the record as it came
}

// rowsRead is what reading a segment has told of its rows.
type rowsRead struct {
	in    []ledger.Document // what lies in it from the row on that comes next
	wrong []ledger.Document // what isn't the row that the ledger says
	rest  []dead

	full    []ledger.Document // what has a full record beside it
	changes [][]byte          // what was done to those
}

func (k *checker) readRows(ctx context.Context, s ledger.Segment) error {
	in, err := k.Ledger.InSegment(ctx, s.ID)
	if err != nil {
		return err
	}
	r, err := segment.Open(store.ReaderAt(ctx, k.Store, s.Key), s.Size)
	if err != nil {
		return err
	}
	at, rows := int64(0), rowsRead{in: in}
	for row, err := range r.Documents(nil) {
		if err != nil {
			return err
		}
		rows.add(at, row)
		at++
	}
	for _, d := range rows.in { // rows that it doesn't have
		if d.State == ledger.Stored {
			rows.wrong = append(rows.wrong, d)
		}
	}
	if err := k.wrongRows(ctx, s, rows.wrong); err != nil {
		return err
	}
	if err := k.deadRows(ctx, s, rows.rest); err != nil {
		return err
	}
	return k.overflows(ctx, rows.full, rows.changes)
}

// add compares the row of a number with what is to lie there.
func (r *rowsRead) add(at int64, row *segment.Row) {
	lies := false
	for len(r.in) > 0 && r.in[0].SegmentRow <= at {
		d := r.in[0]
		r.in, lies = r.in[1:], true
		switch {
		case d.State != ledger.Stored:
		case d.SegmentRow != at, row.Key != d.Key, row.SHA256 != d.SHA256, row.InputHash != d.InputHash, row.Job != d.Job:
			r.wrong = append(r.wrong, d)
		case d.Overflow:
			r.full, r.changes = append(r.full, d), append(r.changes, row.Change)
		}
	}
	if !lies {
		r.rest = append(r.rest, dead{ledger.Ref{User: row.User, Job: row.Job}, row.InputHash})
	}
}

// wrongRows reports documents that are not the rows which the ledger says, unless
// they were moved meanwhile.
func (k *checker) wrongRows(ctx context.Context, s ledger.Segment, wrong []ledger.Document) error {
	var still []ledger.Document
	for _, d := range wrong {
		same, err := k.still(ctx, d)
		if err != nil {
			return err
		}
		if same {
			still = append(still, d)
		}
	}
	if len(still) > 0 {
		k.find(Finding{Kind: Damaged, Damage: true, Key: s.Key, Reason: "its rows are others than the ledger says; of those, " + naming(still)})
		k.lose(still...)
	}
	return nil
}

// deadRows looks what became of the rows that no document lies in: a row of what
// was erased, or isn't known, is not to be there.
func (k *checker) deadRows(ctx context.Context, s ledger.Segment, rest []dead) error {
	if len(rest) == 0 {
		return nil
	}
	refs := make([]ledger.Ref, len(rest))
	for i, r := range rest {
		refs[i] = r.ref
	}
	found, err := k.Ledger.Find(ctx, refs)
	if err != nil {
		return err
	}
	erased, unknown := 0, 0
	for i, r := range rest {
		at := slices.IndexFunc(found[i], func(v ledger.Version) bool { return v.InputHash == r.sum })
		switch {
		case at < 0:
			unknown++
		case found[i][at].State == ledger.Erased, found[i][at].State == ledger.Expired:
			erased++
		}
	}
	if erased+unknown == 0 {
		return nil
	}
	same, err := k.sameSegment(ctx, s)
	if err != nil || !same {
		return err
	}
	if erased > 0 {
		k.find(Finding{Kind: Leftover, Key: s.Key, Reason: fmt.Sprintf("%d of its rows are of what was erased or has expired", erased)})
	}
	if unknown > 0 {
		k.find(Finding{Kind: Orphaned, Key: s.Key, Reason: fmt.Sprintf("%d of its rows are of versions that the ledger does not know", unknown)})
	}
	return nil
}

// overflows reads the full records behind documents that lie in a segment; changes
// are what the segment has of what was done to them.
func (k *checker) overflows(ctx context.Context, docs []ledger.Document, changes [][]byte) error {
	for i, d := range docs {
		want := ""
		if c, err := layout.Decode[layout.Change](changes[i]); err == nil && c.InputSHA256 == d.InputHash.String() {
			want = c.OverflowSHA256
		}
		if err := k.readOverflow(ctx, d, want); err != nil {
			return err
		}
	}
	return nil
}
