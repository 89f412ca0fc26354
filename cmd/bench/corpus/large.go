package corpus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// Shape is what makes a record large.
type Shape string

// The shapes of large records.
const (
	Lines  Shape = "lines"  // many lines
	String Shape = "string" // one line, of one string
)

// Large returns the path of a file in dir that holds one record of about size
// bytes, and makes it first where it is not there yet. It never has more than
// a little of it in memory.
func Large(dir string, size int64, shape Shape) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("large-v%d-%s-%d.json", version, shape, size))
	return path, unlessThere(path, func(temp string) error { return writeLarge(temp, size, shape) })
}

func writeLarge(path string, size int64, shape Shape) (err error) {
	f, err := create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	w := writer{rng: rand.New(rand.NewPCG(1, 1))}
	w.open(job{id: "j-" + string(shape) + "-1", master: "j-1", user: 33000, recipe: 3_026_000, status: "succeeded", ended: begin.Add(time.Hour)}, compact+1)
	end := "]}\n"
	if shape == String {
		w.text(`{"recipe_line_number":0,"output":{"message":"`)
		end = `"}}]}` + "\n"
	}
	for n, written := 0, int64(0); written < size-int64(len(end)); n++ {
		switch shape {
		case Lines:
			if n > 0 {
				w.text(`,`)
			}
			w.line(n, 2000)
		case String:
			w.words(20)
			w.text(` `, w.id(20), `\n`)
		}
		written += int64(len(w.buf))
		if _, err := f.Write(w.buf); err != nil {
			return err
		}
		w.buf = w.buf[:0]
	}
	_, err = f.WriteString(end)
	return err
}
