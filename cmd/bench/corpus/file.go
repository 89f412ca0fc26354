package corpus

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Files is a corpus on disk.
type Files struct {
	Records string // one record a line
	Index   string // for each record a line: offset, length, key
	Stats   Stats
}

// Stats says what the records are like.
type Stats struct {
	Jobs  int
	Bytes int64 // of the records, without the ends of their lines
	Mean  int   // these are sizes in bytes
	P50   int
	P99   int
	Max   int
	Ratio float64 // all of them, to what zstd makes of them
}

// version changes with what Record makes.
const version = 1

// Open returns the corpus of o in dir, which it makes first where it is not
// there yet.
func Open(dir string, o Options) (Files, error) {
	base := filepath.Join(dir, fmt.Sprintf("corpus-v%d-%d-%d", version, o.Seed, o.Jobs))
	f := Files{Records: base + ".ndjson", Index: base + ".index"}
	stats, err := os.ReadFile(base + ".json") // written last
	if err == nil {
		return f, json.Unmarshal(stats, &f.Stats)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if f.Stats, err = write(f, o); err != nil {
		return f, fmt.Errorf("write %s: %w", f.Records, err)
	}
	if stats, err = json.Marshal(f.Stats); err != nil {
		return f, err
	}
	return f, os.WriteFile(base+".json", stats, 0o644)
}

func write(to Files, o Options) (s Stats, err error) {
	records, err := create(to.Records)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, records.close()) }()
	index, err := create(to.Index)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, index.close()) }()
	var packed counter
	pack, err := zstd.NewWriter(&packed)
	if err != nil {
		return s, err
	}

	sizes := make([]int, o.Jobs)
	var line []byte
	var offset int64
	for i := range o.Jobs {
		var key string
		if line, key, err = Record(line[:0], i, o); err != nil {
			return s, err
		}
		sizes[i] = len(line)
		s.Bytes += int64(len(line))
		fmt.Fprintf(index, "%d %d %s\n", offset, len(line), key)
		line = append(line, '\n')
		offset += int64(len(line))
		if _, err := io.MultiWriter(records, pack).Write(line); err != nil {
			return s, err
		}
	}
	if err := pack.Close(); err != nil {
		return s, err
	}
	slices.Sort(sizes)
	s.Jobs, s.Mean, s.Max = o.Jobs, int(s.Bytes/int64(o.Jobs)), sizes[o.Jobs-1]
	s.P50, s.P99 = sizes[o.Jobs/2], sizes[o.Jobs*99/100]
	s.Ratio = float64(offset) / float64(packed)
	return s, nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// file is a file that is written through a buffer.
type file struct {
	*bufio.Writer
	f *os.File
}

// unlessThere has write make a file, which gets its name when it is whole, where
// it is not there yet.
func unlessThere(path string, write func(temp string) error) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp := path + ".new"
	if err := write(temp); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(temp, path)
}

func create(path string) (file, error) {
	f, err := os.Create(path)
	if err != nil {
		return file{}, err
	}
	return file{Writer: bufio.NewWriterSize(f, 1<<20), f: f}, nil
}

func (f file) close() error { return errors.Join(f.Flush(), f.f.Close()) }
