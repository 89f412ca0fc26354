package ledger_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
)

// TestOpenTogether opens ledgers that aren't there yet several times at once,
// as processes do that begin at the same time.
func TestOpenTogether(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "ledger.db")
		var g errgroup.Group
		for range 6 {
			g.Go(func() error {
				l, err := ledger.Open(t.Context(), ledger.Config{Path: path})
				if err != nil {
					return err
				}
				return l.Close()
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
