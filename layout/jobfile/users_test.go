package jobfile_test

import (
	"slices"
	"strings"
	"testing"

	"logstow/layout/jobfile"
)

func TestUsers(t *testing.T) {
	for _, tc := range []struct{ name, record, want string }{
		{"a whole record", `{"id":"a","recipe_id":7,"account_id":5,"completed_at":"2024-03-01T10:00:00Z"}`, "5"},
		{"its preferred user", `{"id":"a","recipe_id":7,"account_id":5,"context":{"user_id":6}}`, "6"},
		{"without a time", `{"id":"a","recipe_id":7,"account_id":5}`, "5"},
		{"without an id", `{"account_id":5,"lines":[]}`, "5"},
		{"cut", `{"id":"a","account_id":5,"recipe_id":7,"lines":["x`, "5"},
		{"cut before", `{"id":"a","recipe_id":7,"lines":["x","account_id":5`, ""},
		{"garbage after it", `{"id":"a","recipe_id":7,"account_id":5} x`, "5"},
		{"of two", `{"account_id":5,"workspaceId":"w"}`, "5 w"},
		{"the same twice", `{"account_id":5,"user_id":"5"}`, "5"},
		{"an ambiguous one", `{"id":"a","recipe_id":7,"account_id":5,"account_id":6}`, ""},
		{"in an envelope", `{"UserID":"9","log":{"id":"a","recipe_id":7}}`, "9"},
		{"cut in an envelope", `{"UserID":"9","log":{"id":"a","lines":[`, "9"},
		{"two in an envelope", `{"log":{"id":"a","recipe_id":7,"account_id":5},"Log":{"account_id":6}}`, "5 6"},
		{"as text", `{"log_message":"{\"id\":\"a\",\"recipe_id\":7,\"account_id\":5}"}`, "5"},
		{"as cut text", `{"log_message":"{\"account_id\":5,\"id\":\"a"}`, "5"},
		{"no object", `[{"account_id":5}]`, ""},
		{"no JSON", `account_id=5`, ""},
		{"nothing", ``, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newReader(t, jobfile.Config{})
			for range 2 { // what the first left behind isn't there the second time
				got, err := r.Users(strings.NewReader(tc.record), int64(len(tc.record)))
				if err != nil || !slices.Equal(got, strings.Fields(tc.want)) {
					t.Errorf("Users(%s) = %q, %v, want %q", tc.record, got, err, tc.want)
				}
			}
			whole, err := newReader(t, jobfile.Config{User: "u"}).Users(strings.NewReader(tc.record), int64(len(tc.record)))
			if err != nil || !slices.Equal(whole, []string{"u"}) {
				t.Errorf("Users where all is of u = %q, %v", whole, err)
			}
		})
	}
}
