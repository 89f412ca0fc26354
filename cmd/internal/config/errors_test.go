package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/cmd/internal/config"
)

// Every mistake is told in one go, with its place.
func TestEveryProblemIsTold(t *testing.T) {
	o := config.Options{
		File: write(t, `stor: s3://bucket
ledger: relative.db
log: {level: loud, colour: red}
archive:
  sources:
    - /srv/a
    - {path: /srv/b, usr: x}
    - user: nobody
    - [nested]
    - ~/logs
    - {path: /srv/c, fields: {job_id: id..x, state: s}}
    - {path: /srv/d, fields: {job_id: id}}
    - logs
  concurrency: 0
  detail: verbose
  overflow: [keep]
  types: [job, jobs]
  max_file_size: 41MB
  user:
  user: x
`),
		Env: []string{
			"LOGSTOW_STORE=s3://AKIA:hunter2@bucket", "LOGSTOW_CONCURRENCY=4",
			"LOGSTOW_NO_SKIP=1", "LOGSTOW_CONFIG=/nowhere", "OTHER=1",
		},
		Flags: map[string]string{"log.format": "xml"},
	}
	got := problems(t, o)
	golden(t, "problems.txt", got+"\n")
	if strings.Contains(got, "hunter2") || strings.Contains(got, "AKIA") {
		t.Errorf("a message shows a secret:\n%s", got)
	}
}

