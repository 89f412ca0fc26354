package ledger_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
)

func TestOpenCreatesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c=d#e%20", "\xff")
	path := filepath.Join(dir, "led?ger.db")
	l := open(t, path)
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	for name, want := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, filepath.Dir(dir): 0o700 | fs.ModeDir, path: 0o600, path + "-wal": 0o600} {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode() != want {
			t.Errorf("%q has mode %v, want %v", name, st.Mode(), want)
		}
	}
}

func TestOpenSettings(t *testing.T) {
	l := open(t, newPath(t))
	for pragma, want := range map[string]int{"synchronous": 2, "journal_size_limit": 64 << 20, "wal_autocheckpoint": 16 << 10, "cache_size": -4 << 10} {
		var got int
		if err := l.Writer().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %d, want %d", pragma, got, want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := newPath(t)
	if _, err := ledger.Open(t.Context(), ledger.Config{Path: path, ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of a missing file = %v, want fs.ErrNotExist", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open for reading made the file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(t.Context(), ledger.Config{Path: path, ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of an empty file = %v, want fs.ErrNotExist", err)
	}
	w := open(t, path)
	r := openWith(t, ledger.Config{Path: path, ReadOnly: true})
	if fresh, err := r.Bind(t.Context(), "file:///a"); !fresh || err != nil {
		t.Errorf("Bind = %v, %v, want fresh", fresh, err)
	}
	b := ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}}
	if err := r.Commit(t.Context(), b); err == nil {
		t.Error("Commit for reading only: no error")
	}
	commit(t, w, b)
	if got := all(t, r.Documents(t.Context(), ledger.Query{})); len(got) != 1 {
		t.Errorf("%d documents are seen, want 1", len(got))
	}
}

// execute runs statements on a file outside the package's control.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%.100s: %v", s, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"newer":             {func(t *testing.T, p string) { close1(t, p); execute(t, p, "PRAGMA user_version = 99") }, "a newer version of logstow wrote it (schema 99"},
		"foreign":           {func(t *testing.T, p string) { execute(t, p, "CREATE TABLE t (x)") }, "database of another program"},
		"other application": {func(t *testing.T, p string) { execute(t, p, "PRAGMA application_id = 7") }, "database of another program"},
		"garbage":           {func(t *testing.T, p string) { write(t, p, bytes.Repeat([]byte("garbage\n"), 1000)) }, "logstow adopt"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			tt.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, readOnly := range []bool{false, true} {
				_, err := ledger.Open(t.Context(), ledger.Config{Path: path, ReadOnly: readOnly})
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("Open = %v, want an error with %q and the path", err, tt.want)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("Open changed the file that it refused")
			}
		})
	}
}

func close1(t *testing.T, path string) {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsNamed(t *testing.T) {
	path := newPath(t)
	l, err := ledger.Open(t.Context(), ledger.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	pages := rootPages(t, l, "documents")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		copy(b[(page-1)*4096:page*4096], bytes.Repeat([]byte{0xa5}, 4096))
	}
	write(t, path, b)
	l = open(t, path)
	if _, err := l.Find(t.Context(), []ledger.Ref{{User: "u", Job: "1"}}); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "logstow adopt") {
		t.Errorf("Find in a damaged ledger = %v, want ErrDamaged", err)
	}
}

// rootPages are the numbers of the first pages of a table and its indexes.
func rootPages(t *testing.T, l *ledger.Ledger, table string) (pages []int) {
	t.Helper()
	rows, err := l.Writer().QueryContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE tbl_name = ?", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var page int
		if err := rows.Scan(&page); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return pages
}

// What is no file is refused as what it is, and nothing is written there.
func TestNoFile(t *testing.T) {
	path := t.TempDir()
	for _, readOnly := range []bool{false, true} {
		l, err := ledger.Open(t.Context(), ledger.Config{Path: path, ReadOnly: readOnly})
		if l != nil || err == nil || !strings.Contains(err.Error(), path+": it is a folder") {
			t.Errorf("Open(%q, %t) = %v, %v, want that it is a folder", path, readOnly, l, err)
		}
	}
	_, err := ledger.Open(t.Context(), ledger.Config{Path: os.DevNull})
	if err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("Open(%q) = %v, want that it is not a regular file", os.DevNull, err)
	}
}

func TestBusy(t *testing.T) {
	path := newPath(t)
	l := openWith(t, ledger.Config{Path: path, BusyTimeout: time.Millisecond})
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	b := ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}}
	if err := l.Commit(t.Context(), b); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("Commit while another process writes = %v, want ErrBusy", err)
	}
	if _, err := l.Find(t.Context(), []ledger.Ref{{User: "u", Job: "1"}}); err != nil {
		t.Errorf("Find while another process writes: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	commit(t, l, b)
}

func TestNetworkFilesystems(t *testing.T) {
	for magic, want := range map[int64]string{0x6969: "NFS", 0xfe534d42: "SMB", -0x1acb2be: "SMB", 0xef53: "", 0x01021994: ""} {
		if got := ledger.NetworkFilesystem(magic); got != want {
			t.Errorf("NetworkFilesystem(%#x) = %q, want %q", magic, got, want)
		}
	}
}

// Who may read the file and not write beside it is told what is needed.
func TestForbiddenSaysWhatIsNeeded(t *testing.T) {
	const needed = "has to be allowed to write it and its folder"
	path := newPath(t)
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path+"?_pragma=query_only(1)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "DELETE FROM runs")
	if got := ledger.Classify(err); got == nil || !strings.Contains(got.Error(), needed) {
		t.Errorf("writing what may only be read = %v, want what is needed", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // to whom no file is forbidden
		return
	}
	dir := filepath.Dir(path)
	for name, mode := range map[string]fs.FileMode{path: 0o400, dir: 0o500} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(dir, 0o700) //nolint:errcheck // the test's own folder, for its removal
	for _, readOnly := range []bool{true, false} {
		_, err := ledger.Open(t.Context(), ledger.Config{Path: path, ReadOnly: readOnly})
		if err == nil || !strings.Contains(err.Error(), needed) {
			t.Errorf("Open(read-only %t) of a forbidden ledger = %v, want what is needed", readOnly, err)
		}
	}
}
