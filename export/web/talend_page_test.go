package web_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
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

	"logstow/layout/jobfile"
)

// page is a page of entries as a client sees it.
type page struct {
	Size              int     `json:"size"`
	TotalSize         int     `json:"totalSize"`
	TotalSizeFiltered int     `json:"totalSizeFiltered"`
	Data              []entry `json:"data"`
	NextIndex         *int    `json:"nextIndex"`
}

type entry struct {
	Severity  string `json:"severity"`
	Timestamp int64  `json:"logTimestamp"`
	Message   string `json:"logMessage"`
}

// logged is an entry that a test archives; at is 0 where it has no time.
type logged struct {
	at      int64
	message string
}

// talendJob is a record of Talend's with these entries.
func talendJob(user, id string, lines []logged) []byte {
	entries := make([]map[string]any, len(lines))
	for i, l := range lines {
		entries[i] = map[string]any{"severity": "INFO", "logType": "APPLICATION", "logMessage": l.message}
		if l.at != 0 {
			entries[i]["logTimestamp"] = l.at
		}
	}
	b, _ := json.Marshal(map[string]any{
		"executionId": id, "workspaceId": user, "taskId": task, "executionStatus": "EXECUTION_SUCCESS",
		"startTimestamp": "2021-06-14T07:01:45Z", "finishTimestamp": "2021-06-14T07:02:03Z", "logs": entries,
	})
	return b
}

// began is the millisecond at which jobs of talendJob began.
var began = time.Date(2021, 6, 14, 7, 1, 45, 0, time.UTC).UnixMilli()

// randomLines are lines of which many share a millisecond and many have no
// time; in order or not.
func randomLines(random *rand.Rand, n int, ordered bool) []logged {
	lines := make([]logged, n)
	at := began
	for i := range lines {
		switch {
		case ordered:
			at += random.Int64N(3) / 2 * (1 + random.Int64N(5))
		default:
			at = began + random.Int64N(int64(n))/3
		}
		lines[i] = logged{at: at, message: "line " + strconv.Itoa(i)}
		if random.IntN(5) == 0 {
			lines[i].at = 0
		}
	}
	return lines
}

// arranged is what a client is to see of lines: those from one millisecond to
// another, by time.
func arranged(lines []logged, from, to int64, newestFirst bool) []string {
	var kept []logged
	at := began
	for _, l := range lines {
		if l.at != 0 {
			at = l.at
		}
		if from <= at && at <= to {
			kept = append(kept, logged{at, l.message})
		}
	}
	slices.SortStableFunc(kept, func(a, b logged) int { return cmp.Compare(a.at, b.at) })
	if newestFirst {
		slices.Reverse(kept)
	}
	messages := make([]string, len(kept))
	for i, l := range kept {
		messages[i] = l.message
	}
	return messages
}

// A client that goes on as long as there is a nextIndex gets every line once,
// in the order that it asked for.
func TestTalendPagesHoldEveryLineOnce(t *testing.T) {
	w := newTalendWorld(t, nil)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 8 {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", round)
		lines := randomLines(random, random.IntN(230), round%2 == 0)
		w.put(t, talendJob(workspace, id, lines))
		for _, order := range []string{"ASC", "desc", ""} {
			query, from, to := url.Values{}, began-1_000_000, began+1_000_000
			if random.IntN(2) == 0 {
				from, to = began+random.Int64N(20), began+20+random.Int64N(60)
				query.Set("startTime", time.UnixMilli(from).UTC().Format(time.RFC3339Nano))
				query.Set("endTime", time.UnixMilli(to).UTC().Format(time.RFC3339Nano))
			}
			if order != "" {
				query.Set("order", order)
			}
			query.Set("count", strconv.Itoa(1+random.IntN(60)))
			got := w.allPages(t, id, query, len(lines))
			want := arranged(lines, from, to, order != "ASC")
			if diff := gocmp.Diff(want, got, equateEmpty); diff != "" {
				t.Fatalf("round %d, %v: lines (-want +got):\n%s", round, query, diff)
			}
		}
	}
}

// equateEmpty takes no slice for an empty one.
var equateEmpty = gocmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })

