package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/source"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// quarantineID names a quarantined record: a hash of its place and its bytes.
// The same record read again has the same id, and no other has.
func quarantineID(q ledger.Quarantined) string {
	place := fmt.Sprintf("%q %q %d %s", q.Source, q.Part, q.Offset, q.SHA256)
	sum := sha256.Sum256([]byte(place))
	return hex.EncodeToString(sum[:])
}

// quarantine puts the item's raw bytes into the store, with the reason beside
// them, and prepares the row that points there. What has left the quarantine
// before, by a command, does not come back: the cursor had just not passed it.
func (r *run) quarantine(ctx context.Context, it *item) (outcome, error) {
	if ctx.Err() != nil || r.DryRun {
		return quarantined, ctx.Err()
	}
	body, err := sums(it.rec.Data, it.rec.Size)
	if err != nil {
		return quarantined, err
	}
	q := ledger.Quarantined{
		Source: it.source, Part: it.part, Offset: it.offset, Size: it.size,
		SHA256: body.SHA256, Reason: it.reason, At: time.Now().UTC(), State: ledger.StillOpen,
	}
	id := quarantineID(q)
	q.Key = layout.Quarantine(id)
	switch state, err := r.Ledger.QuarantineState(ctx, q.Key); {
	case err != nil:
		return quarantined, err
	case state == ledger.Retried:
		return alreadyArchived, nil
	case state == ledger.Dropping || state == ledger.Dropped:
		it.reason = "it was dropped from quarantine before: " + it.reason
		return refused, nil
	}
	it.raw = &q
	return quarantined, r.putQuarantined(ctx, it, id)
}

// putQuarantined puts what the item's row of quarantine points to.
func (r *run) putQuarantined(ctx context.Context, it *item, id string) error {
	q := it.raw
	raw, err := compress(it.rec.Data, it.rec.Size)
	if err != nil {
		return err
	}
	defer raw.close()
	note := layout.Encode(layout.QuarantineNote{
		Source: q.Source, Part: q.Part, Offset: q.Offset, Size: q.Size, SHA256: q.SHA256.String(), Reason: q.Reason, At: q.At,
	})
	err = r.putOnce(ctx, q.Key, raw.body(), "application/zstd")
	if err == nil {
		err = r.putOnce(ctx, layout.QuarantineReason(id), store.Bytes(note), "application/json")
	}
	return err
}

// putOnce puts what is not there yet. What is there has the same id, so it is
// of the same record.
func (r *run) putOnce(ctx context.Context, key string, body store.Body, contentType string) error {
	err := r.put(ctx, key, body, store.PutOptions{ContentType: contentType})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("quarantine %s: %w", key, err)
	}
	return nil
}

// Retry takes quarantined records in again, those with the given ids or, with
// none, all that are open; reader is how they are to be read now. A record that
// is archived, or turns out to be so already, leaves the quarantine: its row
// says so and its raw bytes are removed, where the role may remove. Config's
// Inputs and Kinds are not used.
func Retry(ctx context.Context, c Config, reader *jobfile.Reader, ids ...int64) (Summary, error) {
	began := time.Now()
	c.Kinds = nil
	r := newRun(c)
	err := r.retryAll(ctx, reader, ids)
	return r.summary(began), err
}

// retryAll goes on after damaged records, and names them at the end.
func (r *run) retryAll(ctx context.Context, reader *jobfile.Reader, ids []int64) error {
	seen := 0
	var damaged error
	q := ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}, IDs: ids}
	for row, err := range r.Ledger.Quarantine(ctx, q) {
		if err == nil {
			seen++
			err = r.retry(ctx, reader, row)
		}
		switch {
		case errors.Is(err, errDamaged):
			damaged = errors.Join(damaged, err)
		case err != nil:
			return errors.Join(damaged, err)
		}
	}
	if damaged != nil {
		return damaged
	}
	if seen < len(ids) {
		return fmt.Errorf("%d of the %d ids are not of open quarantined records: %w", len(ids)-seen, len(ids), fs.ErrNotExist)
	}
	return nil
}

