package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/export/access"
)

// event is a server-sent event as a client makes it out.
type event struct{ id, kind, data string }

// eventsIn reads a stream as the HTML standard has it: lines end with CR, LF or
// both, a blank one sends what came before it, an unfinished event is lost.
func eventsIn(stream string) (all []event, comments int) {
	var e event
	lastID, some := "", false
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	whole, _, _ := cutLast(stream, "\n")
	for line := range strings.SplitSeq(whole, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if some {
				e.id, e.data = lastID, strings.TrimSuffix(e.data, "\n")
				all = append(all, e)
			}
			e, some = event{}, false
		case name == "":
			comments++
		case name == "id":
			lastID = value
		case name == "event":
			e.kind = value
		case name == "data":
			e.data, some = e.data+value+"\n", true
		}
	}
	return all, comments
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

// streamOf is a finished job's stream after an event.
func (w *logWorld) streamOf(t testing.TB, path, key, lastEventID string) []event {
	t.Helper()
	var headers []string
	if lastEventID != "" {
		headers = []string{"Last-Event-ID", lastEventID}
	}
	a := w.get(t, path, key, headers...)
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-store, private"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("GET %s: %s %q, want %q", path, name, got, want)
		}
	}
	all, _ := eventsIn(a.body)
	return all
}

func TestVirtuousStream(t *testing.T) {
	w := newLogWorld(t, -1)
	w.putFile(t, "virtuousai/virtuousai-run.json")
	key := w.key(t, virtuousUser, access.Read)
	entry := func(id string) string {
		for _, e := range w.streamOf(t, virtuousLogs+"/stream", key, "") {
			if e.id == id {
				return e.data
			}
		}
		return ""
	}
	const third = `{"id":"log_xyz812","level":"warning","event":"run_interrupted","message":"SIGTERM received, saving checkpoint",` +
		`"data":{"resource":"events","completed_slices":2,"total_slices":104},"worker_id":"worker-abc-123","attempt":1,"occurred_at":"2026-01-23T10:32:20Z"}`
	if got := entry("2"); got != third {
		t.Errorf("the third entry: %s\nwant %s", got, third)
	}
	end := event{"end", "end", `{"status":"completed"}`}
	got := w.streamOf(t, virtuousLogs+"/stream?level=warning", key, "")
	if diff := cmp.Diff([]event{{"2", "", third}, end}, got, cmp.AllowUnexported(event{})); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if a := w.ask(t, http.MethodGet, virtuousLogs+"/stream", key, "Last-Event-ID", "end"); a.status != http.StatusNoContent || a.body != "" {
		t.Errorf("after the end: %d %q, want 204 and nothing", a.status, a.body)
	}
	if a := w.ask(t, http.MethodHead, virtuousLogs+"/stream", key); a.status != http.StatusOK || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
}

// Whichever event a client saw last, it gets exactly the rest.
func TestVirtuousResume(t *testing.T) {
	const n = 40
	w := newLogWorld(t, -1)
	w.put(t, virtuousRecord(t, "resumed", n))
	var log strings.Builder
	for i := range n {
		fmt.Fprintf(&log, "2026-01-02T03:04:05.%03dZ ERROR line %d\n", i, i)
	}
	w.put(t, apifyRecord(t, "resumed-text", log.String()))
	key := w.key(t, "", access.Read)
	for _, job := range []string{"resumed", "resumed-text"} {
		for _, level := range []string{"", "?level=error"} {
			path := "/api/v1/action-runs/" + job + "/logs/stream" + level
			whole := w.streamOf(t, path, key, "")
			list := w.page(t, "/api/v1/action-runs/"+job+"/logs?limit=1000"+strings.Replace(level, "?", "&", 1), key)
			if len(whole) != len(list.Logs)+1 || len(whole) < 2 {
				t.Fatalf("%s: %d events for %d entries", path, len(whole), len(list.Logs))
			}
			for i, e := range whole[:len(whole)-1] {
				var got map[string]any
				must(t, json.Unmarshal([]byte(e.data), &got))
				if diff := cmp.Diff(list.Logs[i], got); diff != "" {
					t.Errorf("%s: event %d (-list +stream):\n%s", path, i, diff)
				}
				rest := w.streamOf(t, path, key, e.id)
				if diff := cmp.Diff(whole[i+1:], rest, cmp.AllowUnexported(event{})); diff != "" {
					t.Errorf("%s after %s (-want +got):\n%s", path, e.id, diff)
				}
			}
		}
	}
}

