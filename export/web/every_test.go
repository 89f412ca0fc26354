package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/export/access"
	"logstow/export/web"
)

// The id is one that every family takes, Talend's DELETE too.
const someID = "aec20220-f745-4da6-a5e0-b6dfe083eee5"

// someExport looks like the id of an export.
const someExport = "0123456789abcdef0123456789abcdef"

// requestFor is a request of a route about a job (or an export), as complete
// as if it were there.
func requestFor(rt web.Route, token string) request {
	id := someID
	if strings.HasPrefix(rt.Path, "/v1/exports") {
		id = someExport
	}
	q := request{method: rt.Method, path: strings.ReplaceAll(rt.Path, "{id}", id)}
	switch {
	case rt.Path == "/v1/exports" && rt.Method == http.MethodPost:
		q.body = fmt.Sprintf(`{"format":"json","jobs":[%q]}`, someID)
	case strings.HasPrefix(rt.Path, "/v1/tokens/"), strings.HasSuffix(rt.Path, "/logs/status"):
		q.body = fmt.Sprintf(`{"token":%q}`, token)
		if rt.Family == "talend" {
			q.body = fmt.Sprintf("%q", token)
		}
	}
	return q
}

// form is which family an error body belongs to.
func form(body string) string {
	for _, f := range []struct{ mark, family string }{
		{`"request_id":`, "logstow"}, {`"requestId":`, "talend"}, {`"title":`, "virtuousai"}, {`"error":{"type":`, "apify"},
	} {
		if strings.Contains(body, f.mark) {
			return f.family
		}
	}
	return "none of them"
}

func TestEveryRouteRefuses(t *testing.T) {
	w := newWorld(t)
	may := map[access.Permission]string{}
	for _, p := range access.Permissions() {
		may[p] = w.key(t, "", p)
	}
	lacks := func(rt web.Route) string {
		for p, key := range may {
			if p != rt.May {
				return key
			}
		}
		return ""
	}
	routes := web.RoutesOf(w.serve(t, nil).server)
	if len(routes) < 15 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, rt := range routes {
		if rt.Public {
			continue
		}
		t.Run(rt.Method+" "+rt.Path, func(t *testing.T) {
			t.Parallel()
			s := w.serve(t, nil) // each has its own count of failed authentications
			q := requestFor(rt, "lst_0")
			check := func(what string, status int, change func(*request)) reply {
				t.Helper()
				one := q
				change(&one)
				got := s.do(t, one)
				if got.status != status {
					t.Errorf("%s: status %d, want %d: %s", what, got.status, status, got.body)
				}
				if f := form(got.body); f != rt.Family {
					t.Errorf("%s: the body is %s's, want %s's: %s", what, f, rt.Family, got.body)
				}
				if len(got.header.Get("X-Request-Id")) != 32 {
					t.Errorf("%s: X-Request-Id is %q", what, got.header.Get("X-Request-Id"))
				}
				return got
			}
			none := check("no key", http.StatusUnauthorized, func(*request) {})
			if none.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate beside 401")
			}
			check("another's key", http.StatusUnauthorized, func(q *request) { q.key = may[access.Read] + "x" })
			check("two keys", http.StatusUnauthorized, func(q *request) {
				q.key, q.header = may[rt.May], map[string]string{"X-API-Key": may[rt.May]}
			})
			check("no Bearer", http.StatusUnauthorized, func(q *request) {
				q.header = map[string]string{"Authorization": "Basic " + may[rt.May]}
			})
			check("a key without the permission", http.StatusForbidden, func(q *request) { q.key = lacks(rt) })
			check("another method", http.StatusMethodNotAllowed, func(q *request) { q.method = http.MethodPatch })
			large := http.StatusRequestEntityTooLarge
			if rt.Family == "talend" {
				large = http.StatusBadRequest // it has no other
			}
			check("a huge body", large, func(q *request) {
				q.key, q.body = may[rt.May], strings.Repeat(" ", web.MaxBody+1)
			})
		})
	}
}

