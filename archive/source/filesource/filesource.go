// Package filesource reads records from files, directories and standard input.
//
// Records are JSON objects: one a line, pretty-printed one after the other,
// elements of arrays, or any mix; plain, gzip or zstd, as the content says. It
// follows files that grow, are rotated by renaming or by copying and
// truncating, and notices when one vanished with unread bytes.
package filesource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"time"

	"logstow/archive/source"
	"logstow/layout/jobfile"
)

// Stdin is the path, and the name, of standard input.
const Stdin = "-"

// Config says what to read.
type Config struct {
	// Path is a file, a directory, whose files are read in lexical order with
	// those below it, a pattern as filepath.Glob has it, or Stdin. A named
	// pipe or device that it names itself is read like standard input.
	Path string

	// Reader, where not nil, is what the records will be read with. Records
	// then mostly come scanned: one pass finds their end and what they say.
	Reader *jobfile.Reader

	Budget    source.Budget // required
	Stdin     io.Reader     // required for Stdin
	SpoolSize int64         // larger records go to a temporary file; 0: 8 MiB
	TempDir   string        // for these files; "": os.TempDir
	StaleTail time.Duration // after which an incomplete record is broken; 0: 24 hours
	Now       func() time.Time
}

// Source is one path. It implements source.Source.
//
// Besides the budget it holds up to four times SpoolSize of the file being read,
// and where that is compressed up to a megabyte more, decompressed ahead.
type Source struct {
	c     Config
	pools pools
}

// New returns the source of a path. The error is fs.ErrNotExist where there is
// nothing under that path, or nothing matches the pattern.
func New(c Config) (*Source, error) {
	switch {
	case c.Budget == nil:
		return nil, errors.New("file source without a budget")
	case c.Path == "":
		return nil, errors.New("no path to read from")
	case c.Path == Stdin && c.Stdin == nil:
		return nil, errors.New("no standard input to read from")
	case c.SpoolSize < 0 || c.StaleTail < 0:
		return nil, fmt.Errorf("read %s: negative limit", c.Path)
	}
	if c.SpoolSize == 0 {
		c.SpoolSize = 8 << 20
	}
	if c.StaleTail == 0 {
		c.StaleTail = 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Path != Stdin {
		path, err := filepath.Abs(c.Path)
		if err != nil {
			return nil, unread(c.Path, err)
		}
		c.Path = path
		if _, err := find(path); err != nil {
			return nil, unread(path, err)
		}
	}
	s := &Source{c: c}
	s.pools.budget = c.Budget
	return s, nil
}

// Name is the absolute path or pattern, or Stdin.
func (s *Source) Name() string { return s.c.Path }

// Records implements source.Source. A part is a file. Of a file that is being
// written it yields what was there when it was opened; an incomplete record at
// its end is yielded as broken once the file has not changed for StaleTail, and
// at once from a stream, which has no cursors.
//
// A part that is gone, or has other content, while its cursor tells of unread
// bytes that no other part has, is reported by one error, and then forgotten
// by a cursor without value. Cursors of parts that were read to their end are
// kept, since the file may come back or appear under another name.
func (s *Source) Records(ctx context.Context, values map[string]string) iter.Seq2[*source.Record, error] {
	return func(yield func(*source.Record, error) bool) {
		r := &run{Source: s, cursors: parseCursors(values), yield: yield}
		r.f.spoolSize, r.f.tempDir, r.f.reader = s.c.SpoolSize, s.c.TempDir, s.c.Reader
		defer r.f.reset(place{})
		if s.c.Path == Stdin {
			r.stream(ctx, Stdin, s.c.Stdin)
			return
		}
		parts, err := find(s.c.Path)
		if err != nil && !r.fail(unread(s.c.Path, err)) {
			return
		}
		for _, p := range parts {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !r.part(ctx, p) {
				return
			}
		}
		r.vanished()
	}
}

// part reads one part; false means to stop.
func (r *run) part(ctx context.Context, p found) bool {
	switch {
	case p.err != nil:
		return r.fail(unread(p.path, p.err))
	case !p.stream:
		return r.file(ctx, p.path)
	}
	f, err := openPipe(ctx, p.path)
	if err != nil && ctx.Err() != nil {
		r.yield(nil, ctx.Err())
		return false
	}
	if err != nil {
		return r.fail(unread(p.path, err))
	}
	defer f.Close()
	return r.stream(ctx, p.path, f)
}