// However a stream breaks off, a client that comes back with the last id that
// it saw has every entry once.
func TestVirtuousResumeAfterACut(t *testing.T) {
	w := newLogWorld(t, -1)
	w.put(t, virtuousRecord(t, "cut", 12))
	key := w.key(t, "", access.Read)
	const path = "/api/v1/action-runs/cut/logs/stream"
	body := w.get(t, path, key).body
	whole, _ := eventsIn(body)
	for at := 0; at < len(body); at += 17 {
		seen, _ := eventsIn(body[:at])
		last := ""
		if len(seen) > 0 {
			last = seen[len(seen)-1].id
		}
		got := slices.Concat(seen, w.streamOf(t, path, key, last))
		if diff := cmp.Diff(whole, got, cmp.AllowUnexported(event{})); diff != "" {
			t.Errorf("cut after %d bytes (-want +got):\n%s", at, diff)
		}
	}
}

// A client that goes away ends the reading, long before the log's end.
func TestVirtuousStreamToNobody(t *testing.T) {
	w := newLogWorld(t, -1)
	log := strings.Repeat("2026-01-02T03:04:05.000Z "+strings.Repeat("long ", 2000)+"\n", 3000)
	w.put(t, apifyRecord(t, "long", log))
	key := w.key(t, "", access.Read)
	var wrote counter
	done := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer close(done)
		w.server.Config.Handler.ServeHTTP(&counting{ResponseWriter: rw, counter: &wrote}, r)
	}))
	defer front.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, front.URL+"/api/v1/action-runs/long/logs/stream", http.NoBody)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || line != "id: 0\n" {
		t.Fatalf("first line %q, %v", line, err)
	}
	hangUp()
	<-done
	if got := wrote.get(); got >= len(log) {
		t.Errorf("%d of %d bytes were written to a client that hung up after the first line", got, len(log))
	}
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
}

func (c *counter) get() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// counting counts what it is given to write, whether anybody takes it or not.
type counting struct {
	http.ResponseWriter
	counter *counter
}

func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counting) Write(p []byte) (int, error) {
	c.counter.add(len(p))
	return c.ResponseWriter.Write(p)
}

// Whatever a client says that it saw last, it gets the rest of the log, all of
// it, or nothing more, and never an error.
func FuzzLastEventID(f *testing.F) {
	w := newLogWorld(f, -1)
	w.putFile(f, "virtuousai/virtuousai-run.json")
	key := w.key(f, virtuousUser, access.Read)
	whole := w.streamOf(f, virtuousLogs+"/stream", key, "")
	for _, id := range []string{"0", "3", "4", "end", "-1", "+1", "01", "99999999999999999999", "1e3", "", "\x00", "1\r\ndata: x"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+virtuousLogs+"/stream", http.NoBody)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Last-Event-ID", id)
		response := w.serve(r)
		body, err := io.ReadAll(response.Body)
		must(t, err)
		got, _ := eventsIn(string(body))
		if id == "end" {
			if response.Code != http.StatusNoContent || len(body) > 0 {
				t.Errorf("after %q: %d %s", id, response.Code, body)
			}
			return
		}
		from := 0
		for i, e := range whole {
			if e.id == id {
				from = i + 1
			}
		}
		if n := len(got); response.Code != http.StatusOK || n == 0 || n < len(whole) && from == 0 && !isNumber(id) {
			t.Fatalf("after %q: %d, %d events", id, response.Code, n)
		}
		if want := whole[len(whole)-len(got):]; !cmp.Equal(want, got, cmp.AllowUnexported(event{})) || from > 0 && len(got) != len(whole)-from {
			t.Errorf("after %q: %v", id, got)
		}
	})
}

func isNumber(id string) bool {
	return id != "" && strings.Trim(id, "0123456789") == ""
}
