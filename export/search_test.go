package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/storetest"
	"logstow/export"
	"logstow/layout"
)

// search finds a job without the ledger.
func (w *world) search(want export.Wanted) (export.Searched, error) {
	w.t.Helper()
	return export.Search{Store: w.store, Fields: w.fields, TempDir: w.t.TempDir()}.Find(w.t.Context(), want)
}

// A job is found without a ledger as it is with it, and read with the same bytes,
// wherever it lies.
func TestSearch(t *testing.T) {
	w := movingWorld(t, samples(t))
	steps := append([]move{{"loose", func() {}}}, w.moves()...)
	for _, m := range steps {
		m.do()
		for i, d := range w.all() {
			if i%3 > 0 && d.Changed == "" && !d.Revision {
				continue // enough of them
			}
			want := export.Wanted{ID: d.Job, User: d.User, Event: d.Kind != "job"}
			if i%2 == 0 {
				want.Recipe = d.Recipe
			}
			job, err := export.Find(t.Context(), w.ledger, want)
			w.must(err)
			found, err := w.search(want)
			if err != nil || len(found.Unread) > 0 {
				t.Fatalf("%s: Find(%+v) = %v, %v", m.what, want, err, found.Unread)
			}
			if got, want := summary(found.Job), summary(job); got != want {
				t.Fatalf("%s: found\n%s\nwant\n%s", m.what, got, want)
			}
			for i, v := range found.Job.Versions {
				if got, want := written(found.Reader, v), written(w.exporter().Reader(), job.Versions[i]); got != want {
					t.Fatalf("%s: %s reads as %.300s\nwant %.300s", m.what, v.Key, got, want)
				}
			}
		}
	}
}

// summary is what tells versions apart.
func summary(j export.Job) string {
	var b strings.Builder
	fmt.Fprintln(&b, j.Kind, j.User, j.Recipe, j.ID)
	for _, v := range j.Versions {
		fmt.Fprintln(&b, v.Key, v.InputHash, v.Lines, v.Changed, v.Overflow, v.Revision, v.Status, v.Time, v.InputSize, v.Size)
	}
	return b.String()
}

// written is a version's document, its full record, and what is wrong with them.
func written(r *export.Reader, v ledger.Document) string {
	var out, full bytes.Buffer
	err := r.Write(context.Background(), &out, v)
	fullErr := r.WriteFull(context.Background(), &full, v)
	return fmt.Sprint(out.String(), err, full.String(), fullErr)
}

// A job in one of many segments is found by two reads of each that may have it,
// and read by one.
func TestSearchReads(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for m := range 6 {
		for i := range 80 {
			id := fmt.Sprintf("j-%d-%d", m, i)
			ids = append(ids, id)
			record := run(id, entry("info", "", noise(uint64(m*1000+i), 8000)))
			w.add(strings.ReplaceAll(record, "2026-01-23", fmt.Sprintf("2026-%02d-23", m+1)))
		}
	}
	w.pack(1)
	w.removeInputs()
	s := storetest.NewFaulty(w.store)
	for i := 0; i < len(ids); i += 37 {
		s.Reset()
		found, err := export.Search{Store: s}.Find(t.Context(), export.Wanted{ID: ids[i], User: "o"})
		w.must(err)
		w.must(found.Reader.Write(t.Context(), io.Discard, found.Job.Versions[0]))
		gets := map[string]int{}
		for _, c := range s.Calls() {
			if c.Method == "Get" {
				gets[c.Key]++
			}
		}
		for key, n := range gets {
			most := 1
			if strings.Contains(key, fmt.Sprintf("/2026%s23-", ids[i][2:3])) || n > 1 {
				most = 3
			}
			if n > most {
				t.Errorf("Find(%s) made %d reads of %s, want at most %d", ids[i], n, key, most)
			}
		}
		if len(gets) != 6 {
			t.Errorf("Find(%s) read %d objects, want the six segments", ids[i], len(gets))
		}
	}
}

func noise(seed uint64, size int) string {
	var b strings.Builder
	for x := seed*2654435761 + 1; b.Len() < size; x = x*6364136223846793005 + 1442695040888963407 {
		fmt.Fprintf(&b, "%016x", x)
	}
	return b.String()
}

