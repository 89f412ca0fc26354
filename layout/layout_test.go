package layout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/layout"
)

var noon = time.Date(2022, 6, 14, 12, 34, 56, 0, time.UTC)

const hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		doc  layout.Document
		want string
	}{
		{
			layout.Document{User: "1234", Recipe: "456", Job: "j-KGAKfhsz-GYoLeD", Time: noon, Status: "succeeded"},
			"1234/jobs/456/20220614/j-KGAKfhsz-GYoLeD/1234-456-j-KGAKfhsz-GYoLeD-20220614123456-succeeded.json",
		},
		{ // another zone: the key is UTC
			layout.Document{User: "1", Recipe: "2", Job: "3", Status: "failed", Time: time.Date(2022, 10, 19, 22, 30, 46, 0, time.FixedZone("", -7*3600))},
			"1/jobs/2/20221020/3/1-2-3-20221020053046-failed.json",
		},
		{
			layout.Document{User: "segments", Recipe: "segments", Job: "..", Time: noon, Status: "_x"},
			"%73egments/jobs/segments/20220614/%2E./%73egments-segments-%2E.-20220614123456-%5Fx.json",
		},
		{
			layout.Document{User: "_logstow", Recipe: "a/b", Job: "ü%", Time: noon, Status: "a-b-20220614123456-c"},
			"%5Flogstow/jobs/a%2Fb/20220614/%C3%BC%25/%5Flogstow-a%2Fb-%C3%BC%25-20220614123456-a-b-20220614123456-c.json",
		},
		{
			layout.Document{User: "-", Recipe: "-", Job: "a\x00\xffb", Time: noon, Status: "."},
			"-/jobs/-/20220614/a%00%FFb/----a%00%FFb-20220614123456-%2E.json",
		},
	} {
		got, err := c.doc.Key()
		if err != nil || got != c.want {
			t.Errorf("%+v.Key() = %q, %v; want %q", c.doc, got, err, c.want)
			continue
		}
		n, err := layout.Parse(got)
		if err != nil {
			t.Errorf("Parse(%q): %v", got, err)
			continue
		}
		want := layout.Name{
			Kind: layout.DocumentKey, User: c.doc.User, Group: c.doc.Recipe, ID: c.doc.Job,
			Time: c.doc.Time.UTC(), Status: c.doc.Status,
		}
		if d := cmp.Diff(want, n); d != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", got, d)
		}
	}
}

func TestEventKey(t *testing.T) {
	e := layout.Event{User: "4848", Type: "user_login", ID: hash[:32], Time: noon}
	key, err := e.Key()
	want := "4848/events/user_login/20220614/" + hash[:32] + "/4848-user_login-" + hash[:32] + "-20220614123456.json"
	if err != nil || key != want {
		t.Fatalf("Key() = %q, %v; want %q", key, err, want)
	}
	n, err := layout.Parse(key)
	if d := cmp.Diff(layout.Name{Kind: layout.EventKey, User: "4848", Group: "user_login", ID: hash[:32], Time: noon}, n); err != nil || d != "" {
		t.Errorf("Parse(%q): %v (-want +got):\n%s", key, err, d)
	}
}

// Keys that other writers made, and are read literally.
func TestParseOlderForms(t *testing.T) {
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	for key, want := range map[string]layout.Name{
		// Workato, activity audit log reference.
		"1234/jobs/456/20220614/j-KGAKfhsz-GYoLeD/1234-456-j-KGAKfhsz-GYoLeD-20220614-succeeded.json": {
			User: "1234", Group: "456", ID: "j-KGAKfhsz-GYoLeD", Time: day(2022, 6, 14), Status: "succeeded",
		},
		// Workato's true example of numeric job ids.
		"5234/jobs/234/20180521/000/000/000/000/000/000/100/5234-234-100-20180521000000-succeeded.json": {
			User: "5234", Group: "234", ID: "100", Time: day(2018, 5, 21), Status: "succeeded",
		},
		"5/jobs/2/20180521/000/000/000/000/000/000/000/5-2-0-20180521-failed.json": {
			User: "5", Group: "2", ID: "0", Time: day(2018, 5, 21), Status: "failed",
		},
		// A folder of the day before, in another zone.
		"5/jobs/2/20180520/7/5-2-7-20180521000000-failed.json": {
			User: "5", Group: "2", ID: "7", Time: day(2018, 5, 21), Status: "failed",
		},
	} {
		want.Kind, want.Literal = layout.DocumentKey, true
		got, err := layout.Parse(key)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("Parse(%q): %v (-want +got):\n%s", key, err, d)
		}
	}
}