func TestFilesThatAreNotYAML(t *testing.T) {
	for text, want := range map[string]string{
		"log:\n  level: info\n bad\n":                  "FILE:3: not YAML: ",
		"archive: [\n":                                 "FILE:2: not YAML: ",
		"store: *nothing\n":                            "FILE:1: not YAML: unknown anchor",
		"log:\n  level: \xff\n":                        "FILE:2: not plain UTF-8 text",
		"log:\n\n\x00":                                 "FILE:3: not plain UTF-8 text",
		"store: s3://b\n---\nlog:\n":                   "FILE:2: use one YAML document",
		"ledgers: /x\n":                                "FILE:1: ledgers: no such key; did you mean ledger?",
		"Sotre: /x\n":                                  "FILE:1: Sotre: no such key; did you mean store?",
		"- store\n":                                    "FILE:1: use a mapping with some of store, ledger, log, archive, serve",
		"just text\n":                                  "FILE:1: use a mapping",
		"store: !!binary aGVsbG8=\n":                   "FILE:1: store: use a plain value, without the tag",
		"store: null\n":                                "FILE:1: store: it has no value",
		"archive: {archive: {}}\n":                     "FILE:1: archive.archive: no such key",
		"archive: &a {archive: *a}\n":                  "FILE:1: archive.archive: no such key",
		"store: &x [*x]\n":                             "FILE:1: store: use a plain value",
		"\"a\\nb\": 1\n":                               `FILE:1: "a\nb": no such key`,
		"? [a]\n: 1\n":                                 "FILE:1: no such key",
		"<<: {store: s3://b}\n":                        "FILE:1: <<: no such key",
		"store: s3://b\nstore: s3://c":                 "FILE:2: store: set before, in line 1",
		"archive: {fields: {job: x}}\n":                "FILE:1: archive.fields.job: no such key; use one of user_id",
		"archive: {fields: {job_id: x, user_id: u}}\n": "FILE:1: archive.fields: a field map needs recipe_id, completed_at or started_at too",
		"archive: {fields: {job_id: x, recipe_id: u, started_at: s}}": "FILE:1: archive.fields: a field map needs user_id too",
		"archive: {sources: /srv}\n":                                  "FILE:1: archive.sources: use a list",
		"archive: {sources: [{path: /a, path: /b}]}\n":                "FILE:1: archive.sources.path: set before",
		"archive: {sources: [{user: a}]}\n":                           "FILE:1: archive.sources: this source has no path",
		strings.Repeat("#", 1<<20) + "\n":                             "FILE: read configuration: larger than",
	} {
		if got := problems(t, config.Options{File: write(t, text)}); !strings.HasPrefix(got, want) {
			t.Errorf("Load of %.60q:\n got %s\nwant %s…", text, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct{ key, value, reason string }{
		{"store", "s3://bucket", ""},
		{"store", "s3://bucket/a/b?endpoint=http://127.0.0.1:7070&path_style=true", ""},
		{"store", "file:///var/lib/logstow", ""},
		{"store", "bucket", "use s3://bucket/prefix or file:///folder"},
		{"store", "s3:///prefix", "use s3://bucket/prefix or file:///folder"},
		{"store", "s3:bucket", "use s3://bucket/prefix or file:///folder"},
		{"store", "gs://bucket", "use s3://bucket/prefix or file:///folder"},
		{"store", "file://relative/path", "three slashes"},
		{"store", "file:relative", "use s3://bucket/prefix or file:///folder"},
		{"store", "s3://user@bucket", "holds no credentials"},
		{"store", "s3://bucket?secret_access_key=x", "holds no credentials"},
		{"store", "s3://bucket?endpoint=http://a:b@host", "holds no credentials"},
		{"store", "s3://bucket#x", "use s3://bucket/prefix or file:///folder"},
		{"store", "s3://a:b@c\x00", "not a URL"},
		{"store", "", "use s3://bucket/prefix or file:///folder"},
		{"ledger", "rel/ledger.db", ""},
		{"ledger", "~/ledger.db", "~ is not expanded"},
		{"ledger", "$HOME/ledger.db", "not expanded"},
		{"ledger", "", "use the path of a file"},
		{"archive.concurrency", "1024", ""},
		{"archive.concurrency", "1025", "use a number from 1 to 1024"},
		{"archive.concurrency", "-1", "use a number from 1 to 1024"},
		{"archive.concurrency", "99999999999999999999", "use a number from 1 to 1024"},
		{"serve.listen", "127.0.0.1:0", ""},
		{"serve.listen", ":8333", ""},
		{"serve.listen", "logs.example.com:443", ""},
		{"serve.listen", "8333", "use host:port"},
		{"serve.listen", "127.0.0.1:http", "use a port"},
		{"serve.listen", "127.0.0.1:65536", "use a port"},
		{"serve.listen", "http://127.0.0.1:80", "use host:port"},
		{"serve.parts", "api", ""},
		{"serve.parts", "scheduler, workers", ""},
		{"serve.parts", "", "use one of api, scheduler, workers"},
		{"serve.parts", "api,", "use one of api, scheduler, workers"},
		{"serve.parts", "API", "use one of api, scheduler, workers"},
		{"serve.parts", "all", "use one of api, scheduler, workers"},
		{"serve.url", "https://logs.example.com/api", ""},
		{"serve.url", "logs.example.com", "use http://host:port"},
		{"serve.url", "ftp://logs.example.com", "use http://host:port"},
		{"serve.url", "https://a:b@logs.example.com", "without anything else"},
		{"serve.url", "https://logs.example.com?a", "without anything else"},
		{"serve.no_auth", "true", ""},
		{"serve.no_auth", "yes", "use one of true, false"},
		{"serve.export_workers", "64", ""},
		{"serve.export_workers", "0", "use a number from 1 to 64"},
		{"serve.talend_limit", "100_000", ""},
		{"serve.talend_limit", "0", "theirs is 100_000"},
		{"serve.rate", "1", ""},
		{"serve.rate", "none", ""},
		{"serve.rate", "0", "from 1 to 1000000, or none"},
		{"compact.after", "never", ""},
		{"compact.after", "0", ""},
		{"compact.after", "3650d", ""},
		{"compact.after", "3650d1s", "use a duration such as 90s, 15m, 2h or 1d, from 0 to 3650d, or never"},
		{"compact.after", "Never", "or never"},
		{"compact.after", "30", "or never"},
		{"compact.grace", "0", ""},
		{"compact.grace", "365d", ""},
		{"compact.grace", "366d", "from 0 to 365d"},
		{"compact.grace", "never", "from 0 to 365d"},
		{"retain.grace", "1h", ""},
		{"retain.grace", "0", "from more than 0 to 365d"},
		{"retain.grace", "-1d", "from more than 0 to 365d"},
		{"archive.max_file_size", "40MB", ""},
		{"archive.max_file_size", "40_000_000", ""},
		{"archive.max_file_size", "38 MiB", ""},
		{"archive.max_file_size", "1B", ""},
		{"archive.max_file_size", "40000001", "not raise it"},
		{"archive.max_file_size", "40MiB", "not raise it"},
		{"archive.max_file_size", "99999999999999999999GB", "not raise it"},
		{"archive.max_file_size", "9999999999999GB", "not raise it"},
		{"archive.max_file_size", "0", "at least 1 byte"},
		{"archive.max_file_size", "-1", "use a whole number and a unit"},
		{"archive.max_file_size", "1.5MB", "use a whole number and a unit"},
		{"archive.max_file_size", "1__0", "use a whole number and a unit"},
		{"archive.max_file_size", "_1", "use a whole number and a unit"},
		{"archive.max_file_size", "1_", "use a whole number and a unit"},
		{"archive.max_file_size", "MB", "use a whole number and a unit"},
		{"archive.max_file_size", "", "use a whole number and a unit"},
		{"archive.max_file_size", "40mb", "use a whole number and a unit"},
		{"archive.types", "job,log,genie,activity", ""},
		{"archive.types", "", "use one of job, activity, log, genie"},
		{"archive.types", "job,", "use one of job, activity, log, genie"},
		{"archive.user", "a/b ☂", ""},
		{"archive.user", strings.Repeat("x", 256), "1 to 255 bytes"},
		{"archive.user", "", "1 to 255 bytes"},
		{"archive.sources", "a,,b", "use the path"},
		{"log.level", "warn", ""},
		{"log.level", "INFO+1", "use one of debug, info, warn, error"},
		{"log.format", "JSON", "use one of text, json"},
	} {
		_, _, err := config.Load(config.Options{File: os.DevNull, Flags: map[string]string{c.key: c.value}})
		switch {
		case c.reason == "" && err != nil:
			t.Errorf("%s %q: %v, want no error", c.key, c.value, err)
		case c.reason != "" && (err == nil || !strings.Contains(err.Error(), c.reason)):
			t.Errorf("%s %q: error %v, want one with %q", c.key, c.value, err, c.reason)
		}
	}
}

// A secret that was put where it doesn't belong isn't repeated.
func TestSecretsAreNotShown(t *testing.T) {
	for _, url := range []string{
		"s3://key:hunter2@bucket", "s3://bucket?secret_key=hunter2", "s3://bucket?endpoint=http://key:hunter2@host",
		"s3://key:hunter2@bucket\x7f", "s3://bucket:hunter2@", "key:hunter2@bucket", "hunter://key:hunter2@x?hunter2",
	} {
		got := problems(t, config.Options{File: os.DevNull, Flags: map[string]string{"store": url}})
		if strings.Contains(got, "hunter2") {
			t.Errorf("store %q: %s", url, got)
		}
	}
}

func TestMaxFileSizeInBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"40MB": 40_000_000, "38MiB": 38 * 1_048_576, "1_000": 1000, "3kB": 3000, "3KB": 3000, "3KiB": 3072, "12 B": 12,
	} {
		c, _ := load(t, config.Options{File: os.DevNull, Flags: map[string]string{"archive.max_file_size": text}})
		if c.Archive.MaxFileSize != want {
			t.Errorf("max_file_size %q is %d bytes, want %d", text, c.Archive.MaxFileSize, want)
		}
	}
}

func TestWhichFile(t *testing.T) {
	home, xdg := t.TempDir(), t.TempDir()
	put := func(dir, user string) string {
		t.Helper()
		path := filepath.Join(dir, "logstow", "config.yaml")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("archive: {user: "+user+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inHome := put(filepath.Join(home, ".config"), "home")
	inXDG := put(xdg, "xdg")
	named := write(t, "archive: {user: named}\n")
	system := write(t, "archive: {user: system}\n")
	for _, c := range []struct {
		file string
		env  []string
		want string
	}{
		{"", nil, system},
		{"", []string{"HOME=" + t.TempDir()}, system},
		{"", []string{"HOME=" + home}, inHome},
		{"", []string{"HOME=" + home, "XDG_CONFIG_HOME=" + xdg}, inXDG},
		{"", []string{"HOME=" + home, "XDG_CONFIG_HOME=relative"}, inHome},
		{"", []string{"HOME=" + home, "LOGSTOW_CONFIG=" + named}, named},
		{named, []string{"HOME=" + home, "LOGSTOW_CONFIG=" + inXDG}, named},
	} {
		_, provenance, err := config.LoadWith(config.Options{File: c.file, Env: c.env}, system)
		if err != nil || !slices.ContainsFunc(provenance, func(o config.Origin) bool { return o.From == c.want+":1" }) {
			t.Errorf("File %q, environment %q: read %v, %v; want it from %s", c.file, c.env, provenance, err, c.want)
		}
	}
}

// A file that was named must be there; one that is only looked for need not.
func TestMissingFile(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none.yaml")
	want := missing + ": read configuration: no such file or directory"
	for _, o := range []config.Options{{File: missing}, {Env: []string{"LOGSTOW_CONFIG=" + missing}}} {
		if diff := cmp.Diff(want, strings.ReplaceAll(problems(t, o), "FILE", missing)); diff != "" {
			t.Errorf("Load(%+v) (-want +got):\n%s", o, diff)
		}
	}
	if _, _, err := config.LoadWith(config.Options{Env: []string{"HOME=" + dir}}, missing); err != nil {
		t.Errorf("Load without any file: %v", err)
	}
	if got := problems(t, config.Options{File: dir}); !strings.HasPrefix(got, "FILE: read configuration: is a directory") {
		t.Errorf("Load of a folder: %s", got)
	}
}

// Without authentication only this machine may reach the server.
func TestNoAuthIsForLoopback(t *testing.T) {
	for listen, ok := range map[string]bool{
		"127.0.0.1:8333": true, "127.0.0.2:1": true, "[::1]:8333": true, "localhost:8333": true,
		":8333": false, "0.0.0.0:8333": false, "[::]:8333": false, "192.0.2.1:8333": false,
		"localhost.example.com:8333": false, "127.0.0.1.example.com:8333": false,
	} {
		o := config.Options{Flags: map[string]string{"serve.no_auth": "true", "serve.listen": listen}}
		if ok {
			load(t, o)
			continue
		}
		if got, want := problems(t, o), "--no-auth: serve.no_auth: "; !strings.HasPrefix(got, want) {
			t.Errorf("Load with serve.listen %s: %s, want %s…", listen, got, want)
		}
	}
}
