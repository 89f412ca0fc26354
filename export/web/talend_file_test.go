package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/export/web"
)

// talendFile is the answer to a request for a file.
type talendFile struct {
	Size  int    `json:"size"`
	Token string `json:"token"`
}

// fileStatus is the answer to a token.
type fileStatus struct {
	Status string `json:"status"`
	URL    string `json:"presignedURL"`
}

// fetch waits until a token's file is ready and downloads it, without a key.
func (w *talendWorld) fetch(t *testing.T, id, token string) (content []byte, name string) {
	t.Helper()
	return w.fetchAs(t, w.all, id, token)
}

func (w *talendWorld) fetchAs(t *testing.T, key, id, token string) (content []byte, name string) {
	t.Helper()
	for {
		a := w.send(t, key, http.MethodPost, logs(id)+"/status", "text/plain", token)
		var s fileStatus
		if a.into(t, &s); a.status != http.StatusOK {
			t.Fatalf("status of %s: %d %s", id, a.status, a.body)
		}
		if s.Status == "IN_PROGRESS" {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		response, err := http.Get(s.URL)
		fatal(t, err)
		defer response.Body.Close()
		content, err = io.ReadAll(response.Body)
		fatal(t, err)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %d %s", s.URL, response.StatusCode, content)
		}
		_, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
		fatal(t, err)
		return content, params["filename"]
	}
}

// messages are those of a file in JSON.
func messages(t *testing.T, content []byte) []string {
	t.Helper()
	var entries []entry
	if err := json.Unmarshal(content, &entries); err != nil {
		t.Fatalf("%s: %v", content, err)
	}
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.Message
	}
	return all
}

func TestTalendFiles(t *testing.T) {
	w := newTalendWorld(t, nil)
	lines := []logged{{began, "one"}, {began + 1000, "two"}, {0, "three"}, {began + 2000, "four"}, {began + 3000, "five"}}
	w.put(t, talendJob(workspace, execution, lines))
	tests := []struct {
		query string
		lines []string
		name  string
	}{
		{"", []string{"one", "two", "three", "four", "five"}, execution + ".log"},
		{"?newFileName=true", []string{"one", "two", "three", "four", "five"}, task + "_" + execution + ".log"},
		{"?startTime=2021-06-14T07:01:46Z&fileFormat=json", []string{"two", "three", "four", "five"}, execution + ".log"},
		{"?endTime=2021-06-14T07:01:47Z&newFileName=false", []string{"one", "two", "three", "four"}, execution + ".log"},
		{"?startTime=2021-06-14T07:01:46.001Z&endTime=2021-06-14T07:01:47.9999999Z", []string{"four"}, execution + ".log"},
		{"?startTime=2021-06-14T08:00:00Z", nil, execution + ".log"},
	}
	for _, test := range tests {
		a := w.ask(t, w.all, http.MethodPost, logs(execution)+test.query)
		var f talendFile
		if a.into(t, &f); a.status != http.StatusOK || f.Size != len(test.lines) || f.Token == "" {
			t.Fatalf("POST %s: %d %s, want a file of %d lines", test.query, a.status, a.body, len(test.lines))
		}
		content, name := w.fetch(t, execution, f.Token)
		if diff := gocmp.Diff(test.lines, messages(t, content), equateEmpty); diff != "" || name != test.name {
			t.Errorf("POST %s: file %s, want %s; lines (-want +got):\n%s", test.query, name, test.name, diff)
		}
	}
	entries, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{Limit: 1})
	fatal(t, err)
	if len(entries) != 1 || entries[0].Action != "export" || entries[0].Job != execution || entries[0].User != workspace || entries[0].Key == 0 {
		t.Errorf("audit log: %+v, want the export", entries)
	}
	a := w.ask(t, w.all, http.MethodPost, logs(execution)+"?fileFormat=Text")
	var f talendFile
	a.into(t, &f)
	content, _ := w.fetch(t, execution, f.Token)
	if got := strings.Count(string(content), "\n"); got != f.Size || !strings.Contains(string(content), "three") {
		t.Errorf("as text: %d lines, want %d:\n%s", got, f.Size, content)
	}
}

// A client that asks again with the header of each 206 as endTime gets every
// line once, however many share a millisecond.
func TestTalendPartialFilesHoldEveryLineOnce(t *testing.T) {
	const limit = 7
	w := newTalendWorld(t, func(c *web.Config) { c.TalendLimit = limit })
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 8 {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", round)
		lines := randomLines(random, random.IntN(50), round%2 == 0)
		w.put(t, talendJob(workspace, id, lines))
		query, from := url.Values{}, began-1_000_000
		if random.IntN(2) == 0 {
			from = began + random.Int64N(10)
			query.Set("startTime", time.UnixMilli(from).UTC().Format(time.RFC3339Nano))
		}
		got := w.allFiles(t, id, query, limit)
		want := arranged(lines, from, began+1_000_000, false)
		slices.Sort(got)
		slices.Sort(want)
		if diff := gocmp.Diff(want, got, equateEmpty); diff != "" {
			t.Fatalf("round %d, %v: lines of all files (-want +got):\n%s", round, query, diff)
		}
	}
}

