package filesource

import (
	"os"
	"time"

	"logstow/archive/source"
)

// Once tells whether the source is a stream, of which nothing can be read twice:
// whoever only wants to look must leave it alone.
func (s *Source) Once() bool {
	if s.c.Path == Stdin {
		return true
	}
	info, err := os.Stat(s.c.Path)
	return err == nil && !info.IsDir() && !info.Mode().IsRegular()
}

// Tails returns where the files end in something that is no whole record yet,
// in lexical order, as cursors tell that Records brought when it came to the
// ends of these files.
func (s *Source) Tails(values map[string]string) []source.Tail {
	all := parseCursors(values)
	var tails []source.Tail
	for _, part := range all.begun {
		c := all.byPart[part]
		tails = append(tails, source.Tail{Part: part, Offset: c.Offset, Changed: time.Unix(0, c.MTime).UTC()})
	}
	return tails
}
