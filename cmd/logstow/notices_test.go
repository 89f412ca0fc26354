package main

import (
	"strings"
	"testing"

	"logstow/archive"
)

func TestNotices(t *testing.T) {
	var b strings.Builder
	n := newNotices(&b)
	n.add(archive.Notice{What: "quarantined", Part: "/a", Offset: 7, Key: "_logstow/quarantine/x.zst", Reason: "no id"})
	n.add(archive.Notice{What: "unverified", Part: "/a", Offset: 9, Key: "1/jobs/k", Reason: "may not be read"})
	n.add(archive.Notice{What: "unreadable", Part: "/b\x1b[2J", Offset: -1, Reason: "permission denied"})
	n.add(archive.Notice{What: "unreadable", Offset: -1, Reason: "read /c: no such file"})
	n.add(archive.Notice{What: "unknown", Offset: -1, Key: "stray", Reason: "not a key"})
	n.close()
	want := `logstow: quarantined /a at byte 7: no id
logstow: unverified /a at byte 9 (1/jobs/k): may not be read
logstow: unreadable /b` + "\uFFFD" + `[2J: permission denied
logstow: unreadable: read /c: no such file
logstow: unknown stray: not a key
`
	if b.String() != want {
		t.Errorf("notices are\n%s, want\n%s", b.String(), want)
	}
}

// Each kind is cut by itself, and says so.
func TestManyNotices(t *testing.T) {
	var b strings.Builder
	n := newNotices(&b)
	for range maxNotices + 23 {
		n.add(archive.Notice{What: "quarantined", Part: "/a", Reason: "no id"})
		n.add(archive.Notice{What: "unknown", Key: "k", Reason: "not a key"})
	}
	for range maxNotices {
		n.add(archive.Notice{What: "refused", Part: "/a", Reason: "erased"})
	}
	n.close()
	for _, want := range []struct {
		text  string
		count int
	}{
		{"logstow: quarantined ", maxNotices},
		{"logstow: unknown ", maxNotices},
		{"logstow: refused ", maxNotices},
		{"logstow: and 23 more quarantined: see logstow quarantine ls\n", 1},
		{"logstow: and 23 more unknown\n", 1},
		{"logstow: and ", 2},
	} {
		if got := strings.Count(b.String(), want.text); got != want.count {
			t.Errorf("%q is there %d times, want %d", want.text, got, want.count)
		}
	}
}
