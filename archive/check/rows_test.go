package check_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/archive/store/memstore"
)

// change changes the ledger behind its back.
func (w *world) change(query string, args ...any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.path)
	w.ok(err)
	defer db.Close()
	_, err = db.ExecContext(w.t.Context(), query, args...)
	w.ok(err)
}

// A ledger that says something else of a segment than that has in it.
func TestFindsRowsThatAreOthers(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(w *world, s ledger.Segment)
		shallow bool
		want    func(w *world, s ledger.Segment) []found
	}{
		"another row": {
			do: func(w *world, s ledger.Segment) {
				w.change("UPDATE documents SET segment_row = segment_row + 1 WHERE segment = ?", s.ID)
			},
			want: func(_ *world, s ledger.Segment) []found {
				// one row is of what was taken out
				return []found{{check.Damaged, true, s.Key, fmt.Sprintf("of those, %d documents lie in it", s.Rows-1)}}
			},
		},
		"another hash": {
			do: func(w *world, _ ledger.Segment) {
				w.change("UPDATE documents SET sha256 = ? WHERE job = 'row' AND revision = 0", make([]byte, 32))
			},
			want: func(w *world, s ledger.Segment) []found {
				return []found{{check.Damaged, true, s.Key, "1 document lies in it: " + w.key("row")}}
			},
		},
		"no such segment": {
			do: func(w *world, _ ledger.Segment) {
				w.change("UPDATE documents SET segment = 99 WHERE job = 'row' AND revision = 0")
			},
			shallow: true,
			want: func(w *world, _ ledger.Segment) []found {
				return []found{{check.Damaged, true, check.LedgerKey, w.key("row") + " lies in segment 99"}}
			},
		},
		"another size": {
			do:      func(w *world, s ledger.Segment) { w.change("UPDATE segments SET size = size + 1 WHERE id = ?", s.ID) },
			shallow: true,
			want: func(_ *world, s ledger.Segment) []found {
				return []found{{check.Damaged, true, s.Key, "bytes, not"}}
			},
		},
		"erased, and still in it": {
			do: func(w *world, _ ledger.Segment) {
				w.change("UPDATE documents SET state = 'expired', segment = NULL, segment_row = NULL WHERE job = 'row'")
				_, err := w.ledger.Recount(w.t.Context())
				w.ok(err)
			},
			want: func(_ *world, s ledger.Segment) []found {
				return []found{{check.Leftover, false, s.Key, "2 of its rows are of what was erased"}}
			},
		},
		"not known": {
			do: func(w *world, _ ledger.Segment) {
				w.change("DELETE FROM documents WHERE job = 'row' AND revision = 1")
				_, err := w.ledger.Recount(w.t.Context())
				w.ok(err)
			},
			want: func(_ *world, s ledger.Segment) []found {
				return []found{{check.Orphaned, false, s.Key, "1 of its rows are of versions"}}
			},
		},
		"writing for long": {
			do: func(w *world, s ledger.Segment) {
				_, err := w.ledger.BeginSegment(w.t.Context(), ledger.Segment{
					Key: s.Key + "x", User: "5", Month: s.Month, Created: time.Now().Add(-time.Hour),
				})
				w.ok(err)
				w.change("UPDATE segments SET key = ? WHERE key = ?", elseKey(s.Key), s.Key+"x")
			},
			shallow: true,
			want: func(_ *world, s ledger.Segment) []found {
				return []found{{check.Leftover, false, elseKey(s.Key), "begun and not finished"}}
			},
		},
		"replaced long ago": {
			do: func(w *world, s ledger.Segment) {
				w.change("UPDATE segments SET due = ? WHERE state = 'replaced'", time.Now().Add(-26*time.Hour).UnixMilli())
				w.change("DELETE FROM segments WHERE state = 'replaced' AND id <> (SELECT min(id) FROM segments WHERE state = 'replaced')")
			},
			shallow: true,
			want: func(w *world, _ ledger.Segment) (all []found) {
				for _, s := range w.segments(ledger.SegmentReplaced) {
					all = append(all, found{check.Leftover, false, s.Key, "the next logstow compact removes it"})
				}
				return all
			},
		},
		"removal begun": {
			do: func(w *world, s ledger.Segment) {
				w.change("UPDATE segments SET state = 'deleting' WHERE state = 'replaced'")
			},
			shallow: true,
			want: func(w *world, _ ledger.Segment) (all []found) {
				for _, s := range w.segments(ledger.SegmentDeleting) {
					all = append(all, found{check.Leftover, false, s.Key, "its removal was begun"})
				}
				return all
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memstore.New())
			w.fillSegments()
			s := w.segmentOf("row")
			replaced := w.segments(ledger.SegmentReplaced)
			c.do(w, s)
			for _, old := range replaced { // those that a case has forgotten
				if _, err := w.ledger.Segment(t.Context(), old.ID); err != nil {
					w.remove(old.Key, w.manifestOf(old))
				}
			}
			want := c.want(w, s)
			if len(want) == 0 {
				t.Fatal("nothing is to be found")
			}
			w.want(thorough, want...)
			if !c.shallow {
				want = nil
			}
			w.want(check.Config{Settle: -1}, want...)
		})
	}
}

func elseKey(key string) string {
	hash := fmt.Sprintf("%064x", 4711)
	return key[:len(key)-len(hash)-len(".parquet")] + hash + ".parquet"
}

// What expires is no finding, until somebody should have removed it.
func TestFindsWhatShouldHaveExpired(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		job  string
		due  time.Duration // ago
		want bool
	}{
		{"row", day, false},
		{"row", 30 * day, false},
		{"row", 40 * day, true},
		{"out", time.Hour, false},
		{"out", 2 * day, true},
	} {
		w := newWorld(t, memstore.New())
		w.fillSegments()
		docs := w.versions(c.job)
		due := time.Now().Add(-c.due)
		ids := make([]int64, len(docs))
		for i, d := range docs {
			ids[i] = d.ID
		}
		_, err := w.ledger.Mark(t.Context(), ids, ledger.Mark{Policy: "p", Marked: due.Add(-time.Hour), Due: due})
		w.ok(err)
		started, _, err := w.ledger.StartExpiry(t.Context(), docs, time.Now())
		w.ok(err)
		if len(started) != len(docs) {
			t.Fatalf("%d of %d expire", len(started), len(docs))
		}
		var want []found
		for _, d := range docs {
			if c.want {
				want = append(want, found{check.Leftover, false, d.Key, "the next logstow retain goes on"})
			}
		}
		w.want(thorough, want...)
	}
}
