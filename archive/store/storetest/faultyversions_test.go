package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

// uploading is a store with two unfinished uploads.
type uploading struct{ *memstore.Bucket }

func (uploading) Uploads(context.Context, string) iter.Seq2[store.Upload, error] {
	return func(yield func(store.Upload, error) bool) {
		_ = yield(store.Upload{Key: "x"}, nil) && yield(store.Upload{Key: "y"}, nil)
	}
}

// as returns what a store can do beyond store.Store.
func as[T any](t *testing.T, s store.Store) T {
	t.Helper()
	can, ok := store.As[T](s)
	if !ok {
		t.Fatalf("the store is no %T", can)
	}
	return can
}

// callBeyond makes a call and returns what it gave before its error.
func callBeyond(t *testing.T, s store.Store, method string) (given string, err error) {
	t.Helper()
	switch method {
	case "Versioned":
		versioned, err := as[store.Versioner](t, s).Versioned(t.Context())
		return fmt.Sprint(versioned), err
	case "Versions":
		for v, err := range as[store.Versioner](t, s).Versions(t.Context(), "") {
			if err != nil {
				return given, err
			}
			given += v.Key
		}
		return given, nil
	case "DeleteVersions":
		var all []store.Version
		for i, key := range []string{"a", "b", "c", "d"} {
			all = append(all, store.Version{Info: store.Info{Key: key}, ID: fmt.Sprintf("v%d", i+1)})
		}
		return "", as[store.Versioner](t, s).DeleteVersions(t.Context(), all...)
	case "Retention":
		kept, err := as[store.Retainer](t, s).Retention(t.Context(), "a", "")
		return fmt.Sprint(kept.Legal), err
	case "SetLegalHold":
		return "", as[store.Retainer](t, s).SetLegalHold(t.Context(), "a", true)
	case "Uploads":
		for u, err := range as[store.Uploads](t, s).Uploads(t.Context(), "") {
			if err != nil {
				return given, err
			}
			given += u.Key
		}
		return given, nil
	}
	panic("no such method: " + method)
}

func TestFaultyStrikesBeyondStore(t *testing.T) {
	for _, test := range []struct {
		when storetest.When
		call string
		want string // what the call gave, what the store holds afterwards, and a legal hold
	}{
		{storetest.Before, "Versioned", "false; a b c d; false"},
		{storetest.During, "Versioned", "false; a b c d; false"},
		{storetest.After, "Versioned", "false; a b c d; false"},
		{storetest.Before, "Versions", "; a b c d; false"},
		{storetest.During, "Versions", "a; a b c d; false"},
		{storetest.After, "Versions", "abcd; a b c d; false"},
		{storetest.Before, "DeleteVersions", "; a b c d; false"},
		{storetest.During, "DeleteVersions", "; c d; false"},
		{storetest.After, "DeleteVersions", "; ; false"},
		{storetest.Before, "Retention", "false; a b c d; false"},
		{storetest.Before, "SetLegalHold", "; a b c d; false"},
		{storetest.During, "SetLegalHold", "; a b c d; false"},
		{storetest.After, "SetLegalHold", "; a b c d; true"},
		{storetest.Before, "Uploads", "; a b c d; false"},
		{storetest.During, "Uploads", "x; a b c d; false"},
		{storetest.After, "Uploads", "xy; a b c d; false"},
	} {
		inner := uploading{memstore.NewVersioned()}
		for _, key := range []string{"a", "b", "c", "d"} {
			if err := inner.Put(t.Context(), key, store.Bytes([]byte("content")), store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		s := storetest.NewFaulty(inner)
		did := false
		s.Arm(storetest.Fault{Call: 1, When: test.when, Err: errFault, Do: func() { did = true }})
		given, err := callBeyond(t, s, test.call)
		if !errors.Is(err, errFault) || !did {
			t.Errorf("%s, %v: %v, did %v; want the fault", test.call, test.when, err, did)
		}
		kept, _ := inner.Retention(t.Context(), "a", "") // it may be gone
		if got := fmt.Sprintf("%s; %s; %v", given, keys(t, inner), kept.Legal); got != test.want {
			t.Errorf("%s, %v: %q, want %q", test.call, test.when, got, test.want)
		}
		if calls := s.Calls(); len(calls) != 1 || !calls[0].Failed || calls[0].Method != test.call {
			t.Errorf("%s, %v: recorded %+v", test.call, test.when, calls)
		}
	}
}

// What a store can do is counted with the rest, and it can no more through a
// Faulty than without.
func TestFaultyCountsWhatIsBeyondStore(t *testing.T) {
	s := storetest.NewFaulty(uploading{memstore.NewVersioned()})
	for _, method := range []string{"Put", "Versions", "SetLegalHold", "Uploads"} {
		if method == "Put" {
			if _, err := call(t, s, method); err != nil {
				t.Fatal(err)
			}
			continue
		}
		_, _ = callBeyond(t, s, method) // there is no a
	}
	if err := as[store.Versioner](t, s).DeleteVersions(t.Context(), store.Version{Info: store.Info{Key: "new"}, ID: "v1"}); err != nil {
		t.Error(err)
	}
	want := []storetest.Call{
		{N: 1, Method: "Put", Key: "new"},
		{N: 2, Method: "Versions"},
		{N: 3, Method: "SetLegalHold", Key: "a"},
		{N: 4, Method: "Uploads"},
		{N: 5, Method: "DeleteVersions", Key: "new"},
	}
	if diff := cmp.Diff(want, s.Calls()); diff != "" {
		t.Errorf("Calls (-want +got):\n%s", diff)
	}
	plain := storetest.NewFaulty(memstore.New())
	if _, ok := store.As[store.Versioner](plain); ok {
		t.Error("a store without versions has some through a Faulty")
	}
	if _, ok := store.As[store.Retainer](plain); ok {
		t.Error("a store without locks has some through a Faulty")
	}
	if _, ok := store.As[store.Uploads](plain); ok {
		t.Error("a store without uploads has some through a Faulty")
	}
	if _, ok := store.As[*memstore.Store](plain); !ok {
		t.Error("the store isn't found through a Faulty")
	}
}
