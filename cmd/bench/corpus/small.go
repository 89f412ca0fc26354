package corpus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"
)

// SmallBytes is about what a record of Small has, with the end of its line.
const SmallBytes = 320

// Small returns the path of a file in dir with small records, one a line, and
// makes it first where it is not there yet. Their jobs' ids are random, their
// times in the records' order. It never has more than a little of them in
// memory.
func Small(dir string, o Options) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("small-v%d-%d-%d.ndjson", version, o.Seed, o.Jobs))
	return path, unlessThere(path, func(temp string) error { return writeSmall(temp, o) })
}

func writeSmall(path string, o Options) (err error) {
	f, err := create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	w := writer{rng: rand.New(rand.NewPCG(o.Seed, uint64(o.Jobs)))}
	for i := range o.Jobs {
		w.buf = w.buf[:0]
		w.small(w.job(i, o))
		w.text("\n")
		if _, err := f.Write(w.buf); err != nil {
			return err
		}
	}
	return nil
}

// small writes a record that says little but who, what and when.
func (w *writer) small(j job) {
	user, recipe, ended := strconv.Itoa(j.user), strconv.Itoa(j.recipe), j.ended.Format(time.RFC3339)
	w.text(`{"id":"`, j.id, `","master_job_id":"`, j.master, `","recipe_id":`, recipe, `,"title":"`)
	w.words(3)
	w.text(`","status":"`, j.status, `","started_at":"`, ended, `","completed_at":"`, ended, `","account_id":`, user,
		`,"lines":[{"recipe_line_number":0,"adapter_name":"logger","output":{"message":"`)
	w.words(4)
	w.text(`"}}]}`)
}
