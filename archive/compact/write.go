package compact

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/maphash"
	"iter"
	"os"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout/segment"
)

// target says of what segments are to be written.
type target struct {
	user     string
	month    time.Time
	replaces []string // the keys of the segments whose rows these are

	// patient leaves another segment that is to go from under the key of a new one
	// until it is due, which is ledger.ErrMoved. Otherwise it goes at once.
	patient bool

	// leave, where not nil, is told of rows that a segment can't hold. They are
	// left out, unless it returns an error. nil: each ends it.
	leave func(rowDocument, error) error
}

// rowDocument is a row and the document that the ledger has it as.
type rowDocument struct {
	row *segment.Row
	doc int64
}

// compression is about how much smaller a segment is than its documents.
const compression = 4

// written is a segment in a temporary file, which has no name any more.
type written struct {
	file    *os.File
	summary segment.Summary
	body    store.Body
	docs    []int64 // by row, as are prints
	prints  []fingerprint
	seed    maphash.Seed // of prints
}

func (w *written) close() { _ = w.file.Close() } // what was read of it was compared

// writeAll writes rows, which are in order, into as many segments as it takes, and
// returns them: they are in the store, whole, read back and compared, each with its
// manifest, and nothing lies in them yet. Those that are there already as another
// run has put them are taken as they are. With an error it returns those that were
// written before.
func (c *Config) writeAll(ctx context.Context, t target, rows iter.Seq2[rowDocument, error]) ([]ledger.Packed, error) {
	var all []ledger.Packed
	err := c.writeEach(ctx, t, rows, func(p ledger.Packed) error {
		all = append(all, p)
		return nil
	})
	return all, err
}

// writeEach is writeAll, and has each segment taken before it writes the next.
func (c *Config) writeEach(ctx context.Context, t target, rows iter.Seq2[rowDocument, error], take func(ledger.Packed) error) error {
	next, stop := iter.Pull2(rows)
	defer stop()
	for more := true; more; {
		var w *written
		var err error
		if w, more, err = c.writeFile(t, next); err != nil {
			return err
		}
		if w == nil {
			return nil
		}
		p, err := c.put(ctx, t, w)
		w.close()
		if err == nil {
			err = take(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes rows into a file until it has about SegmentBytes, and tells
// whether there may be more. It is nil where there was none.
func (c *Config) writeFile(t target, next func() (rowDocument, error, bool)) (*written, bool, error) {
	r, err, ok := next()
	if err != nil || !ok {
		return nil, false, err
	}
	w := &written{seed: maphash.MakeSeed()}
	if w.file, err = unnamed(c.TempDir); err != nil {
		return nil, false, fmt.Errorf("write a segment: %w", err)
	}
	more, err := w.fill(cmp.Or(c.SegmentBytes, DefaultSegmentBytes), t, r, next)
	if err != nil || len(w.docs) == 0 {
		w.close()
		return nil, false, err
	}
	return w, more, nil
}

// unnamed makes a file that is gone when it is closed, or the process ends.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "logstow-segment-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// fill writes r, and what comes next, and completes the file.
func (w *written) fill(limit int64, t target, r rowDocument, next func() (rowDocument, error, bool)) (more bool, err error) {
	sums := &summed{w: bufio.NewWriterSize(w.file, 1<<20), sha: sha256.New()}
	sw := segment.NewWriter(sums)
	pending := int64(0) // bytes of documents of which nothing is in the file yet
	for {
		before, rows := sums.size, len(w.docs)
		if err := w.add(sw, t, r); err != nil {
			return false, err
		}
		if sums.size > before {
			pending = 0
		}
		if len(w.docs) > rows {
			pending += r.row.Size
		}
		if more = sums.size+pending/compression >= limit; more {
			break
		}
		if r, err, more = next(); err != nil {
			return false, err
		}
		if !more {
			break
		}
	}
	if len(w.docs) == 0 {
		return false, nil
	}
	if w.summary, err = sw.Close(); err != nil {
		return false, err
	}
	if err := sums.w.Flush(); err != nil {
		return false, fmt.Errorf("write the end of a segment: %w", err)
	}
	w.body = store.Body{ReaderAt: w.file, Size: sums.size, CRC32C: sums.crc, SHA256: [sha256.Size]byte(sums.sha.Sum(nil))}
	return more, nil
}

// add writes a row, or leaves it.
func (w *written) add(sw *segment.Writer, t target, r rowDocument) error {
	err := sw.Write(r.row)
	switch {
	case err == nil:
		w.docs = append(w.docs, r.doc)
		w.prints = append(w.prints, w.printOf(r.row))
		return nil
	case t.leave != nil && (errors.Is(err, segment.ErrUnfit) || errors.Is(err, segment.ErrDamaged)):
		return t.leave(r, err)
	}
	return err
}

// summed passes on what is written, and sums it up.
type summed struct {
	w    *bufio.Writer
	size int64
	crc  uint32
	sha  hash.Hash
}

func (s *summed) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.size += int64(n)
	s.crc = crc32.Update(s.crc, store.Castagnoli, b[:n])
	s.sha.Write(b[:n])
	return n, err
}
