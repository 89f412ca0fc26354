package segment_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"logstow/layout/segment"
)

// A large document is copied by parts, in memory that doesn't grow with it.
func TestCopy(t *testing.T) {
	const size, bound = 40_000_000, 30_000_000
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	document := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{15}).Read(document); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(document)
	w, done := create(t, filepath.Join(t.TempDir(), "large"))
	must(t, w.Write(job(t, "1", "a", noon, []byte("{}"))))
	must(t, w.Write(job(t, "1", "b", noon, document)))
	r := done()
	for range 3 { // what writing took is in pools for a while
		debug.FreeOSMemory()
	}
	peak := watchHeap(t)
	hash := sha256.New()
	must(t, r.Copy(hash, 1, sum))
	if got := peak(); [32]byte(hash.Sum(nil)) != sum || got > bound {
		t.Errorf("Copy() of %d MB in %d bytes of heap, want %d; SHA-256 %x, want %x", size/1_000_000, got, bound, hash.Sum(nil), sum)
	}
}

// What fails is told apart: the file, the store or the place that is written to.
func TestCopyFails(t *testing.T) {
	document := make([]byte, 9_000_000)
	if _, err := rand.NewChaCha8([32]byte{16}).Read(document); err != nil {
		t.Fatal(err)
	}
	rows := []*segment.Row{job(t, "1", "a", noon, document), job(t, "1", "b", noon, []byte("{}"))}
	file, _ := write(t, rows)
	r := open(t, file)
	if err := r.Copy(refusing{}, 0, rows[0].SHA256); !errors.Is(err, os.ErrClosed) || errors.Is(err, segment.ErrDamaged) {
		t.Errorf("Copy() to what is closed: %v", err)
	}
	for fails := int64(1); fails <= 3; fails++ {
		src := &failing{counted{ReaderAt: bytes.NewReader(file)}, fails}
		if err := r.From(src).Copy(io.Discard, 0, rows[0].SHA256); !errors.Is(err, os.ErrPermission) || errors.Is(err, segment.ErrDamaged) {
			t.Errorf("Copy() when read %d fails: %v", fails, err)
		}
	}
	if err := r.Copy(io.Discard, 0, rows[1].SHA256); !errors.Is(err, segment.ErrDamaged) {
		t.Errorf("Copy() of another's hash: %v", err)
	}
	for _, at := range []int{5, 30, 100, 1_000_000, 8_999_000} {
		flipped := bytes.Clone(file)
		flipped[bytes.Index(file, document[:20])-50+at] ^= 1
		if err := r.From(bytes.NewReader(flipped)).Copy(io.Discard, 0, rows[0].SHA256); !errors.Is(err, segment.ErrDamaged) {
			t.Errorf("Copy() with a flipped bit: %v", err)
		}
	}
}

type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, os.ErrClosed }
