package ledger_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"logstow/archive/ledger"
)

// Whoever has a ledger open is told how much memory its index of jobs takes, which
// grows with the jobs and is the same for all.
func TestResident(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	open := func() (*ledger.Ledger, *int64) {
		var bytes int64
		l, err := ledger.Open(t.Context(), ledger.Config{Path: path, Resident: func(n int64) { bytes = n }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l, &bytes
	}
	l, told := open()
	const batch = 1000
	for n := range 3 {
		docs := make([]ledger.Document, batch)
		for i := range docs {
			docs[i] = job("u", fmt.Sprint(n*batch+i), "x")
		}
		if err := l.Commit(t.Context(), ledger.Batch{Documents: docs}); err != nil {
			t.Fatal(err)
		}
		// 24 bits for each, in blocks of 64 bytes.
		if jobs := int64(batch * (n + 1)); *told < jobs*3 || *told > jobs*3+8*64 {
			t.Errorf("with %d jobs the index is said to take %d bytes, want three for each", jobs, *told)
		}
	}
	other, otherTold := open()
	if *otherTold != 0 {
		t.Errorf("before anything was looked up the index is said to take %d bytes", *otherTold)
	}
	if _, err := other.Find(t.Context(), []ledger.Ref{{User: "u", Job: "1"}}); err != nil {
		t.Fatal(err)
	}
	if *otherTold != *told {
		t.Errorf("who looks something up is told of %d bytes, who wrote it of %d", *otherTold, *told)
	}
}
