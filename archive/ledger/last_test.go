package ledger_test

import (
	"path/filepath"
	"testing"

	"logstow/archive/ledger"
)

func TestLast(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	for i, id := range []string{"", "1", "2", "3"} {
		if id != "" {
			if err := l.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{job("u", id, id)}}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := l.Last(t.Context())
		if err != nil || got != int64(i) {
			t.Errorf("Last after %d documents = %d, %v, want %d", i, got, err, i)
		}
	}
}
