package ledger_test

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

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
			checkFound(t, l, want)
			counts, err := l.Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "Counts", counts, ledger.Counts{Documents: 1, Bytes: 98, ByKind: map[string]int64{"job": 1}, BytesByKind: map[string]int64{"job": 98}, Quarantined: 1})
			commit(t, l, ledger.Batch{Documents: []ledger.Document{want, job("u", "2", "b")}})
			if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 2 {
				t.Errorf("%d documents after a commit, want 2", len(got))
			}
			if _, err := l.Bind(t.Context(), "file:///a"); err != nil {
				t.Errorf("Bind: %v", err)
			}
			if v == 1 {
				create(t, l, "1") // what it did not have works now
				return
			}
			checkAccess(t, l)
			if v == 2 {
				acquire(t, l, "t", noon, time.Minute)
				return
			}
			checkLeases(t, l)
			if v == 3 {
				packOne(t, l)
				return
			}
			checkSegments(t, l)
		})
	}
}

// checkFound checks that d, and it alone, is found by its job.
func checkFound(t *testing.T, l *ledger.Ledger, d ledger.Document) {
	t.Helper()
	want := []ledger.Document{d}
	equal(t, "ByJob", must(l.ByJob(t.Context(), d.User, d.Job))(t), want)
	equal(t, "Versions", must(l.Versions(t.Context(), "", d.Job))(t), want)
	place := ledger.Place{User: d.User, Job: d.Job, Key: d.Key}
	equal(t, "At", must(l.At(t.Context(), []ledger.Place{place}))(t), map[ledger.Place][]ledger.Document{place: want})
	found := must(l.Find(t.Context(), []ledger.Ref{{User: d.User, Job: d.Job}, {User: "v", Job: d.Job}}))(t)
	if len(found[0]) != 1 || len(found[1]) != 0 {
		t.Errorf("Find = %+v, want one version, and none of another user", found)
	}
}

