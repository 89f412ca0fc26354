package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// removal is how long what belongs to a record that has left the quarantine may
// take to be removed.
const removal = 2 * time.Second

// unknownQuarantined is about an object of the quarantine that the ledger
// doesn't know.
func (k *checker) unknownQuarantined(ctx context.Context, o *object) error {
	if o.raw != nil || k.young(o.ModTime) {
		return nil
	}
	raw := o.quarantined()
	f := Finding{Kind: Orphaned, Key: o.Key, Reason: "the ledger does not know this quarantined record: logstow adopt would take it in"}
	if o.name.Kind == layout.QuarantineReasonKey {
		if there, err := k.there(ctx, raw); there || err != nil {
			return err // one is as unknown as the other
		}
		f.Kind, f.Reason = Leftover, "the quarantined record that it is about is not there"
	}
	there, err := k.there(ctx, o.Key)
	if err != nil || !there {
		return err
	}
	state, err := k.Ledger.QuarantineState(ctx, raw)
	if err == nil && state == "" {
		k.find(f)
	}
	return err
}

// quarantined asks the store for the quarantined records that are open.
func (k *checker) quarantined(ctx context.Context) error {
	g, gctx := k.group(ctx)
	err := func() error {
		for q, err := range k.Ledger.Quarantine(gctx, ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}}) {
			if err != nil {
				return err
			}
			raw, note := k.seenRaw.has(q.ID), k.seenNote.has(q.ID)
			g.Go(func() error { return k.quarantinedRecord(gctx, q, raw, note) })
		}
		return nil
	}()
	return errors.Join(g.Wait(), err)
}

// quarantinedRecord is about one that is open; raw and note say what of it was
// listed.
func (k *checker) quarantinedRecord(ctx context.Context, q ledger.Quarantined, raw, note bool) error {
	n, err := layout.Parse(q.Key)
	if err != nil || n.Kind != layout.QuarantineKey {
		k.find(Finding{Kind: Damaged, Damage: true, Key: LedgerKey, Reason: fmt.Sprintf(
			"quarantined record %d lies at %.200q, which is no key of one", q.ID, q.Key)})
		return nil
	}
	if !raw {
		if there, err := k.there(ctx, q.Key); err != nil || !there {
			return k.open(ctx, q, err, Finding{Kind: Missing, Key: q.Key, Reason: fmt.Sprintf(
				"the raw bytes of quarantined record %d are not there", q.ID)})
		}
	}
	if reason := layout.QuarantineReason(n.Hash); !note && q.Source != adopted {
		if there, err := k.there(ctx, reason); err != nil || !there {
			return k.open(ctx, q, err, Finding{Kind: Missing, Key: reason, Reason: fmt.Sprintf(
				"nothing beside quarantined record %d says where it came from", q.ID)})
		}
	}
	if k.chosen() {
		return k.readRaw(ctx, q)
	}
	return nil
}

// adopted is the source of a record that was found with nothing written about
// it.
const adopted = "adopted"

// open reports damage to a quarantined record, unless it has left by now.
func (k *checker) open(ctx context.Context, q ledger.Quarantined, err error, f Finding) error {
	if err != nil {
		return err
	}
	state, err := k.Ledger.QuarantineState(ctx, q.Key)
	if err == nil && state == ledger.StillOpen {
		f.Damage = true
		k.find(f)
	}
	return err
}

// readRaw reads the raw bytes of an open record, and hashes them again.
func (k *checker) readRaw(ctx context.Context, q ledger.Quarantined) error {
	sum, size, err := k.inflated(ctx, q.Key, q.Size)
	f := Finding{Kind: Damaged, Key: q.Key}
	switch {
	case gone(err):
		f.Kind, f.Reason = Missing, fmt.Sprintf("the raw bytes of quarantined record %d are not there", q.ID)
	case errors.Is(err, errNonsense), unreadable(err):
		f.Reason = err.Error()
	case err != nil:
		return err
	case sum != q.SHA256:
		f.Reason = fmt.Sprintf("the %d raw bytes in it have SHA-256 %s, not %s of %d bytes", size, sum, q.SHA256, q.Size)
	default:
		return nil
	}
	return k.open(ctx, q, nil, f)
}

// leftQuarantine reports what is still there of records that have left the
// quarantine, once whoever was removing it had time to.
func (k *checker) leftQuarantine(ctx context.Context) error {
	if k.left.empty() {
		return nil
	}
	select {
	case <-time.After(time.Until(k.walked.Add(removal))):
	case <-ctx.Done():
		return ctx.Err()
	}
	for chunk := range slices.Chunk(slices.Collect(k.left.all()), together) {
		for q, err := range k.Ledger.Quarantine(ctx, ledger.QuarantineQuery{IDs: chunk}) {
			if err != nil {
				return err
			}
			if err := k.leftRecord(ctx, q); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *checker) leftRecord(ctx context.Context, q ledger.Quarantined) error {
	n, err := layout.Parse(q.Key)
	if err != nil || q.State == ledger.StillOpen {
		return nil //nolint:nilerr // it was found by its key
	}
	for _, key := range []string{q.Key, layout.QuarantineReason(n.Hash)} {
		there, err := k.there(ctx, key)
		if err != nil {
			return err
		}
		if there {
			k.find(Finding{Kind: Leftover, Key: key, Reason: fmt.Sprintf("quarantined record %d is %s, and it is still there", q.ID, q.State)})
		}
	}
	return nil
}
