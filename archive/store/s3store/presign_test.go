package s3store_test

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/storetest/gateway"
)

func fetch(t *testing.T, address string) (status int, header http.Header, body string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatalf("fetch a presigned URL: %v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read what a presigned URL gives: %v", err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func TestPresign(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	c := config(g)
	c.Prefix = "some/prefix"
	s := open(t, c)
	const key = "u/jobs/r/%41 b/ü+x.json"
	if err := s.Put(t.Context(), key, store.Bytes([]byte(`{"a":1}`)), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	for _, filename := range []string{"", "log.json", `a "quoted" \ name.json`, "ünï; filename=x.json", "../../etc/passwd", "a\r\nX-Evil: 1"} {
		before := time.Now().Truncate(time.Second)
		address, expires, err := s.Presign(t.Context(), key, time.Hour, filename)
		if err != nil {
			t.Fatalf("Presign(%q): %v", filename, err)
		}
		if expires.Before(before.Add(time.Hour)) || expires.After(time.Now().Add(time.Hour)) {
			t.Errorf("Presign for an hour ends at %v, want an hour from %v", expires, before)
		}
		status, header, body := fetch(t, address)
		if status != http.StatusOK || body != `{"a":1}` {
			t.Errorf("the URL for %q answers %d %q", filename, status, body)
		}
		checkFilename(t, header, filename)
		if status, _, _ := fetch(t, strings.Replace(address, "x.json", "y.json", 1)); status != http.StatusForbidden {
			t.Errorf("the URL changed to another key answers %d, want 403", status)
		}
	}
}

func checkFilename(t *testing.T, header http.Header, filename string) {
	t.Helper()
	got := header.Get("Content-Disposition")
	if filename == "" {
		if got != "" {
			t.Errorf("without a file name the answer says %q", got)
		}
		return
	}
	want := strings.NewReplacer("/", "_", `\`, "_", "\r", "_", "\n", "_").Replace(filename)
	kind, params, err := mime.ParseMediaType(got)
	if err != nil || kind != "attachment" || params["filename"] != want {
		t.Errorf("for %q the answer says %q (%v), want an attachment called %q", filename, got, err, want)
	}
	if header.Get("X-Evil") != "" {
		t.Errorf("the file name %q became a header", filename)
	}
}

func TestPresignExpires(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	s := open(t, config(g))
	if err := s.Put(t.Context(), "a/b", store.Bytes(nil), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	address, expires, err := s.Presign(t.Context(), "a/b", time.Second, "")
	if err != nil {
		t.Fatalf("Presign: %v", err)
	}
	time.Sleep(time.Until(expires.Add(time.Second)))
	if status, _, _ := fetch(t, address); status != http.StatusForbidden {
		t.Errorf("the URL answers %d after its end, want 403", status)
	}
	_, expires, err = s.Presign(t.Context(), "a/b", 30*24*time.Hour, "")
	if days := time.Until(expires).Hours() / 24; err != nil || days > 7 || days < 6.9 {
		t.Errorf("Presign for 30 days = %v days, %v; want 7", days, err)
	}
	for _, key := range []string{"a//b", ""} {
		if _, _, err := s.Presign(t.Context(), key, time.Hour, ""); err == nil {
			t.Errorf("Presign(%q) = nil, want an error", key)
		}
	}
	if _, _, err := s.Presign(t.Context(), "a/b", 0, ""); err == nil {
		t.Error("Presign for no time = nil, want an error")
	}
}

// TestPresignWithSession takes credentials that end soon from a server such as
// containers have, which renews them.
func TestPresignWithSession(t *testing.T) {
	for _, test := range []struct {
		name      string
		lifetimes []time.Duration // of the sessions, one after the other
		want      time.Duration   // of the URL
		wantErr   bool
	}{
		{"long enough", []time.Duration{3 * time.Hour}, time.Hour, false},
		{"renewed", []time.Duration{30 * time.Minute, 6 * time.Hour}, time.Hour, false},
		{"never long enough", []time.Duration{30 * time.Minute, 40 * time.Minute}, 39 * time.Minute, false},
		{"over", []time.Duration{30 * time.Second}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			server := newCredentialServer(t, func() time.Time {
				asked++
				return time.Now().Add(test.lifetimes[min(asked, len(test.lifetimes))-1])
			})
			(&gateway.Gateway{}).Setenv(t)
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server)
			s := open(t, config(&gateway.Gateway{Bucket: "bucket", Endpoint: "http://127.0.0.1:9"}))
			address, expires, err := s.Presign(t.Context(), "a/b", time.Hour, "")
			if (err != nil) != test.wantErr {
				t.Fatalf("Presign = %v, want an error: %v", err, test.wantErr)
			}
			if err != nil {
				return
			}
			// The SDK itself ends a session up to five minutes early.
			if left := time.Until(expires); left > test.want || left < test.want-6*time.Minute {
				t.Errorf("the URL lives for %v, want %v", left, test.want)
			}
			u, err := url.Parse(address)
			if err != nil || u.Query().Get("X-Amz-Security-Token") != "session" {
				t.Errorf("the URL %s carries no session token (%v)", address, err)
			}
			before := asked
			if _, _, err := s.Presign(t.Context(), "a/b", time.Hour, ""); err != nil {
				t.Errorf("the second Presign: %v", err)
			}
			if asked != before {
				t.Errorf("the second Presign asked for credentials again at once")
			}
		})
	}
}
