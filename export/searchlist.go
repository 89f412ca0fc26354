package export

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// search is a Search under way, and then the places of what it found.
type search struct {
	Search
	want    Wanted
	readers []*jobfile.Reader

	mu       sync.Mutex // guards what follows while objects are read
	docs     []ledger.Document
	segments map[int64]*candidate // that were opened, by ids from 1
	unread   []error
}

// candidate is a segment that may have the job.
type candidate struct {
	store.Info
	reader *segment.Reader
}

// list looks at what lies below a prefix, and has g read what may be wanted, within
// its own context.
func (q *search) list(ctx, read context.Context, g *errgroup.Group, prefix string) error {
	prefix, ok := q.narrow(prefix)
	if !ok {
		return nil
	}
	for info, err := range q.Store.List(ctx, store.ListOptions{Prefix: prefix}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		n, err := layout.Parse(info.Key)
		switch {
		case err != nil || n.User != q.want.User: // somebody else's
		case n.Kind == layout.SegmentKey:
			g.Go(func() error { return q.lookInto(read, info) })
		case n.ID == q.want.ID && (q.want.Recipe == "" || n.Group == q.want.Recipe):
			g.Go(func() error { return q.look(read, info, n) })
		}
	}
	return nil
}

// narrow is the prefix of what of it may be wanted; not ok: nothing is. What lies
// beside documents is asked for by name.
func (q *search) narrow(prefix string) (string, bool) {
	switch {
	case strings.HasPrefix(prefix, layout.Segments):
		return prefix, true
	case strings.HasPrefix(prefix, strings.TrimSuffix(layout.Overflow(""), ".zst")),
		strings.HasPrefix(prefix, strings.TrimSuffix(layout.Meta(""), ".json")),
		q.want.Event && strings.HasSuffix(prefix, "/jobs/"):
		return "", false
	case q.want.Recipe == "":
		return prefix, true
	}
	return prefix + layout.Escape(q.want.Recipe) + "/", true
}

// lookInto looks for the job in a segment.
func (q *search) lookInto(ctx context.Context, info store.Info) error {
	r, err := segment.Open(store.ReaderAt(ctx, q.Store, info.Key), info.Size)
	var found []segment.Found
	if err == nil {
		found, err = r.Find(segment.Wanted{Job: q.want.ID, Recipe: q.want.Recipe})
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case errors.Is(err, segment.ErrDamaged) || errors.Is(err, segment.ErrVersion) || errors.Is(err, store.ErrChanged):
		q.unread = append(q.unread, fmt.Errorf("%s: %w: %w", info.Key, ErrDamaged, err))
		return nil
	case err != nil:
		return fmt.Errorf("look into %s: %w", info.Key, err)
	case len(found) == 0:
		return nil
	}
	id := int64(len(q.segments) + 1)
	q.segments[id] = &candidate{info, r}
	for _, f := range found {
		d := documentOf(&f.Row)
		d.Segment, d.SegmentRow = id, f.Number
		if d.User == q.want.User {
			q.docs = append(q.docs, d)
		}
	}
	return nil
}

// documentOf is a row as the ledger would have it.
func documentOf(r *segment.Row) ledger.Document {
	return ledger.Document{
		Kind: string(r.Kind), User: r.User, Recipe: r.Recipe, Job: r.Job, Status: r.Status,
		Time: r.Time, StartedAt: r.StartedAt, CompletedAt: r.CompletedAt,
		Title: r.Title, Error: r.Error, ErrorType: r.ErrorType, Lines: r.Lines,
		Key: r.Key, Revision: isRevision(r.Key), Changed: r.Changed, Overflow: r.Overflow, Verified: true,
		InputHash: r.InputHash, SHA256: r.SHA256, InputSize: r.InputSize, Size: r.Size,
		State: ledger.Stored, ArchivedAt: r.ArchivedAt,
	}
}

func isRevision(key string) bool {
	n, err := layout.Parse(key)
	return err == nil && n.Kind == layout.RevisionKey
}

// look reads a document of the job, to learn what its name doesn't tell.
func (q *search) look(ctx context.Context, info store.Info, n layout.Name) error {
	d := ledger.Document{
		Kind: string(jobfile.Job), User: n.User, Recipe: n.Group, Job: n.ID, Status: n.Status, Time: n.Time, Lines: -1,
		Key: info.Key, Revision: n.Kind == layout.RevisionKey, State: ledger.Stored, ArchivedAt: info.ModTime,
		InputSize: info.Size, Size: info.Size,
	}
	if n.Status == "" {
		d.Kind = unknownEvent
	}
	if err := q.read(ctx, &d); err != nil {
		return err
	}
	change, err := readChange(ctx, q.Store, info.Key)
	switch {
	case errors.Is(err, errElsewhere): // there is none
	case err != nil && !errors.Is(err, ErrDamaged):
		return err
	case err == nil && d.InputHash != (ledger.Hash{}) && change.StoredSHA256 != d.InputHash.String():
		// It is of another record, whose document was not written.
	case err == nil:
		d.Changed, d.Overflow, d.Lines = strings.Join(change.Changed, ","), change.OverflowSHA256 != "", change.Lines
		d.InputSize = change.InputSize
		if _, wrong := hex.Decode(d.InputHash[:], []byte(change.InputSHA256)); wrong != nil || len(change.InputSHA256) != 2*len(d.InputHash) {
			err = fmt.Errorf("%s: %w: its hash %.80q is none", layout.Meta(info.Key), ErrDamaged, change.InputSHA256)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil && !errors.Is(err, errElsewhere) {
		q.unread = append(q.unread, err)
	}
	q.docs = append(q.docs, d)
	return nil
}

// unknownEvent is the kind of an event that no reader finds one in.
const unknownEvent = string(jobfile.Activity)

// read reads an object for what it tells of d.
func (q *search) read(ctx context.Context, d *ledger.Document) error {
	object, _, err := q.Store.Get(ctx, d.Key, store.Range{})
	if err != nil {
		return fmt.Errorf("read %s: %w", d.Key, err)
	}
	defer object.Close()
	data := newSpool(q.TempDir)
	defer data.Close()
	if err := copyTo(data, &reading{r: object, key: d.Key, Closer: object}); err != nil {
		return err
	}
	for _, r := range q.readers {
		info, err := r.Read(data.bytes(), data.size)
		var unreadable *jobfile.Error
		switch {
		case errors.As(err, &unreadable) || err == nil && (info.Recipe != d.Recipe || info.Job != d.Job):
			continue
		case err != nil:
			return fmt.Errorf("read %s: %w", d.Key, err)
		}
		d.Kind, d.Status, d.Lines, d.InputHash = string(info.Kind), info.Status, info.LineCount, info.InputHash
		d.Time = info.Time.UTC().Truncate(time.Millisecond) // as the ledger has it
		return nil
	}
	return nil
}
