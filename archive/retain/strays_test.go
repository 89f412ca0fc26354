package retain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"logstow/archive"
	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

// strayWorld is a store and a ledger into which versions of one job come, by runs of
// which some die.
type strayWorld struct {
	*world
	key string // of the version that comes first
}

// Versions of the job. The long ones are capped, and the other is not.
var (
	long    = job("a", `,"lines":["`+strings.Repeat("long ", 100)+`"]`)
	longer  = job("a", `,"lines":["`+strings.Repeat("longer ", 100)+`"]`)
	brief   = job("a", `,"title":"brief"`)
	strayed = []string{"long ", "longer ", "brief"} // what stands in each alone
)

func newStrayWorld(t *testing.T, inner store.Store) *strayWorld {
	t.Helper()
	key, err := layout.Document{User: "5", Recipe: "7", Job: "a", Status: "failed", Time: time.Date(2024, 3, 1, 10, 0, 0, 0, time.UTC)}.Key()
	if err != nil {
		t.Fatal(err)
	}
	w := &strayWorld{world: &world{inner: inner, store: storetest.NewFaulty(inner)}, key: key}
	w.ledger = openLedger(t, func(op string, phase ledger.Phase) error {
		if w.fail != nil && w.fail(op, phase) {
			return errInjected
		}
		return nil
	})
	return w
}