// allFiles asks for files until one is whole. Only a single millisecond may
// make one longer than limit.
func (w *talendWorld) allFiles(t *testing.T, id string, query url.Values, limit int) (all []string) {
	t.Helper()
	for {
		a := w.ask(t, w.all, http.MethodPost, logs(id)+"?"+query.Encode())
		var f talendFile
		a.into(t, &f)
		content, _ := w.fetch(t, id, f.Token)
		got := messages(t, content)
		var entries []entry
		fatal(t, json.Unmarshal(content, &entries))
		if len(got) != f.Size {
			t.Fatalf("%s ?%s: size %d, the file has %d lines", id, query.Encode(), f.Size, len(got))
		}
		if f.Size > limit && !oneMillisecond(entries) {
			t.Fatalf("%s ?%s: a file of %d lines, the limit is %d", id, query.Encode(), f.Size, limit)
		}
		all = append(all, got...)
		next := a.header.Get("X-Log-Next-Request-End-Time")
		if (a.status == http.StatusPartialContent) != (next != "") || f.Size == 0 && next != "" {
			t.Fatalf("%s ?%s: %d of %d lines, next %q", id, query.Encode(), a.status, f.Size, next)
		}
		if next == "" {
			return all
		}
		query.Set("endTime", next)
	}
}

func oneMillisecond(entries []entry) bool {
	return !slices.ContainsFunc(entries, func(e entry) bool { return e.Timestamp != entries[0].Timestamp })
}

func TestTalendPartialFilesOnlyWhereConfigured(t *testing.T) {
	var lines []logged
	for i := range 20 {
		lines = append(lines, logged{began + int64(i)/2, "line " + strconv.Itoa(i)})
	}
	tests := []struct {
		limit  int64
		query  string
		status int
		size   int
		next   string
	}{
		{0, "", http.StatusOK, 20, ""},
		{20, "", http.StatusOK, 20, ""},
		{10, "?startTime=2021-06-14T07:01:45.005Z", http.StatusOK, 10, ""},
		{19, "", http.StatusPartialContent, 18, "2021-06-14T07:01:45.000Z"},
		{18, "", http.StatusPartialContent, 18, "2021-06-14T07:01:45.000Z"},
		{3, "", http.StatusPartialContent, 2, "2021-06-14T07:01:45.008Z"},
		{1, "", http.StatusPartialContent, 2, "2021-06-14T07:01:45.008Z"},
		{1, "?endTime=2021-06-14T07:01:45Z", http.StatusOK, 2, ""},
	}
	for _, test := range tests {
		w := newTalendWorld(t, func(c *web.Config) { c.TalendLimit = test.limit })
		w.put(t, talendJob(workspace, execution, lines))
		a := w.ask(t, w.all, http.MethodPost, logs(execution)+test.query)
		var f talendFile
		a.into(t, &f)
		next := a.header.Get("X-Log-Next-Request-End-Time")
		if a.status != test.status || f.Size != test.size || next != test.next {
			t.Errorf("limit %d %s: %d, %d lines, next %q; want %d, %d, %q", test.limit, test.query, a.status, f.Size, next, test.status, test.size, test.next)
		}
	}
}

// Times that are finer than a millisecond are in the one that a client knows
// them by.
func TestTalendFilesOfFinerTimes(t *testing.T) {
	w := newTalendWorld(t, func(c *web.Config) { c.TalendLimit = 2 })
	record, err := os.ReadFile(filepath.Join("..", "..", "testdata", "records", "virtuousai", "virtuousai-run.json"))
	fatal(t, err)
	var run map[string]any
	fatal(t, json.Unmarshal(record, &run))
	var entries []map[string]any
	for i, at := range []string{"45.0000001Z", "45.0015Z", "45.001Z", "45.0019999Z", "45.003Z", "45.0030001Z"} {
		entries = append(entries, map[string]any{"id": i, "message": "line " + strconv.Itoa(i), "level": "info", "occurred_at": "2021-06-14T07:01:" + at})
	}
	run["logs"] = entries
	record, err = json.Marshal(run)
	fatal(t, err)
	info := w.put(t, record)
	w.all = w.key(t, info.User, "read", "export")
	got := w.allFiles(t, info.Job, url.Values{}, 2)
	want := []string{"line 4", "line 5", "line 1", "line 2", "line 3", "line 0"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("lines of all files, newest file first (-want +got):\n%s", diff)
	}
}
