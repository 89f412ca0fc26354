package filesource

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"logstow/archive/source"
)

// vanished reports parts whose unread bytes are nowhere, and has the parts
// forgotten that are gone.
func (r *run) vanished() {
	for _, part := range slices.Sorted(maps.Keys(r.cursors.byPart)) {
		c := r.cursors.byPart[part]
		gone := false
		if !r.examined[part] {
			_, err := os.Lstat(part)
			gone = errors.Is(err, fs.ErrNotExist)
		}
		if c.Done || !gone && (r.cursors.found[part] || !r.examined[part]) {
			continue
		}
		if !r.cursors.found[part] && !r.fail(lost(part, c, gone)) {
			return
		}
		if gone && !r.yield(&source.Record{Part: part, Offset: c.Offset, Cursor: &source.Cursor{Part: part}}, nil) {
			return
		}
	}
}

// lost says what is known of a part's unread bytes.
func lost(part string, c cursor, gone bool) error {
	what := "was truncated or replaced"
	if gone {
		what = "vanished"
	}
	return fmt.Errorf("%s %s before it was read to its end: what followed byte %d is lost to logstow (it had %d bytes on disk)",
		part, what, c.Offset, c.Size)
}
