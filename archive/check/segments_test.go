package check_test

import (
	"strings"
	"testing"

	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

func TestFindsNothingWrongWithSegments(t *testing.T) {
	eachStore(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.fillSegments()
		for _, state := range []ledger.SegmentState{ledger.SegmentStored, ledger.SegmentReplaced} {
			if len(w.segments(state)) == 0 {
				t.Errorf("no segment is %s", state)
			}
		}
		for _, c := range []check.Config{{}, {Settle: -1}, {Sample: 1}, thorough} {
			w.want(c)
		}
	})
}

func TestFindsWhatIsWrongWithSegments(t *testing.T) {
	eachStore(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.fillSegments()
		for _, c := range segmentDamages(w) {
			t.Run(c.name, func(t *testing.T) {
				w.t = t
				c.do()
				w.want(check.Config{Sample: 1, Settle: -1}, c.want...)
				if c.deep {
					w.want(check.Config{Settle: -1})
				} else {
					w.want(check.Config{Settle: -1}, c.want...)
				}
				w.restore()
			})
		}
		w.t = t
		w.want(thorough)
	})
}

func segmentDamages(w *world) []damage {
	s, other := w.segmentOf("row"), w.segmentOf("april")
	manifest := w.manifestOf(s)
	april := w.key("april")
	active := w.one(layout.Holds, ".json")
	released := w.one(layout.Holds, ".released.json")
	if strings.HasSuffix(active, ".released.json") || active[:len(active)-len(".json")] == released[:len(released)-len(".released.json")] {
		for key := range w.was {
			if strings.HasPrefix(key, layout.Holds) && !strings.HasPrefix(key, released[:len(released)-len(".released.json")]) {
				active = key
			}
		}
	}
	hash := strings.Repeat("0123456789abcdef", 4)
	unknown := strings.TrimSuffix(other.Key, ".parquet")
	unknown = unknown[:len(unknown)-len(hash)] + hash + ".parquet"
	big := layout.Overflow(w.key("big"))
	return []damage{
		{"bit flip", true, func() { w.put(s.Key, flipped(w.get(s.Key))) }, []found{{check.Damaged, true, s.Key, "its SHA-256 is"}}},
		{"truncation", false, func() { b := w.get(s.Key); w.put(s.Key, b[:len(b)-1]) }, []found{{check.Damaged, true, s.Key, "documents lie in it: "}}},
		{"emptied", false, func() { w.put(other.Key, nil) }, []found{{check.Damaged, true, other.Key, "1 document lies in it: " + april}}},
		{"deletion", false, func() { w.remove(other.Key) }, []found{{check.Missing, true, other.Key, "it is not there; 1 document lies in it: " + april}}},
		{"deletion with its manifest", false, func() { w.remove(other.Key, w.manifestOf(other)) }, []found{{check.Missing, true, other.Key, "it is not there; "}}},
		{"swapped", false, func() { a, b := w.get(s.Key), w.get(other.Key); w.put(s.Key, b); w.put(other.Key, a) }, []found{
			{check.Damaged, true, s.Key, "bytes, not"}, {check.Damaged, true, other.Key, "bytes, not"},
		}},
		{"manifest gone", false, func() { w.remove(manifest) }, []found{{check.Missing, false, manifest, "the manifest of " + s.Key}}},
		{"manifest of another", false, func() { w.put(manifest, w.get(w.manifestOf(other))) }, []found{{check.Damaged, true, manifest, "it is of the segment"}}},
		{"manifest of another file", false, func() {
			m, err := layout.Decode[layout.ManifestRecord](w.get(manifest))
			w.ok(err)
			m.SHA256 = hash
			w.put(manifest, layout.Encode(m))
		}, []found{{check.Damaged, true, manifest, "it tells of"}}},
		{"manifest is nonsense", false, func() { w.put(manifest, []byte("{")) }, []found{{check.Damaged, true, manifest, "can't be read"}}},
		{"manifest of nothing", false, func() {
			w.put(layout.Manifest(hash), layout.Encode(layout.ManifestRecord{Segment: unknown}))
		}, []found{{check.Leftover, false, layout.Manifest(hash), "is not there"}}},
		{"unknown segment", false, func() { w.put(unknown, w.get(other.Key)) }, []found{{check.Orphaned, false, unknown, "logstow adopt"}}},
		{"unknown segment with its manifest", false, func() {
			w.put(unknown, w.get(other.Key))
			w.put(layout.Manifest(hash), layout.Encode(layout.ManifestRecord{Segment: unknown}))
		}, []found{{check.Orphaned, false, unknown, "logstow adopt"}}},
		{"overflow gone", false, func() { w.remove(big) }, []found{{check.Missing, true, big, "it belongs to"}}},
		{"overflow flipped", true, func() { w.put(big, flipped(w.get(big))) }, []found{{check.Damaged, true, big, ""}}},
		{"overflow of another", true, func() { w.put(big, w.get(layout.Overflow(w.key("half")))) }, []found{{check.Damaged, true, big, "the record in it has SHA-256"}}},
		{"left beside a segment", false, func() { w.put(w.key("row"), read(w.t, w.store, w.ledger, w.versions("row")[0])) }, []found{
			{check.Leftover, false, w.key("row"), "lies in a segment"},
		}},
		{"meta object left beside a segment", false, func() { w.put(layout.Meta(w.key("big")), []byte("{}")) }, []found{
			{check.Leftover, false, layout.Meta(w.key("big")), "lies in a segment"},
		}},
		{"held document gone", false, func() { w.remove(w.key("kept")) }, []found{{check.Missing, true, w.key("kept"), "is not there"}}},
		{"hold gone", false, func() { w.remove(active) }, []found{{check.Missing, true, active, "the ledger has this hold"}}},
		{"hold is nonsense", false, func() { w.put(active, []byte("{")) }, []found{{check.Damaged, true, active, "not what is said of a hold"}}},
		{"release gone", false, func() { w.remove(released) }, []found{{check.Missing, false, released, "was released"}}},
		{"release of another", false, func() { w.put(released, layout.Encode(layout.ReleaseRecord{ID: hash})) }, []found{{check.Damaged, true, released, "it says that it releases"}}},
	}
}
