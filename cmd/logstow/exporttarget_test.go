package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/cmd/internal/config"
	"logstow/export"
)

const exportedObject = "_logstow/exports/0123456789abcdef0123456789abcdef/1.log"

// A file appears only if it is what was made, and nothing else is left.
func TestTargetIsWholeOrNotThere(t *testing.T) {
	s := memstore.New()
	if err := s.Put(t.Context(), exportedObject, store.Bytes([]byte("whole")), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	whole := ledger.Export{Object: exportedObject, Size: 5, SHA256: sha256.Sum256([]byte("whole"))}
	other, missing := whole, whole
	other.SHA256 = sha256.Sum256([]byte("other"))
	missing.Object = strings.Replace(exportedObject, "1.log", "2.log", 1)
	for _, c := range []struct {
		name   string
		export ledger.Export
		want   error
	}{{"whole", whole, nil}, {"other", other, export.ErrDamaged}, {"missing", missing, export.ErrDamaged}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "logs.txt")
		file, err := newTarget(nil, exportOptions{output: path})
		if err != nil {
			t.Fatalf("%s: newTarget: %v", c.name, err)
		}
		if err := file.fill(t.Context(), s, c.export); !errors.Is(err, c.want) {
			t.Errorf("%s: fill = %v, want %v", c.name, err, c.want)
		}
		if err := file.discard(); err != nil {
			t.Errorf("%s: discard: %v", c.name, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if c.want != nil && len(left) != 0 || c.want == nil && (len(left) != 1 || left[0].Name() != "logs.txt") {
			t.Errorf("%s: %v is left, want the file or nothing", c.name, left)
		}
		var out bytes.Buffer
		if err := (target{out: &out}).fill(t.Context(), s, c.export); !errors.Is(err, c.want) {
			t.Errorf("%s: fill of standard output = %v, want %v", c.name, err, c.want)
		}
	}
}

// What came while the file was made stays.
func TestTargetThatWasTaken(t *testing.T) {
	s := memstore.New()
	if err := s.Put(t.Context(), exportedObject, store.Bytes(nil), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "logs.txt")
	target, err := newTarget(nil, exportOptions{output: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = target.fill(t.Context(), s, ledger.Export{Object: exportedObject, SHA256: sha256.Sum256(nil)})
	if status := statusOf(t.Context(), err); status != exitUsage {
		t.Errorf("fill = %v, status %d, want it refused", err, status)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("the file holds %q, %v, want what came in the meantime", b, err)
	}
	if err := target.discard(); err != nil {
		t.Errorf("discard: %v", err)
	}
}

// The token of an export that took long is printed with a full hour ahead.
func TestTokenOfALongExport(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := &app{log: slog.New(slog.DiscardHandler), quiet: true}
	x, err := a.newExporting(t.Context(), &config.Config{}, memstore.New(), l)
	if err != nil {
		t.Fatal(err)
	}
	text, made, err := x.tokens.Create(t.Context(), ledger.Export{Request: []byte(`{"format":"text"}`)}, ledger.AuditEntry{})
	if err != nil {
		t.Fatal(err)
	}
	for age, same := range map[time.Duration]bool{30 * time.Second: true, 2 * time.Minute: false, 3 * time.Hour: false} {
		var out bytes.Buffer
		a.out = &out
		old := made
		old.Created = made.Created.Add(-age)
		if err := a.printToken(t.Context(), x, delivery{token: text, export: old}); err != nil {
			t.Fatalf("printToken after %v: %v", age, err)
		}
		printed := strings.TrimSpace(out.String())
		if (printed == text) != same {
			t.Errorf("after %v the first token is printed: %v, want %v", age, printed == text, same)
		}
		if got, err := x.tokens.Resolve(t.Context(), printed, 0, ""); err != nil || time.Until(got.Expires) < 59*time.Minute {
			t.Errorf("after %v the printed token is good until %v, %v, want an hour", age, got.Expires, err)
		}
	}
}

func TestTargetsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, os.DevNull, filepath.Join(dir, "none", "logs.txt")} {
		for _, force := range []bool{false, true} {
			got, err := newTarget(nil, exportOptions{output: path, force: force})
			if status := statusOf(t.Context(), err); status != exitUsage {
				t.Errorf("newTarget(%s, force %v) = %+v, %v, want it refused", path, force, got, err)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().Type()&fs.ModeDevice == 0 {
		t.Errorf("%s is %v, %v", os.DevNull, info, err)
	}
}
