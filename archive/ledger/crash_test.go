package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// childVariable names the ledger that the test binary commits to when it is
// started with it set.
const childVariable = "LOGSTOW_LEDGER_CRASH_CHILD"

// crashRows is how many documents a batch of the child has.
const crashRows = 57

// crashBatch is the nth batch, of which the cursor is the number.
func crashBatch(n int) ledger.Batch {
	b := ledger.Batch{Cursors: []ledger.Cursor{{Source: "s", Part: "p", Value: strconv.Itoa(n)}}}
	for i := range crashRows {
		id := fmt.Sprintf("%d-%d", n, i)
		b.Documents = append(b.Documents, job("u"+strconv.Itoa(i%5), id, id))
		b.Quarantined = append(b.Quarantined, ledger.Quarantined{Source: "s", Part: "p", Offset: int64(n*crashRows + i), SHA256: hash(id), Key: id})
	}
	return b
}

// commitForEver commits one batch after the other, from the cursor on, and
// writes the number of each that was acknowledged to standard output.
func commitForEver(path string) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, ledger.Config{Path: path})
	if err != nil {
		panic(err)
	}
	cursors, err := l.Cursors(ctx, "s")
	if err != nil {
		panic(err)
	}
	n, _ := strconv.Atoi(cursors["p"])
	for {
		n++
		if err := l.Commit(ctx, crashBatch(n)); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

func TestKilledProcessLeavesWholeBatches(t *testing.T) {
	path := newPath(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	acknowledged := 0
	for range 8 {
		within := time.Duration(rng.IntN(8_000)) * time.Microsecond
		acknowledged = killAfter(t, path, acknowledged+1+rng.IntN(12), within)
		l, err := ledger.Open(t.Context(), ledger.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		acknowledged = checkBatches(t, l, acknowledged)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter runs a child, kills it a moment after it has acknowledged batch n,
// most likely within a later one, and returns the last that it acknowledged.
func killAfter(t *testing.T, path string, n int, moment time.Duration) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if last == n {
			time.Sleep(moment)
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed
	if last < n {
		t.Fatalf("the child ended after batch %d, before %d", last, n)
	}
	return last
}

// checkBatches checks that all batches up to the cursor are there, whole, and
// nothing else, and returns the cursor.
func checkBatches(t *testing.T, l *ledger.Ledger, acknowledged int) int {
	t.Helper()
	cursors, err := l.Cursors(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := strconv.Atoi(cursors["p"])
	if err != nil || recorded < acknowledged {
		t.Fatalf("the cursor is %q, %v; batch %d was acknowledged", cursors["p"], err, acknowledged)
	}
	documents := map[string]bool{}
	for _, d := range all(t, l.Documents(t.Context(), ledger.Query{})) {
		documents[d.Job] = true
	}
	quarantined := map[string]bool{}
	for _, q := range all(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})) {
		quarantined[q.Key] = true
	}
	for n := 1; n <= recorded; n++ {
		for i := range crashRows {
			if id := fmt.Sprintf("%d-%d", n, i); !documents[id] || !quarantined[id] {
				t.Errorf("row %s is missing (document %v, quarantined %v)", id, documents[id], quarantined[id])
			}
		}
	}
	if want := recorded * crashRows; len(documents) != want || len(quarantined) != want {
		t.Errorf("%d documents and %d quarantined, want %d each", len(documents), len(quarantined), want)
	}
	counts, err := l.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counts.Documents != int64(len(documents)) {
		t.Errorf("Counts says %d documents, want %d", counts.Documents, len(documents))
	}
	return recorded
}