// retry takes one quarantined record in again.
func (r *run) retry(ctx context.Context, reader *jobfile.Reader, row ledger.Quarantined) error {
	raw, err := fetchQuarantined(ctx, r.Store, row)
	if err != nil {
		return err
	}
	rec := source.NewRecord(row.Part, row.Offset, raw.data(), raw.size, raw.close)
	it := newItem(&Input{Reader: reader}, row.Source, rec)
	r.tally.read(it.size)
	o, err := it.inspect(nil)
	if err == nil && o == undecided {
		it.busy = &claim{ref: it.ref(), items: 1}
		r.lookUp(ctx, []*item{it})
		if o, err = decide(it); err == nil && o == undecided {
			o, err = r.write(ctx, it)
		}
	}
	it.finish(o, err)
	if err != nil {
		return r.explain(it)
	}
	g := &group{}
	g.add(it, false)
	if err := r.commit(ctx, g); err != nil || r.DryRun {
		return err
	}
	if o == archived || o == alreadyArchived {
		return r.release(ctx, row)
	}
	return nil
}

// release marks a record as archived and then removes its raw bytes. Where
// they may not be removed they stay, which harms nobody.
func (r *run) release(ctx context.Context, row ledger.Quarantined) error {
	if _, err := r.Ledger.SetQuarantine(ctx, ledger.StillOpen, ledger.Retried, row.ID); err != nil {
		return err
	}
	err := removeRaw(ctx, r.Store, r.Ledger, row)
	if errors.Is(err, fs.ErrPermission) {
		r.Log.WarnContext(ctx, "raw bytes of a retried record stay: removing them is not allowed", "key", row.Key)
		return nil
	}
	return err
}

// DropQuarantined removes quarantined records for good: raw bytes and all. The
// rows stay and say that they were dropped. It may be repeated after a failure.
// An id that is not of an open record, or of one whose dropping was begun, is
// fs.ErrNotExist, before anything is removed. Where ctx is of a task's lease (see
// ledger.WithFence) that is lost meanwhile, it is ledger.ErrFenced, and nothing
// more is removed but the one object whose removal had begun.
func DropQuarantined(ctx context.Context, s store.Store, l *ledger.Ledger, ids ...int64) error {
	var rows []ledger.Quarantined
	q := ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen, ledger.Dropping}, IDs: ids}
	if len(ids) == 0 {
		return nil
	}
	for row, err := range l.Quarantine(ctx, q) {
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if len(rows) < len(ids) {
		return fmt.Errorf("%d of the %d ids are not of open quarantined records: %w", len(ids)-len(rows), len(ids), fs.ErrNotExist)
	}
	for _, row := range rows {
		if row.State == ledger.StillOpen {
			if _, err := l.SetQuarantine(ctx, ledger.StillOpen, ledger.Dropping, row.ID); err != nil {
				return err
			}
		}
		if err := removeRaw(ctx, s, l, row); err != nil {
			return err
		}
		if _, err := l.SetQuarantine(ctx, ledger.Dropping, ledger.Dropped, row.ID); err != nil {
			return err
		}
	}
	return nil
}

// removeRaw removes what the store has of a record that the ledger has marked
// as leaving the quarantine, unless ctx is of a lease that was lost.
func removeRaw(ctx context.Context, s store.Store, l *ledger.Ledger, row ledger.Quarantined) error {
	name, err := layout.Parse(row.Key)
	if err != nil || name.Kind != layout.QuarantineKey {
		return fmt.Errorf("quarantined record %d: %q is no key of raw bytes", row.ID, row.Key)
	}
	for _, key := range []string{layout.QuarantineReason(name.Hash), row.Key} {
		if err := store.Remove(ctx, s, l.CheckFence, key); err != nil {
			return err
		}
	}
	return nil
}

// fetchQuarantined returns a quarantined record's raw bytes, as they were when
// they came. It returns errDamaged where they are gone or not what they were.
func fetchQuarantined(ctx context.Context, s store.Store, row ledger.Quarantined) (*spool, error) {
	packed, err := fetch(ctx, s, row.Key)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read quarantined record %d: %w", row.ID, err)
	}
	defer packed.close()
	raw, err := decompress(io.NewSectionReader(packed.data(), 0, packed.size), row.Size)
	if err != nil {
		return nil, fmt.Errorf("read quarantined record %d: %w: %w", row.ID, errDamaged, err)
	}
	if sum := ledger.Hash(raw.body().SHA256); sum != row.SHA256 {
		raw.close()
		return nil, fmt.Errorf("read quarantined record %d: %w: %s has SHA-256 %s, not %s", row.ID, errDamaged, row.Key, sum, row.SHA256)
	}
	return raw, nil
}
