package store

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// MaxKey is the length in bytes that a key may have, its store's prefix
// included.
const MaxKey = 1024

// CheckKey returns an fs.ErrInvalid that says what is wrong with a key, or
// nil. Every store refuses in every method what CheckKey refuses.
func CheckKey(key string) error {
	if reason := keyFault(key); reason != "" {
		return fmt.Errorf("key %.200q: %s: %w", key, reason, fs.ErrInvalid)
	}
	return nil
}

func keyFault(key string) string {
	switch {
	case key == "":
		return "it is empty"
	case len(key) > MaxKey:
		return fmt.Sprintf("%d bytes, more than %d", len(key), MaxKey)
	case strings.IndexByte(key, 0) >= 0:
		return "it holds a NUL byte"
	case !utf8.ValidString(key):
		return "it is not valid UTF-8"
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "":
			return "a segment is empty"
		case ".", "..":
			return "a segment is " + segment
		}
	}
	return ""
}

// CheckRange returns an fs.ErrInvalid for a Range with a negative number.
func CheckRange(r Range) error {
	if r.Offset < 0 || r.Length < 0 {
		return fmt.Errorf("range of %d bytes from %d: %w", r.Length, r.Offset, fs.ErrInvalid)
	}
	return nil
}

// CheckPut returns an fs.ErrInvalid for options that contradict each other or
// a Body without content.
func CheckPut(body Body, opts PutOptions) error {
	if opts.IfAbsent && opts.IfMatch != "" {
		return fmt.Errorf("put both if absent and if it matches: %w", fs.ErrInvalid)
	}
	if body.ReaderAt == nil || body.Size < 0 {
		return fmt.Errorf("put a body of %d bytes without a reader: %w", body.Size, fs.ErrInvalid)
	}
	return nil
}
