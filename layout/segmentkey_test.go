package layout_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/layout"
)

func day(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }

func TestSegmentKey(t *testing.T) {
	for _, c := range []struct {
		segment layout.Segment
		want    string
	}{
		{
			layout.Segment{User: "1234", First: noon, Last: noon.AddDate(0, 0, 3), Hash: hash},
			"segments/v1/user_id=1234/year=2022/20220614-20220617-" + hash + ".parquet",
		},
		{
			layout.Segment{User: "segments", First: day(987, 1, 1), Last: day(987, 12, 31), Hash: hash},
			"segments/v1/user_id=%73egments/year=0987/09870101-09871231-" + hash + ".parquet",
		},
		{ // what a query engine would take for no user at all
			layout.Segment{User: "__HIVE_DEFAULT_PARTITION__", First: noon, Last: noon, Hash: hash},
			"segments/v1/user_id=%5F_HIVE_DEFAULT_PARTITION__/year=2022/20220614-20220614-" + hash + ".parquet",
		},
	} {
		got, err := c.segment.Key()
		if err != nil || got != c.want {
			t.Errorf("%+v.Key() = %q, %v; want %q", c.segment, got, err, c.want)
		}
	}
	ok := layout.Segment{User: "1", First: noon, Last: noon, Hash: hash}
	for want, change := range map[string]func(*layout.Segment){
		"user is empty":    func(s *layout.Segment) { s.User = "" },
		"takes 256 bytes":  func(s *layout.Segment) { s.User = strings.Repeat("x", 248) },
		"four digits":      func(s *layout.Segment) { s.First = day(10000, 1, 1) },
		"not of one year":  func(s *layout.Segment) { s.Last = day(2023, 1, 1) },
		"is after":         func(s *layout.Segment) { s.Last = day(2022, 6, 13) },
		"not 64 hex":       func(s *layout.Segment) { s.Hash = hash[:62] },
		"is not 64 hex di": func(s *layout.Segment) { s.Hash = strings.ToUpper(hash) },
	} {
		s := ok
		change(&s)
		if key, err := s.Key(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v.Key() = %q, %v; want an error with %q", s, key, err, want)
		}
	}
}

func TestParseRefusesSegments(t *testing.T) {
	for _, key := range []string{
		layout.Segments, layout.Segments + "x", layout.Segments + "user_id=1/year=2022/x.parquet",
		layout.Segments + "user_id=1/year=2023/20220614-20220617-" + hash + ".parquet",
		layout.Segments + "user_id=1/year=2022/20220617-20220614-" + hash + ".parquet",
		layout.Segments + "user_id=1/year=2022/20220614-20230617-" + hash + ".parquet",
		layout.Segments + "user_id=1/year=2022/20220614-20220631-" + hash + ".parquet",
		layout.Segments + "user_id=1/year=2022/20220614-20220617-" + hash + ".json",
		layout.Segments + "user_id=1/year=2022/20220614-20220617-" + hash[:10] + ".parquet",
		layout.Segments + "user_id=%31/year=2022/20220614-20220617-" + hash + ".parquet",
		layout.Segments + "user_id=_1/year=2022/20220614-20220617-" + hash + ".parquet",
		layout.Segments + "user_id=/year=2022/20220614-20220617-" + hash + ".parquet",
		layout.Segments + "user=1/year=2022/20220614-20220617-" + hash + ".parquet",
		layout.Segments + "user_id=1/a/year=2022/20220614-20220617-" + hash + ".parquet",
	} {
		if n, err := layout.Parse(key); err == nil {
			t.Errorf("Parse(%q) = %+v; want an error", key, n)
		}
	}
}

// FuzzSegment: what Key makes, Parse reads back.
func FuzzSegment(f *testing.F) {
	f.Add("1234", int64(1655210096), int64(1655220096), hash)
	f.Add("segments", int64(-62135596800), int64(0), hash)
	f.Add("a/b=c", int64(0), int64(0), "00")
	f.Fuzz(func(t *testing.T, user string, first, last int64, content string) {
		a, b := time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		key, err := layout.Segment{User: user, First: a, Last: b, Hash: content}.Key()
		if err != nil {
			return
		}
		wantParse(t, key, layout.Name{
			Kind: layout.SegmentKey, User: user, Hash: content,
			Time: a.Truncate(24 * time.Hour), Last: b.Truncate(24 * time.Hour),
		})
	})
}

func TestContentHash(t *testing.T) {
	a := layout.Content{Key: "a", SHA256: sha256.Sum256([]byte("1"))}
	b := layout.Content{Key: "b", SHA256: sha256.Sum256([]byte("2"))}
	// printf 1 >a; printf 2 >b; sha256sum a b | sha256sum
	const want = "68c2919f4305e50800082ab7f11eb17d96c7832f59154e97b1d373a5179a63ea"
	for _, list := range [][]layout.Content{{a, b}, {b, a}} {
		if got := layout.ContentHash(list); got != want {
			t.Errorf("ContentHash(%v) = %s, want %s", list, got, want)
		}
	}
	same := layout.Content{Key: "a", SHA256: b.SHA256}
	if d := cmp.Diff(layout.ContentHash([]layout.Content{a, same}), layout.ContentHash([]layout.Content{same, a})); d != "" {
		t.Errorf("two of one key, in either order: %s", d)
	}
}