// deliver has a run take records in.
func (w *strayWorld) deliver(t *testing.T, s store.Store, l *ledger.Ledger, records ...string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.ndjson")
	if err := os.WriteFile(path, []byte(strings.Join(records, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := filesource.New(filesource.Config{Path: path, Budget: archive.NewBudget(archive.DefaultBudget)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = archive.Run(t.Context(), archive.Config{
		Store: s, Ledger: l, MaxFileSize: 300, Concurrency: 1, Inputs: []archive.Input{{Source: source, Reader: newReader(t)}},
	})
	return err
}

func (w *strayWorld) archived(t *testing.T, records ...string) {
	t.Helper()
	if err := w.deliver(t, w.inner, w.ledger, records...); err != nil {
		t.Fatal(err)
	}
}

// unrecorded has a run take a record in and die before its ledger has it.
func (w *strayWorld) unrecorded(t *testing.T, record string) {
	t.Helper()
	if err := w.deliver(t, w.inner, openLedger(t, nil), record); err != nil {
		t.Fatal(err)
	}
}

// dies has a run die after it has put so many objects of a record.
func (w *strayWorld) dies(t *testing.T, puts int, record string) {
	t.Helper()
	living := storetest.NewFaulty(copyStore(t, w.inner))
	if err := w.deliver(t, living, openLedger(t, nil), record); err != nil {
		t.Fatal(err)
	}
	calls := slices.DeleteFunc(living.Calls(), func(c storetest.Call) bool {
		return c.Method != "Put" || strings.HasPrefix(c.Key, layout.Probe)
	})
	if len(calls) <= puts {
		t.Fatalf("a run puts %v alone", calls)
	}
	w.store.Arm(storetest.Fault{Call: calls[puts].N, Err: errInjected, Sticky: true})
	if err := w.deliver(t, w.store, openLedger(t, nil), record); !errors.Is(err, errInjected) {
		t.Fatalf("a run that dies: %v, want %v", err, errInjected)
	}
	w.store.Reset()
}

func copyStore(t *testing.T, from store.Store) store.Store {
	t.Helper()
	to := memstore.New()
	all, err := allOf(from)
	if err != nil {
		t.Fatal(err)
	}
	for key, b := range all {
		if err := to.Put(t.Context(), key, store.Bytes(b), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// version is what the ledger has of a record.
func (w *strayWorld) version(t *testing.T, record string) ledger.Document {
	t.Helper()
	all, err := w.ledger.Versions(t.Context(), "5", "a")
	if err != nil {
		t.Fatal(err)
	}
	hash := hashOf(strings.TrimSpace(record))
	i := slices.IndexFunc(all, func(d ledger.Document) bool { return d.InputHash == hash })
	if i < 0 {
		t.Fatalf("the ledger does not know %s", record)
	}
	return all[i]
}

// holding is the keys of all objects that hold what stands in a version alone,
// however they are packed.
func (w *strayWorld) holding(t *testing.T, record string) (keys []string) {
	t.Helper()
	if record == "" {
		return nil
	}
	says := strayed[slices.Index([]string{long, longer, brief}, record)]
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, key := range w.keys(t) {
		b := w.get(t, key)
		if strings.HasSuffix(key, ".zst") {
			if b, err = d.DecodeAll(b, nil); err != nil {
				t.Fatal(err)
			}
		}
		if bytes.Contains(b, []byte(says)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// checked wants nothing damaged, and nothing left over.
func (w *strayWorld) checked(t *testing.T) {
	t.Helper()
	if _, err := check.Run(t.Context(), check.Config{Store: w.inner, Ledger: w.ledger, Deep: true, Settle: -1, Finding: func(f check.Finding) {
		t.Errorf("check finds %s: %s is %s", f.Kind, f.Key, f.Reason)
	}}); err != nil {
		t.Fatal(err)
	}
}

// strayCases are the ways in which something of the version long comes to lie under
// the key of another, or of none that the ledger knows. Each ends with long being
// a revision; the other is what has the key.
var strayCases = []struct {
	name  string
	other string // of which what there is stays; empty: none
	clean bool   // nothing at all is left of long, once it is gone
	do    func(*testing.T, *strayWorld)
}{
	{"died after the full record", brief, true, func(t *testing.T, w *strayWorld) {
		w.dies(t, 1, long)
		w.archived(t, brief, long)
	}},
	{"died before the document", brief, true, func(t *testing.T, w *strayWorld) {
		w.dies(t, 2, long)
		w.archived(t, brief, long)
	}},
	{"lost to one that is not recorded", brief, false, func(t *testing.T, w *strayWorld) {
		w.unrecorded(t, brief)
		w.archived(t, long)
	}},
	{"lost to one that is recorded later", brief, true, func(t *testing.T, w *strayWorld) {
		w.unrecorded(t, brief)
		w.archived(t, long, brief)
	}},
	{"the key is that of a full record", longer, true, func(t *testing.T, w *strayWorld) {
		w.archived(t, longer, long)
	}},
	{"the key is that of a full record of which nothing says so", longer, false, func(t *testing.T, w *strayWorld) {
		w.archived(t, longer, long)
		if err := w.inner.Delete(t.Context(), layout.Meta(w.key)); err != nil {
			t.Fatal(err)
		}
	}},
	{"another died before the document", longer, false, func(t *testing.T, w *strayWorld) {
		w.dies(t, 2, longer)
		w.archived(t, brief, long)
	}},
	{"another died after the full record", "", true, func(t *testing.T, w *strayWorld) {
		w.dies(t, 1, longer)
		w.archived(t, brief, long)
	}},
	{"died, and the ledger was lost", brief, true, func(t *testing.T, w *strayWorld) {
		w.dies(t, 2, long)
		w.archived(t, brief, long)
		w.ledger = openLedger(t, nil)
		w.adopt(t, w.ledger)
	}},
	{"the key is that of a full record that is not recorded", longer, true, func(t *testing.T, w *strayWorld) {
		w.unrecorded(t, longer)
		w.archived(t, long)
	}},
}

// What a run put of a version, and the version became a revision, goes with it; and
// what is of the other version stays.
func TestWhatWasPutOfARevisionGoesWithIt(t *testing.T) {
	for _, how := range []string{"erased", "expired", "erased with the user"} {
		for _, c := range strayCases {
			t.Run(how+"/"+c.name, func(t *testing.T) {
				w := newStrayWorld(t, memstore.New())
				c.do(t, w)
				d, before := w.version(t, long), w.holding(t, c.other)
				if !d.Revision {
					t.Fatalf("%s is no revision", d.Key)
				}
				w.remove(t, how, d)
				w.wantGone(t, d)
				if how == "erased with the user" {
					return
				}
				if after := w.holding(t, c.other); !slices.Equal(before, after) {
					t.Errorf("the other was in %q, and is in %q", before, after)
				}
				w.archived(t, brief, longer, long) // of which long is refused
				w.wantGone(t, d)
				if c.clean {
					w.checked(t)
				}
			})
		}
	}
}

// wantGone wants nothing to be left of a version.
func (w *strayWorld) wantGone(t *testing.T, d ledger.Document) {
	t.Helper()
	if left := w.holding(t, long); len(left) > 0 {
		t.Errorf("it is gone, and still in %q", left)
	}
	now, err := w.ledger.ByIDs(t.Context(), []ledger.Document{d})
	if err != nil || len(now) != 1 || now[0].State != ledger.Erased && now[0].State != ledger.Expired {
		t.Errorf("the ledger has %+v, %v", now, err)
	}
	if left, err := retain.LeftOf(t.Context(), w.config(), now); err != nil || now[0].State == ledger.Erased && len(left) > 0 {
		t.Errorf("LeftOf = %q, %v, want nothing", left, err)
	}
}

// remove has a version go.
func (w *strayWorld) remove(t *testing.T, how string, d ledger.Document) {
	t.Helper()
	if how == "expired" {
		w.expiring(t, d)
	}
	if err := w.tryRemove(t, how, d); err != nil {
		t.Fatal(err)
	}
}

// tryRemove is remove, which may fail and be repeated.
func (w *strayWorld) tryRemove(t *testing.T, how string, d ledger.Document) (err error) {
	t.Helper()
	switch how {
	case "erased":
		_, err = retain.Erase(t.Context(), w.config(), []ledger.Document{d}, why)
	case "erased with the user":
		_, err = retain.EraseUser(t.Context(), w.config(), "5", why, nil)
	case "expired":
		_, err = retain.Expire(t.Context(), retain.ExpireConfig{Config: w.config()})
	}
	return err
}

// expiring has a version begin to expire.
func (w *strayWorld) expiring(t *testing.T, d ledger.Document) {
	t.Helper()
	m := ledger.Mark{Policy: "old", Marked: noon, Due: noon}
	if _, err := w.ledger.Mark(t.Context(), []int64{d.ID}, m); err != nil {
		t.Fatal(err)
	}
	if started, _, err := w.ledger.StartExpiry(t.Context(), []ledger.Document{d}, noon); err != nil || len(started) != 1 {
		t.Fatalf("StartExpiry = %v, %v, want one", started, err)
	}
}

// Each call to the store fails, and all after it: another try has it go.
func TestWhatWasPutOfARevisionGoesAfterFaults(t *testing.T) {
	for _, how := range []string{"erased", "expired"} {
		for n := 1; ; n++ {
			w := newStrayWorld(t, memstore.New())
			w.dies(t, 2, long)
			w.archived(t, brief, long)
			d, before := w.version(t, long), w.holding(t, brief)
			if how == "expired" {
				w.expiring(t, d)
			}
			w.store.Reset()
			w.store.Arm(storetest.Fault{Call: n, When: storetest.When(n % 3), Err: errInjected, Sticky: true})
			if err := w.tryRemove(t, how, d); err == nil {
				if n < 8 {
					t.Errorf("%s by %d calls", how, n)
				}
				break
			}
			w.store.Reset()
			if err := w.tryRemove(t, how, w.version(t, long)); err != nil {
				t.Fatalf("%s again, after call %d failed: %v", how, n, err)
			}
			w.wantGone(t, d)
			if after := w.holding(t, brief); !slices.Equal(before, after) {
				t.Errorf("%s, after call %d failed: the other was in %q, and is in %q", how, n, before, after)
			}
			w.checked(t)
		}
	}
}

// unlettable is a store that does not let one object go.
type unlettable struct {
	store.Store
	key string
}

func (u unlettable) Delete(ctx context.Context, keys ...string) error {
	if slices.Contains(keys, u.key) {
		return fmt.Errorf("%w", &store.KeyError{Key: u.key, Err: fs.ErrPermission})
	}
	return u.Store.Delete(ctx, keys...)
}

// What the store does not let go keeps the removal from being done.
func TestWhatWasPutOfARevisionIsKept(t *testing.T) {
	for _, how := range []string{"erased", "expired"} {
		w := newStrayWorld(t, memstore.New())
		w.dies(t, 1, long)
		w.archived(t, brief, long)
		d, free := w.version(t, long), w.store
		if how == "expired" {
			w.expiring(t, d)
		}
		w.store = storetest.NewFaulty(unlettable{w.inner, layout.Overflow(w.key)})
		var kept *store.RetainedError
		if err := w.tryRemove(t, how, d); how == "erased" && !errors.As(err, &kept) {
			t.Errorf("%s although the store keeps something: %v", how, err)
		}
		if now := w.version(t, long); now.State != ledger.Deleting && now.State != ledger.Expiring {
			t.Errorf("%s although the store keeps something: it is %s", how, now.State)
		}
		w.store = free
		if err := w.tryRemove(t, how, w.version(t, long)); err != nil {
			t.Errorf("%s when the store lets it go: %v", how, err)
		}
		w.wantGone(t, d)
	}
}

// As long as no version of the key is recorded, what says whose the full record was
// stays: another run that is at work on the key then knows that it is not its own.
func TestWhoseAStrayWasIsSaid(t *testing.T) {
	w := newStrayWorld(t, memstore.New())
	w.unrecorded(t, brief)
	w.archived(t, long)
	w.remove(t, "erased", w.version(t, long))
	c, err := layout.Decode[layout.Change](w.get(t, layout.Meta(w.key)))
	if hash := hashOf(strings.TrimSpace(long)); err != nil || c.InputSHA256 != hash.String() {
		t.Errorf("what lies beside the key says %+v, %v, want %s", c, err, hash)
	}
}

// Of a full record of which nothing tells yet whose it is it is told that it is left.
func TestAStrayThatMayBeAnothers(t *testing.T) {
	w := newStrayWorld(t, memstore.New())
	w.unrecorded(t, brief)
	if err := w.inner.Put(t.Context(), layout.Meta(w.key), store.Bytes(layout.Encode(layout.Change{
		InputSHA256: hashOf(strings.TrimSpace(brief)).String(), Changed: []string{"status"},
	})), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	w.archived(t, long)
	d := w.version(t, long)
	w.remove(t, "erased", d)
	left, err := retain.LeftOf(t.Context(), w.config(), []ledger.Document{d})
	if want := []string{layout.Overflow(w.key)}; err != nil || !slices.Equal(left, want) {
		t.Errorf("LeftOf = %q, %v, want %q", left, err, want)
	}
}

// What lies beside a document that is held, and is no part of it, is told to be left.
func TestAStrayBesideWhatIsHeld(t *testing.T) {
	w := newStrayWorld(t, memstore.New())
	w.dies(t, 2, longer)
	w.archived(t, brief)
	if _, err := retain.Place(t.Context(), w.config(), ledger.Hold{Scope: layout.Scope{User: "5"}, Placed: noon, By: "ops"}, nil); err != nil {
		t.Fatal(err)
	}
	did, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil)
	var held *retain.HeldError
	if want := []string{layout.Overflow(w.key)}; !errors.As(err, &held) || !slices.Equal(did.Left, want) {
		t.Errorf("EraseUser = %+v, %v, want %q left", did, err, want)
	}
}
