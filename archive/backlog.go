package archive

import (
	"context"
	"os"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/source"
	"logstow/layout"
)

// unsure is a record that only the ledger can tell of whether it is safe.
type unsure struct {
	Unsafe
	size int64
	hash ledger.Hash // of a job or an event: its input hash
	key  string      // of one that is, or may be, for quarantine: where its bytes belong
	job  bool        // the ledger may know it as a document
}

// take judges a record and releases it.
func (l *look) take(ctx context.Context, rec *source.Record) error {
	defer rec.Release()
	it := newItem(l.in, l.in.Source.Name(), rec)
	o, err := it.inspect(l.Kinds)
	u := unsure{size: rec.Size, Unsafe: Unsafe{Part: rec.Part, Offset: rec.Offset, Reason: NotRead}}
	switch {
	case o == skipped:
		return nil
	case err != nil:
		u.Reason = NotReadable + ": " + err.Error()
		l.unsafe(u)
		return nil
	case o == undecided:
		u.User, u.Recipe, u.Job = it.info.User, it.info.Recipe, it.info.Job
		u.Time, u.hash, u.job = it.info.Time, it.info.InputHash, true
	}
	// What is too large may have no place but the quarantine, like what is broken.
	if !u.job || rec.Size > l.MaxFileSize {
		if u.key, err = quarantineKey(it); err != nil {
			u.Reason = NotReadable + ": " + err.Error()
			l.unsafe(u)
			return nil
		}
	}
	l.batch = append(l.batch, u)
	if len(l.batch) < inspected {
		return nil
	}
	return l.lookUpAll(ctx)
}

// quarantineKey is where the record's bytes belong if they are quarantined.
func quarantineKey(it *item) (string, error) {
	body, err := sums(it.rec.Data, it.rec.Size)
	if err != nil {
		return "", err
	}
	return layout.Quarantine(quarantineID(ledger.Quarantined{
		Source: it.source, Part: it.part, Offset: it.offset, SHA256: body.SHA256,
	})), nil
}

// lookUpAll asks the ledger about all records that were taken, and keeps those
// that aren't safe.
func (l *look) lookUpAll(ctx context.Context) error {
	if len(l.batch) == 0 {
		return nil
	}
	known := make([][]ledger.Version, len(l.batch))
	if l.Ledger != nil {
		refs := make([]ledger.Ref, len(l.batch))
		for i, u := range l.batch {
			if u.job {
				refs[i] = ledger.Ref{User: u.User, Job: u.Job}
			}
		}
		var err error
		if known, err = l.Ledger.Find(ctx, refs); err != nil {
			return err
		}
	}
	for i, u := range l.batch {
		safe, err := l.judge(ctx, &u, known[i])
		if err != nil {
			return err
		}
		if !safe {
			l.unsafe(u)
		}
	}
	l.batch = l.batch[:0]
	return nil
}

// judge tells whether a record is safe, as far as the ledger knows.
func (l *look) judge(ctx context.Context, u *unsure, versions []ledger.Version) (bool, error) {
	for _, v := range versions {
		if !u.job || v.InputHash != u.hash {
			continue
		}
		if v.State != ledger.Stored || v.Verified {
			return true, nil
		}
		u.Reason = NotVerified + ": the store may not be read"
	}
	if u.key == "" || l.Ledger == nil {
		return false, nil
	}
	state, err := l.Ledger.QuarantineState(ctx, u.key)
	return state != "", err
}

// unsafe counts a record that isn't safe.
func (l *look) unsafe(u unsure) {
	l.found.Records++
	l.found.Bytes += u.size
	l.older(u.Unsafe)
}

// older keeps u where it is the oldest so far.
func (l *look) older(u Unsafe) {
	if u.Time.IsZero() {
		u.Time = lastChange(u.Part)
	}
	u.Source = l.found.Source
	l.found.Oldest = Older(l.found.Oldest, &u)
}

// lastChange is when a file was last changed; zero where that can't be told.
func lastChange(part string) time.Time {
	info, err := os.Stat(part)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime().UTC()
}
