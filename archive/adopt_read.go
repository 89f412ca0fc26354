package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// readDocument reads a document, an event or a revision and makes its row.
func (a *adoption) readDocument(ctx context.Context, f *found) error {
	sp, err := fetch(ctx, a.Store, f.info.Key)
	if errors.Is(err, fs.ErrNotExist) {
		f.damage = "it was listed, and is not there"
		return nil
	}
	if err != nil {
		return err
	}
	defer sp.close()
	body := sp.body()
	info, err := a.Reader.Read(sp.data(), sp.size)
	var bad *jobfile.Error
	switch {
	case errors.As(err, &bad) && !jobfile.IsJSON(sp.data(), sp.size):
		f.damage = bad.Error()
		return nil
	case errors.As(err, &bad):
		// JSON of a system whose field map we were not given: the key says
		// whose it is, and all of it is the record.
		info = jobfile.Info{LineCount: -1, InputHash: body.SHA256, Kind: jobfile.Job}
	case err != nil:
		return err
	case info.Job != f.name.ID && !f.meta && info.Kind == jobfile.Job:
		f.damage = fmt.Sprintf("it is of job %q, and its key of %q", info.Job, f.name.ID)
		return nil
	}
	row := document(info)
	named(&row, f.name)
	row.Key, row.Revision = f.info.Key, f.name.Kind == layout.RevisionKey
	row.SHA256, row.Size, row.InputSize = body.SHA256, body.Size, body.Size
	row.Verified, row.ArchivedAt, row.Source = true, time.Now().UTC(), "adopted"
	if f.meta {
		err := a.applyChange(ctx, f, &row)
		if errors.Is(err, errDamaged) {
			f.damage = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
	}
	f.row = &row
	return nil
}

// named makes the row say what the key says.
func named(row *ledger.Document, n layout.Name) {
	row.User, row.Recipe, row.Job, row.Status = n.User, n.Group, n.ID, n.Status
	if row.Time.IsZero() || !n.Literal && !row.Time.Truncate(time.Second).Equal(n.Time) {
		row.Time = n.Time
	}
	if n.Status == "" && row.Kind == string(jobfile.Job) {
		row.Kind = string(jobfile.Log) // an event of a system we can't read
	}
}

// applyChange makes the row say what was done to a changed document. A meta
// object that is of other content was left by a write that lost.
func (a *adoption) applyChange(ctx context.Context, f *found, row *ledger.Document) error {
	c, err := readChange(ctx, a.Store, f.info.Key)
	if err != nil {
		return err
	}
	hash, err := hex.DecodeString(c.InputSHA256)
	if err != nil || len(hash) != len(row.InputHash) || c.StoredSHA256 != row.InputHash.String() {
		return nil
	}
	row.InputHash = ledger.Hash(hash)
	row.InputSize, row.Lines, row.Changed = c.InputSize, c.Lines, strings.Join(c.Changed, ",")
	row.Overflow = c.OverflowSHA256 != "" && f.overflow
	return nil
}

// readQuarantined makes the row of a quarantined record from the note beside
// it, or from the raw bytes alone.
func (a *adoption) readQuarantined(ctx context.Context, f *found) error {
	b, err := readSmall(ctx, a.Store, layout.QuarantineReason(f.name.Hash))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	q := ledger.Quarantined{Key: f.info.Key, State: ledger.StillOpen, At: f.info.ModTime.UTC(), Reason: "unknown: nothing says why"}
	if n, err := layout.Decode[layout.QuarantineNote](b); err == nil {
		if sum, err := hex.DecodeString(n.SHA256); err == nil && len(sum) == len(q.SHA256) {
			q.Source, q.Part, q.Offset, q.Size = n.Source, n.Part, n.Offset, n.Size
			q.SHA256, q.Reason, q.At = ledger.Hash(sum), n.Reason, n.At
			f.raw = &q
			return nil
		}
	}
	return a.readRaw(ctx, f, q)
}

// readRaw completes the row of a quarantined record that nothing is written
// about.
func (a *adoption) readRaw(ctx context.Context, f *found, q ledger.Quarantined) error {
	r, _, err := a.Store.Get(ctx, f.info.Key, store.Range{})
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := decompress(r, 0)
	if err != nil {
		f.damage = err.Error()
		return nil
	}
	defer raw.close()
	q.Source, q.Part, q.Size, q.SHA256 = "adopted", f.info.Key, raw.size, raw.body().SHA256
	f.raw = &q
	return nil
}
