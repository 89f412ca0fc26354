package token_test

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/store/memstore"
	"logstow/export/secret"
	"logstow/export/token"
)

const object = "_logstow/exports/0123456789abcdef0123456789abcdef/1.log"

// parts returns the path and the query that a server sees of a URL.
func parts(t *testing.T, address string) (path, query string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), "/logstow"+token.Path+"/")
	if !ok {
		t.Fatalf("the URL %s is not one of %s", address, server)
	}
	return path, u.RawQuery
}

func TestURLsVerify(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server + "/"})
	for _, name := range []string{
		"", "5_4711.log", `a "quoted" \ name.log`, "ünï&expires=1;x=y#z?.log", "../../etc/passwd",
		"a\r\nX-Evil: 1", "%41%", "+ +", "\xff", strings.Repeat("\xff", 1000),
	} {
		want := token.File{Object: object, Filename: name, Expires: noon.Add(time.Hour)}
		address, err := w.URL(want)
		if err != nil {
			t.Fatalf("URL(%q): %v", name, err)
		}
		got, err := w.Verify(parts(t, address))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Verify what URL made of %q: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestOnlyFilesOfExportsAreSigned(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	for _, key := range []string{
		"", "_logstow/exports/", "acme/jobs/5/20261121/8/acme-5-8-20261121110000-failed.json",
		"_logstow/holds/x.json", object + "/..", strings.Replace(object, "exports", "exports/..", 1),
		strings.ToUpper(object), object + "?", "/" + object,
	} {
		if address, err := w.URL(token.File{Object: key, Expires: noon.Add(time.Hour)}); err == nil || address != "" {
			t.Errorf("URL of %q = %s, want an error", key, address)
		}
	}
	if address, err := w.URL(token.File{Object: object, Filename: strings.Repeat("x", 1001)}); err == nil || address != "" {
		t.Errorf("URL with a file name of 1001 bytes = %s, want an error", address)
	}
	without := newWorld(t, token.Config{})
	if address, err := without.URL(token.File{Object: object}); !errors.Is(err, token.ErrNoURL) || address != "" {
		t.Errorf("URL without a server = %s, %v, want ErrNoURL", address, err)
	}
}

func TestURLsExpire(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	address, err := w.URL(token.File{Object: object, Expires: noon.Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	path, query := parts(t, address)
	w.now = noon.Add(time.Second - 1)
	if _, err := w.Verify(path, query); err != nil {
		t.Errorf("Verify in the last moment: %v", err)
	}
	w.now = noon.Add(time.Second)
	if got, err := w.Verify(path, query); !errors.Is(err, token.ErrBadURL) || got.Object != "" {
		t.Errorf("Verify at its end = %+v, %v, want ErrBadURL", got, err)
	}
}

// Every change of a URL makes it a bad one, or leaves it the same.
func TestTamperedURLs(t *testing.T) {
	w := newWorld(t, token.Config{BaseURL: server})
	want := token.File{Object: object, Filename: "a&b.log", Expires: noon.Add(time.Hour)}
	address, err := w.URL(want)
	if err != nil {
		t.Fatal(err)
	}
	path, query := parts(t, address)
	bad := func(path, query string) {
		t.Helper()
		if got, err := w.Verify(path, query); !errors.Is(err, token.ErrBadURL) || got != (token.File{}) {
			t.Errorf("Verify(%q, %q) = %+v, %v, want ErrBadURL", path, query, got, err)
		}
	}
	values := func(change func(url.Values)) string {
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		change(v)
		return v.Encode()
	}
	later := fmt.Sprint(noon.Add(2 * time.Hour).Unix())
	for _, q := range []string{
		"", "&", "%", query + ";", query + "&x=1", query + "&name=b.log", query + "&expires=" + later, "expires=" + later + "&" + query,
		query + strings.Repeat("&", 5000),
		values(func(v url.Values) { v.Set("expires", later) }),
		values(func(v url.Values) { v.Set("expires", "9223372036854775807") }),
		values(func(v url.Values) { v.Set("expires", "-1") }),
		values(func(v url.Values) { v.Set("expires", "x") }),
		values(func(v url.Values) { v.Set("name", "b.log") }),
		values(func(v url.Values) { v.Set("name", "") }),
		values(func(v url.Values) { v.Del("name") }),
		values(func(v url.Values) { v.Set("signature", "") }),
		values(func(v url.Values) { v.Set("signature", v.Get("signature")+"\n") }),
		values(func(v url.Values) { v.Set("signature", v.Get("signature")[:42]) }),
	} {
		bad(path, q)
	}
	for _, p := range []string{
		"", "x", path + "/", "/" + path, path + "%00", strings.Replace(path, "1.log", "2.log", 1),
		strings.Replace(path, "1.log", "1.json", 1), strings.Replace(path, "0123", "1123", 1),
		strings.Replace(path, "0", "%30", 1), "../" + path, "../holds/x.json",
	} {
		bad(p, query)
	}
	for i := range query {
		for _, c := range "0Aa_&=%+" {
			changed := query[:i] + string(c) + query[i+1:]
			if got, err := w.Verify(path, changed); err == nil && got != want {
				t.Errorf("Verify(%q) = %+v, want %+v or ErrBadURL", changed, got, want)
			}
		}
	}
	// What ends the key can't begin the name, nor the other way round.
	moved, err := w.URL(token.File{Object: object, Filename: "xa", Expires: noon.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	bad(parts(t, strings.Replace(strings.Replace(moved, "1.log?", "1.logx?", 1), "name=xa", "name=a", 1)))
	// The secret is the ledger's own.
	if _, err := newWorld(t, token.Config{BaseURL: server}).Verify(path, query); !errors.Is(err, token.ErrBadURL) {
		t.Errorf("Verify with another ledger = %v, want ErrBadURL", err)
	}
	again, err := token.New(t.Context(), token.Config{Ledger: w.ledger, Store: memstore.New(), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Verify(path, query); err != nil || got != want {
		t.Errorf("Verify in another process of the same ledger = %+v, %v, want %+v", got, err, want)
	}
}

// fuzzed is tokens at a time that stands still, for a fuzz target.
func fuzzed(f *testing.F) *token.Tokens {
	f.Helper()
	l, err := ledger.Open(f.Context(), ledger.Config{Path: filepath.Join(f.TempDir(), "ledger.db")})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	tokens, err := token.New(f.Context(), token.Config{
		Ledger: l, Store: memstore.New(), BaseURL: server, Now: func() time.Time { return noon },
	})
	if err != nil {
		f.Fatal(err)
	}
	return tokens
}

// Whatever a client sends names a file that was signed, or none.
func FuzzVerify(f *testing.F) {
	tokens := fuzzed(f)
	signed := []token.File{
		{Object: object, Filename: "5_4711.log", Expires: noon.Add(time.Hour)},
		{Object: object, Filename: "", Expires: noon.Add(time.Minute)},
	}
	for _, file := range signed {
		address, err := tokens.URL(file)
		if err != nil {
			f.Fatal(err)
		}
		path, query, _ := strings.Cut(strings.TrimPrefix(address, server+token.Path+"/"), "?")
		f.Add(path, query)
		f.Add(path, "x=1&"+query)
		f.Add("../"+path, query)
	}
	f.Add("", "expires=0&name=&signature=")
	f.Fuzz(func(t *testing.T, path, query string) {
		got, err := tokens.Verify(path, query)
		switch {
		case err == nil && !slices.Contains(signed, got):
			t.Errorf("Verify(%q, %q) = %+v, which was never signed", path, query, got)
		case err != nil && (!errors.Is(err, token.ErrBadURL) || got != (token.File{})):
			t.Errorf("Verify(%q, %q) = %+v, %v, want ErrBadURL and nothing else", path, query, got, err)
		}
	})
}

// Whatever a client sends is a token that was issued, or an unknown one.
func FuzzResolve(f *testing.F) {
	tokens := fuzzed(f)
	issued, _, err := tokens.Create(f.Context(), ledger.Export{Key: 7, Job: "4711"}, ledger.AuditEntry{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(issued, int64(7), "4711")
	f.Add(issued, int64(0), "")
	f.Add(secret.Token.New(), int64(7), "4711")
	f.Add(`"`+issued+`"`, int64(7), "4711")
	f.Add("#1", int64(7), "")
	f.Fuzz(func(t *testing.T, text string, key int64, job string) {
		got, err := tokens.Resolve(t.Context(), text, key, job)
		if text == issued && key == 7 && (job == "" || job == "4711") {
			if err != nil || got.Status != token.InProgress {
				t.Errorf("Resolve(%q) = %+v, %v, want it in progress", text, got, err)
			}
			return
		}
		if err != token.ErrUnknown || got.Status != "" {
			t.Errorf("Resolve(%q, %d, %q) = %+v, %v, want ErrUnknown alone", text, key, job, got, err)
		}
	})
}
