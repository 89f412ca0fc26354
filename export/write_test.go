package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/export"
	"logstow/layout"
)

const key = "1/jobs/r/20261121/j/1-r-j-20261121000000-succeeded.json"

func stored(t *testing.T, objects map[string][]byte) *memstore.Store {
	t.Helper()
	s := memstore.New()
	for k, b := range objects {
		if err := s.Put(t.Context(), k, store.Bytes(b), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func compressed(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// known is a ledger's whole knowledge.
type known []ledger.Document

func (k known) ByJob(context.Context, string, string) ([]ledger.Document, error) { return k, nil }

func (k known) Segment(context.Context, int64) (ledger.Segment, error) {
	return ledger.Segment{}, fs.ErrNotExist
}

// reader reads what is in s of a version that the ledger has.
func reader(t *testing.T, s store.Store, v ledger.Document) *export.Reader {
	t.Helper()
	r, err := export.NewReader(s, known{v})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func version(content string) ledger.Document {
	return ledger.Document{
		Key: key, Job: "j", Verified: true,
		SHA256: sha256.Sum256([]byte(content)), Size: int64(len(content)), InputSize: int64(len(content)),
	}
}

func TestWrite(t *testing.T) {
	const content = "{\"id\": 1.50}\n"
	unverified := version("something else")
	unverified.Verified = false
	tests := []struct {
		name    string
		objects map[string][]byte
		version ledger.Document
		out     string
		err     error
	}{
		{"as stored", map[string][]byte{key: []byte(content)}, version(content), content, nil},
		{"changed", map[string][]byte{key: []byte("{\"id\": 1.51}\n")}, version(content), "{\"id\": 1.51}\n", export.ErrDamaged},
		{"truncated", map[string][]byte{key: []byte("{")}, version(content), "{", export.ErrDamaged},
		{"missing", nil, version(content), "", export.ErrDamaged},
		{"never compared", map[string][]byte{key: []byte(content)}, unverified, content, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			err := reader(t, stored(t, tt.objects), tt.version).Write(t.Context(), &out, tt.version)
			if !errors.Is(err, tt.err) || out.String() != tt.out {
				t.Errorf("Write = %q, %v, want %q, %v", out.String(), err, tt.out, tt.err)
			}
		})
	}
}

// change is the meta object of a capped document whose record is whole.
func change(whole string) []byte {
	sum := sha256.Sum256([]byte(whole))
	return layout.Encode(layout.Change{InputSize: int64(len(whole)), OverflowSHA256: hex.EncodeToString(sum[:])})
}

func TestWriteFull(t *testing.T) {
	const whole, short = `{"id":1,"lines":["a","b"]}`, `{"id":1,"lines":"Log lines exceed size limit"}`
	capped := version(short)
	capped.Changed, capped.InputSize = "capped", int64(len(whole))
	kept := capped
	kept.Overflow = true
	overflow := func(b []byte) map[string][]byte {
		return map[string][]byte{key: []byte(short), layout.Overflow(key): b, layout.Meta(key): change(whole)}
	}
	other := overflow(compressed(t, strings.Replace(whole, "a", "z", 1)))
	cut := compressed(t, whole)
	cut = cut[:len(cut)-6]
	flipped := compressed(t, whole)
	flipped[len(flipped)-1] ^= 1 // in the frame's checksum
	tests := []struct {
		name    string
		objects map[string][]byte
		version ledger.Document
		out     string
		err     error
	}{
		{"not capped", map[string][]byte{key: []byte(whole)}, version(whole), whole, nil},
		{"overflow", overflow(compressed(t, whole)), kept, whole, nil},
		{"dropped", overflow(nil), capped, "", export.ErrNoFull},
		{"overflow is missing", map[string][]byte{key: []byte(short)}, kept, "", export.ErrDamaged},
		{"overflow is not zstd", overflow([]byte("hello, this is not zstd")), kept, "", export.ErrDamaged},
		{"overflow is cut off", overflow(cut), kept, "", export.ErrDamaged},
		{"overflow is flipped", overflow(flipped), kept, whole, export.ErrDamaged},
		{"overflow is longer", overflow(compressed(t, whole+"more")), kept, whole, export.ErrDamaged},
		{"overflow is another record's", other, kept, strings.Replace(whole, "a", "z", 1), export.ErrDamaged},
		{"what was done is missing", map[string][]byte{layout.Overflow(key): compressed(t, whole)}, kept, "", export.ErrDamaged},
		{"what was done is not JSON", map[string][]byte{layout.Overflow(key): compressed(t, whole), layout.Meta(key): {'{'}}, kept, "", export.ErrDamaged},
		{"overflow is shorter", overflow(compressed(t, whole[:9])), kept, whole[:9], export.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			err := reader(t, stored(t, tt.objects), tt.version).WriteFull(t.Context(), &out, tt.version)
			if !errors.Is(err, tt.err) {
				t.Errorf("WriteFull = %v, want %v", err, tt.err)
			}
			if tt.err == nil && out.String() != tt.out {
				t.Errorf("WriteFull wrote %q, want %q", out.String(), tt.out)
			}
			if !strings.HasPrefix(tt.out, out.String()) {
				t.Errorf("WriteFull wrote %q, more than %q", out.String(), tt.out)
			}
		})
	}
}

func TestWriteQuarantined(t *testing.T) {
	const raw = "{\"broken\": \xff,}"
	q := ledger.Quarantined{Key: "_logstow/quarantine/x.zst", SHA256: sha256.Sum256([]byte(raw)), Size: int64(len(raw))}
	s := stored(t, map[string][]byte{q.Key: compressed(t, raw)})
	var out strings.Builder
	if err := export.WriteQuarantined(t.Context(), s, &out, q); err != nil || out.String() != raw {
		t.Errorf("WriteQuarantined = %q, %v, want %q", out.String(), err, raw)
	}
	q.SHA256[0]++
	if err := export.WriteQuarantined(t.Context(), s, io.Discard, q); !errors.Is(err, export.ErrDamaged) {
		t.Errorf("WriteQuarantined with another hash = %v, want ErrDamaged", err)
	}
}

// A store that fails in the middle is not damaged, and neither is it when the
// reader goes away.
func TestOtherSides(t *testing.T) {
	const content = `{"id":1}`
	v := version(content)
	v.Overflow = true
	objects := map[string][]byte{key: []byte(content), layout.Overflow(key): compressed(t, content), layout.Meta(key): change(content)}
	broken := errors.New("connection reset")
	tests := []struct {
		name  string
		write func(io.Writer, ledger.Document) error
	}{
		{"Write", func(w io.Writer, v ledger.Document) error {
			return reader(t, failing(t, objects, broken), v).Write(t.Context(), w, v)
		}},
		{"WriteFull", func(w io.Writer, v ledger.Document) error {
			return reader(t, failing(t, objects, broken), v).WriteFull(t.Context(), w, v)
		}},
	}
	for _, tt := range tests {
		err := tt.write(io.Discard, v)
		if !errors.Is(err, broken) || errors.Is(err, export.ErrDamaged) {
			t.Errorf("%s from a store that fails = %v, want only %v", tt.name, err, broken)
		}
	}
	closed := errors.New("closed")
	for name, write := range map[string]error{
		"Write":     reader(t, stored(t, objects), v).Write(t.Context(), refusing{closed}, v),
		"WriteFull": reader(t, stored(t, objects), v).WriteFull(t.Context(), refusing{closed}, v),
	} {
		if !errors.Is(write, closed) || errors.Is(write, export.ErrDamaged) {
			t.Errorf("%s to a closed pipe = %v, want only %v", name, write, closed)
		}
	}
}

// failing is a store whose Gets break off with err.
func failing(t *testing.T, objects map[string][]byte, err error) store.Store {
	t.Helper()
	f := storetest.NewFaulty(stored(t, objects))
	f.Arm(storetest.Fault{Call: 1, When: storetest.During, Err: err})
	return f
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }
