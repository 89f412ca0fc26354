package export

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"logstow/archive/ledger"
)

// WriteQuarantined writes the raw bytes of a quarantined record to w, exactly
// as they came. As with Write, ErrDamaged comes after the bytes.
func WriteQuarantined(ctx context.Context, s objects, w io.Writer, q ledger.Quarantined) error {
	object, err := get(ctx, s, q.Key)
	if err != nil {
		return err
	}
	defer object.Close()
	hash := sha256.New()
	if err := decompress(io.MultiWriter(hash, w), object, q.Size); err != nil {
		return err
	}
	if got := ledger.Hash(hash.Sum(nil)); got != q.SHA256 {
		return fmt.Errorf("%s: %w: it holds bytes with SHA-256 %s, the ledger says %s", q.Key, ErrDamaged, got, q.SHA256)
	}
	return nil
}
