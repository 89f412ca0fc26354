package archive_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"logstow/archive/ledger"
	"logstow/layout"
)

// safe tells whether d is in one of the states that the promise names.
func (s *oracleState) safe(d *oracleDelivery) bool {
	if d.content != nil {
		if _, ok := s.refs[d.content.ref()]; ok {
			return true // and its object was held against it
		}
	}
	sum := oracleSum([]byte(d.raw))
	return s.o.dropped[sum] || s.open[sum]
}

// unrecorded lists objects of documents that have no row.
func (s *oracleState) unrecorded() []string {
	var keys []string
	for key := range s.objects {
		name, err := layout.Parse(key)
		if err != nil {
			continue
		}
		switch name.Kind {
		case layout.DocumentKey, layout.EventKey, layout.RevisionKey:
			if _, ok := s.rows[key]; !ok {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// settledSafe finds records that a run called safe and that aren't.
func (s *oracleState) settledSafe() {
	for d := range s.o.settled {
		if !s.safe(d) {
			s.wrong("lost after it was safe: %s", d.describe())
		}
	}
}

// whole finds what is not as it must be after a run that ended well: the
// records that stand in files are the ones to be safe, and every object
// belongs to a row, but for those of records that were lost with their files.
func (s *oracleState) whole(present []*oracleDelivery) {
	for _, d := range present {
		if !s.safe(d) {
			s.wrong("neither archived nor quarantined: %s", d.describe())
			continue
		}
		s.o.settled[d] = true
		if d.content != nil {
			delete(s.o.lost, d.content.ref())
		}
	}
	for _, key := range s.unrecorded() {
		if !s.lostAt(key) {
			s.wrong("object %s: no row, and its record was not lost", key)
		}
	}
	for key, rows := range s.raw {
		if _, ok := s.objects[key]; ok && !slices.ContainsFunc(rows, func(q ledger.Quarantined) bool { return q.State != ledger.Dropped }) {
			s.wrong("object %s: its record was dropped", key)
		}
	}
	for key := range s.objects {
		name, err := layout.Parse(key)
		if err != nil || name.Kind != layout.OverflowKey && name.Kind != layout.MetaKey {
			continue
		}
		if _, ok := s.objects[name.Of]; !ok && !s.lostAt(name.Of) && !s.revised(name.Of) {
			s.wrong("object %s: the document it belongs to is not there", key)
		}
	}
}

// lostAt tells whether a record that was lost belongs at key.
func (s *oracleState) lostAt(key string) bool {
	for ref := range s.o.lost {
		if c := s.o.byRef[ref]; key == c.key || key == c.revision() {
			return true
		}
	}
	return false
}

// revised tells whether a record for key is stored as a revision: then what
// lies beside key is of a write that another one was faster than.
func (s *oracleState) revised(key string) bool {
	for _, row := range s.rows {
		if name, err := layout.Parse(row.Key); row.Revision && err == nil && name.Of == key {
			return true
		}
	}
	return false
}

// cursors finds places that the ledger's cursors have passed although what
// stands there is not safe.
func (s *oracleState) cursors(source string, files map[string]*oracleFile) error {
	cursors, err := s.ledger.Cursors(s.ctx, source)
	if err != nil {
		return err
	}
	for _, f := range files {
		value, ok := cursors[f.path]
		if !ok {
			continue
		}
		var c struct {
			Offset     int
			Head, Tail string
		}
		if err := json.Unmarshal([]byte(value), &c); err != nil {
			return fmt.Errorf("cursor of %s: %w", f.path, err)
		}
		if !oracleOf(f.content, c.Offset, c.Head, c.Tail) {
			continue // it is of what stood there before
		}
		for _, p := range f.records {
			if p.end <= c.Offset && !s.safe(p.oracleDelivery) {
				s.wrong("the cursor of %s is at %d and has passed the record from %d to %d, which is not safe: %s", f.path, c.Offset, p.start, p.end, p.describe())
			}
		}
	}
	return nil
}

// oracleOf tells whether a cursor is one of this content.
func oracleOf(content []byte, offset int, head, tail string) bool {
	if len(content) < offset {
		return false
	}
	n := min(offset, 4096)
	return oracleSum(content[:n]).String() == head && oracleSum(content[offset-n:offset]).String() == tail
}

func (d *oracleDelivery) describe() string {
	what := "poison"
	if d.content != nil {
		what = fmt.Sprintf("user %s, job %s, input %s, key %s", d.content.user, d.content.id, d.content.hash, d.content.key)
	}
	return fmt.Sprintf("%s, %d bytes (%d capped): %.120s", what, len(d.raw), len(d.capped), d.raw)
}
