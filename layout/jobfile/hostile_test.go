package jobfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"logstow/layout/jobfile"
)

// wantRefused wants a record to be refused for a reason that says all of parts.
func wantRefused(t *testing.T, c jobfile.Config, record string, parts ...string) {
	t.Helper()
	_, err := read(t, newReader(t, c), record)
	var bad *jobfile.Error
	if !errors.As(err, &bad) {
		t.Errorf("Read(%.200s): %v; want a *jobfile.Error", record, err)
		return
	}
	for _, p := range parts {
		if !strings.Contains(bad.Reason, p) {
			t.Errorf("Read(%.200s): %q does not say %q", record, bad.Reason, p)
		}
	}
}

// A member's name stays what it is when the window moves on before its colon.
func TestSpaceBeforeColon(t *testing.T) {
	r := newReader(t, jobfile.Config{})
	for pad := 64<<10 - 70; pad < 64<<10+10; pad++ {
		record := fmt.Sprintf(`{"x":"%s","recipe_id"     :7,"id"     :"j","account_id"    :5,"started_at"  :1,"y":"%s"}`,
			strings.Repeat("x", pad), strings.Repeat("y", 70<<10))
		info, err := read(t, r, record)
		if err != nil || info.Recipe != "7" || info.Job != "j" {
			t.Fatalf("after %d bytes: recipe %q, job %q, %v", pad, info.Recipe, info.Job, err)
		}
	}
}

// An identity that is there twice is ambiguous, also where one of the two says
// nothing and another member could stand in.
func TestAmbiguous(t *testing.T) {
	more := `,"recipe_id":7,"completed_at":"2024-03-01T10:00:00Z"`
	for _, c := range []struct{ record, want string }{
		{`{"id":"a","id":null,"account_id":5` + more + `}`, `"id"`},
		{`{"id":null,"id":"a","account_id":5` + more + `}`, `"id"`},
		{`{"id":"a","account_id":5,"account_id":null,"UserID":6` + more + `}`, `"account_id"`},
		{`{"id":"a","context":{"user_id":5,"user_id":""},"account_id":6` + more + `}`, `"context.user_id"`},
		{`{"id":"a","context":{"user_id":5},"context":{},"account_id":6` + more + `}`, `"context.user_id"`},
		{`{"id":"a","context":{"user_id":5},"context":null,"account_id":6` + more + `}`, `"context.user_id"`},
		{`{"id":"a","context":{},"context":{"user_id":5},"account_id":6` + more + `}`, `"context.user_id"`},
		{`{"id":"a","recipe_id":7,"account_id":5,"completed_at":1,"completed_at":null,"started_at":2}`, `"completed_at"`},
		{`{"log_message":{"id":"a","account_id":5` + more + `},"log_message":"{"}`, `"log_message"`},
		{`{"log_message":"{","log_message":{"id":"a","account_id":5` + more + `}}`, `"log_message"`},
	} {
		wantRefused(t, jobfile.Config{}, c.record, "ambiguous", c.want)
	}
	fields := jobfile.Config{Fields: &jobfile.Fields{UserID: "a.b.u", RecipeID: "r", JobID: "j", StartedAt: "s"}}
	wantRefused(t, fields, `{"a":{"b":{"u":1}},"a":{},"r":1,"j":1,"s":1}`, "ambiguous", `"a.b.u"`)
	wantRefused(t, fields, `{"a":{"b":{"u":1},"b":2},"r":1,"j":1,"s":1}`, "ambiguous", `"a.b.u"`)
}

// A member that stands in a record very often costs no memory for each time.
func TestRepeatedWithoutEnd(t *testing.T) {
	head := `{"id":"j","recipe_id":2,"completed_at":"2022-10-19T22:30:46Z","account_id":9`
	for _, member := range []string{`,"log":{}`, `,"Log_Str":"{"`, `,"lines":1`, `,"log_message":"{"`} {
		record := jobfile.Memory(head + strings.Repeat(member, 200_000) + `}`)
		r := newReader(t, jobfile.Config{})
		used := allocated(func() {
			_, err := r.Read(record, int64(len(record)))
			var bad *jobfile.Error
			if err != nil && !errors.As(err, &bad) {
				t.Errorf("%s: %v", member, err)
			}
		})
		if used > 4*uint64(len(record)) {
			t.Errorf("%s: %d bytes of memory for a record of %d", member, used, len(record))
		}
	}
	wantRefused(t, jobfile.Config{}, head+strings.Repeat(`,"lines":1`, 1000)+`}`, `"lines"`, "more than")
}

// Lines that hold what names the record can't be left out of it.
func TestFieldMapWithIdentityInLines(t *testing.T) {
	for _, lines := range []string{"run", "run.id", "run.id.x"} {
		_, err := jobfile.NewReader(jobfile.Config{Fields: &jobfile.Fields{
			UserID: "u", RecipeID: "r", JobID: "run.id", StartedAt: "s", Lines: lines,
		}})
		if err == nil || !strings.Contains(err.Error(), "job_id") || !strings.Contains(err.Error(), "lines") {
			t.Errorf("lines at %s: %v; want a refusal that names job_id and lines", lines, err)
		}
	}
	if _, err := jobfile.NewReader(jobfile.Config{User: "me", Fields: &jobfile.Fields{
		UserID: "run.user", RecipeID: "r", JobID: "run_id", StartedAt: "s", Lines: "run",
	}}); err != nil {
		t.Error(err)
	}
}
