package layout_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/layout"
)

// Whatever is of a user lies below their prefixes, and nothing of any other user.
func TestUserPrefixes(t *testing.T) {
	users := []string{"5", "55", "5/jobs", "_logstow", "segments", "a b", "..", "%35"}
	at := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, user := range users {
		doc, err := layout.Document{User: user, Recipe: "7", Job: "j", Time: at, Status: "ok"}.Key()
		if err != nil {
			t.Fatal(err)
		}
		event, err := layout.Event{User: user, Type: "log", ID: "e", Time: at}.Key()
		if err != nil {
			t.Fatal(err)
		}
		hash := strings.Repeat("a", 64)
		segment, err := layout.Segment{User: user, First: at, Last: at, Hash: hash}.Key()
		if err != nil {
			t.Fatal(err)
		}
		keys := []string{segment}
		for _, key := range []string{doc, event, layout.Revision(doc, hash), layout.Revision(event, hash)} {
			keys = append(keys, key, layout.Overflow(key), layout.Meta(key))
		}
		for _, of := range users {
			prefixes, err := layout.UserPrefixes(of)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				if below := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }); below != (of == user) {
					t.Errorf("%s of user %q lies below a prefix of user %q: %v", key, user, of, below)
				}
			}
		}
	}
	if _, err := layout.UserPrefixes(""); err == nil {
		t.Error("prefixes of no user: no error")
	}
}
