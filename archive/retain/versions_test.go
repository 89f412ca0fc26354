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

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
)

// versioned keeps a version of each object beside it, and locks some.
type versioned struct {
	*memstore.Store
	deleted map[string]int
	locked  string
}

func (v *versioned) Versions(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for info, err := range v.List(ctx, store.ListOptions{Prefix: prefix}) {
			for _, id := range []string{"2", "1"} {
				if v.deleted[info.Key] < 2 && !yield(store.Version{Info: info, ID: id, Latest: id == "2"}, err) {
					return
				}
			}
		}
	}
}

func (v *versioned) Versioned(context.Context) (bool, error) { return true, nil }

func (v *versioned) DeleteVersions(ctx context.Context, versions ...store.Version) error {
	var errs []error
	for _, one := range versions {
		if err := v.deleteVersion(ctx, one.Key, one.ID); err != nil {
			errs = append(errs, &store.KeyError{Key: one.Key, ID: one.ID, Err: err})
		}
	}
	return errors.Join(errs...)
}

func (v *versioned) deleteVersion(ctx context.Context, key, id string) error {
	if key == v.locked && id == "1" {
		return fmt.Errorf("version %s of %s is locked: %w", id, key, fs.ErrPermission)
	}
	if v.deleted[key]++; v.deleted[key] < 2 {
		return nil
	}
	return v.Store.Delete(ctx, key)
}

// Delete only hides, so nobody may believe that it deletes.
func (v *versioned) Delete(context.Context, ...string) error {
	return errors.New("hidden, not deleted")
}

func TestEraseRemovesEveryVersion(t *testing.T) {
	w := newWorld(t)
	v := &versioned{Store: w.inner, deleted: map[string]int{}, locked: w.docs[0].Key}
	c := retain.Config{Store: v, Ledger: w.ledger}
	gone, err := retain.Erase(t.Context(), c, w.docs, why)
	retained, ok := errors.AsType[*retain.RetainedError](err)
	if gone != 2 || !ok || !errors.Is(err, fs.ErrPermission) || !slices.Equal(retained.Keys, []string{v.locked}) {
		t.Fatalf("Erase with a locked version = %d, %v, want 2 and what is retained", gone, err)
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
	v.locked = ""
	if gone, err := retain.Resume(t.Context(), c, "", "a", why); gone != 1 || err != nil {
		t.Errorf("Resume after the lock = %d, %v, want 1", gone, err)
	}
	for _, key := range w.keys(t) {
		if strings.Contains(key, "/a/") {
			t.Errorf("%s is left", key)
		}
	}
	w.wantRows(t, w.ledger)
}

// unversioned is a server that has no requests about versions.
type unversioned struct{ *memstore.Store }

func (unversioned) Versions(context.Context, string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		yield(store.Version{}, fmt.Errorf("%w: %w", store.ErrRefused, errors.ErrUnsupported))
	}
}

func (unversioned) Versioned(context.Context) (bool, error) { return true, nil }

func (unversioned) DeleteVersions(context.Context, ...store.Version) error {
	return fmt.Errorf("%w: %w", store.ErrRefused, errors.ErrUnsupported)
}

func TestEraseWhereTheServerKnowsNoVersions(t *testing.T) {
	w := newWorld(t)
	c := retain.Config{Store: unversioned{w.inner}, Ledger: w.ledger}
	if gone, err := retain.Erase(t.Context(), c, w.docs, why); gone != 3 || err != nil {
		t.Fatalf("Erase = %d, %v, want 3", gone, err)
	}
	w.wantErased(t)
}