func TestOwnKeys(t *testing.T) {
	doc := "1/jobs/2/20220614/3/1-2-3-20220614123456-failed.json"
	rev := layout.Revision(doc, hash)
	base := layout.Name{User: "1", Group: "2", ID: "3", Time: noon, Status: "failed"}
	of := func(k layout.Kind, key, h string) layout.Name {
		n := base
		n.Kind, n.Of, n.Hash = k, key, h
		return n
	}
	for key, want := range map[string]layout.Name{
		rev:                           of(layout.RevisionKey, doc, hash),
		layout.Overflow(doc):          of(layout.OverflowKey, doc, ""),
		layout.Meta(doc):              of(layout.MetaKey, doc, ""),
		layout.Overflow(rev):          of(layout.OverflowKey, rev, hash),
		layout.Meta(rev):              of(layout.MetaKey, rev, hash),
		layout.Quarantine(hash):       {Kind: layout.QuarantineKey, Hash: hash},
		layout.QuarantineReason(hash): {Kind: layout.QuarantineReasonKey, Hash: hash},
		layout.Probe:                  {Kind: layout.ProbeKey},
		layout.Erasure(hash):          {Kind: layout.ErasureKey, Hash: hash},
		layout.Exports + hash[:32] + "/12.ndjson":                       {Kind: layout.ExportKey, ID: hash[:32], Attempt: 12, Extension: "ndjson"},
		"_logstow/holds/0123456789abcdef0123456789abcdef.json":          {Kind: layout.HoldKey, ID: "0123456789abcdef0123456789abcdef"},
		"_logstow/holds/0123456789abcdef0123456789abcdef.released.json": {Kind: layout.ReleaseKey, ID: "0123456789abcdef0123456789abcdef"},
		"segments/v2/user_id=1/x.parquet":                               {Kind: layout.ReservedKey},
	} {
		got, err := layout.Parse(key)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("Parse(%q): %v (-want +got):\n%s", key, err, d)
		}
	}
}

