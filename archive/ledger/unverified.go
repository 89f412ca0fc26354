package ledger

import "context"

// unverified has the condition of its partial index word for word.
const unverified = " FROM documents WHERE state = 'stored' AND verified = 0"

const countUnverifiedSQL = "SELECT count(*)" + unverified

var oldestUnverifiedSQL = selectDocuments + " AND verified = 0 ORDER BY time, id LIMIT 1"

// Unverified returns how many stored documents could never be compared with
// what was given to us, and the oldest of them, by its time. It counts them one
// by one, which takes a second where there are millions.
func (l *Ledger) Unverified(ctx context.Context) (n int64, oldest Document, err error) {
	err = l.call("unverified", func() error {
		if err := l.reader.QueryRowContext(ctx, countUnverifiedSQL).Scan(&n); err != nil || n == 0 {
			return err
		}
		found, err := l.documents(ctx, oldestUnverifiedSQL, nil, 1)
		if len(found) > 0 {
			oldest = found[0]
			return nil
		}
		n = 0 // they were compared just now
		return err
	})
	return n, oldest, err
}
