package ledger_test

import (
	"embed"
	"fmt"
	"testing"

	"logstow/archive/ledger"
)

// fixtures hold, for each version of the schema, what that version left: its
// tables and rows in them. One that was released never changes.
//
//go:embed testdata/v*.sql
var fixtures embed.FS

func TestLedgersOfEveryVersionAreRead(t *testing.T) {
	versions, err := ledger.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for v := 1; v <= len(versions); v++ {
		t.Run(fmt.Sprintf("v%d", v), func(t *testing.T) {
			b, err := fixtures.ReadFile(fmt.Sprintf("testdata/v%d.sql", v))
			if err != nil {
				t.Fatal(err)
			}
			path := newPath(t)
			execute(t, path, string(b))
			l := open(t, path)
			want := job("u\x00", "1", "a")
			want.ID = 1
			equal(t, "Documents", all(t, l.Documents(t.Context(), ledger.Query{})), []ledger.Document{want})
			counts, err := l.Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "Counts", counts, ledger.Counts{Documents: 1, Bytes: 98, ByKind: map[string]int64{"job": 1}, Quarantined: 1})
			commit(t, l, ledger.Batch{Documents: []ledger.Document{want, job("u", "2", "b")}})
			if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 2 {
				t.Errorf("%d documents after a commit, want 2", len(got))
			}
			if _, err := l.Bind(t.Context(), "file:///a"); err != nil {
				t.Errorf("Bind: %v", err)
			}
		})
	}
}

func TestUpgradeIsAllOrNothing(t *testing.T) {
	l := open(t, newPath(t))
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	good, bad := "ALTER TABLE documents ADD COLUMN extra TEXT", "ALTER TABLE nothing ADD COLUMN extra TEXT"
	if err := l.Upgrade(t.Context(), good, bad); err == nil {
		t.Fatal("an upgrade that can't work: no error")
	}
	columns := func() (n int) {
		if err := l.Writer().QueryRowContext(t.Context(), "SELECT count(*) FROM pragma_table_info('documents') WHERE name = 'extra'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if columns() != 0 {
		t.Error("half of an upgrade was kept")
	}
	for range 2 {
		if err := l.Upgrade(t.Context(), good); err != nil {
			t.Fatal(err)
		}
	}
	if columns() != 1 {
		t.Error("the upgrade was not kept")
	}
	// Who opened it before goes on.
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "2", "a")}})
	if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 2 {
		t.Errorf("%d documents after the upgrade, want 2", len(got))
	}
}