// allPages follows nextIndex to the end.
func (w *talendWorld) allPages(t *testing.T, id string, query url.Values, total int) []string {
	t.Helper()
	var messages []string
	for next := 0; ; {
		query.Set("startIndex", strconv.Itoa(next))
		a := w.ask(t, w.all, http.MethodGet, logs(id)+"?"+query.Encode())
		var p page
		if a.into(t, &p); a.status != http.StatusOK || p.Size != len(p.Data) || p.TotalSize != total {
			t.Fatalf("%v: %d %s, want a page of %d lines", query, a.status, a.body, total)
		}
		if more := next+p.Size < p.TotalSizeFiltered; (p.NextIndex != nil) != more {
			t.Fatalf("%v: %d lines of %d from %d and nextIndex %v", query, p.Size, p.TotalSizeFiltered, next, p.NextIndex)
		}
		for _, e := range p.Data {
			messages = append(messages, e.Message)
		}
		if p.NextIndex == nil {
			if p.TotalSizeFiltered != len(messages) {
				t.Fatalf("%v: totalSizeFiltered %d, got %d lines", query, p.TotalSizeFiltered, len(messages))
			}
			return messages
		}
		if *p.NextIndex <= next {
			t.Fatalf("%v: nextIndex %d", query, *p.NextIndex)
		}
		next = *p.NextIndex
	}
}

func TestTalendPageWithoutParameters(t *testing.T) {
	w := newTalendWorld(t, nil)
	var lines []logged
	for i := range 51 {
		lines = append(lines, logged{began + int64(i), "line " + strconv.Itoa(i)})
	}
	w.put(t, talendJob(workspace, execution, lines))
	a := w.ask(t, w.all, http.MethodGet, logs(execution))
	var p page
	a.into(t, &p)
	if p.Size != 50 || p.NextIndex == nil || *p.NextIndex != 50 || p.Data[0].Message != "line 50" {
		t.Errorf("GET: %s, want the newest 50 of 51 lines and nextIndex 50", a.body)
	}
	if a := w.ask(t, w.all, http.MethodGet, logs(execution)+"?startIndex=51"); !bytes.Contains(a.body, []byte(`"data":[]`)) {
		t.Errorf("GET beyond the end: %s, want an empty page", a.body)
	}
	if a := w.ask(t, w.all, http.MethodHead, logs(execution)); a.status != http.StatusOK || len(a.body) != 0 {
		t.Errorf("HEAD: %d %s, want 200 and no body", a.status, a.body)
	}
}

// A page may be far larger than what is held of it in memory.
func TestTalendPageOfLongLines(t *testing.T) {
	w := newTalendWorld(t, nil)
	var lines []logged
	for i := range 3 {
		lines = append(lines, logged{began + int64(i), string(bytes.Repeat([]byte{byte('a' + i)}, 1_600_000))})
	}
	w.put(t, talendJob(workspace, execution, lines))
	var p page
	w.ask(t, w.all, http.MethodGet, logs(execution)).into(t, &p)
	if len(p.Data) != len(lines) || p.TotalSize != len(lines) {
		t.Fatalf("%d entries of %d, want %d", len(p.Data), p.TotalSize, len(lines))
	}
	for i, e := range p.Data {
		if want := lines[len(lines)-1-i].message; e.Message != want {
			t.Errorf("entry %d has %d bytes that begin with %.1s, want %d and %.1s", i, len(e.Message), e.Message, len(want), want)
		}
	}
}

// Every record of the testdata, of whatever platform and kind, has pages and
// files of the same number of lines.
func TestTalendPageOfEveryPlatform(t *testing.T) {
	w := newTalendWorld(t, nil)
	everybody := w.key(t, "", "read", "export")
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "records", "*", "*.json"))
	fatal(t, err)
	n := 0
	for _, file := range files {
		record, err := os.ReadFile(file)
		fatal(t, err)
		info, err := readRecord(record)
		var broken *jobfile.Error
		if errors.As(err, &broken) {
			continue
		}
		fatal(t, err)
		n++
		w.put(t, record)
		path := logs(url.PathEscape(info.Job)) + "?" + url.Values{"user": {info.User}, "recipe": {info.Recipe}}.Encode()
		a := w.ask(t, everybody, http.MethodGet, path)
		var p page
		if a.into(t, &p); a.status != http.StatusOK || info.LineCount > 0 && int64(p.TotalSize) != info.LineCount {
			t.Errorf("%s: %d %s, want %d lines", file, a.status, a.body, info.LineCount)
		}
		var f talendFile
		a = w.ask(t, everybody, http.MethodPost, path)
		if a.into(t, &f); a.status != http.StatusOK || f.Size != p.TotalSize {
			t.Errorf("%s: POST answers %d %s, want a file of %d lines", file, a.status, a.body, p.TotalSize)
			continue
		}
		content, _ := w.fetchAs(t, everybody, url.PathEscape(info.Job), f.Token)
		if got := messages(t, content); len(got) != f.Size {
			t.Errorf("%s: the file has %d lines, want %d", file, len(got), f.Size)
		}
	}
	if n < 50 {
		t.Errorf("%d records among the testdata, want at least 50", n)
	}
}

