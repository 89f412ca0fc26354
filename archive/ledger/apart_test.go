package ledger_test

import (
	"context"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// What reads the whole file neither waits for those who read a little, nor has
// them wait.
func TestIntegrityIsApart(t *testing.T) {
	l := open(t, newPath(t))
	for range ledger.Readers {
		c, err := l.Reader().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, thorough := range []bool{false, true} {
		if all, err := l.Damage(ctx, thorough); err != nil || len(all) > 0 {
			t.Errorf("Damage = %v, %v while all connections are taken", all, err)
		}
	}
	if all, err := l.Drifts(ctx); err != nil || len(all) > 0 {
		t.Errorf("Drifts = %v, %v while all connections are taken", all, err)
	}
}
