package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"logstow/archive/source"
)

const (
	pendingBytes = 64_000_000
	pendingTime  = 5 * time.Second

	// maxUnreadable is how many errors of one source's parts are kept.
	maxUnreadable = 10
)

// PendingLimit bounds how much of a source Pending reads. Zero fields mean their
// defaults.
type PendingLimit struct {
	Bytes int64         // of unread records in each source; 0: 64 MB
	Time  time.Duration // for each source; 0: 5 s
}

// Backlog is what a source holds that isn't safe yet.
type Backlog struct {
	Source  string
	Records int64   // that are not safe, as far as was looked
	Bytes   int64   // of them; an incomplete one counts for none
	Whole   bool    // all that is unread was looked at
	Oldest  *Unsafe // by its time; nil: nothing was found
	Err     error   // why the source, or a part of it, can't be read; nil: it can
}

// Unsafe is a record of which nothing in the store can be relied on yet, or a
// part of which nobody can tell what it holds.
type Unsafe struct {
	User, Recipe, Job string // empty where the record has none

	// Time is the record's; where that can't be read, of its file's last
	// change; zero where that can't be told either.
	Time time.Time

	Source, Part string
	Offset       int64  // of the record in Part, after decompression; -1 where that says nothing
	Reason       string // NotRead, or what begins with NotComplete, NotReadable or NotVerified
}

// Older returns whichever has waited longer, by its time. One without a time
// gives way to one that has it, and nil to all.
func Older(a, b *Unsafe) *Unsafe {
	switch {
	case a == nil:
		return b
	case b == nil || b.Time.IsZero():
		return a
	case a.Time.IsZero() || b.Time.Before(a.Time):
		return b
	}
	return a
}

// Why a record isn't safe.
const (
	NotRead     = "not read yet"
	NotComplete = "not complete yet"
	NotReadable = "can't be read"
	NotVerified = "unverified"
)

// Pending looks, for each input, for records that lie behind its cursors and
// that the ledger doesn't know as safe: archived, in quarantine, or refused on
// record. Records of kinds that aren't archived don't count. An input that can
// be read only once is left alone, and has no Backlog. Pending writes nothing,
// and holds no more than one record at a time. It ends early when ctx does, or
// the ledger fails, with what it found and that error.
func Pending(ctx context.Context, c Config, limit PendingLimit) ([]Backlog, error) {
	limit.Bytes = cmp.Or(limit.Bytes, pendingBytes)
	limit.Time = cmp.Or(limit.Time, pendingTime)
	r := newRun(c)
	var all []Backlog
	for i := range r.Inputs {
		in := &r.Inputs[i]
		if s, ok := in.Source.(interface{ Once() bool }); ok && s.Once() {
			continue
		}
		l := &look{run: r, in: in, found: Backlog{Source: in.Source.Name(), Whole: true}}
		err := l.look(ctx, limit)
		all = append(all, l.found)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// tailer is a source whose parts may end in what is no whole record yet, which
// its Records doesn't yield. It tells by the cursors that Records brought.
type tailer interface {
	Tails(cursors map[string]string) []source.Tail
}

// look is one look at an input.
type look struct {
	*run
	in    *Input
	found Backlog

	batch      []unsure
	unreadable map[string]bool // parts that are known to be
	errs       []error         // at most maxUnreadable, and one more that says how many were left out
	failures   int
}

// look reads what lies behind the cursors, asks the ledger about it, and then
// adds what the parts end in.
func (l *look) look(ctx context.Context, limit PendingLimit) error {
	cursors, err := l.cursors(ctx, l.found.Source)
	if err != nil {
		return err
	}
	reached := maps.Clone(cursors)
	if err := l.read(ctx, limit, cursors, reached); err != nil {
		return err
	}
	if t, ok := l.in.Source.(tailer); ok && l.found.Whole {
		l.tails(t.Tails(reached))
	}
	if more := l.failures - len(l.errs); more > 0 {
		l.errs = append(l.errs, fmt.Errorf("and %d more", more))
	}
	l.found.Err = errors.Join(l.errs...)
	return nil
}

// read reads from where cursors say, and brings reached up to date.
func (l *look) read(ctx context.Context, limit PendingLimit, cursors, reached map[string]string) error {
	timed, cancel := context.WithTimeout(ctx, limit.Time)
	defer cancel()
	var seen int64
	for rec, err := range l.in.Source.Records(timed, cursors) {
		if timed.Err() != nil || err == nil && rec.Data != nil && seen >= limit.Bytes {
			if err == nil {
				rec.Release()
			}
			l.found.Whole = false
			break
		}
		if err != nil {
			l.blocked(err)
			continue
		}
		reach(reached, rec.Cursor)
		if rec.Data == nil {
			continue
		}
		seen += rec.Size
		if err := l.take(ctx, rec); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.lookUpAll(ctx)
}

func reach(reached map[string]string, c *source.Cursor) {
	switch {
	case c == nil:
	case c.Value == "":
		delete(reached, c.Part)
	default:
		reached[c.Part] = c.Value
	}
}

// blocked notes that a part can't be read.
func (l *look) blocked(err error) {
	u := Unsafe{Offset: -1, Reason: NotReadable + ": " + err.Error()}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		u.Part = path.Path
		if l.unreadable == nil {
			l.unreadable = map[string]bool{}
		}
		l.unreadable[u.Part] = true
	}
	l.older(u)
	l.failures++
	if len(l.errs) < maxUnreadable {
		l.errs = append(l.errs, err)
	}
}

// tails adds what parts end in.
func (l *look) tails(tails []source.Tail) {
	for _, t := range tails {
		if l.unreadable[t.Part] {
			continue
		}
		l.found.Records++
		l.older(Unsafe{Time: t.Changed, Part: t.Part, Offset: t.Offset, Reason: NotComplete + ": the file ends inside the record"})
	}
}