func TestTalendParametersThatAreRefused(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	for _, query := range []string{
		"count=0", "count=201", "count=-1", "count=1.5", "count=many", "count=99999999999999999999", "count=1&count=2",
		"startIndex=-1", "startIndex=x", "startIndex=9223372036854775808", "order=UP", "order=ASC&order=DESC",
		"startTime=yesterday", "startTime=2021-06-14", "startTime=2021-06-14T07:01:45", "startTime=1623654105204",
		"endTime=9999-12-31T23:59:59-12:00", "endTime=0000-01-01T00:00:00Z", "endTime=2021-06-14T07:01:45Z&endTime=2021-06-14T07:01:45Z",
		"startTime=2021-06-14T07:01:46Z&endTime=2021-06-14T07:01:45Z", "count=%zz", "a=1;count=2",
	} {
		if a := w.ask(t, w.all, http.MethodGet, logs(execution)+"?"+query); a.status != http.StatusBadRequest {
			t.Errorf("GET ?%s: %d %s, want 400", query, a.status, a.body)
		}
	}
	for _, query := range []string{
		"fileFormat=CSV", "fileFormat=JSON&fileFormat=TEXT", "newFileName=perhaps", "startTime=now", "endTime=%zz",
	} {
		if a := w.ask(t, w.all, http.MethodPost, logs(execution)+"?"+query); a.status != http.StatusBadRequest {
			t.Errorf("POST ?%s: %d %s, want 400", query, a.status, a.body)
		}
	}
	for _, query := range []string{
		"count=1", "count=200", "startIndex=0", "startIndex=9223372036854775807", "order=asc", "order=Desc", "count=&order=",
		"startTime=2021-06-14T07:01:45Z", "startTime=0001-01-01T00:00:00Z", "endTime=9999-12-31T23:59:59.999999999Z",
		"endTime=2021-06-14T09:01:45%2B02:00", "endTime=0001-01-01T00:00:00Z", "workspaceId=1",
	} {
		if a := w.ask(t, w.all, http.MethodGet, logs(execution)+"?"+query); a.status != http.StatusOK {
			t.Errorf("GET ?%s: %d %s, want 200", query, a.status, a.body)
		}
	}
}

func FuzzTalendParameters(f *testing.F) {
	w := newTalendWorld(f, nil)
	w.put(f, talendJob(workspace, execution, []logged{{began, "one"}, {0, "two"}, {began - 5, "three"}}))
	f.Add("1", "0", "ASC", "2021-06-14T07:01:45Z", "", "JSON", "true", "")
	f.Add("200", "9223372036854775807", "desc", "", "9999-12-31T23:59:59Z", "text", "0", "%zz")
	f.Add("", "", "", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "", "", "user=2&recipe=x")
	f.Fuzz(func(t *testing.T, count, start, order, from, to, format, named, rest string) {
		query := url.Values{
			"count": {count}, "startIndex": {start}, "order": {order}, "startTime": {from}, "endTime": {to},
			"fileFormat": {format}, "newFileName": {named},
		}.Encode()
		unsendable := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }
		if !strings.ContainsFunc(rest, unsendable) {
			query += "&" + rest // as it is, or the client would make it right
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			switch a := w.ask(t, w.all, method, logs(execution)+"?"+query); a.status {
			case http.StatusOK, http.StatusBadRequest, http.StatusNotFound:
			default:
				t.Errorf("%s ?%s: %d %s", method, query, a.status, a.body)
			}
		}
	})
}
