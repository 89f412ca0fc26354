package storetest_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

var errFault = errors.New("fault")

func keys(t *testing.T, s store.Store) string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		keys = append(keys, info.Key)
	}
	return strings.Join(keys, " ")
}

// TestFaultyStrikes makes one call of each kind fail at each moment, and checks
// what had become of it.
func TestFaultyStrikes(t *testing.T) {
	for _, test := range []struct {
		when storetest.When
		call string
		want string // what the call gave, and what the store holds afterwards
	}{
		{storetest.Before, "Put", "; a b c d"},
		{storetest.During, "Put", "; a b c d"},
		{storetest.After, "Put", "; a b c d new"},
		{storetest.Before, "Get", "; a b c d"},
		{storetest.During, "Get", "con; a b c d"},
		{storetest.After, "Get", "; a b c d"},
		{storetest.Before, "Stat", "; a b c d"},
		{storetest.After, "Stat", "; a b c d"},
		{storetest.Before, "List", "; a b c d"},
		{storetest.During, "List", "a; a b c d"},
		{storetest.After, "List", "abcd; a b c d"},
		{storetest.Before, "Delete", "; a b c d"},
		{storetest.During, "Delete", "; c d"},
		{storetest.After, "Delete", "; "},
	} {
		inner := memstore.New()
		for _, key := range []string{"a", "b", "c", "d"} {
			if err := inner.Put(t.Context(), key, store.Bytes([]byte("conten")), store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		s := storetest.NewFaulty(inner)
		did := false
		s.Arm(storetest.Fault{Call: 1, When: test.when, Err: errFault, Do: func() { did = true }})
		given, err := call(t, s, test.call)
		if !errors.Is(err, errFault) || !did {
			t.Errorf("%s, %v: %v, did %v; want the fault", test.call, test.when, err, did)
		}
		if got := given + "; " + keys(t, inner); got != test.want {
			t.Errorf("%s, %v: %q, want %q", test.call, test.when, got, test.want)
		}
		if calls := s.Calls(); len(calls) != 1 || !calls[0].Failed || calls[0].Method != test.call {
			t.Errorf("%s, %v: recorded %+v", test.call, test.when, calls)
		}
		if _, err := call(t, s, test.call); err != nil {
			t.Errorf("%s after the fault: %v", test.call, err)
		}
	}
}

// call makes a call and returns what it gave before its error.
func call(t *testing.T, s store.Store, method string) (string, error) {
	t.Helper()
	switch method {
	case "Put":
		return "", s.Put(t.Context(), "new", store.Bytes(nil), store.PutOptions{})
	case "Get":
		r, _, err := s.Get(t.Context(), "d", store.Range{})
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(r)
		return string(b), errors.Join(err, r.Close())
	case "Stat":
		_, err := s.Stat(t.Context(), "a")
		return "", err
	case "List":
		given := ""
		for info, err := range s.List(t.Context(), store.ListOptions{}) {
			if err != nil {
				return given, err
			}
			given += info.Key
		}
		return given, nil
	case "Delete":
		return "", s.Delete(t.Context(), "a", "b", "c", "d")
	}
	panic("no such method: " + method)
}

func TestFaultyCountsAllMethods(t *testing.T) {
	s := storetest.NewFaulty(memstore.New())
	s.Arm(storetest.Fault{Call: 3, Err: errFault, Sticky: true})
	failed := ""
	for i, method := range []string{"Put", "List", "Stat", "Delete", "Put"} {
		_, err := call(t, s, method)
		if errors.Is(err, errFault) {
			failed += fmt.Sprint(i+1, method, " ")
		}
	}
	if want := "3Stat 4Delete 5Put "; failed != want {
		t.Errorf("the fault hit %q, want %q", failed, want)
	}
	want := []storetest.Call{
		{N: 1, Method: "Put", Key: "new"},
		{N: 2, Method: "List"},
		{N: 3, Method: "Stat", Key: "a", Failed: true},
		{N: 4, Method: "Delete", Key: "a", Failed: true},
		{N: 5, Method: "Put", Key: "new", Failed: true},
	}
	if diff := cmp.Diff(want, s.Calls()); diff != "" {
		t.Errorf("Calls (-want +got):\n%s", diff)
	}
	s.Reset()
	if _, err := call(t, s, "Put"); err != nil || len(s.Calls()) != 1 {
		t.Errorf("after Reset: %v, %d calls", err, len(s.Calls()))
	}
}
