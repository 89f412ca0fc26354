package metamorphic_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// look holds everything that can be seen against the oracle.
func (w *world) look() {
	w.t.Helper()
	if err := w.looked(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) looked(ctx context.Context) error {
	if err := w.reads(ctx, w.store); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{w.search, w.remembered, w.nowhere} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// read is looking at everything that the ledger has.
func (w *world) read() action {
	return action{
		name: "read everything",
		run:  w.reads,
		done: func(err error) error { return err },
	}
}

// reads lists, reads and exports everything.
func (w *world) reads(ctx context.Context, s store.Store) error {
	e, err := export.New(export.Config{Store: s, Ledger: w.ledger, TempDir: w.t.TempDir()})
	if err != nil {
		return err
	}
	docs, err := w.listing(ctx)
	if err != nil {
		return err
	}
	if err := w.cats(ctx, e, docs); err != nil {
		return err
	}
	return w.exports(ctx, e, docs)
}

// listing holds the ledger's listing against the oracle, and returns it.
func (w *world) listing(ctx context.Context) (docs []ledger.Document, err error) {
	seen := map[id]bool{}
	keys := map[string]bool{}
	for d, err := range w.ledger.Documents(ctx, ledger.Query{}) {
		if err != nil {
			return nil, err
		}
		v := w.oracle.byID[id{d.User, d.Job, d.InputHash}]
		switch {
		case v == nil:
			return nil, fmt.Errorf("%s is listed, and was never given", d.Key)
		case v.state != stored:
			return nil, fmt.Errorf("%s is listed:%s", d.Key, names([]*version{v}))
		case seen[v.id()] || keys[d.Key]:
			return nil, fmt.Errorf("%s is listed twice", d.Key)
		}
		seen[v.id()], keys[d.Key] = true, true
		if err := w.row(v, d); err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	for _, v := range w.oracle.some(isStored) {
		if !seen[v.id()] {
			return nil, fmt.Errorf("not listed:%s, on hold: %v", names([]*version{v}), w.oracle.held(v))
		}
	}
	if !slices.IsSortedFunc(docs, func(a, b ledger.Document) int { return b.Time.Compare(a.Time) }) {
		return nil, fmt.Errorf("the listing is not newest first")
	}
	return docs, nil
}

// row holds a row against its version.
func (w *world) row(v *version, d ledger.Document) error {
	i := &v.info
	if v.key == "" {
		v.key = d.Key
	}
	changed := ""
	if v.capped() {
		changed = "capped"
	}
	title := i.Title
	switch {
	case d.Key != v.key:
		return fmt.Errorf("%s is listed, and lay at %s", d.Key, v.key)
	case d.Recipe != i.Recipe || d.Kind != string(i.Kind) || d.Status != i.Status || !d.Time.Equal(i.Time) || d.Title != title ||
		d.Lines != i.LineCount || d.Size != int64(len(v.stored)) || d.Changed != changed || d.Overflow != v.capped() || !d.Verified:
		return fmt.Errorf("%s is listed as %+v\nwant %+v, of %d bytes, changed %q, overflow %v", d.Key, d, i, len(v.stored), changed, v.capped())
	case d.Segment != 0 && w.oracle.secured(v):
		return fmt.Errorf("%s is on hold and lies in a segment", d.Key)
	}
	return nil
}

// cats reads every version, as it is kept and as it came.
func (w *world) cats(ctx context.Context, e *export.Exporter, docs []ledger.Document) error {
	for _, d := range docs {
		v := w.oracle.byID[id{d.User, d.Job, d.InputHash}]
		if err := cat(ctx, e.Reader(), d, v); err != nil {
			return err
		}
	}
	return nil
}

func cat(ctx context.Context, r *export.Reader, d ledger.Document, v *version) error {
	var short, full bytes.Buffer
	if err := r.Write(ctx, &short, d); err != nil {
		return fmt.Errorf("read %s in segment %d: %w", d.Key, d.Segment, err)
	}
	if err := r.WriteFull(ctx, &full, d); err != nil {
		return fmt.Errorf("read all of %s in segment %d: %w", d.Key, d.Segment, err)
	}
	if short.String() != v.stored || full.String() != v.raw {
		return fmt.Errorf("%s in segment %d has other bytes", d.Key, d.Segment)
	}
	return nil
}

// exports compares exports of everything, and of a random selection.
func (w *world) exports(ctx context.Context, e *export.Exporter, docs []ledger.Document) error {
	s := w.scope()
	some := export.Request{Format: export.NDJSON, User: s.User, Statuses: s.Statuses, From: s.From, To: s.To}
	if s.Recipe != "" {
		some.Recipes = []string{s.Recipe}
	}
	for _, kind := range s.Kinds {
		some.Kinds = append(some.Kinds, jobfile.Kind(kind))
	}
	s.Job = ""
	for _, c := range []struct {
		request export.Request
		scope   layout.Scope
	}{{export.Request{Format: export.NDJSON}, layout.Scope{}}, {some, s}} {
		var got, want bytes.Buffer
		if _, err := e.Write(ctx, &got, c.request, nil); err != nil {
			return fmt.Errorf("export %+v: %w", c.request, err)
		}
		for _, d := range docs {
			if v := w.oracle.byID[id{d.User, d.Job, d.InputHash}]; within(c.scope, v) {
				want.WriteString(v.raw + "\n")
			}
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			return fmt.Errorf("export %+v: %d bytes, want %d", c.request, got.Len(), want.Len())
		}
	}
	return nil
}

// search finds a job in the store alone. What has expired it may find.
func (w *world) search(ctx context.Context) error {
	if len(w.oracle.versions) == 0 {
		return nil
	}
	of := w.any()
	wanted := export.Wanted{ID: of.info.Job, User: of.info.User, Recipe: of.info.Recipe, Event: of.info.Kind != jobfile.Job}
	found, err := export.Search{Store: w.store, TempDir: w.t.TempDir()}.Find(ctx, wanted)
	there := map[id]bool{}
	if err == nil {
		for _, d := range found.Job.Versions {
			v := w.oracle.byID[id{d.User, d.Job, d.InputHash}]
			if v == nil || v.wiped {
				return fmt.Errorf("search for %+v finds %s:%s", wanted, d.Key, names([]*version{v}))
			}
			there[v.id()] = true
			if err := cat(ctx, found.Reader, d, v); err != nil && v.state == stored {
				return fmt.Errorf("search for %+v: %w", wanted, err)
			}
		}
	}
	for _, v := range w.oracle.some(isStored) {
		if i := v.info; !v.asked && !there[v.id()] && i.User == wanted.User && i.Job == wanted.ID && i.Recipe == wanted.Recipe && (i.Kind != jobfile.Job) == wanted.Event {
			return fmt.Errorf("search for %+v doesn't find%s: %w", wanted, names([]*version{v}), err)
		}
	}
	return nil
}

// remembered holds marks, and what is owed, against the oracle.
func (w *world) remembered(context.Context) error {
	marks, err := w.marks()
	if err != nil {
		return err
	}
	owed, err := w.owed()
	if err != nil {
		return err
	}
	for _, v := range w.oracle.versions {
		if got := marks[v.id()]; got != v.marked {
			return fmt.Errorf("%s has the mark %+v, want %+v", names([]*version{v}), got, v.marked)
		}
		if got := owed[v.id()]; got != v.owed {
			return fmt.Errorf("%s is owed: %v, want %v", names([]*version{v}), got, v.owed)
		}
	}
	return nil
}

// marks are the marks that stand in something.
type marks map[string]bool

var markPattern = regexp.MustCompile(`mark-\d{6}-[0-9a-f]{8}`)

// nowhere looks for what was erased in all objects, and all versions of them,
// whatever they are made of.
func (w *world) nowhere(ctx context.Context) error {
	gone := map[string]*version{}
	for _, v := range w.oracle.versions {
		if v.wiped {
			gone[v.mark] = v
		}
	}
	all, err := w.contents(ctx)
	if err != nil {
		return err
	}
	for key, found := range all {
		for mark := range found {
			if v := gone[mark]; v != nil {
				return fmt.Errorf("%s has what was in %s (%s), on hold: %v", key, v.key, v.state, w.oracle.held(v))
			}
		}
	}
	return nil
}

// contents returns the marks in all that lies under each key.
func (w *world) contents(ctx context.Context) (map[string]marks, error) {
	all := map[string]marks{}
	for info, err := range w.store.List(ctx, store.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		if all[info.Key], err = w.marksIn(ctx, info); err != nil {
			return nil, err
		}
	}
	v, ok := store.As[store.Versioner](store.Store(w.store))
	if !ok {
		return all, nil
	}
	for one, err := range v.Versions(ctx, "") {
		if err != nil {
			return nil, err
		}
		if one.Deleted || one.Latest {
			continue
		}
		found := marks{}
		for _, b := range w.store.put[one.Key] {
			some, err := inside(one.Key, b)
			if err != nil {
				return nil, err
			}
			for mark := range some {
				found[mark] = true
			}
		}
		all[one.Key+" version "+one.ID] = found
	}
	return all, nil
}

func (w *world) marksIn(ctx context.Context, info store.Info) (marks, error) {
	name := info.Key + " " + info.ETag
	if found, ok := w.seen[name]; ok {
		return found, nil
	}
	r, _, err := w.store.Get(ctx, info.Key, store.Range{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	found, err := inside(info.Key, b)
	if err != nil {
		return nil, err
	}
	w.seen[name] = found
	return found, nil
}

var inflate, _ = zstd.NewReader(nil)

// inside returns the marks in an object, however it is packed.
func inside(key string, b []byte) (marks, error) {
	plain := [][]byte{b}
	switch {
	case strings.HasSuffix(key, ".zst"):
		raw, err := inflate.DecodeAll(b, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		plain = append(plain, raw)
	case strings.HasSuffix(key, ".parquet"):
		r, err := segment.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		for row, err := range r.Documents(func(*segment.Row) bool { return true }) {
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			plain = append(plain, slices.Concat(row.Document, row.Change, []byte(row.Title+row.Error)))
		}
	}
	found := marks{}
	for _, p := range plain {
		for _, mark := range markPattern.FindAll(p, -1) {
			found[string(mark)] = true
		}
	}
	return found, nil
}
