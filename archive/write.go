package archive

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// What Document.Changed and the metadata call what was done to a record.
const changedCapped = "capped"

// errTaken says that a key belongs to other content.
var errTaken = errors.New("the key belongs to other content")

// errUnverified says that something is at a key which may not be read.
var errUnverified = errors.New("there already, and reading it is not allowed")

// write puts the item's document where it belongs, and everything that goes
// with it first. Whatever of it an earlier run already wrote is compared
// instead.
func (r *run) write(ctx context.Context, it *item) (outcome, error) {
	if it.rec.Size > r.MaxFileSize {
		select { // what needs temporary files and a compressor is done a few at a time
		case r.heavy <- struct{}{}:
			defer func() { <-r.heavy }()
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return undecided, ctx.Err()
	}
	d, reason, err := r.prepare(it)
	if err != nil {
		return undecided, err
	}
	if reason != "" {
		it.reason = reason
		return r.quarantine(ctx, it)
	}
	defer d.close()
	it.row = document(it.info)
	it.row.Key, it.row.Source, it.row.InputSize = it.key, it.part, it.size
	it.row.Changed, it.row.Overflow = strings.Join(d.changed, ","), d.overflow != nil
	it.row.SHA256, it.row.Size = d.body.SHA256, d.body.Size
	it.row.ArchivedAt, it.row.Verified = time.Now().UTC(), true
	if r.DryRun {
		it.row.Revision = it.busy.taken(it.key)
		return archived, nil
	}
	o, err := r.place(ctx, it, d)
	if err == nil {
		it.busy.versions = append(it.busy.versions, ledger.Version{
			Key: it.row.Key, InputHash: it.row.InputHash, State: ledger.Stored,
			Revision: it.row.Revision, Overflow: it.row.Overflow, Verified: it.row.Verified,
		})
	}
	return o, err
}

// place puts the document at its key, or as a revision where that is taken.
func (r *run) place(ctx context.Context, it *item, d *prepared) (outcome, error) {
	if !it.busy.taken(it.key) {
		o, err := r.putAll(ctx, it, d)
		if !errors.Is(err, errTaken) {
			return o, err
		}
	}
	it.row.Key, it.row.Revision = layout.Revision(it.key, it.hash()), true
	return r.putAll(ctx, it, d)
}

// putAll puts what belongs to it.row.Key, the document last.
func (r *run) putAll(ctx context.Context, it *item, d *prepared) (outcome, error) {
	key := it.row.Key
	err := r.putBeside(ctx, it, d)
	unread := errors.Is(err, errUnverified)
	if err != nil && !unread {
		return undecided, err
	}
	err = r.put(ctx, key, d.body, store.PutOptions{Metadata: d.metadata(it)})
	switch {
	case err == nil && unread:
		it.row.Verified = false
		it.reason = fmt.Sprintf("what goes with %s is %v", key, errUnverified)
		return unverified, nil
	case err == nil:
		return archived, nil
	case !errors.Is(err, fs.ErrExist):
		return undecided, err
	}
	there, err := r.compare(ctx, it)
	switch {
	case errors.Is(err, errUnverified):
		it.row.Verified = false
		it.reason = fmt.Sprintf("%s is %v", key, errUnverified)
		return unverified, nil
	case err != nil:
		return undecided, err
	}
	it.row.SHA256, it.row.Size, it.row.Verified = there.SHA256, there.Size, !unread
	return alreadyArchived, nil
}

// putBeside puts what is to be there before the document at it.row.Key:
// overflow first, then what says what was done. Where something is there that
// may not be read it goes on, and returns errUnverified at the end.
func (r *run) putBeside(ctx context.Context, it *item, d *prepared) error {
	if len(d.changed) == 0 {
		return nil
	}
	key := it.row.Key
	kept := d.record // by the overflow that is at this key
	it.row.InputSize = it.size
	var unread error
	if d.overflow != nil {
		err := r.put(ctx, layout.Overflow(key), d.overflow.body(), store.PutOptions{ContentType: "application/zstd"})
		if errors.Is(err, fs.ErrExist) {
			var there store.Body
			if there, err = compareOverflow(ctx, r.Store, key, it); err == nil {
				kept, it.row.InputSize = there, there.Size
			}
		}
		if unread = err; err != nil && !errors.Is(err, errUnverified) {
			return err
		}
	}
	content := layout.Encode(d.change(it, kept))
	err := r.put(ctx, layout.Meta(key), store.Bytes(content), store.PutOptions{})
	if errors.Is(err, fs.ErrExist) {
		err = compareChange(ctx, r.Store, key, it, d.inner)
	}
	return cmp.Or(err, unread)
}

// prepared is what is to be written for a record.
type prepared struct {
	body     store.Body  // of the document
	changed  []string    // what was done to it
	inner    ledger.Hash // of a changed one: of the record inside
	overflow *spool      // the record as it came, compressed; nil where it is not kept
	record   store.Body  // what overflow holds
	spools   []*spool    // all that is to be closed
}

// close gives back the memory and the files.
func (d *prepared) close() {
	for _, s := range d.spools {
		s.close()
	}
}

// prepare makes the document of a record. A reason, where not empty, says why
// there can be none.
func (r *run) prepare(it *item) (d *prepared, reason string, err error) {
	d = &prepared{}
	if reason, err = r.fill(d, it); err != nil || reason != "" {
		d.close()
	}
	return d, reason, err
}

func (r *run) fill(d *prepared, it *item) (reason string, err error) {
	data, size, info := it.rec.Data, it.rec.Size, it.info
	if r.Detail != "" && r.Detail != jobfile.Full && info.Kind == jobfile.Job {
		s, err := d.spool(0, func(s *spool) error { return jobfile.Rewrite(s, data, size, info, r.Detail) })
		if err != nil {
			return "", err
		}
		if s.size != size { // a rewrite that drops nothing changes nothing
			if info, err = d.becomes(s, it, string(r.Detail)); err != nil {
				return "", err
			}
			data, size = s.data(), s.size
		}
	}
	if size > r.MaxFileSize {
		s, err := d.spool(r.MaxFileSize, func(s *spool) error { return jobfile.Cap(s, data, size, info) })
		if errors.Is(err, errTooLarge) || errors.Is(err, jobfile.ErrNoLines) {
			return fmt.Sprintf("it has %d bytes, more than the limit of %d, even without its lines", size, r.MaxFileSize), nil
		}
		if err != nil {
			return "", err
		}
		if _, err := d.becomes(s, it, changedCapped); err != nil {
			return "", err
		}
		if err := d.keep(it, r.Overflow); err != nil {
			return "", err
		}
	}
	if len(d.changed) == 0 {
		d.body, err = it.body()
	}
	return "", err
}

// spool has write fill a new spool of at most limit bytes.
func (d *prepared) spool(limit int64, write func(*spool) error) (*spool, error) {
	s := newSpool(limit)
	d.spools = append(d.spools, s)
	return s, write(s)
}

// becomes makes s the document and says what it is now; what is what was done
// to it.
func (d *prepared) becomes(s *spool, it *item, what string) (jobfile.Info, error) {
	info, err := it.input.Reader.Read(s.data(), s.size)
	if err != nil {
		return info, fmt.Errorf("read the record after it was %s: %w", what, err)
	}
	d.body, d.inner = s.body(), info.InputHash
	d.changed = append(d.changed, what)
	return info, nil
}

// keep compresses the record as it came.
func (d *prepared) keep(it *item, o Overflow) (err error) {
	if o != Keep {
		return nil
	}
	if d.record, err = it.body(); err != nil {
		return err
	}
	if d.overflow, err = compress(it.rec.Data, it.rec.Size); err == nil {
		d.spools = append(d.spools, d.overflow)
	}
	return err
}

// change says what was done to the record; kept is what its overflow holds.
func (d *prepared) change(it *item, kept store.Body) layout.Change {
	c := layout.Change{
		InputSHA256: it.hash(), StoredSHA256: d.inner.String(),
		Lines: it.info.LineCount, Changed: d.changed, InputSize: it.row.InputSize,
	}
	if d.overflow != nil {
		c.OverflowSHA256 = hex.EncodeToString(kept.SHA256[:])
	}
	return c
}

// metadata is a hint for other tools of what the meta object says.
func (d *prepared) metadata(it *item) map[string]string {
	if len(d.changed) == 0 {
		return nil
	}
	return map[string]string{
		"logstow-input-sha256": it.hash(),
		"logstow-input-size":   strconv.FormatInt(it.size, 10),
		"logstow-lines":        strconv.FormatInt(it.info.LineCount, 10),
		"logstow-changed":      strings.Join(d.changed, ","),
	}
}
