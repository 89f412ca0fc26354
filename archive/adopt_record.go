package archive

import (
	"context"
	"hash/maphash"
	"slices"

	"logstow/archive/ledger"
)

// record puts what was read into the ledger, and counts it.
func (a *adoption) record(ctx context.Context, batch []*found) error {
	var b ledger.Batch
	var refs []ledger.Ref
	for _, f := range batch {
		switch {
		case f.damage != "":
			a.s.Damaged++
			a.stillThere(f.info.Key)
			a.notice("damaged", f.info.Key, f.damage)
		case f.raw != nil:
			a.s.Quarantined++
			b.Quarantined = append(b.Quarantined, *f.raw)
		default:
			a.honour(f.row, true)
			b.Documents = append(b.Documents, *f.row)
			refs = append(refs, ledger.Ref{User: f.row.User, Job: f.row.Job})
		}
	}
	if err := a.count(ctx, b.Documents, refs); err != nil {
		return err
	}
	if a.DryRun || len(b.Documents)+len(b.Quarantined) == 0 {
		return nil
	}
	return a.Ledger.Commit(ctx, b)
}

// count counts documents, of the jobs refs, by what the ledger knows of them.
func (a *adoption) count(ctx context.Context, docs []ledger.Document, refs []ledger.Ref) error {
	known, err := a.known(ctx, docs, refs)
	if err != nil {
		return err
	}
	for i := range docs {
		if known[i] {
			a.s.AlreadyRecorded++
			continue
		}
		a.countNew(&docs[i])
		if a.Adopted != nil {
			a.Adopted(docs[i].Key)
		}
	}
	return nil
}

func (a *adoption) countNew(d *ledger.Document) {
	if d.State != ledger.Stored {
		a.s.Erased++
		return
	}
	a.s.Adopted++
	a.s.Bytes += d.Size
}

// known tells of each of these documents, of the jobs refs, whether it is recorded.
func (a *adoption) known(ctx context.Context, docs []ledger.Document, refs []ledger.Ref) ([]bool, error) {
	known := make([]bool, len(docs))
	if a.Ledger != nil && len(refs) > 0 {
		versions, err := a.Ledger.Find(ctx, refs)
		if err != nil {
			return nil, err
		}
		for i, d := range docs {
			known[i] = isKnown(versions[i], d.InputHash)
		}
	}
	if !a.DryRun {
		return known, nil
	}
	for i, d := range docs {
		mark := maphash.Comparable(a.seed, version{ledger.Ref{User: d.User, Job: d.Job}, d.InputHash})
		known[i] = known[i] || a.seen[mark]
		a.seen[mark] = true
	}
	return known, nil
}

func isKnown(versions []ledger.Version, hash ledger.Hash) bool {
	return slices.ContainsFunc(versions, func(v ledger.Version) bool { return v.InputHash == hash })
}