// checkAccess checks what the fixtures have of exports and keys.
func checkAccess(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	keys, err := l.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Keys", keys, []ledger.APIKey{{
		ID: 1, Hash: hash("k"), Name: "a name", User: "u\x00", May: "read",
		Created: noon, Revoked: noon.Add(time.Millisecond), LastUsed: noon.Truncate(time.Minute),
	}})
	token, export, err := l.TokenByHash(t.Context(), hash("b"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "token", token, ledger.Token{ID: 1, Hash: hash("b"), Export: "00112233445566778899aabbccddeeff", Key: 1, Created: noon, Expires: noon.Add(time.Hour)})
	ready := ledger.Export{
		ID: "00112233445566778899aabbccddeeff", Key: 1, User: "u\x00", Job: "1", Request: []byte("{}"), State: ledger.ExportReady,
		Jobs: 3, Total: 4, Lines: 5, Bytes: 6, Object: "an object", Filename: "a name", Size: 7, SHA256: hash("a"),
		Created: noon, Updated: noon.Add(2 * time.Millisecond), Expires: noon.Add(time.Hour), Attempt: 2,
	}
	equal(t, "its export", export, ready)
	running := ledger.Export{
		ID: "ffeeddccbbaa99887766554433221100", Request: []byte(`{"user":"x"}`), State: ledger.ExportRunning, Total: -1, Filename: "another",
		Created: noon, Updated: noon.Add(2 * time.Millisecond), Expires: noon.Add(time.Hour), Attempt: 1, LeaseUntil: noon.Add(time.Minute),
	}
	exports, err := l.Exports(t.Context(), ledger.ExportQuery{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Exports", exports, []ledger.Export{running, ready})
	log, err := l.AuditLog(t.Context(), ledger.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "AuditLog", log, []ledger.AuditEntry{{
		ID: 1, At: noon, Key: 1, Remote: "192.0.2.1", Action: "export", User: "u\x00", Job: "1", Outcome: "ok", Detail: "a detail",
	}})
	secret, err := l.Secret(t.Context(), "urls")
	if err != nil || len(secret) != 32 || secret[31] != 31 {
		t.Errorf("Secret = %x, %v, want the one it has", secret, err)
	}
}

// checkLeases checks what the fixtures have of leases and runs of tasks.
func checkLeases(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	leases, err := l.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := noon.Truncate(time.Second)
	equal(t, "Leases", leases, []ledger.Lease{
		{
			Task: "nightly", Holder: "a holder", Fence: 7, Since: noon, Until: noon.Add(time.Minute),
			Planned: second.Add(-24 * time.Hour), Trying: second, Attempt: 2,
		},
		{Task: "other", Since: noon, Planned: noon},
	})
	runs, err := l.Runs(t.Context(), ledger.RunQuery{})
	if err != nil {
		t.Fatal(err)
	}
	ended := ledger.Run{
		ID: 2, Command: "retain", Started: noon, Ended: noon.Add(time.Minute), Outcome: "failed", Summary: "{}", Error: "an error",
		Task: "nightly", Planned: second, Attempt: 2, Fence: 7,
	}
	equal(t, "Runs", runs, []ledger.Run{ended, {ID: 1, Command: "archive", Started: noon}})
	if err := l.EndRun(t.Context(), ended); err != nil {
		t.Errorf("EndRun under the lease that is on record: %v", err)
	}
}

// A ledger of the first version, opened for reading, has its documents and
// nothing of what came later; when somebody has upgraded it, it has.
func TestOlderLedgersAreReadWithoutAnUpgrade(t *testing.T) {
	b, err := fixtures.ReadFile("testdata/v1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := newPath(t)
	execute(t, path, string(b))
	l := openWith(t, ledger.Config{Path: path, ReadOnly: true})
	if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 1 {
		t.Errorf("%d documents, want 1", len(got))
	}
	for name, call := range map[string]func() error{
		"Export":      func() error { _, err := l.Export(t.Context(), "1"); return err },
		"TokenByHash": func() error { _, _, err := l.TokenByHash(t.Context(), hash("token of 1")); return err },
		"KeyByHash":   func() error { _, err := l.KeyByHash(t.Context(), hash("k")); return err },
	} {
		if err := call(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s = %v, want fs.ErrNotExist", name, err)
		}
	}
	exports := func() int {
		got, err := l.Exports(t.Context(), ledger.ExportQuery{})
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	if n := exports(); n != 0 {
		t.Errorf("%d exports, want none", n)
	}
	if log, err := l.AuditLog(t.Context(), ledger.AuditQuery{}); len(log) != 0 || err != nil {
		t.Errorf("AuditLog = %v, %v, want none", log, err)
	}
	if _, err := l.Lease(t.Context(), "t"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lease = %v, want fs.ErrNotExist", err)
	}
	if leases, err := l.Leases(t.Context()); len(leases) != 0 || err != nil {
		t.Errorf("Leases = %v, %v, want none", leases, err)
	}
	if runs, err := l.Runs(t.Context(), ledger.RunQuery{}); len(runs) != 1 || err != nil {
		t.Errorf("Runs = %v, %v, want one", runs, err)
	}
	upgraded := open(t, path)
	create(t, upgraded, "1")
	acquire(t, upgraded, "t", noon, time.Minute)
	if leases, err := l.Leases(t.Context()); len(leases) != 1 || err != nil {
		t.Errorf("Leases after the upgrade = %v, %v, want one", leases, err)
	}
	if n := exports(); n != 1 {
		t.Errorf("%d exports after the upgrade, want 1", n)
	}
	if _, _, err := l.TokenByHash(t.Context(), hash("token of 1")); err != nil {
		t.Errorf("TokenByHash after the upgrade: %v", err)
	}
}

// A ledger that was upgraded is like one that is new.
func TestUpgradesMakeTheSameSchema(t *testing.T) {
	for _, fixture := range []string{"testdata/v1.sql", "testdata/v2.sql", "testdata/v3.sql", "testdata/v4.sql"} {
		b, err := fixtures.ReadFile(fixture)
		if err != nil {
			t.Fatal(err)
		}
		upgraded := newPath(t)
		execute(t, upgraded, string(b))
		equal(t, "the schema of an upgraded ledger", schema(t, open(t, upgraded)), schema(t, open(t, newPath(t))))
	}
}

// schema returns the statements that would make a ledger's tables, without
// comments and spaces.
func schema(t *testing.T, l *ledger.Ledger) map[string]string {
	t.Helper()
	rows, err := l.Writer().QueryContext(t.Context(), "SELECT name, coalesce(sql, '') FROM sqlite_schema")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	made := map[string]string{}
	for rows.Next() {
		var name, statement string
		if err := rows.Scan(&name, &statement); err != nil {
			t.Fatal(err)
		}
		var words []string
		for line := range strings.Lines(statement) {
			line, _, _ = strings.Cut(line, "--")
			words = append(words, strings.Fields(line)...)
		}
		made[name] = strings.Join(words, " ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return made
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
