package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "logstow"

// The outside libraries that packages of the table may import. Where it can
// be, one library belongs to one package.
const (
	ansi     = "github.com/charmbracelet/x/ansi"
	awsSDK   = "github.com/aws/"
	cobra    = "github.com/spf13/"
	compress = "github.com/klauspost/compress/"
	cron     = "github.com/robfig/cron/v3"
	errgroup = "golang.org/x/sync/"
	humanize = "github.com/dustin/go-humanize"
	isatty   = "github.com/mattn/go-isatty"
	jsontext = "github.com/go-json-experiment/json/"
	metrics  = "github.com/prometheus/"
	parquet  = "github.com/parquet-go/parquet-go"
	rate     = "golang.org/x/time/rate"
	tables   = "github.com/jedib0t/go-pretty/v6/"
	sqlite   = "modernc.org/sqlite"
	syscalls = "golang.org/x/sys/"
	yaml     = "go.yaml.in/yaml/v4"
)

// anything stands for every package, but never for one that the two sides of
// the project keep from each other.
const anything = "*"

// row says what a package may import beside the standard library: packages of
// this module by their path in it, libraries by the beginning of theirs. A
// path that ends in /... stands for itself and every package below it that has
// no row of its own.
type row struct {
	path   string
	allows []string
}

// table is every package there may be. A new package or import is a change
// here, with its reason in the commit.
var table = []row{
	// What both sides rest on.
	{"layout", nil},
	// Both jobfile and filesource skip JSON values by bytes.
	{"layout/jsonskip", nil},
	{"layout/jobfile", []string{"layout", "layout/jsonskip", jsontext}},
	// Pages are inflated within limits, which parquet-go has none of.
	{"layout/segment", []string{"layout", "layout/jobfile", parquet, compress}},

	{"archive/store", nil},
	{"archive/store/s3store", []string{"archive/store", awsSDK, errgroup}},
	{"archive/store/dirstore", []string{"archive/store", syscalls}},
	{"archive/store/memstore", []string{"archive/store"}},
	// What a store can really do, tried out under a key that layout reserves.
	{"archive/store/probe", []string{"archive/store", "layout"}},
	// Concurrent racers in the suite.
	{"archive/store/storetest", []string{"archive/store", errgroup}},
	// Starts a real S3 server for tests.
	{"archive/store/storetest/gateway", []string{"archive/store", "archive/store/s3store", awsSDK}},
	// What finds the rows of a job, without the database.
	{"archive/ledger/jobindex", nil},
	{"archive/ledger", []string{"layout", "archive/ledger/jobindex", sqlite, syscalls}},

	// The write side.
	{"archive/source", []string{"layout/jobfile"}},
	{"archive/source/filesource", []string{"archive/source", "layout/jobfile", "layout/jsonskip", compress, syscalls}},
	// A run begins by trying whether the store has conditional writes.
	{"archive", []string{
		"layout", "layout/jobfile", "layout/segment", "archive/store", "archive/store/probe", "archive/ledger", "archive/source",
		"archive/holds", compress, errgroup,
	}},
	// Whoever fills a ledger, looks at a store or removes anything reads its holds.
	{"archive/holds", []string{"layout", "archive/store", "archive/ledger", errgroup}},
	{"archive/compact", []string{"layout", "layout/jobfile", "layout/segment", "archive/store", "archive/ledger", errgroup}},
	// Whose a quarantined record is its raw bytes tell, which are kept compressed.
	{"archive/retain", []string{"layout", "layout/segment", "archive/store", "archive/ledger", "archive/holds", "archive/compact", compress, errgroup}},
	// What is kept compressed is inflated, to be hashed.
	{"archive/check", []string{
		"layout", "layout/jobfile", "layout/segment", "archive/store", "archive/ledger", "archive/holds", compress, errgroup,
	}},

	// The read side.
	{"export", []string{"layout", "layout/jobfile", "layout/segment", "archive/store", "archive/ledger", compress, errgroup}},
	// Exports are jobs of their own, worked through by a pool.
	{"export/queue", []string{"export", "layout", "archive/store", "archive/ledger", errgroup}},
	// Tokens and API keys are made, hashed and compared in one place.
	{"export/secret", nil},
	{"export/token", []string{"export/secret", "layout", "archive/store", "archive/ledger"}},
	{"export/access", []string{"export/secret", "archive/ledger"}},
	// Listings are the ledger's, and files are served from the store.
	{"export/web", []string{
		"export", "export/token", "export/access", "layout", "layout/jobfile", "archive/store", "archive/ledger",
		ansi, rate,
	}},

	// Leases and runs are the ledger's rows.
	{"scheduler", []string{"archive/ledger", cron}},

	// The program. What it is configured with is named in jobfile's words.
	// It says in which line a schedule, an export or a policy makes no sense.
	{"cmd/internal/config", []string{"layout/jobfile", "scheduler", "export", "archive/retain", yaml}},
	// What is counted is what packages tell of themselves, failures by their errors.
	{"cmd/internal/metrics", []string{"archive", "archive/ledger", "archive/store", "scheduler", "export", metrics}},
	{"cmd/internal/term", []string{humanize, isatty, tables}},
	{"cmd/logstow", []string{anything}},
	// Benchmarks build their own servers and corpora.
	{"cmd/bench/...", []string{anything}},
}