func TestSearchRefuses(t *testing.T) {
	w := newWorld(t)
	w.add(run("one", entry("info", "", "1")), strings.ReplaceAll(run("one", entry("info", "", "1")), `"action_id":"a"`, `"action_id":"b"`))
	w.add(strings.ReplaceAll(run("one", entry("info", "", "1")), `"organization_id":"o"`, `"organization_id":"p"`))
	for _, packed := range []bool{false, true} {
		if packed {
			w.pack(1)
			w.removeInputs()
		}
		for _, c := range []struct {
			want export.Wanted
			err  error
		}{
			{export.Wanted{ID: "one", User: "o"}, export.ErrAmbiguous},
			{export.Wanted{ID: "one", User: "o", Recipe: "a"}, nil},
			{export.Wanted{ID: "one", User: "p"}, nil},
			{export.Wanted{ID: "one", User: "p", Recipe: "b"}, export.ErrNotFound},
			{export.Wanted{ID: "one", User: "p", Event: true}, export.ErrNotFound},
			{export.Wanted{ID: "on", User: "o"}, export.ErrNotFound},
			{export.Wanted{ID: "one", User: "q"}, export.ErrNotFound},
		} {
			if found, err := w.search(c.want); !errors.Is(err, c.err) || c.err == nil && (err != nil || found.Job.User != c.want.User) {
				t.Errorf("packed %v: Find(%+v) = %+v, %v, want %v", packed, c.want, found.Job, err, c.err)
			}
		}
	}
	for _, want := range []export.Wanted{{ID: "one"}, {User: "o"}} {
		if _, err := w.search(want); err == nil {
			t.Errorf("Find(%+v): no error", want)
		}
	}
}

// What a record in the store says was erased isn't shown, though it is still
// there; and where such a record can't be read, nothing is.
func TestSearchHonoursErasures(t *testing.T) {
	for what, place := range map[string]func(*world){
		"loose":  func(*world) {},
		"packed": func(w *world) { w.pack(1) },
		"moved":  func(w *world) { w.pack(1); w.removeInputs() },
	} {
		w := newWorld(t)
		w.add(run("one", entry("info", "", "1")), run("two", entry("info", "", "1")))
		w.revise(run("two", entry("info", "", "2"), entry("info", "", "3")))
		place(w)
		erase := func(id string, docs ...ledger.Document) {
			r := layout.ErasureRecord{User: "o", At: time.Now()}
			for _, d := range docs {
				r.Versions = append(r.Versions, layout.ErasedVersion{Key: d.Key, Kind: d.Kind, InputSHA256: d.InputHash.String()})
			}
			w.put(layout.Erasure(strings.Repeat(id, 64)), layout.Encode(r))
		}
		all := w.all()
		i := slices.IndexFunc(all, func(d ledger.Document) bool { return d.Job == "one" })
		erase("1", all[i])
		if _, err := w.search(export.Wanted{ID: "one", User: "o"}); !errors.Is(err, export.ErrNotFound) {
			t.Errorf("%s: what was erased: %v", what, err)
		}
		i = slices.IndexFunc(all, func(d ledger.Document) bool { return d.Revision })
		erase("2", all[i])
		if found, err := w.search(export.Wanted{ID: "two", User: "o"}); err != nil || len(found.Job.Versions) != 1 || found.Job.Versions[0].Revision {
			t.Errorf("%s: one version of two was erased: %+v, %v", what, found.Job, err)
		}
		w.put(layout.Erasure(strings.Repeat("3", 64)), []byte("{"))
		if _, err := w.search(export.Wanted{ID: "two", User: "o"}); !errors.Is(err, export.ErrDamaged) {
			t.Errorf("%s: a record of an erasure can't be read: %v", what, err)
		}
	}
}

