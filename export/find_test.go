package export_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/export"
)

// documents answers as a ledger that holds these.
type documents []ledger.Document

func (d documents) ByJob(_ context.Context, user, job string) ([]ledger.Document, error) {
	var found []ledger.Document
	for _, doc := range d {
		if doc.Job == job && (user == "" || doc.User == user) {
			found = append(found, doc)
		}
	}
	return found, nil
}

func doc(id int64, change func(*ledger.Document)) ledger.Document {
	d := ledger.Document{
		ID: id, Kind: "job", User: "1", Recipe: "r", Job: "j", Lines: 3, State: ledger.Stored,
		Time: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), InputHash: ledger.Hash{byte(id)},
	}
	if change != nil {
		change(&d)
	}
	return d
}

func TestFind(t *testing.T) {
	event := func(d *ledger.Document) { d.Kind, d.Recipe = "genie", "reply" }
	other := func(d *ledger.Document) { d.User = "2" }
	recipe := func(d *ledger.Document) { d.Recipe = "s" }
	tests := []struct {
		name string
		docs documents
		want export.Wanted
		ids  []int64 // of the versions, best first
		err  error
	}{
		{"one", documents{doc(1, nil)}, export.Wanted{ID: "j"}, []int64{1}, nil},
		{"none", documents{doc(1, nil)}, export.Wanted{ID: "k"}, nil, export.ErrNotFound},
		{"of two users", documents{doc(1, nil), doc(2, other)}, export.Wanted{ID: "j"}, nil, export.ErrAmbiguous},
		{"of one of two users", documents{doc(1, nil), doc(2, other)}, export.Wanted{ID: "j", User: "2"}, []int64{2}, nil},
		{"of two recipes", documents{doc(1, nil), doc(2, recipe)}, export.Wanted{ID: "j"}, nil, export.ErrAmbiguous},
		{"of one of two recipes", documents{doc(1, nil), doc(2, recipe)}, export.Wanted{ID: "j", Recipe: "s"}, []int64{2}, nil},
		{"event", documents{doc(1, event)}, export.Wanted{ID: "j"}, []int64{1}, nil},
		{"job before event", documents{doc(1, event), doc(2, nil)}, export.Wanted{ID: "j"}, []int64{2}, nil},
		{"event asked for", documents{doc(1, event), doc(2, nil)}, export.Wanted{ID: "j", Event: true}, []int64{1}, nil},
		{
			"erased",
			documents{doc(1, func(d *ledger.Document) { d.State = ledger.Erased })},
			export.Wanted{ID: "j"},
			nil, export.ErrNotFound,
		},
		{
			"lines before newer without",
			documents{doc(1, nil), doc(2, func(d *ledger.Document) { d.Lines = -1 })},
			export.Wanted{ID: "j"},
			[]int64{1, 2},
			nil,
		},
		{
			"lines before newer that was capped",
			documents{doc(1, nil), doc(2, func(d *ledger.Document) { d.Changed = "deduplicated,capped" })},
			export.Wanted{ID: "j"},
			[]int64{1, 2},
			nil,
		},
		{
			"lines before newer reduced to its status",
			documents{doc(1, nil), doc(2, func(d *ledger.Document) { d.Changed = "status" })},
			export.Wanted{ID: "j"},
			[]int64{1, 2},
			nil,
		},
		{
			"newest by its own time",
			documents{doc(1, func(d *ledger.Document) { d.Time = d.Time.Add(time.Hour) }), doc(2, nil)},
			export.Wanted{ID: "j"},
			[]int64{1, 2},
			nil,
		},
		{"newest recorded", documents{doc(1, nil), doc(2, nil)}, export.Wanted{ID: "j"}, []int64{2, 1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job, err := export.Find(t.Context(), tt.docs, tt.want)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Find(%+v) = %v, want %v", tt.want, err, tt.err)
			}
			var ids []int64
			for _, v := range job.Versions {
				ids = append(ids, v.ID)
			}
			if diff := cmp.Diff(tt.ids, ids); diff != "" {
				t.Errorf("Find(%+v): versions (-want +got):\n%s", tt.want, diff)
			}
		})
	}
}

func TestFindNamesWhatIsAmbiguous(t *testing.T) {
	docs := documents{doc(1, func(d *ledger.Document) { d.User = "9" }), doc(2, nil), doc(3, nil)}
	_, err := export.Find(t.Context(), docs, export.Wanted{ID: "j"})
	var got *export.AmbiguousError
	if !errors.As(err, &got) {
		t.Fatalf("Find = %v, want an AmbiguousError", err)
	}
	if diff := cmp.Diff(&export.AmbiguousError{ID: "j", Users: []string{"1", "9"}}, got); diff != "" {
		t.Errorf("Find: error (-want +got):\n%s", diff)
	}
}

func TestVersion(t *testing.T) {
	job := export.Job{ID: "j", Versions: []ledger.Document{
		doc(1, func(d *ledger.Document) { d.InputHash = ledger.Hash{0xab, 0xcd} }),
		doc(2, func(d *ledger.Document) { d.InputHash = ledger.Hash{0xab, 0xce} }),
	}}
	tests := []struct {
		prefix string
		id     int64
		err    error
	}{
		{"abcd", 1, nil},
		{"ABCE", 2, nil},
		{"ab", 0, export.ErrAmbiguous},
		{"ff", 0, export.ErrNotFound},
	}
	for _, tt := range tests {
		got, err := job.Version(tt.prefix)
		if got.ID != tt.id || !errors.Is(err, tt.err) {
			t.Errorf("Version(%q) = %d, %v, want %d, %v", tt.prefix, got.ID, err, tt.id, tt.err)
		}
	}
}
