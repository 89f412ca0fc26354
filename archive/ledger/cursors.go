package ledger

import (
	"context"
	"database/sql"
	"slices"
)

// Cursors returns how far a source was read, by part. The map is never nil.
func (l *Ledger) Cursors(ctx context.Context, source string) (map[string]string, error) {
	cursors := map[string]string{}
	err := l.call("cursors", func() error {
		rows, err := l.reader.QueryContext(ctx, "SELECT part, value FROM cursors WHERE source = ?", source)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var part, value string
			if err := rows.Scan(&part, &value); err != nil {
				return err
			}
			cursors[part] = value
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return cursors, nil
}

// DeleteCursors forgets how far the named parts of a source were read, in one
// transaction. A part that has no cursor is no error; without parts it does
// nothing.
func (l *Ledger) DeleteCursors(ctx context.Context, source string, parts ...string) error {
	if len(parts) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "delete cursors", func(ctx context.Context, tx *sql.Tx) error {
		for chunk := range slices.Chunk(parts, pageRows) {
			args := []any{source}
			for _, p := range chunk {
				args = append(args, p)
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM cursors WHERE source = ? AND part IN ("+placeholders(len(chunk))+")", args...); err != nil {
				return err
			}
		}
		return nil
	})
}
