package ledger

import "context"

// Last is the ID of the document that was recorded last, whatever its state; 0
// where there is none. What is committed later has a larger one.
func (l *Ledger) Last(ctx context.Context) (int64, error) {
	var id int64
	err := l.call("last", func() error {
		return l.reader.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM documents").Scan(&id)
	})
	return id, err
}
