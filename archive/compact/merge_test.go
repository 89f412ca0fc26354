package compact_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

func sized(sizes ...int64) (all []ledger.Segment) {
	for i, size := range sizes {
		all = append(all, ledger.Segment{ID: int64(i + 1), Size: size})
	}
	return all
}

func TestWorthMerging(t *testing.T) {
	for _, c := range []struct{ sizes, want []int64 }{
		{nil, nil},
		{[]int64{1}, nil},
		{[]int64{1, 1}, []int64{1, 1}},
		{[]int64{2, 1}, []int64{1, 2}},
		{[]int64{3, 1}, nil},
		{[]int64{40, 30, 1}, []int64{1, 30, 40}},
		{[]int64{49, 10, 1, 1}, []int64{1, 1}},
		{[]int64{49, 10, 10, 5, 1, 1}, []int64{1, 1, 5, 10, 10, 49}},
		{[]int64{49, 49, 49}, []int64{49, 49}},
		{[]int64{50, 50, 50}, nil},
		{[]int64{100, 50, 20}, nil},
		{[]int64{128, 100, 3, 3}, []int64{3, 3}},
	} {
		var got []int64
		for _, s := range compact.WorthMerging(sized(c.sizes...), 100) {
			got = append(got, s.Size)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("worth merging of %v (-want +got):\n%s", c.sizes, d)
		}
	}
}

// However segments come, each byte is rewritten a few times in all, and few
// segments are left.
func TestMergingIsBounded(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const limit = 128_000
	for range 50 {
		var all []ledger.Segment
		var written, came int64
		most := 1 + random.Int64N(20_000)
		for id := range int64(300) {
			s := ledger.Segment{ID: id, Size: 1 + random.Int64N(most)}
			all, came = append(all, s), came+s.Size
			for {
				worth := compact.WorthMerging(all, limit)
				if len(worth) == 0 {
					break
				}
				one := ledger.Segment{ID: 1000 + id}
				for _, w := range worth {
					one.Size += w.Size
					all = slices.DeleteFunc(all, func(s ledger.Segment) bool { return s == w })
				}
				written += one.Size
				all = append(all, one)
			}
		}
		if times := float64(written) / float64(came); times > 16 {
			t.Errorf("seed %d: of at most %d bytes: each was rewritten %.1f times", seed, most, times)
		}
		if n, want := int64(len(all)), 3*came/limit+14; n > want {
			t.Errorf("seed %d: of at most %d bytes: %d segments are left, want at most %d", seed, most, n, want)
		}
	}
}

// A merge whose segment can't be read leaves all as it is, and goes on with others.
func TestMergeOfADamagedSegment(t *testing.T) {
	for name, harm := range map[string]func(*testing.T, *packed, string){
		"gone": func(t *testing.T, w *packed, key string) {
			if err := w.inner.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		},
		"cut off": func(t *testing.T, w *packed, key string) {
			w.put(t, key, w.all(t)[key].Content[:100])
		},
		"flipped": func(t *testing.T, w *packed, key string) {
			b := []byte(w.all(t)[key].Content)
			b[20]++
			w.put(t, key, string(b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPacked(t, newMemory(), 6)
			first := w.pack(t, w.docs[:4])
			second := w.pack(t, w.docs[4:])
			r := newRunner(w)
			file := w.all(t)[first.Key].Content
			harm(t, w, first.Key)
			r.c.Grace = 100 * grace
			if got := r.run(t); got.Merged != 0 || got.Left != 1 || !slices.Equal(r.left(), []string{first.Key}) && !slices.Equal(r.left(), []string{second.Key}) {
				t.Errorf("Run = %+v, %v, want nothing merged, and one left", got, r.notices)
			}
			w.put(t, first.Key, file)
			r.c.Grace = grace
			r.settle(t)
			r.wantSettled(t)
		})
	}
}

// What nobody has finished goes when it is an hour old.
func TestRunRemovesUnfinished(t *testing.T) {
	w := newPacked(t, newMemory(), 6)
	r := newRunner(w)
	r.fault = func(op string, phase ledger.Phase) error {
		if op == "commit segments" && phase == ledger.Before {
			return errInjected
		}
		return nil
	}
	if _, err := compact.Run(t.Context(), r.c); err == nil {
		t.Fatal("Run = nil")
	}
	r.fault = nil
	r.hold(t, layout.Scope{User: "5"}, time.Time{})
	r.at = r.at.Add(time.Hour - time.Second)
	if r.run(t); len(r.below(t, layout.Segments)) != 1 {
		t.Error("what is being written was removed")
	}
	r.at = r.at.Add(time.Second)
	if got := r.run(t); got.SegmentsRemoved != 1 || len(r.below(t, layout.Segments, layout.Manifests)) > 0 {
		t.Errorf("Run = %+v, want one removed", got)
	}
	r.wantOut(t)
}

// A segment that is in the store already, and isn't what it should be, is not
// taken for it.
func TestRunFindsAnotherSegment(t *testing.T) {
	w := newPacked(t, newMemory(), 6)
	r := newRunner(w)
	r.run(t)
	key := r.below(t, layout.Segments)[0]
	file := r.all(t)[key].Content
	for name, other := range map[string]string{"cut off": file[:len(file)-1], "nothing": "", "flipped": file[:30] + "x" + file[31:]} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(newPacked(t, newMemory(), 6))
			r.put(t, key, other)
			if got := r.run(t); got.Packed != 0 || got.Left == 0 {
				t.Errorf("Run = %+v, %v, want nothing packed, and one left", got, r.notices)
			}
			r.at = r.at.Add(time.Hour)
			r.run(t) // removes it
			r.settle(t)
			r.wantSettled(t)
		})
	}
}