func TestLimits(t *testing.T) {
	ok := layout.Document{User: "1", Recipe: "2", Job: "3", Time: noon, Status: "s"}
	name := len("1-2--20220614123456-s.json")
	longest := ok
	longest.Job = strings.Repeat("x", 250-name)
	key, err := longest.Key()
	if err != nil {
		t.Fatalf("a file name of 250 bytes: %v", err)
	}
	if _, err := layout.Parse(key); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*layout.Document){
		"user is empty":       func(d *layout.Document) { d.User = "" },
		"recipe is empty":     func(d *layout.Document) { d.Recipe = "" },
		"job is empty":        func(d *layout.Document) { d.Job = "" },
		"status is empty":     func(d *layout.Document) { d.Status = "" },
		"takes 258 bytes":     func(d *layout.Document) { d.Recipe = strings.Repeat("/", 86) },
		"has 251 bytes":       func(d *layout.Document) { d.Job = longest.Job + "x" },
		"year of four digits": func(d *layout.Document) { d.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		d := ok
		change(&d)
		if key, err := d.Key(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v.Key() = %q, %v; want an error with %q", d, key, err, want)
		}
	}
	// Everything that belongs to a revision of the longest key fits S3 with a
	// prefix of 100 bytes.
	if n := len(layout.Overflow(layout.Revision(strings.Repeat("k", 800), hash))); n+100 > 1024 {
		t.Errorf("the overflow of a revision of the longest key has %d bytes", n)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, key := range []string{
		"", "/", "a", "1/jobs/2/20220614/3", "1/jobs/2/20220614/3/",
		"1/jobs/2/20220614/3/1-2-3-20220614123456-failed.txt",
		"1/jobs/2/20220614/3/1-2-4-20220614123456-failed.json",
		"1/jobs/2/20220614/3/1-2-3-20220614123456.json",         // no status
		"1/jobs/2/20220614/3/1-2-3-20220614123456-.json",        // an empty one
		"1/jobs/2/20220614/3/1-2-3-202206141234-failed.json",    // 12 digits
		"1/jobs/2/20221314/3/1-2-3-20221314123456-failed.json",  // month 13
		"1/jobs/2/20220610/3/1-2-3-20220614123456-failed.json",  // another day
		"1/jobs/2/20220614/%33/1-2-%33-20220614123456-f.json",   // needless escape
		"1/jobs/2/20220614/%c3/1-2-%c3-20220614123456-f.json",   // lower case
		"1/jobs/2/20220614/%C/1-2-%C-20220614123456-f.json",     // cut
		"1/jobs/2/20220614/a b/1-2-a b-20220614123456-f.json",   // not escaped
		"1/jobs/2/20220614/../1-2-..-20220614123456-f.json",     // a step up
		"_u/jobs/2/20220614/3/_u-2-3-20220614123456-f.json",     // reserved
		"1/events/t/20220614/3/1-t-3-20220614123456-f.json",     // events have no status
		"1/files/2/20220614/3/1-2-3-20220614123456-failed.json", // no such folder
		"5/jobs/2/20180521/000/000/000/5-2-0-20180521-f.json",   // nine digits
		"5/jobs/2/20180521/0a0/000/000/000/000/000/001/5-2-1-20180521-f.json",
		"_logstow/other/x", "_logstow/revisions/x", "_logstow/quarantine/xyz.zst",
		"_logstow/quarantine/" + strings.ToUpper(hash) + ".zst",
		"_logstow/overflow/1/jobs/2/20220614/3/1-2-3-20220614123456-failed.json",
		"_logstow/overflow/_logstow/overflow/x.zst.zst",
		"_logstow/erasures/xyz.json", "_logstow/erasures/" + hash + ".zst", "_logstow/erasures/" + hash[:32] + ".json",
		layout.Exports, layout.Exports + hash[:32], layout.Exports + hash[:32] + "/", layout.Exports + hash[:32] + "/1",
		layout.Exports + hash[:32] + "/1.", layout.Exports + hash[:32] + "/.log", layout.Exports + hash[:32] + "/0.log",
		layout.Exports + hash[:32] + "/-1.log", layout.Exports + hash[:32] + "/+1.log", layout.Exports + hash[:32] + "/01.log",
		layout.Exports + hash[:32] + "/1.Log", layout.Exports + hash[:32] + "/1.tar.gz", layout.Exports + hash[:32] + "/1.ndjsonlog",
		layout.Exports + hash[:32] + "/1/1.log", layout.Exports + hash[:32] + "/99999999999999999999.log",
		layout.Exports + hash + "/1.log", layout.Exports + strings.ToUpper(hash[:32]) + "/1.log", layout.Exports + "../" + hash[:32] + "/1.log",
	} {
		if n, err := layout.Parse(key); err == nil {
			t.Errorf("Parse(%q) = %+v; want an error", key, n)
		}
	}
}

// FuzzKey: what Key makes, Parse reads back, and no two identities share a key.
func FuzzKey(f *testing.F) {
	f.Add("1234", "456", "j-KGAKfhsz-GYoLeD", "succeeded", int64(1655210096))
	f.Add("segments", "_", "..", ".", int64(0))
	f.Add("%", "/", "\x00\xff", "a-b.json", int64(-62135596800))
	f.Fuzz(func(t *testing.T, user, group, id, status string, unix int64) {
		when := time.Unix(unix, 0).UTC()
		if key, err := (layout.Document{User: user, Recipe: group, Job: id, Time: when, Status: status}).Key(); err == nil {
			want := layout.Name{Kind: layout.DocumentKey, User: user, Group: group, ID: id, Time: when, Status: status}
			wantParse(t, key, want)
			rev := layout.Revision(key, hash)
			want.Kind, want.Of, want.Hash = layout.RevisionKey, key, hash
			wantParse(t, rev, want)
			want.Kind, want.Of = layout.OverflowKey, rev
			wantParse(t, layout.Overflow(rev), want)
		}
		if key, err := (layout.Event{User: user, Type: group, ID: id, Time: when}).Key(); err == nil {
			wantParse(t, key, layout.Name{Kind: layout.EventKey, User: user, Group: group, ID: id, Time: when})
		}
	})
}

func wantParse(t *testing.T, key string, want layout.Name) {
	t.Helper()
	for _, seg := range strings.Split(key, "/") {
		if seg == "" || seg == "." || seg == ".." || len(seg) > 255 {
			t.Fatalf("key %q has the segment %q", key, seg)
		}
	}
	got, err := layout.Parse(key)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("Parse(%q) (-want +got):\n%s", key, d)
	}
}

