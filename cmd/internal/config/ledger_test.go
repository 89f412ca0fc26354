package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"logstow/cmd/internal/config"
)

func TestDefaultLedgerFolder(t *testing.T) {
	for want, env := range map[string][]string{
		"/var/lib/logstow":             {"STATE_DIRECTORY=/var/lib/logstow:/var/lib/other", "XDG_STATE_HOME=/x", "HOME=/home/a"},
		"/x/logstow":                   {"XDG_STATE_HOME=/x", "HOME=/home/a"},
		"/home/a/.local/state/logstow": {"XDG_STATE_HOME=relative", "HOME=/home/a"},
	} {
		path, err := config.DefaultLedger("s3://bucket/prefix", env)
		if err != nil || filepath.Dir(path) != want {
			t.Errorf("DefaultLedger with %q = %q, %v; want a file in %s", env, path, err, want)
		}
	}
	if path, err := config.DefaultLedger("s3://bucket", nil); err == nil {
		t.Errorf("DefaultLedger without a home = %q, want an error", path)
	}
}

func ledgerOf(t *testing.T, store string) string {
	t.Helper()
	path, err := config.DefaultLedger(store, []string{"HOME=/home/a"})
	if err != nil {
		t.Fatalf("DefaultLedger(%q): %v", store, err)
	}
	return filepath.Base(path)
}

func TestSameStoreSameLedger(t *testing.T) {
	for _, same := range [][]string{
		{"s3://bucket/prefix", "s3://bucket/prefix/", "s3://bucket/prefix?region=eu-central-1&path_style=true"},
		{"file:///srv/logs", "file:///srv/logs/"},
		{"s3://b?endpoint=http://127.0.0.1:7070", "s3://b?region=x&endpoint=http%3A%2F%2F127.0.0.1:7070/"},
	} {
		for _, store := range same[1:] {
			if got, want := ledgerOf(t, store), ledgerOf(t, same[0]); got != want {
				t.Errorf("ledger of %s is %s, that of %s is %s; want the same", store, got, same[0], want)
			}
		}
	}
}

// Two stores with one ledger would take each other's jobs for archived.
func TestOtherStoreOtherLedger(t *testing.T) {
	seen := map[string]string{}
	for _, store := range []string{
		"s3://bucket", "s3://bucket/prefix", "s3://bucket-prefix", "s3://bucket/Prefix", "file:///bucket/prefix",
		"s3://bucket?endpoint=http://a", "s3://bucket?endpoint=http://b",
		"s3://bucket/" + strings.Repeat("x", 300), "s3://bucket/" + strings.Repeat("x", 301), "s3://bucket/☂", "s3://bucket/☃",
	} {
		name := ledgerOf(t, store)
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s share the ledger %s", store, other, name)
		}
		seen[name] = store
		if len(name) > 150 || strings.ContainsAny(name, "/\\ ☂") {
			t.Errorf("ledger of %s is called %q, want a short safe name", store, name)
		}
	}
}

// Another name is a lost ledger.
func TestLedgerNameIsFrozen(t *testing.T) {
	for store, want := range map[string]string{
		"s3://bucket/prefix":                          "s3-bucket-prefix-9737a7d8.db",
		"file:///srv/logs":                            "file-srv-logs-2e28ffd9.db",
		"s3://bucket/?endpoint=http://127.0.0.1:7070": "s3-bucket-b0b1072c.db",
	} {
		if got := ledgerOf(t, store); got != want {
			t.Errorf("the ledger of %s is %s, want %s", store, got, want)
		}
	}
}

func TestLoadNamesTheLedger(t *testing.T) {
	o := config.Options{File: os.DevNull, Env: []string{"HOME=/home/a"}, Flags: map[string]string{"store": "s3://bucket/prefix"}}
	c, origins := load(t, o)
	if want := "/home/a/.local/state/logstow/" + ledgerOf(t, "s3://bucket/prefix"); c.Ledger != want || origins["ledger"].From != "default" {
		t.Errorf("ledger is %q from %q, want %q by default", c.Ledger, origins["ledger"].From, want)
	}
	o.Env = append(o.Env, "LOGSTOW_LEDGER=mine.db")
	if c, _ := load(t, o); c.Ledger != "mine.db" {
		t.Errorf("ledger is %q, want mine.db", c.Ledger)
	}
}