// Of two worlds one has a job, an export and a token, all another user's or
// another key's. Nobody else sees a difference.
func TestAnotherUsersIsMissing(t *testing.T) {
	var answers [2][]string
	var names []string
	token := ""
	for i, there := range []bool{true, false} {
		w := newWorld(t)
		s := w.serve(t, nil)
		other := w.key(t, "other", access.Permissions()...)
		mine := w.key(t, "mine", access.Permissions()...)
		at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
		w.put(t, "mine", "r", "own", at, job("mine", "r", "own", at, 1))
		if there {
			w.put(t, "other", "r", someID, at, job("other", "r", someID, at, 3))
			token = s.createExport(t, other, fmt.Sprintf(`{"format":"text","jobs":[%q]}`, someID)).Token
		}
		for _, rt := range web.RoutesOf(s.server) {
			if rt.Public {
				continue
			}
			for _, more := range []string{"", "?user=other", "?user=nobody", "?recipe=r"} {
				q := requestFor(rt, token)
				q.key, q.path = mine, q.path+more
				if strings.HasPrefix(q.path, "/v1/exports/") && there {
					q.path = strings.Replace(q.path, someExport, s.lastExport(t), 1)
				}
				got := s.do(t, q)
				if more == "" && i == 0 {
					names = append(names, rt.Method+" "+rt.Path)
				}
				answers[i] = append(answers[i], anonymised(got))
			}
		}
	}
	for i := range answers[0] {
		if diff := cmp.Diff(answers[1][i], answers[0][i]); diff != "" {
			t.Errorf("%s: another user's differs from none (-none +another's):\n%s", names[i/4], diff)
		}
		named := strings.Contains(names[i/4], "{id}") && !strings.Contains(names[i/4], "exports")
		if diff := cmp.Diff(answers[1][i/4*4], answers[0][i]); named && diff != "" {
			t.Errorf("%s: whose job it is said to be tells something (-nobody's +somebody's):\n%s", names[i/4], diff)
		}
	}
}

// anonymised is all of a reply but what differs between any two.
func anonymised(a reply) string {
	id := a.header.Get("X-Request-Id")
	a.header.Del("X-Request-Id")
	a.header.Del("Date")
	return fmt.Sprint(a.status, "\n", a.header, "\n", strings.ReplaceAll(a.body, id, "ID"))
}

func TestUnknownPaths(t *testing.T) {
	s := newWorld(t).serve(t, nil)
	for path, family := range map[string]string{
		"/":                             "logstow",
		"/v1":                           "logstow",
		"/v1/":                          "logstow",
		"/v1/jobs/a/b/c":                "logstow",
		"/v1//jobs":                     "logstow",
		"/v1/jobs/../jobs":              "logstow",
		"/nothing":                      "logstow",
		"/healthz/":                     "logstow",
		"/monitoring/executions/x/else": "talend",
		"/monitoring":                   "talend",
		"/v2/nothing":                   "apify",
		"/v2/logs/":                     "apify",
		"/api/v1/other":                 "virtuousai",
	} {
		got := s.do(t, request{path: path})
		if got.status != http.StatusNotFound || form(got.body) != family {
			t.Errorf("GET %s: %d %s, want %s's 404", path, got.status, got.body, family)
		}
	}
}

func TestOptionsTellMethods(t *testing.T) {
	s := newWorld(t).serve(t, nil)
	got := s.do(t, request{method: http.MethodOptions, path: "/v1/exports"}).want(t, http.StatusNoContent)
	if allow := got.header.Get("Allow"); allow != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("Allow: %q", allow)
	}
	got = s.do(t, request{method: http.MethodPut, path: "/v1/exports"}).want(t, http.StatusMethodNotAllowed)
	if allow := got.header.Get("Allow"); allow != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("Allow: %q", allow)
	}
}
