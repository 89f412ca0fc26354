package retain_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
)

// everyVersion is the keys of everything that a store has, also of what is hidden.
func everyVersion(t *testing.T, b *memstore.Bucket) []string {
	t.Helper()
	var keys []string
	for v, err := range b.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, v.Key)
	}
	return keys
}

func TestEraseRemovesEveryVersion(t *testing.T) {
	b := memstore.NewVersioned()
	w := newWorldIn(t, b)
	for _, d := range w.docs { // an older version, a newer one and one that is hidden
		if err := b.Put(t.Context(), d.Key, store.Bytes([]byte(secret)), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Delete(t.Context(), w.docs[1].Key); err != nil {
		t.Fatal(err)
	}
	locked, until := w.docs[0].Key, noon.AddDate(100, 0, 0)
	if err := b.SetRetention(locked, "", until); err != nil {
		t.Fatal(err)
	}
	gone, err := retain.Erase(t.Context(), w.config(), w.docs, why)
	retained, ok := errors.AsType[*store.RetainedError](err)
	if gone != 2 || !ok || !errors.Is(err, fs.ErrPermission) || !slices.Equal(retained.Keys, []string{locked}) || !retained.Until.Equal(until) {
		t.Fatalf("Erase with a locked version = %d, %v, want 2 and what is retained until %v", gone, err, until)
	}
	states := map[ledger.State]int{}
	versions, err := w.ledger.Versions(t.Context(), "5", "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range versions {
		states[d.State]++
	}
	if d := cmp.Diff(map[ledger.State]int{ledger.Erased: 2, ledger.Deleting: 1}, states); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
	if err := b.SetRetention(locked, "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if gone, err := retain.Resume(t.Context(), w.config(), "", "a", why); gone != 1 || err != nil {
		t.Errorf("Resume after the lock = %d, %v, want 1", gone, err)
	}
	for _, key := range everyVersion(t, b) {
		if strings.Contains(key, "/a/") {
			t.Errorf("a version of %s is left", key)
		}
	}
	w.wantRows(t, w.ledger)
}

// unversioned is a server that has no requests about versions.
type unversioned struct{ *memstore.Store }

func (unversioned) Versioned(context.Context) (bool, error) { return true, nil }

func (unversioned) Versions(context.Context, string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		yield(store.Version{}, fmt.Errorf("%w: %w", store.ErrRefused, errors.ErrUnsupported))
	}
}

func (unversioned) DeleteVersions(context.Context, ...store.Version) error {
	return fmt.Errorf("%w: %w", store.ErrRefused, errors.ErrUnsupported)
}

func TestEraseWhereTheServerKnowsNoVersions(t *testing.T) {
	w := newWorldIn(t, unversioned{memstore.New()})
	if gone, err := retain.Erase(t.Context(), w.config(), w.docs, why); gone != 3 || err != nil {
		t.Fatalf("Erase = %d, %v, want 3", gone, err)
	}
	w.wantErased(t)
}
