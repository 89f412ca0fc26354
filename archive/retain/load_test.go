package retain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

func holdID(n int) string { return fmt.Sprintf("%032x", n) }

func (w *rack) putObject(t *testing.T, key, content string) {
	t.Helper()
	if err := w.inner.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// holdRecord is what another machine puts.
func holdRecord(id, scope string) string {
	return fmt.Sprintf(`{"id":%q,"scope":%s,"by":"them","reason":"theirs","at":"2024-03-01T10:00:00Z"}`, id, scope)
}

// A hold that another machine has placed keeps what it is about from being erased,
// and no longer once that machine has released it.
func TestHoldsOfAnotherMachine(t *testing.T) {
	w := newRack(t, memstore.New())
	docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
	w.putObject(t, layout.Hold(holdID(1)), holdRecord(holdID(1), `{"user":"5","job":"j0"}`))
	w.putObject(t, layout.Hold(holdID(2)), holdRecord(holdID(2), `{"user":"5","later":"narrower"}`))
	w.putObject(t, layout.HoldRelease(holdID(3)), `{"id":"`+holdID(3)+`","at":"2024-03-02T10:00:00Z"}`) // of none
	w.putObject(t, layout.Holds+"README", "somebody else's")
	gone, err := retain.Erase(t.Context(), w.config(), docs, why)
	held, ok := errors.AsType[*retain.HeldError](err)
	if gone != 0 || !ok || held.Versions != 2 || len(held.Holds) != 2 {
		t.Fatalf("Erase = %d, %v, want 2 versions held by 2 holds", gone, err)
	}
	w.wantWhole(t)

	w.putObject(t, layout.HoldRelease(holdID(1)), `{"id":"`+holdID(1)+`","by":"them","reason":"over","at":"2024-03-02T10:00:00Z"}`)
	w.putObject(t, layout.HoldRelease(holdID(2)), `{"id":"`+holdID(2)+`","by":"them","reason":"over","at":"2024-03-02T10:00:00Z"}`)
	if err := retain.LoadHolds(t.Context(), w.config()); err != nil {
		t.Fatal(err)
	}
	if n, err := retain.EraseOwed(t.Context(), w.config(), why); n != 2 || err != nil {
		t.Errorf("EraseOwed after the release = %d, %v, want 2", n, err)
	}
	w.wantErased(t, docs)
	if n, err := retain.EraseOwed(t.Context(), w.config(), why); n != 0 || err != nil {
		t.Errorf("EraseOwed again = %d, %v, want 0", n, err)
	}
}

// What the ledger has already isn't read again.
func TestLoadHoldsReadsOnce(t *testing.T) {
	w := newRack(t, memstore.New())
	for n := range 50 {
		w.putObject(t, layout.Hold(holdID(n)), holdRecord(holdID(n), `{"user":"none"}`))
	}
	for n := range 20 {
		w.putObject(t, layout.HoldRelease(holdID(n)), `{"id":"`+holdID(n)+`","at":"2024-03-02T10:00:00Z"}`)
	}
	for _, want := range []int{70, 0} {
		w.store.Reset()
		if err := retain.LoadHolds(t.Context(), w.config()); err != nil {
			t.Fatal(err)
		}
		reads := 0
		for _, c := range w.store.Calls() {
			if c.Method == "Get" {
				reads++
			}
		}
		if reads != want {
			t.Errorf("%d reads, want %d", reads, want)
		}
	}
	active, err := w.ledger.Holds(t.Context(), true)
	if err != nil || len(active) != 30 {
		t.Errorf("%d active holds, %v, want 30", len(active), err)
	}
}

// A hold that can't be read keeps everything from being removed, and is named.
func TestLoadHoldsRefusesHostileOnes(t *testing.T) {
	id := holdID(1)
	good := holdRecord(id, `{}`)
	for name, objects := range map[string]map[string]string{
		"no JSON":                {layout.Hold(id): "hold"},
		"nothing":                {layout.Hold(id): ""},
		"another type":           {layout.Hold(id): `["` + id + `"]`},
		"another type inside":    {layout.Hold(id): holdRecord(id, `"everything"`)},
		"another id":             {layout.Hold(id): holdRecord(holdID(2), `{}`)},
		"no id":                  {layout.Hold(id): `{"scope":{},"at":"2024-03-01T10:00:00Z"}`},
		"no time":                {layout.Hold(id): `{"id":"` + id + `","scope":{}}`},
		"huge":                   {layout.Hold(id): good + strings.Repeat(" ", 1<<20)},
		"a release of another":   {layout.Hold(id): good, layout.HoldRelease(id): `{"id":"` + holdID(2) + `","at":"2024-03-01T10:00:00Z"}`},
		"a release without time": {layout.Hold(id): good, layout.HoldRelease(id): `{"id":"` + id + `"}`},
		"a huge release":         {layout.Hold(id): good, layout.HoldRelease(id): strings.Repeat("[", 1<<21)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRack(t, memstore.New())
			for key, content := range objects {
				w.putObject(t, key, content)
			}
			if err := retain.LoadHolds(t.Context(), w.config()); err == nil || !strings.Contains(err.Error(), id) {
				t.Errorf("LoadHolds = %v, want an error that names %s", err, id)
			}
			docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
			if n, err := retain.Erase(t.Context(), w.config(), docs, why); n != 0 || err == nil {
				t.Errorf("Erase = %d, %v, want an error", n, err)
			}
			if _, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil); err == nil {
				t.Error("EraseUser: no error")
			}
			w.wantWhole(t)
		})
	}
}

// Where holds can't be loaded, nothing is removed.
func TestNothingGoesWithoutHolds(t *testing.T) {
	w := newRack(t, memstore.New())
	w.putObject(t, layout.Hold(holdID(1)), holdRecord(holdID(1), `{"user":"none"}`))
	docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
	for call := 1; call <= 2; call++ { // the listing, and the hold
		w.store.Arm(storetest.Fault{Call: call, When: storetest.Before, Err: errInjected, Sticky: true})
		if n, err := retain.Erase(t.Context(), w.config(), docs, why); n != 0 || !errors.Is(err, errInjected) {
			t.Errorf("Erase = %d, %v, want %v", n, err, errInjected)
		}
		w.store.Reset()
		w.wantWhole(t)
	}
}
