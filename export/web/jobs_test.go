package web_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export/access"
)

// jobsPage is a page of jobs as a client reads it.
type jobsPage struct {
	Jobs []struct {
		User string `json:"user_id"`
		Job  string `json:"job_id"`
		Key  string `json:"key"`
	} `json:"jobs"`
	Next string `json:"next_cursor"`
}

func (r *running) jobs(t testing.TB, key, path string) jobsPage {
	t.Helper()
	var p jobsPage
	fatal(t, json.Unmarshal([]byte(r.do(t, request{path: path, key: key}).want(t, http.StatusOK).body), &p))
	return p
}

// rows records jobs in the ledger alone, of ids from first on.
func (w *world) rows(t testing.TB, user string, first, n int, at func() time.Time) {
	t.Helper()
	var b ledger.Batch
	for i := range n {
		id := fmt.Sprintf("%s-%d", user, first+i)
		b.Documents = append(b.Documents, ledger.Document{
			Kind: "job", User: user, Recipe: "r", Job: id, Status: []string{"succeeded", "Failed"}[i%2], Time: at(),
			Key: user + "/" + id, InputHash: store.Bytes([]byte(id)).SHA256,
		})
	}
	fatal(t, w.ledger.Commit(t.Context(), b))
}

// Page by page while jobs arrive: none twice, and none left out that was there
// at the start.
func TestPagesWhileJobsArrive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	at := func() time.Time { // few different ones, so that many share one
		mu.Lock()
		defer mu.Unlock()
		return start.Add(time.Duration(random.IntN(3)) * time.Hour)
	}
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "a", access.Read)
	w.rows(t, "a", 0, 200, at)
	w.rows(t, "b", 0, 200, at)
	seen, pages := map[string]int{}, 0
	cursor := ""
	for {
		limit := 1 + random.IntN(30)
		page := s.jobs(t, key, query("/v1/jobs", "limit", fmt.Sprint(limit), "cursor", cursor))
		if len(page.Jobs) > limit || page.Next != "" && len(page.Jobs) != limit {
			t.Fatalf("a page of %d jobs, limit %d, next %q", len(page.Jobs), limit, page.Next)
		}
		for _, j := range page.Jobs {
			if j.User != "a" {
				t.Fatalf("a's key sees %s", j.Key)
			}
			seen[j.Job]++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
		w.rows(t, "a", 1000+10*pages, 5, at)
		w.rows(t, "b", 1000+10*pages, 5, at)
		pages++
	}
	if pages < 5 {
		t.Fatalf("only %d pages", pages)
	}
	for i := range 200 {
		if id := fmt.Sprintf("a-%d", i); seen[id] != 1 {
			t.Errorf("%s was listed %d times", id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("%s was listed %d times", id, n)
		}
	}
}

func TestJobFilters(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	all, ofA := w.key(t, "", access.Read), w.key(t, "a", access.Read)
	hour := 0
	w.rows(t, "a", 0, 4, func() time.Time { hour++; return time.Date(2026, 11, 19+hour, 12, 0, 0, 0, time.UTC) })
	w.rows(t, "b", 0, 1, func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) })
	for _, tt := range []struct{ key, query, want string }{
		{all, "", "a-3 a-2 a-1 a-0 b-0"},
		{ofA, "", "a-3 a-2 a-1 a-0"},
		{ofA, "user=a", "a-3 a-2 a-1 a-0"},
		{ofA, "user=b", ""},
		{all, "user=b", "b-0"},
		{all, "user=b&recipe=r", "b-0"},
		{all, "recipe=other", ""},
		{all, "status=FAILED", "a-3 a-1"},
		{all, "user=a&status=failed,succeeded", "a-3 a-2 a-1 a-0"},
		{all, "user=a&status=failed&status=succeeded", "a-3 a-2 a-1 a-0"},
		{all, "kind=activity", ""},
		{all, "from=2026-11-21&to=2026-11-22", "a-2 a-1"},
		{all, "from=2026-11-21T12:00:01Z&to=2026-11-22T12:00:00Z", ""},
	} {
		var ids []string
		for _, j := range s.jobs(t, tt.key, "/v1/jobs?"+tt.query).Jobs {
			ids = append(ids, j.Job)
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("GET /v1/jobs?%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}

func TestJobParametersThatAreRefused(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "", access.Read)
	for q, part := range map[string]string{
		"staus=failed":                      `no parameter \"staus\" here; there are user, recipe, status`,
		"limit=0":                           "limit: ",
		"limit=1001":                        "limit: ",
		"limit=1&limit=2":                   "limit: given more than once",
		"from=yesterday":                    "from: ",
		"from=2026-11-22&to=2026-11-20":     "from is not before to",
		"kind=jobs":                         "kind: ",
		"status=a,,b":                       "status: ",
		"cursor=x":                          "cursor: ",
		"cursor=%00":                        "cursor: ",
		"a=%zz":                             "the query can't be read",
		"a;b":                               "the query can't be read",
		"cursor=" + strings.Repeat("A", 59): "cursor: ",
	} {
		got := s.do(t, request{path: "/v1/jobs?" + q, key: key})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, part) {
			t.Errorf("GET /v1/jobs?%s: %d %s, want 400 and %s", q, got.status, got.body, part)
		}
	}
}

// A cursor is good for the query that it was given for, and tells nothing.
func TestCursorsFitTheirQuery(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	all, ofA := w.key(t, "", access.Read), w.key(t, "a", access.Read)
	same := func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }
	w.rows(t, "a", 0, 5, same)
	cursor := s.jobs(t, all, "/v1/jobs?user=a&limit=2").Next
	for _, tt := range []struct {
		key    string
		status int
		query  []string
	}{
		{all, http.StatusOK, []string{"user", "a"}},
		{all, http.StatusOK, []string{"user", "a", "limit", "1"}},
		{ofA, http.StatusOK, nil}, // the same jobs
		{all, http.StatusBadRequest, nil},
		{all, http.StatusBadRequest, []string{"user", "a", "status", "failed"}},
		{all, http.StatusBadRequest, []string{"user", "a", "from", "2026-01-01"}},
	} {
		got := s.do(t, request{path: query("/v1/jobs", append(tt.query, "cursor", cursor)...), key: tt.key})
		if got.status != tt.status {
			t.Errorf("the cursor of user=a with %q: %d %s, want %d", tt.query, got.status, got.body, tt.status)
		}
	}
	tampered := []string{cursor + "\n", cursor[:9] + "\r\n" + cursor[9:], cursor + "=", cursor + cursor}
	for i := range len(cursor) {
		changed := []byte(cursor)
		changed[i] ^= 1
		tampered = append(tampered, string(changed))
	}
	// There are bits in the last character that say nothing.
	for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if changed := cursor[:len(cursor)-1] + string(last); changed != cursor {
			tampered = append(tampered, changed)
		}
	}
	for i, changed := range tampered {
		path := query("/v1/jobs", "user", "a", "cursor", changed)
		if got := s.do(t, request{path: path, key: all}); got.status != http.StatusBadRequest {
			t.Errorf("tampered cursor %d, %q instead of %q: %d %s", i, changed, cursor, got.status, got.body)
		}
	}
	// Another server of the same ledger takes it.
	again := w.serve(t, nil).jobs(t, all, query("/v1/jobs", "user", "a", "cursor", cursor))
	if len(again.Jobs) != 3 {
		t.Errorf("another server lists %d jobs after 2 of 5", len(again.Jobs))
	}
	if slices.Contains([]string{cursor}, s.jobs(t, all, "/v1/jobs?user=a&limit=2").Next) {
		t.Error("two cursors of one place are the same")
	}
}

func FuzzJobsQuery(f *testing.F) {
	w := newWorld(f)
	w.rows(f, "a", 0, 3, time.Now)
	s := w.serve(f, nil)
	key := w.key(f, "a", access.Read)
	cursor := s.jobs(f, key, "/v1/jobs?limit=1").Next
	for _, seed := range []string{
		"", "limit=1&cursor=" + cursor, "user=a&user=b", "from=2026-11-21&to=9999-12-31", "status=%00,%ff",
		"from=0000-01-01T00:00:00Z", "to=9999-12-31", "kind=job&kind=log", "recipe=%F0%9F%92%A9&%zz", "limit=9223372036854775808",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u := url.URL{Path: "/v1/jobs", RawQuery: raw}
		if strings.ContainsAny(raw, " #\x7f") || strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' }) {
			return // no request can carry it
		}
		got := s.do(t, request{path: u.RequestURI(), key: key})
		if got.status != http.StatusOK && got.status != http.StatusBadRequest {
			t.Errorf("GET /v1/jobs?%s: %d %s", raw, got.status, got.body)
		}
	})
}
