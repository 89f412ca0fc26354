package jobfile_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/layout/jobfile"
)

// FuzzLines: nothing panics; memory, windows and bytes that come one by one
// agree; there are as many lines as Read counted; and a member of Raw is what a
// decoder finds there.
func FuzzLines(f *testing.F) {
	for _, lines := range []string{
		`[{"logMessage":"a\"b","severity":"INFO","logTimestamp":1623654105204}]`, `"2017-07-14T06:00:49.733Z \u001b[31mERROR a\r\nb\n"`,
		`[{"recipe_line_number":1,"adapter_name":"\ud83d","error":{}},"INFO a\n",null,7,[]]`, `"\\n\u000a\/"`, `[{"message":"a","message":"\u00e9","occurred_at":"2024"}]`,
	} {
		for platform := range uint8(5) {
			f.Add([]byte(lines), platform)
		}
	}
	heads := []string{workatoHead, talendHead, apifyHead, virtuousaiHead, customHead}
	f.Fuzz(func(t *testing.T, b []byte, platform uint8) {
		head, c := heads[int(platform)%len(heads)], jobfile.Config{}
		if head == customHead {
			c = customFields()
		}
		record := head + string(b) + "}"
		info, err := newReader(t, c).Read(jobfile.Memory(record), int64(len(record)))
		if err != nil {
			return
		}
		all := linesOf(t, c, record)
		if int64(len(all)) != max(info.LineCount, 0) {
			t.Fatalf("%d lines, Read counted %d: %s", len(all), info.LineCount, record)
		}
		for i, l := range all {
			if l.Index != int64(i) {
				t.Fatalf("line %d has index %d: %s", i, l.Index, record)
			}
			if strings.HasPrefix(l.Raw, "{") && !l.Text {
				wantMembers(t, l.Raw)
			}
		}
		if head == customHead {
			return
		}
		envelope := `{"log_message":` + quoteBytes([]byte(record)) + `}`
		if _, err := newReader(t, c).Read(jobfile.Memory(envelope), int64(len(envelope))); err != nil {
			return // what is one member outside may be two records in an envelope
		}
		if d := cmp.Diff(all, linesOf(t, c, envelope)); d != "" {
			t.Fatalf("bare (-) and as text (+):\n%s", d)
		}
	})
}

// quoteBytes is b as a JSON string, whatever bytes it has.
func quoteBytes(b []byte) string {
	var s strings.Builder
	s.WriteByte('"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			s.WriteByte('\\')
			s.WriteByte(c)
		case c < ' ':
			s.WriteString(`\u00`)
			s.WriteByte("0123456789abcdef"[c>>4])
			s.WriteByte("0123456789abcdef"[c&15])
		default:
			s.WriteByte(c)
		}
	}
	s.WriteByte('"')
	return s.String()
}

// wantMembers wants Member to find what a decoder finds.
func wantMembers(t *testing.T, raw string) {
	t.Helper()
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &object) != nil || strings.ToValidUTF8(raw, "") != raw {
		return
	}
	for name, want := range object {
		got, ok := jobfile.Member([]byte(raw), name)
		if !ok || !bytes.Equal(got, want) {
			t.Errorf("Member(%s, %q) = %s, %v; want %s", raw, name, got, ok, want)
		}
		var text string
		if json.Unmarshal(want, &text) == nil && want[0] == '"' {
			if got := string(jobfile.AppendText(nil, want)); got != text {
				t.Errorf("AppendText(%s) = %q, want %q", want, got, text)
			}
		}
	}
}

// FuzzLineTime: a time that the time package reads is read the same.
func FuzzLineTime(f *testing.F) {
	for _, s := range []string{
		"2024-01-02T03:04:05Z", "2024-02-29T23:59:59.123456789+05:30", "2020-05-02 02:39:22 UTC", "2023-02-29T00:00:00Z", "0000-01-01T00:00:00Z",
		"20xx-01-01T00:00:00Z", "2024-01-02T03:04:05,5-07:00", "9999-12-31T23:59:59-01:00", "2024-01-02 03:04:05 -0700", "2024-01-02T03:04:05-0700",
	} {
		f.Add(s)
	}
	formats := []string{
		time.RFC3339, "2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05-0700",
		"2006-01-02T15:04:05 -0700", "2006-01-02 15:04:05Z07:00",
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "\"\\") || strings.TrimSpace(s) != s || quoteBytes([]byte(s)) != `"`+s+`"` {
			return
		}
		if len(s) > 12 && s[12] == ':' {
			return // the time package takes an hour of one digit
		}
		got := linesOf(t, jobfile.Config{}, virtuousaiHead+`[{"occurred_at":"`+s+`"}]}`)[0].Time
		for _, format := range formats {
			want, err := time.Parse(format, s)
			if want = want.UTC(); err != nil || want.Year() < 1 || want.Year() > 9999 {
				continue
			}
			if got != want.Format(time.RFC3339Nano) && !want.IsZero() {
				t.Errorf("%q is %s, want %s", s, got, want)
			}
		}
	})
}
