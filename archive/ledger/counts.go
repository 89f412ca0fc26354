package ledger

import "context"

// Counts is how much the ledger knows of.
type Counts struct {
	Documents   int64            // that are Stored, events and revisions included
	Bytes       int64            // of them
	ByKind      map[string]int64 // documents
	BytesByKind map[string]int64 // of them
	Quarantined int64            // records that are StillOpen
}

// Counts returns how much the ledger knows of. Documents were counted when
// they were committed, so that this costs the same whatever their number;
// quarantined records that are open are counted one by one.
func (l *Ledger) Counts(ctx context.Context) (Counts, error) {
	c := Counts{ByKind: map[string]int64{}, BytesByKind: map[string]int64{}}
	err := l.call("counts", func() error {
		rows, err := l.reader.QueryContext(ctx, "SELECT kind, documents, bytes FROM totals WHERE state = 'stored'")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var kind string
			var documents, bytes int64
			if err := rows.Scan(&kind, &documents, &bytes); err != nil {
				return err
			}
			c.ByKind[kind], c.BytesByKind[kind] = documents, bytes
			c.Documents += documents
			c.Bytes += bytes
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return l.reader.QueryRowContext(ctx, "SELECT count(*) FROM quarantined WHERE state = 'open'").Scan(&c.Quarantined)
	})
	if err != nil {
		return Counts{}, err
	}
	return c, nil
}
