package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Segments is what all segments lie below, in the Hive layout that query
// engines read.
const Segments = segmentsAtTop + "v1/"

const (
	hiveUser = "user_id="
	hiveYear = "year="
)

// Segment is what the key of a segment says.
type Segment struct {
	User        string
	First, Last time.Time // the days of its first and its last document
	Hash        string    // ContentHash of what is inside
}

// Key returns where the segment is stored. First and Last are of one year, that
// of the folder. An error says which part can't be in a key and why.
func (s Segment) Key() (string, error) {
	user, err := encode("user", s.User)
	if err != nil {
		return "", err
	}
	if n := len(hiveUser) + len(user); n > maxSegment {
		return "", fmt.Errorf("user %.40q… takes %d bytes in the path of a segment, more than %d", s.User, n, maxSegment)
	}
	first, last := s.First.UTC(), s.Last.UTC()
	switch y := first.Year(); {
	case y < 1 || y > 9999:
		return "", fmt.Errorf("day %v has no year of four digits", first)
	case y != last.Year():
		return "", fmt.Errorf("days %s and %s are not of one year", first.Format(dayFormat), last.Format(dayFormat))
	case first.Format(dayFormat) > last.Format(dayFormat):
		return "", fmt.Errorf("day %s is after %s", first.Format(dayFormat), last.Format(dayFormat))
	case !isHex(s.Hash, hashBytes):
		return "", fmt.Errorf("hash %.80q is not %d hex digits", s.Hash, 2*hashBytes)
	}
	return Segments + hiveUser + user + "/" + hiveYear + first.Format("2006") + "/" +
		first.Format(dayFormat) + "-" + last.Format(dayFormat) + "-" + s.Hash + ".parquet", nil
}

// parseSegment reads user_id=<user>/year=<YYYY>/<first>-<last>-<hash>.parquet.
func parseSegment(rest string) (Name, error) {
	parts := strings.Split(rest, "/")
	if len(parts) != 3 {
		return Name{}, fmt.Errorf("it has %d parts below %s, not 3", len(parts), Segments)
	}
	user, isUser := strings.CutPrefix(parts[0], hiveUser)
	name, isParquet := strings.CutSuffix(parts[2], ".parquet")
	days := strings.SplitN(name, "-", 3)
	if !isUser || !isParquet || len(days) != 3 {
		return Name{}, fmt.Errorf("it is not %s<user>/%s<YYYY>/<day>-<day>-<hash>.parquet", hiveUser, hiveYear)
	}
	n := Name{Kind: SegmentKey, Hash: days[2]}
	var err error
	if n.User, err = decode("user", user); err != nil {
		return Name{}, err
	}
	if n.Time, err = time.Parse(dayFormat, days[0]); err != nil {
		return Name{}, fmt.Errorf("its first day %.20q is not YYYYMMDD", days[0])
	}
	if n.Last, err = time.Parse(dayFormat, days[1]); err != nil {
		return Name{}, fmt.Errorf("its last day %.20q is not YYYYMMDD", days[1])
	}
	switch again, err := (Segment{User: n.User, First: n.Time, Last: n.Last, Hash: n.Hash}).Key(); {
	case err != nil:
		return Name{}, err
	case again != Segments+rest:
		return Name{}, fmt.Errorf("it would be written %q", again)
	}
	return n, nil
}

// Content is a document in a segment: its own key, and the SHA-256 of its bytes.
type Content struct {
	Key    string
	SHA256 [sha256.Size]byte
}

// ContentHash returns the hash that is in the name of a segment with these
// documents, in whatever order: the SHA-256, in hex, of what sha256sum prints
// of them, sorted by key (the hash in hex, two spaces, the key, a newline).
func ContentHash(contents []Content) string {
	sorted := slices.Clone(contents)
	slices.SortFunc(sorted, func(a, b Content) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return slices.Compare(a.SHA256[:], b.SHA256[:])
	})
	h := sha256.New()
	var line []byte
	for _, c := range sorted {
		line = hex.AppendEncode(line[:0], c.SHA256[:])
		line = append(line, "  "...)
		line = append(line, c.Key...)
		h.Write(append(line, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}
