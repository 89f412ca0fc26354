package jobfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/layout/jobfile"
)

// A reader keeps what it reads into for the next record. Nothing of one record
// may be left in another, or in one that was refused in between.
func TestReaderForgetsTheRecordBefore(t *testing.T) {
	records := []string{
		`{"log":{"id":"j-1","recipe_id":1,"account_id":2,"status":"failed","title":"T","error":"E","error_type":"Y","started_at":"2024-01-02T03:04:05Z","completed_at":"2024-01-02T03:04:06Z","lines":[{},{}]},"UserID":"7"}`,
		`{"id":"j-2","recipe_id":1,"account_id":2,"completed_at":"2024-01-02T03:04:06Z"}`,
		`{"id":"j-3","recipe_id":1,"account_id":2,"title":"T","completed_at":"never"}`,
		`{"event":"recipe_started","timestamp":"2020-05-02 02:39:22 UTC","team":{"id":5}}`,
		`{"title":"only"}`,
	}
	read := func(r *jobfile.Reader, s string) (jobfile.Info, string) {
		info, err := r.Read(jobfile.Memory(s), int64(len(s)))
		if err != nil {
			return info, err.Error()
		}
		return info, ""
	}
	used := newReader(t, jobfile.Config{})
	for range 20 {
		for _, s := range records {
			want, wantErr := read(newReader(t, jobfile.Config{}), s)
			got, gotErr := read(used, s)
			if diff := cmp.Diff(want, got, same); diff != "" || gotErr != wantErr {
				t.Fatalf("a used reader reads %s with error %q, a new one with %q (-new +used):\n%s", s, gotErr, wantErr, diff)
			}
		}
	}
}
