package memstore_test

import (
	"testing"

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
	storetest.Run(t, func(*testing.T) store.Store { return memstore.NewVersioned() })
}

func TestStoreThroughFaulty(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return storetest.NewFaulty(memstore.New()) })
}