// What the store doesn't let go is told, and gone once it does.
func TestRunOnALockedStore(t *testing.T) {
	inner := memstore.NewVersioned()
	r := newRunner(newPacked(t, inner, 6))
	r.run(t)
	key := r.docs[3].Key
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := inner.SetRetention(key, "", until); err != nil {
		t.Fatal(err)
	}
	r.at = r.at.Add(grace)
	if got := r.run(t); got.Retained != 1 || got.InputsRemoved != 6 || !slices.Equal(r.left(), []string{key}) ||
		!strings.Contains(r.notices[0].Reason, until.UTC().Format(time.RFC3339)) {
		t.Errorf("Run = %+v, %v, want %s retained", got, r.notices, key)
	}
	inner.SetNow(func() time.Time { return until.Add(time.Second) })
	r.at = r.at.Add(time.Hour)
	if got := r.run(t); got.InputsRemoved != 1 || got.Retained != 0 {
		t.Errorf("Run = %+v, want the last removed", got)
	}
	r.wantSettled(t)
}

// Documents of which one alone is more than the budget, and more than a page.
func TestRunWithLargeDocuments(t *testing.T) {
	w := newPacked(t, newMemory(), 2)
	for i := range 12 {
		key := fmt.Sprintf("5/jobs/1/20240302/L%d/5-1-L%[1]d-20240302000000-ok.json", i)
		content := strings.Repeat(fmt.Sprint(i), 1+i*30_000)
		if err := w.inner.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		d := ledger.Document{
			Kind: "job", User: "5", Recipe: "1", Job: fmt.Sprint("L", i), Status: "ok", Time: march.AddDate(0, 0, 1),
			Key: key, Verified: true, InputHash: hashOf(content), SHA256: hashOf(content), InputSize: int64(len(content)), Size: int64(len(content)),
			Source: "s", ArchivedAt: packedAt, Lines: -1,
		}
		if err := w.ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{d}}); err != nil {
			t.Fatal(err)
		}
	}
	w.objects, w.docs = w.all(t), w.stored(t)
	r := newRunner(w)
	r.c.Budget, r.c.Concurrency = 1000, 3
	if got := r.run(t); got.Packed != 15 {
		t.Errorf("Run = %+v, want 15 packed", got)
	}
	r.settle(t)
	r.wantSettled(t)
}

func TestAdapters(t *testing.T) {
	many := ""
	for i := range 300 {
		many += fmt.Sprintf(`{"adapter_name":"a%03d"},`, i)
	}
	for _, c := range []struct {
		kind, doc string
		want      []string
	}{
		{"job", `{"lines":[{"adapter_name":"b"},{"adapter_name" : "a"},{"adapter_name":"b"}]}`, []string{"a", "b"}},
		{"job", "{\"adapter_name\"\n\t:\r \"a\"}", []string{"a"}},
		{"job", `{"adapter_name":null,"x":{"adapter_name":""}}`, nil},
		{"job", `{"message":"{\"adapter_name\":\"a\"}"}`, nil},
		{"job", `{"adapter_name":"a\"b"}`, nil},
		{"job", `{"adapter_name":"` + strings.Repeat("x", 200) + `"}`, []string{strings.Repeat("x", 200)}},
		{"job", `{"adapter_name":"` + strings.Repeat("x", 201) + `"}`, nil},
		{"job", `{"adapter_name":"a`, nil},
		{"job", `{"adapter_name":`, nil},
		{"job", `{"adapter_name"`, nil},
		{"job", ``, nil},
		{"log", `{"adapter_name":"a"}`, nil},
	} {
		if d := cmp.Diff(c.want, compact.Adapters(c.kind, []byte(c.doc))); d != "" {
			t.Errorf("adapters of %s %.60s (-want +got):\n%s", c.kind, c.doc, d)
		}
	}
	if n := len(compact.Adapters("job", []byte(many))); n != 100 {
		t.Errorf("%d adapters of 300, want 100", n)
	}
}
