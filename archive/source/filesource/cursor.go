package filesource

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"slices"
)

// cursor is how far a file was read. Its JSON is a source.Cursor's Value.
type cursor struct {
	Offset int64  `json:"offset"` // after decompression
	Head   string `json:"head"`   // SHA-256 of the first min(Offset, 4 KiB)
	Tail   string `json:"tail"`   // SHA-256 of the last min(Offset, 4 KiB) before Offset

	// The file as it was seen: compressed or not, its size on disk.
	Size  int64  `json:"size"`
	MTime int64  `json:"mtime"`          // nanoseconds since 1970
	File  string `json:"file,omitempty"` // identifies the file whatever its name, where the system tells

	Array within `json:"array,omitempty"`
	Lines bool   `json:"lines,omitempty"`
	Done  bool   `json:"done,omitempty"` // nothing was left unread
}

// seen notes the file's state.
func (c *cursor) seen(info fs.FileInfo) {
	c.Size, c.MTime, c.File = info.Size(), info.ModTime().UnixNano(), fileID(info)
}

// unchanged tells whether the file is as it was.
func (c cursor) unchanged(info fs.FileInfo) bool {
	now := cursor{}
	now.seen(info)
	return c.Size == now.Size && c.MTime == now.MTime && c.File == now.File
}

// matches tells whether a stream's first bytes and those before c.Offset are
// what they were. head may be longer than what the cursor covers.
func (c cursor) matches(head, tail []byte) bool {
	return c.begins(head) && int64(len(tail)) == min(c.Offset, hashed) && digest(tail) == c.Tail
}

// begins tells whether a stream's first bytes are what they were.
func (c cursor) begins(head []byte) bool {
	covered := min(c.Offset, hashed)
	return int64(len(head)) >= covered && digest(head[:covered]) == c.Head
}

// says tells whether c and d say the same of what was read.
func (c cursor) says(d cursor) bool {
	c.MTime = d.MTime
	return c == d
}

func (c cursor) value() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // of strings, numbers and booleans
	}
	return string(b)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// cursors is what is known of all parts from earlier runs.
type cursors struct {
	byPart map[string]cursor
	byFile map[string][]string // parts, by cursor.File
	begun  []string            // parts that had unread bytes, in lexical order
	found  map[string]bool     // parts whose bytes have been found, here or elsewhere
}

// parseCursors reads cursors. What can't be read as one is as good as none: the
// part is read from its start.
func parseCursors(values map[string]string) *cursors {
	all := &cursors{byPart: map[string]cursor{}, byFile: map[string][]string{}, found: map[string]bool{}}
	for part, value := range values {
		var c cursor
		if json.Unmarshal([]byte(value), &c) != nil || c.Offset < 0 || c.Array < noArray || c.Array > element {
			continue
		}
		all.byPart[part] = c
		if c.File != "" {
			all.byFile[c.File] = append(all.byFile[c.File], part)
		}
		if !c.Done {
			all.begun = append(all.begun, part)
		}
	}
	slices.Sort(all.begun)
	return all
}

// candidates are the parts whose cursor may be that of the file that is now
// called part: its own, and those of the same file under other names, the
// furthest first.
func (all *cursors) candidates(part string, info fs.FileInfo) []string {
	var parts []string
	if _, ok := all.byPart[part]; ok {
		parts = append(parts, part)
	}
	if id := fileID(info); id != "" {
		for _, p := range all.byFile[id] {
			if p != part {
				parts = append(parts, p)
			}
		}
	}
	slices.SortStableFunc(parts, func(a, b string) int {
		return cmp.Compare(all.byPart[b].Offset, all.byPart[a].Offset)
	})
	return parts
}

// unread lists the parts that had unread bytes and have not been found, in
// lexical order.
func (all *cursors) unread() []string {
	var parts []string
	for _, part := range all.begun {
		if !all.found[part] {
			parts = append(parts, part)
		}
	}
	return parts
}