// FuzzParse: what Parse reads and does not call literal, Key makes again.
func FuzzParse(f *testing.F) {
	f.Add("1234/jobs/456/20220614/j-KGAKfhsz-GYoLeD/1234-456-j-KGAKfhsz-GYoLeD-20220614-succeeded.json")
	f.Add("5234/jobs/234/20180521/000/000/000/000/000/000/100/5234-234-100-20180521000000-succeeded.json")
	f.Add("1/jobs/2/20220614/%2E./1-2-%2E.-20220614123456-failed.json")
	f.Add("1/events/2/20220614/3/1-2-3-20220614123456.json")
	f.Add(layout.Erasure(hash))
	f.Add("segments/v1/user_id=1234/year=2022/20220614-20220617-" + hash + ".parquet")
	f.Add(layout.Exports + hash[:32] + "/7.zip")
	f.Fuzz(func(t *testing.T, key string) {
		n, err := layout.Parse(key)
		if err != nil || n.Literal {
			return
		}
		again := key
		switch n.Kind {
		case layout.DocumentKey:
			again, err = layout.Document{User: n.User, Recipe: n.Group, Job: n.ID, Time: n.Time, Status: n.Status}.Key()
		case layout.EventKey:
			again, err = layout.Event{User: n.User, Type: n.Group, ID: n.ID, Time: n.Time}.Key()
		case layout.RevisionKey:
			again = layout.Revision(n.Of, n.Hash)
		case layout.OverflowKey:
			again = layout.Overflow(n.Of)
		case layout.MetaKey:
			again = layout.Meta(n.Of)
		case layout.QuarantineKey:
			again = layout.Quarantine(n.Hash)
		case layout.QuarantineReasonKey:
			again = layout.QuarantineReason(n.Hash)
		case layout.ErasureKey:
			again = layout.Erasure(n.Hash)
		case layout.SegmentKey:
			again, err = layout.Segment{User: n.User, First: n.Time, Last: n.Last, Hash: n.Hash}.Key()
		case layout.ExportKey:
			again, err = layout.Export(n.ID, n.Attempt, n.Extension)
		}
		if err != nil || again != key {
			t.Fatalf("Parse(%q) = %+v, whose key is %q, %v", key, n, again, err)
		}
	})
}

// FuzzExport: what Export takes, Parse reads back; and it lies where it says.
func FuzzExport(f *testing.F) {
	f.Add(hash[:32], int64(1), "log")
	f.Add("../../..", int64(-1), "a/b")
	f.Fuzz(func(t *testing.T, id string, attempt int64, extension string) {
		key, err := layout.Export(id, attempt, extension)
		if err != nil {
			return
		}
		if !strings.HasPrefix(key, layout.Exports+id+"/") {
			t.Fatalf("Export(%q, %d, %q) = %q", id, attempt, extension, key)
		}
		wantParse(t, key, layout.Name{Kind: layout.ExportKey, ID: id, Attempt: attempt, Extension: extension})
	})
}

func TestContent(t *testing.T) {
	want := layout.ErasureRecord{
		User: "u", Recipe: "r", Job: "j", By: "key 7", Reason: "asked for", At: noon,
		Versions: []layout.ErasedVersion{{Key: "k", Kind: "job", InputSHA256: hash}},
	}
	got, err := layout.Decode[layout.ErasureRecord](layout.Encode(want))
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("Decode(Encode(x)): %v (-want +got):\n%s", err, d)
	}
	later := `{"user":"u","later":{"a":[1]},"versions":[]}`
	if got, err := layout.Decode[layout.ErasureRecord]([]byte(later)); err != nil || got.User != "u" {
		t.Errorf("Decode(%s) = %+v, %v", later, got, err)
	}
	if _, err := layout.Decode[layout.ErasureRecord]([]byte("{")); err == nil {
		t.Error("Decode of half a record: no error")
	}
}
