package corpus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"
)

// EntriesJob is the job whose record Entries makes.
const EntriesJob = "5f0c1d1a-8a4c-4f6e-9a55-000000000001"

// Entries returns the path of a file in dir that holds one record in the shape
// of Talend's, with n log entries, and makes it first where it is not there
// yet. It never has more than a little of it in memory.
func Entries(dir string, n int) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("entries-v%d-%d.json", version, n))
	return path, unlessThere(path, func(temp string) error { return writeEntries(temp, n) })
}

func writeEntries(path string, n int) (err error) {
	f, err := create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	w := writer{rng: rand.New(rand.NewPCG(1, 2))}
	w.text(`{"executionId":"`, EntriesJob, `","taskId":"60c7a0e2d2b4c7001f3a9b11","workspaceId":"57f64991e4b0b689a64feed4",`,
		`"executionStatus":"EXECUTION_SUCCESS","startTimestamp":"`, begin.Format(time.RFC3339),
		`","finishTimestamp":"`, begin.Add(4*time.Hour).Format(time.RFC3339), `","logs":[`)
	for i := range n {
		if i > 0 {
			w.text(`,`)
		}
		w.entry(begin.Add(time.Duration(i) * 4 * time.Hour / time.Duration(n)))
		if _, err := f.Write(w.buf); err != nil {
			return err
		}
		w.buf = w.buf[:0]
	}
	_, err = f.WriteString("]}\n")
	return err
}

// entry writes one log entry.
func (w *writer) entry(at time.Time) {
	severities := [...]string{"INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"}
	w.text(`{"severity":"`, severities[w.rng.IntN(len(severities))], `","logType":"talend","logTimestamp":`,
		strconv.FormatInt(at.UnixMilli(), 10), `,"logMessage":"`)
	w.words(4 + w.rng.IntN(10))
	w.text(` `, w.id(8), `","bundleName":"org.talend.job","bundleVersion":"0.1.0","podName":"pod-`, w.id(5), `"}`)
}