// apart is pairs of folders whose packages never import each other.
var apart = [][2]string{
	{"export", "archive"},
}

// shared is what lies in one of the folders kept apart and belongs to both.
var shared = []string{"archive/store", "archive/ledger"}

func TestImportsFollowTheTable(t *testing.T) {
	root := moduleRoot(t)
	packages := 0
	for folder, files := range goFiles(t, root) {
		row, ok := rowOf(folder)
		if !ok {
			t.Errorf("%s has no row in the table of packages", folder)
			continue
		}
		packages++
		for _, file := range files {
			for _, imported := range importsOf(t, filepath.Join(root, file)) {
				if !allowed(row, imported) {
					t.Errorf("%s imports %s, which the row of %s does not allow", file, imported, row.path)
				}
			}
		}
	}
	if packages < 10 {
		t.Errorf("found %d packages under %s, want the whole project", packages, root)
	}
}

// The table itself must not join what is to stay apart.
func TestImportsTableKeepsSidesApart(t *testing.T) {
	for _, row := range table {
		for _, imported := range row.allows {
			for _, pair := range apart {
				if side(row.path, pair) >= 0 && side(imported, pair) >= 0 && side(row.path, pair) != side(imported, pair) {
					t.Errorf("the row of %s allows %s: %s and %s never import each other", row.path, imported, pair[0], pair[1])
				}
			}
		}
	}
}

// Each case is a file that must be found wrong, or right.
func TestImportsAllowed(t *testing.T) {
	for _, c := range []struct {
		folder, imported string
		want             bool
	}{
		{"layout", "strings", true},
		{"layout", "golang.org/x/sync/errgroup", false},
		{"layout", "logstow/archive/store", false},
		{"layout/jobfile", "github.com/go-json-experiment/json/jsontext", true},
		{"layout/jobfile", "logstow/layout", true},
		{"layout/jobfile", "logstow/layout/segment", false},
		{"archive", "logstow/archive/store", true},
		{"archive", "logstow/archive/store/s3store", false},
		{"archive", "logstow/export", false},
		{"export", "logstow/archive", false},
		{"export", "logstow/archive/ledger", true},
		{"archive/store/s3store", "github.com/aws/aws-sdk-go-v2/service/s3", true},
		{"archive/store/dirstore", "github.com/aws/aws-sdk-go-v2/service/s3", false},
		{"scheduler", "github.com/robfig/cron/v3", true},
		{"scheduler", "github.com/robfig/cron/v3x", false},
		{"cmd/logstow", "github.com/spf13/cobra", true},
		{"cmd/bench/null", "net/http", true},
	} {
		row, ok := rowOf(c.folder)
		if got := ok && allowed(row, c.imported); got != c.want {
			t.Errorf("%s may import %s: %v, want %v", c.folder, c.imported, got, c.want)
		}
	}
	if row, ok := rowOf("layout/util"); ok {
		t.Errorf("rowOf(layout/util) = %v, want none", row)
	}
}

// side is which of a pair of folders a package lies in; -1 for neither.
func side(pkg string, pair [2]string) int {
	for _, s := range shared {
		if within(pkg, s) {
			return -1
		}
	}
	return slices.IndexFunc(pair[:], func(folder string) bool { return within(pkg, folder) })
}

func within(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}

// rowOf is the row of the package in a folder.
func rowOf(folder string) (row, bool) {
	for _, r := range table {
		if below, ok := strings.CutSuffix(r.path, "/..."); r.path == folder || ok && within(folder, below) {
			return r, true
		}
	}
	return row{}, false
}

func allowed(r row, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if first != module && !strings.Contains(first, ".") {
		return true // the standard library
	}
	own, isOwn := strings.CutPrefix(imported, module+"/")
	for _, a := range r.allows {
		switch {
		case a == anything:
			return true
		case isOwn && a == own:
			return true
		case !isOwn && (imported == a || strings.HasPrefix(imported, strings.TrimSuffix(a, "/")+"/")):
			return true
		}
	}
	return false
}

// moduleRoot is the folder of go.mod, at or above the one of this test.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this test")
		}
		dir = filepath.Dir(dir)
	}
}

// goFiles is the Go files below root that are not tests, by folder.
func goFiles(t *testing.T, root string) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case d.IsDir() && (base == "testdata" || base != "." && strings.HasPrefix(base, ".")):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go"):
			files[path.Dir(name)] = append(files[path.Dir(name)], name)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk %s: %v", root, err)
	}
	return files
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: import %s: %v", file, spec.Path.Value, err)
		}
		all = append(all, name)
	}
	return all
}
