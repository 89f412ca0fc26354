package s3store_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

func uploads(t *testing.T, s *s3store.Store, prefix string) []string {
	t.Helper()
	keys := []string{}
	ids := map[string]bool{}
	for u, err := range s.Uploads(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("Uploads(%q): %v", prefix, err)
		}
		if u.ID == "" || ids[u.ID] || time.Since(u.Begun).Abs() > time.Hour {
			t.Errorf("Uploads(%q) yields %+v, without an id of its own or a time", prefix, u)
		}
		ids[u.ID] = true
		keys = append(keys, u.Key)
	}
	return keys
}

func TestUploads(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	c := config(g)
	c.Prefix = "p/q"
	s := open(t, c)
	if got := uploads(t, s, ""); len(got) > 0 {
		t.Errorf("Uploads of an empty bucket = %q", got)
	}
	for _, key := range []string{"p/q/b/c", "p/q/a/b", "p/q/b/c", "p/q-more/x", "other"} {
		if err := g.BeginUpload(t.Context(), g.Bucket, key); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a/b", "b/c", "b/c"}, uploads(t, s, "")); diff != "" {
		t.Errorf("Uploads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b/c", "b/c"}, uploads(t, s, "b/")); diff != "" {
		t.Errorf("Uploads below a prefix (-want +got):\n%s", diff)
	}
	c.Prefix, c.Bucket = "", "missing"
	for _, err := range open(t, c).Uploads(t.Context(), "") {
		if !errors.Is(err, store.ErrRefused) {
			t.Errorf("Uploads of a bucket that is missing = %v, want ErrRefused", err)
		}
	}
}

// answering starts a server that answers with what the requests' queries choose.
func answering(t *testing.T, answer func(r *http.Request) (status int, body string)) *s3store.Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := answer(r)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	(&gateway.Gateway{}).Setenv(t)
	return open(t, s3store.Config{Bucket: "bucket", Prefix: "p", Endpoint: server.URL, PathStyle: true, MaxAttempts: 1})
}

// A server that has more uploads than it tells at once.
func TestUploadsManyPages(t *testing.T) {
	const upload = `<Upload><Key>p%%2Fa+%d</Key><UploadId>u%d</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated></Upload>`
	asked := []string{}
	s := answering(t, func(r *http.Request) (int, string) {
		q := r.URL.Query()
		asked = append(asked, q.Get("prefix")+" "+q.Get("key-marker")+" "+q.Get("upload-id-marker"))
		n := len(asked)
		more := ""
		if n < 3 {
			more = fmt.Sprintf(`<IsTruncated>true</IsTruncated><NextKeyMarker>p%%2Fa+%d</NextKeyMarker><NextUploadIdMarker>u%d</NextUploadIdMarker>`, n, n)
		}
		return 200, `<ListMultipartUploadsResult><EncodingType>url</EncodingType>` + more + fmt.Sprintf(upload, n, n) + `</ListMultipartUploadsResult>`
	})
	got := []store.Upload{}
	for u, err := range s.Uploads(t.Context(), "a") {
		if err != nil {
			t.Fatalf("Uploads: %v", err)
		}
		got = append(got, u)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	want := []store.Upload{{Key: "a 1", ID: "u1", Begun: at}, {Key: "a 2", ID: "u2", Begun: at}, {Key: "a 3", ID: "u3", Begun: at}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Uploads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p/a  ", "p/a p/a 1 u1", "p/a p/a 2 u2"}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}

	s = answering(t, func(*http.Request) (int, string) {
		return 200, `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>`
	})
	for _, err := range s.Uploads(t.Context(), "") {
		if !errors.Is(err, store.ErrRefused) {
			t.Errorf("Uploads of a server without markers = %v, want ErrRefused", err)
		}
	}
}

func TestVersionedIsRemembered(t *testing.T) {
	for _, test := range []struct {
		name, status string
		code         string
		want         bool
	}{
		{"never", "", "", false},
		{"on", "<Status>Enabled</Status>", "", true},
		{"once", "<Status>Suspended</Status>", "", true},
		{"denied", "", "AccessDenied", true},
		{"unknown", "", "NotImplemented", true},
		{"unheard of", "", "InvalidRequest", true},
	} {
		asked := 0
		s := answering(t, func(r *http.Request) (int, string) {
			if asked++; !r.URL.Query().Has("versioning") {
				t.Errorf("%s: asked for %s", test.name, r.URL)
			}
			if test.code != "" {
				return map[string]int{"AccessDenied": 403, "NotImplemented": 501, "InvalidRequest": 400}[test.code], "<Error><Code>" + test.code + "</Code></Error>"
			}
			return 200, "<VersioningConfiguration>" + test.status + "</VersioningConfiguration>"
		})
		for range 3 {
			if got, err := s.Versioned(t.Context()); got != test.want || err != nil {
				t.Errorf("%s: Versioned = %v, %v; want %v", test.name, got, err, test.want)
			}
		}
		if asked != 1 {
			t.Errorf("%s: asked %d times, want 1", test.name, asked)
		}
	}
	s := answering(t, func(*http.Request) (int, string) { return 503, "<Error><Code>SlowDown</Code></Error>" })
	if _, err := s.Versioned(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Versioned of a server that is busy = %v, want ErrUnavailable", err)
	}
}

func TestRetentionWithoutObjectLock(t *testing.T) {
	g := gateway.Start(t, gateway.Options{Versioning: true})
	g.Setenv(t)
	s := open(t, config(g))
	if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if _, err := s.Retention(t.Context(), "a/b", ""); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Retention in a bucket without Object Lock = %v, want errors.ErrUnsupported", err)
	}
	if err := s.SetLegalHold(t.Context(), "a/b", true); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetLegalHold in a bucket without Object Lock = %v, want errors.ErrUnsupported", err)
	}
}

// What other servers say about locks.
func TestRetentionErrors(t *testing.T) {
	for _, test := range []struct {
		code   string
		status int
		want   error
	}{
		{"InvalidRequest", 400, errors.ErrUnsupported},
		{"ObjectLockConfigurationNotFoundError", 404, errors.ErrUnsupported},
		{"NotImplemented", 501, errors.ErrUnsupported},
		{"MethodNotAllowed", 405, errors.ErrUnsupported},
		{"AccessDenied", 403, store.ErrRefused},
		{"SlowDown", 503, store.ErrUnavailable},
	} {
		s := answering(t, func(*http.Request) (int, string) { return test.status, "<Error><Code>" + test.code + "</Code></Error>" })
		if _, err := s.Retention(t.Context(), "a", "v"); !errors.Is(err, test.want) {
			t.Errorf("Retention where the server says %s = %v, want %v", test.code, err, test.want)
		}
		if err := s.SetLegalHold(t.Context(), "a", true); !errors.Is(err, test.want) {
			t.Errorf("SetLegalHold where the server says %s = %v, want %v", test.code, err, test.want)
		}
	}
	s := answering(t, func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.RawQuery, "legal-hold") {
			return 403, "<Error><Code>AccessDenied</Code></Error>"
		}
		return 404, "<Error><Code>NoSuchObjectLockConfiguration</Code></Error>"
	})
	if kept, err := s.Retention(t.Context(), "a", ""); !errors.Is(err, store.ErrRefused) {
		t.Errorf("Retention where only legal holds are a secret = %+v, %v; want ErrRefused", kept, err)
	}
}
