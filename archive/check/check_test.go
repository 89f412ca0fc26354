package check_test

import (
	"strings"
	"testing"

	"logstow/archive/check"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
	"logstow/layout"
)

// eachStore runs a test on a folder and on an S3 server.
func eachStore(t *testing.T, test func(t *testing.T, s store.Store)) {
	t.Run("folder", func(t *testing.T) {
		s, err := dirstore.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
	t.Run("s3", func(t *testing.T) {
		g := gateway.Start(t, gateway.Options{})
		g.Setenv(t)
		c, err := s3store.ParseURL(g.URL("check"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := s3store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
}

// flipped is b with one bit changed in its middle.
func flipped(b []byte) []byte {
	c := append([]byte(nil), b...)
	c[len(c)/2] ^= 4
	return c
}

func TestFindsWhatIsWrong(t *testing.T) {
	eachStore(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.fill()
		sum := w.want(thorough)
		if sum.Documents < 45 || sum.Objects != int64(len(w.was)) || sum.Read < sum.Documents || sum.ReadBytes == 0 {
			t.Errorf("summary of a clean store: %+v", sum)
		}
		if sum = w.want(check.Config{}); sum.Read != 1 {
			t.Errorf("a shallow check reads %d objects, want the one erasure", sum.Read)
		}
		for _, c := range damages(w) {
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

// damage is something done to a store, and what is to be found then.
type damage struct {
	name string
	deep bool // only a deep check can find it
	do   func()
	want []found
}

func damages(w *world) []damage {
	plain, revision, capped := w.key("plain"), w.versions("plain")[1].Key, w.key("capped")
	event := ""
	for key := range w.was {
		if strings.Contains(key, "/events/") {
			event = key
		}
	}
	raw := w.one("_logstow/quarantine/", ".zst")
	note := raw[:len(raw)-len(".zst")] + ".json"
	erasure := w.one(layout.Erasures, ".json")
	export := w.one(layout.Exports, ".log")
	orphan := "5/jobs/7/20240301/new/5-7-new-20240301100000-failed.json"
	twin := "5/jobs/7/20240301/plain/5-7-plain-20240301-failed.json"
	erased := w.key("gone")
	hash := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	return []damage{
		{"bit flip", true, func() { w.put(plain, flipped(w.get(plain))) }, []found{{check.Damaged, true, plain, "SHA-256"}}},
		{"bit flip of an event", true, func() { w.put(event, flipped(w.get(event))) }, []found{{check.Damaged, true, event, "SHA-256"}}},
		{"truncation", false, func() { b := w.get(plain); w.put(plain, b[:len(b)-1]) }, []found{{check.Damaged, true, plain, "bytes, not"}}},
		{"emptied", false, func() { w.put(plain, nil) }, []found{{check.Damaged, true, plain, "it has 0 bytes"}}},
		{"deletion", false, func() { w.remove(plain) }, []found{{check.Missing, true, plain, "is not there"}}},
		{"deletion of a revision", false, func() { w.remove(revision) }, []found{{check.Missing, true, revision, "is not there"}}},
		{"overflow gone", false, func() { w.remove(layout.Overflow(capped)) }, []found{{check.Missing, true, layout.Overflow(capped), "belongs to " + capped}}},
		{"overflow flipped", true, func() { w.put(layout.Overflow(capped), flipped(w.get(layout.Overflow(capped)))) }, []found{{check.Damaged, true, layout.Overflow(capped), ""}}},
		{"overflow of another", true, func() { w.put(layout.Overflow(capped), w.get(layout.Overflow(w.key("half")))) }, []found{{check.Damaged, true, layout.Overflow(capped), "the record in it has SHA-256"}}},
		{"meta gone", false, func() { w.remove(layout.Meta(capped)) }, []found{{check.Missing, true, layout.Meta(capped), "belongs to " + capped}}},
		{"meta is nonsense", true, func() { w.put(layout.Meta(capped), []byte("nonsense")) }, []found{{check.Damaged, true, layout.Meta(capped), "can't be read"}}},
		{"meta of another", true, func() { w.put(layout.Meta(w.key("status")), w.get(layout.Meta(w.key("dropped")))) }, []found{{check.Damaged, true, layout.Meta(w.key("status")), "it tells of a record"}}},
		{"stale meta", false, func() { w.put(layout.Meta(plain), w.get(layout.Meta(capped))) }, []found{{check.Leftover, false, layout.Meta(plain), "another document"}}},
		{"stale overflow", false, func() { w.put(layout.Overflow(plain), w.get(layout.Overflow(capped))) }, []found{{check.Leftover, false, layout.Overflow(plain), "another document"}}},
		{"meta of nothing", false, func() { w.put(layout.Meta(orphan), w.get(layout.Meta(capped))) }, []found{{check.Leftover, false, layout.Meta(orphan), "is not there"}}},
		{"foreign", false, func() { w.put("README", []byte("x")); w.put("segments/v2/x.parquet", nil) }, []found{
			{check.Foreign, false, "README", "parts"}, {check.Foreign, false, "segments/v2/x.parquet", "does not use"},
		}},
		{"doctor died", false, func() { w.put(layout.Probe+"-X", nil) }, []found{{check.Leftover, false, layout.Probe + "-X", "doctor"}}},
		{"orphan", false, func() { w.put(orphan, []byte(job("new", ""))); w.put(layout.Meta(orphan), nil) }, []found{{check.Orphaned, false, orphan, "logstow adopt"}}},
		{"orphan of a known job", false, func() { w.put(twin, []byte(job("plain", `,"v":3`))) }, []found{{check.Orphaned, false, twin, "logstow adopt"}}},
		{"doubled", false, func() { w.put(twin, w.get(plain)) }, []found{{check.Doubled, false, twin, "under " + plain}}},
		{"doubled revision", false, func() {
			w.put(layout.Revision(plain, w.versions("plain")[0].InputHash.String()), w.get(plain))
		}, []found{{check.Doubled, false, layout.Revision(plain, w.versions("plain")[0].InputHash.String()), "under " + plain}}},
		{"raw bytes gone", false, func() { w.remove(raw) }, []found{{check.Missing, true, raw, "raw bytes"}}},
		{"raw bytes flipped", true, func() { w.put(raw, flipped(w.get(raw))) }, []found{{check.Damaged, true, raw, ""}}},
		{"note gone", false, func() { w.remove(note) }, []found{{check.Missing, true, note, "where it came from"}}},
		{"unknown raw bytes", false, func() { w.put(layout.Quarantine(hash), nil) }, []found{{check.Orphaned, false, layout.Quarantine(hash), "adopt"}}},
		{"note of nothing", false, func() { w.put(layout.QuarantineReason(hash), nil) }, []found{{check.Leftover, false, layout.QuarantineReason(hash), "not there"}}},
		{"erased document", false, func() { w.put(erased, []byte(job("gone", ""))) }, []found{{check.Leftover, false, erased, "was erased"}}},
		{"erased document's overflow", false, func() { w.put(layout.Overflow(erased), nil) }, []found{{check.Leftover, false, layout.Overflow(erased), "was erased"}}},
		{"erasure gone", false, func() { w.remove(erasure) }, []found{
			{check.Missing, true, erased, "no erasure"}, {check.Missing, true, w.versions("gone")[1].Key, "no erasure"},
		}},
		{"erasure is nonsense", false, func() { w.put(erasure, []byte("{")) }, []found{
			{check.Missing, true, erased, "no erasure"},
			{check.Missing, true, w.versions("gone")[1].Key, "no erasure"},
			{check.Damaged, true, erasure, "can't be read"},
		}},
		{"export's file gone", false, func() { w.remove(export) }, []found{{check.Missing, false, export, "ask for another"}}},
		{"export's file flipped", true, func() { w.put(export, flipped(w.get(export))) }, []found{{check.Damaged, false, export, "ask for another"}}},
	}
}