// A segment that can't be read is told of, whether the job is found elsewhere or
// not.
func TestSearchTellsWhatItCouldNotRead(t *testing.T) {
	w := newWorld(t)
	w.add(run("one", entry("info", "", "1")))
	w.put("segments/v1/user_id=o/year=2026/20260101-20260131-"+strings.Repeat("a", 64)+".parquet", []byte("no segment"))
	found, err := w.search(export.Wanted{ID: "one", User: "o"})
	if err != nil || len(found.Unread) != 1 || !errors.Is(found.Unread[0], export.ErrDamaged) {
		t.Errorf("Find = %+v, %v", found, err)
	}
	if _, err := w.search(export.Wanted{ID: "two", User: "o"}); !errors.Is(err, export.ErrNotFound) || !errors.Is(err, export.ErrDamaged) {
		t.Errorf("Find of what isn't found = %v, want both %v and %v", err, export.ErrNotFound, export.ErrDamaged)
	}
}

// What is moved while it is looked for is found all the same.
func TestSearchBesideAMover(t *testing.T) {
	for i, m := range newWorld(t).moves() {
		w := newWorld(t)
		w.add(run("one", entry("info", "", "1")), run("two", entry("info", "", "2")))
		for _, before := range w.moves()[:i] {
			before.do()
		}
		moved := false
		move := sync.OnceFunc(func() {
			moved = true
			w.moves()[i].do()
			if i == 0 {
				w.removeInputs()
			}
		})
		s := &hooked{Store: w.store, before: move}
		found, err := export.Search{Store: s}.Find(t.Context(), export.Wanted{ID: "one", User: "o"})
		if err != nil || !moved {
			t.Errorf("%s while it is looked for: %v", m.what, err)
			continue
		}
		var out bytes.Buffer
		if err := found.Reader.Write(t.Context(), &out, found.Job.Versions[0]); err != nil || out.String() != run("one", entry("info", "", "1")) {
			t.Errorf("%s while it is looked for: %s, %v", m.what, out.String(), err)
		}
	}
}

// hooked is a store in which something happens before an object is read.
type hooked struct {
	store.Store
	before func()
}

func (h *hooked) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	h.before()
	return h.Store.Get(ctx, key, part)
}

// Whichever call of the store fails, so does the search.
func TestSearchFaults(t *testing.T) {
	w := newWorld(t)
	w.add(run("one", entry("info", "", "1")), run("two", entry("info", "", "2")))
	w.addCapped(run("capped", entry("info", "", "kept")), run("capped"), true)
	w.pack(1)
	w.put(layout.Erasure(strings.Repeat("1", 64)), layout.Encode(layout.ErasureRecord{}))
	broken := errors.New("broken on purpose")
	for call := 1; ; call++ {
		s := storetest.NewFaulty(w.store)
		s.Arm(storetest.Fault{Call: call, When: storetest.Before, Err: broken})
		_, err := export.Search{Store: s}.Find(t.Context(), export.Wanted{ID: "capped", User: "o"})
		if len(s.Calls()) < call {
			w.must(err)
			if call < 8 {
				t.Errorf("only %d calls", call-1)
			}
			return
		}
		if !errors.Is(err, broken) || errors.Is(err, export.ErrNotFound) || errors.Is(err, export.ErrDamaged) {
			t.Errorf("Find with call %d failing = %v", call, err)
		}
	}
}

// What lies beside a document may be of another record, whose run died before it
// wrote its document. It says nothing of the one that is there.
func TestSearchPassesOverWhatIsOfAnotherRecord(t *testing.T) {
	w := newWorld(t)
	w.add(run("j", entry("info", "", "a line")))
	d := w.all()[0]
	other := layout.Change{InputSHA256: strings.Repeat("a", 64), StoredSHA256: strings.Repeat("b", 64), Lines: 7, Changed: []string{"capped"}, OverflowSHA256: strings.Repeat("c", 64), InputSize: 9}
	w.put(layout.Meta(d.Key), layout.Encode(other))
	found, err := w.search(export.Wanted{ID: d.Job, User: d.User})
	if err != nil || len(found.Unread) > 0 {
		t.Fatalf("Find = %v, %v", err, found.Unread)
	}
	if got := found.Job.Versions[0]; got.InputHash != d.InputHash || got.Changed != "" || got.Overflow || got.Lines != d.Lines {
		t.Errorf("found %+v, want %+v", got, d)
	}
}
