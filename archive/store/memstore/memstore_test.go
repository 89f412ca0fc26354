package memstore_test

import (
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memstore.New() })
}

func TestStoreWithPrefix(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		whole := memstore.New()
		part, err := whole.Sub("some/prefix")
		if err != nil {
			t.Fatalf("Sub: %v", err)
		}
		for _, key := range []string{"some", "some/prefix-more/x", "some/prefi/x", "z"} {
			if err := whole.Put(t.Context(), key, store.Bytes([]byte("beside")), store.PutOptions{}); err != nil {
				t.Fatalf("Put(%q): %v", key, err)
			}
		}
		return part
	})
}

func TestVersionedStore(t *testing.T) {
	versioned := func(*testing.T) store.Store { return memstore.NewVersioned() }
	storetest.Run(t, versioned)
	storetest.RunVersions(t, versioned)
	storetest.RunVersions(t, func(t *testing.T) store.Store {
		whole := memstore.NewVersioned()
		part, err := whole.Sub("some/prefix")
		if err != nil {
			t.Fatalf("Sub: %v", err)
		}
		if err := whole.Put(t.Context(), "some/prefix-more/x", store.Bytes([]byte("beside")), store.PutOptions{}); err != nil {
			t.Fatalf("Put: %v", err)
		}
		return storetest.NewFaulty(part)
	})
}

func TestLocks(t *testing.T) {
	storetest.RunLocks(t, func(*testing.T) storetest.Locked {
		s := memstore.NewVersioned()
		return storetest.Locked{Store: storetest.NewFaulty(s), Lock: func(t *testing.T, key string, until time.Time) {
			s.LockNew("COMPLIANCE", time.Until(until))
			defer s.LockNew("", 0)
			if err := s.Put(t.Context(), key, store.Bytes([]byte("locked")), store.PutOptions{}); err != nil {
				t.Fatalf("Put(%q): %v", key, err)
			}
		}}
	})
}

func TestStoreThroughFaulty(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return storetest.NewFaulty(memstore.New()) })
}
