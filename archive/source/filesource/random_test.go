package filesource_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"logstow/archive/source/filesource"
)

// world is a directory that is written to and rotated, and what reading it has
// to yield.
type world struct {
	t    *rapid.T
	tb   testing.TB
	dir  string
	next int // number of the next record

	content map[string]string   // files
	records map[string][]string // complete records in a file
	half    map[string]string   // the rest of an incomplete record, still to be appended

	cursors map[string]string
	seen    map[string]int  // how often a record was yielded
	again   map[string]bool // records that may be yielded again
	gone    map[string]bool // records that vanished before they were read
}

// record makes a new record. Some are long, and some have several lines.
func (w *world) record() string {
	w.next++
	pad := strings.Repeat("p", rapid.SampledFrom([]int{0, 10, 300, 5000}).Draw(w.t, "pad"))
	if rapid.Bool().Draw(w.t, "pretty") {
		return fmt.Sprintf("{\n  \"id\": %d,\n  \"p\": {\n    \"q\": %q\n  }\n}", w.next, pad)
	}
	return fmt.Sprintf(`{"id":%d,"p":[%q,{}]}`, w.next, pad)
}

func (w *world) name() string {
	return rapid.SampledFrom([]string{"app.log", "b.log", "sub" + string(filepath.Separator) + "c.log"}).Draw(w.t, "file")
}

// write brings a file on disk to what content says, in place.
func (w *world) write(name string) {
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	flags := os.O_CREATE | os.O_WRONLY
	rest := w.content[name]
	if err == nil && strings.HasPrefix(rest, string(old)) {
		flags, rest = flags|os.O_APPEND, rest[len(old):]
	} else {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(rest); err != nil {
		w.t.Fatal(err)
	}
}

// add appends records, the last perhaps only in part.
func (w *world) add(*rapid.T) {
	name := w.name()
	if rest, ok := w.half[name]; ok {
		w.content[name] += rest + "\n"
		delete(w.half, name)
	}
	for range rapid.IntRange(0, 30).Draw(w.t, "records") {
		rec := w.record()
		w.records[name] = append(w.records[name], rec)
		w.content[name] += rec + rapid.SampledFrom([]string{"\n", "\r\n", " \n\n"}).Draw(w.t, "end")
	}
	if rapid.Bool().Draw(w.t, "half") {
		rec := w.record()
		cut := rapid.IntRange(1, len(rec)-1).Draw(w.t, "cut")
		w.records[name] = append(w.records[name], rec)
		w.content[name] += rec[:cut]
		w.half[name] = rec[cut:]
	}
	w.write(name)
}

// finish appends the rest of an incomplete record, as a writer does before it
// closes its file.
func (w *world) finish(name string) {
	if rest, ok := w.half[name]; ok {
		w.content[name] += rest + "\n"
		delete(w.half, name)
		w.write(name)
	}
}

// shift moves name.1 to name.2 and so on, to make room for name.1.
func (w *world) shift(name string) {
	for i := 9; i > 0; i-- {
		from, to := fmt.Sprintf("%s.%d", name, i), fmt.Sprintf("%s.%d", name, i+1)
		if _, ok := w.content[from]; ok {
			w.rename(from, to)
		}
	}
}

func (w *world) rename(from, to string) {
	if err := os.Rename(filepath.Join(w.dir, from), filepath.Join(w.dir, to)); err != nil {
		w.t.Fatal(err)
	}
	w.content[to], w.records[to] = w.content[from], w.records[from]
	delete(w.content, from)
	delete(w.records, from)
}

func (w *world) rotate(*rapid.T) {
	name := w.name()
	if _, ok := w.content[name]; !ok || len(w.content) > 12 {
		return
	}
	w.finish(name)
	w.shift(name)
	w.rename(name, name+".1")
}

func (w *world) copyTruncate(*rapid.T) {
	name := w.name()
	if _, ok := w.content[name]; !ok || len(w.content) > 12 {
		return
	}
	w.finish(name)
	w.shift(name)
	w.content[name+".1"], w.records[name+".1"] = w.content[name], w.records[name]
	for _, rec := range w.records[name] {
		w.again[rec] = true // the copy is another file
	}
	w.write(name + ".1")
	w.content[name], w.records[name] = "", nil
	w.write(name)
}

func (w *world) vanish(*rapid.T) {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(w.content))).Draw(w.t, "victim")
	for _, rec := range w.records[name] {
		w.gone[rec] = true
	}
	delete(w.content, name)
	delete(w.records, name)
	delete(w.half, name)
	if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

// read reads everything. Where it crashes, only some cursors are kept.
func (w *world) read(crash bool) {
	s, err := filesource.New(filesource.Config{
		Path: w.dir, Budget: newBudget(1 << 20),
		SpoolSize: rapid.SampledFrom([]int64{0, 100}).Draw(w.t, "spool"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	stop := -1
	if crash {
		stop = rapid.IntRange(0, 60).Draw(w.t, "stop")
	}
	cursors := maps.Clone(w.cursors)
	var open []string // yielded since the last cursor
	for rec, err := range s.Records(w.tb.Context(), w.cursors) {
		if err != nil {
			if !strings.Contains(err.Error(), "vanished before") && !strings.Contains(err.Error(), "truncated or replaced before") {
				w.t.Fatalf("Records: %v", err)
			}
			continue
		}
		if rec.Data != nil {
			g := toGot(w.tb, rec)
			if g.Broken != "" {
				w.t.Fatalf("broken: %+v", g)
			}
			w.seen[g.Data]++
			open = append(open, g.Data)
		}
		rec.Release()
		if rec.Cursor != nil {
			cursors[rec.Cursor.Part] = rec.Cursor.Value
			if rec.Cursor.Value == "" {
				delete(cursors, rec.Cursor.Part)
			}
			open = nil
		}
		if stop--; stop == 0 {
			break
		}
	}
	if stop == 0 {
		// A crash: what no cursor covers comes again, and what was renamed
		// since the last run may.
		for _, rec := range open {
			w.again[rec] = true
		}
		for _, records := range w.records {
			for _, rec := range records {
				w.again[rec] = true
			}
		}
	}
	w.cursors = cursors
}

// check reads to the end and compares with the oracle.
func (w *world) check(*rapid.T) {
	w.read(false)
	for name, records := range w.records {
		for i, rec := range records {
			if _, half := w.half[name]; half && i == len(records)-1 {
				if w.seen[rec] > 0 {
					w.t.Fatalf("%s: half a record was yielded", name)
				}
				continue
			}
			if n := w.seen[rec]; n == 0 || n > 1 && !w.again[rec] {
				w.t.Fatalf("%s: record %d of %d (%.40q) was yielded %d times", name, i, len(records), rec, n)
			}
		}
	}
}

// TestRandomLives follows a directory through appends, rotations by renaming
// and by copying and truncating, removals and crashes.
func TestRandomLives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{
			t: rt, tb: t, dir: t.TempDir(), cursors: map[string]string{}, content: map[string]string{}, records: map[string][]string{},
			half: map[string]string{}, seen: map[string]int{}, again: map[string]bool{}, gone: map[string]bool{},
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				w.rotate(rt)
			case 1:
				w.copyTruncate(rt)
			case 2:
				if len(w.content) > 0 {
					w.vanish(rt)
				}
			case 3:
				w.read(true)
			default:
				w.add(rt)
			}
			if rapid.Bool().Draw(rt, "check") {
				w.check(rt)
			}
		}
		w.check(rt)
	})
}
