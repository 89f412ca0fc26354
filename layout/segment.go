package layout

import (
	"fmt"
	"strings"
)

const (
	maxSegment = 255 // bytes; what file systems and S3 gateways take
	maxName    = 250 // bytes; a file name with room for ".json" or ".zst" after it
	maxKey     = 800 // bytes; see the package's comment
)

// reservedUser would stand where the segments are.
const reservedUser = "segments"

const upperHex = "0123456789ABCDEF"

// plain tells whether c stands for itself in a segment.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}

// encode returns id as one segment of a path. what names it in errors.
func encode(what, id string) (string, error) {
	if id == "" {
		return "", fmt.Errorf("%s is empty", what)
	}
	seg := Escape(id)
	if what == "user" && id == reservedUser {
		seg = escape(id, true)
	}
	if len(seg) > maxSegment {
		return "", fmt.Errorf("%s %.40q… takes %d bytes in a path, more than %d", what, id, len(seg), maxSegment)
	}
	return seg, nil
}

// Escape returns id as one part of a file name, of any length, as keys have it:
// A–Z a–z 0–9 . _ - stay as they are, every other byte becomes %XX, and so does
// the first byte of what would name a folder or be hidden. Different ids have
// different names; only the empty one stays empty.
func Escape(id string) string {
	return escape(id, id == "." || id == ".." || strings.HasPrefix(id, "_"))
}

// escape is Escape, told whether the first byte may not stay.
func escape(id string, first bool) string {
	if !first && allPlain(id) {
		return id
	}
	var b strings.Builder
	for i := range len(id) {
		if c := id[i]; plain(c) && (i > 0 || !first) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

func allPlain(s string) bool {
	for i := range len(s) {
		if !plain(s[i]) {
			return false
		}
	}
	return true
}

// decode is the inverse of encode: it refuses what encode would not have made.
func decode(what, seg string) (string, error) {
	id := seg
	if strings.IndexByte(seg, '%') >= 0 {
		var b strings.Builder
		for i := 0; i < len(seg); i++ {
			c := seg[i]
			if c == '%' {
				if i+2 >= len(seg) {
					return "", fmt.Errorf("%s %q ends inside an escape", what, seg)
				}
				hi, lo := strings.IndexByte(upperHex, seg[i+1]), strings.IndexByte(upperHex, seg[i+2])
				if hi < 0 || lo < 0 {
					return "", fmt.Errorf("%s %q has an escape that is not %%XX", what, seg)
				}
				c = byte(hi<<4 | lo)
				i += 2
			}
			b.WriteByte(c)
		}
		id = b.String()
	}
	switch again, err := encode(what, id); {
	case err != nil:
		return "", err
	case again != seg:
		return "", fmt.Errorf("%s %q would be written %q", what, seg, again)
	}
	return id, nil
}
