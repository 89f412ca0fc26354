package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"logstow/archive/ledger/jobindex"
)

// migrations holds one file a version of the schema, named by its number. A
// file that was released never changes.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as a ledger: "LSlg".
const applicationID = 0x4c536c67

// embedded returns the statements that lead from each version to the next.
func embedded() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	all := make([]string, len(names))
	for i, name := range names {
		b, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all[i] = string(b)
	}
	return all, nil
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkVersion returns the version of the schema, 0 where the file is empty. It
// refuses what is no ledger, and versions above newest.
func checkVersion(ctx context.Context, q querier, newest int) (int, error) {
	// In one statement, as another process may just be making the tables.
	var app, version, tables int
	if err := q.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
FROM pragma_application_id, pragma_user_version`).Scan(&app, &version, &tables); err != nil {
		return 0, err
	}
	switch {
	case app == 0 && version == 0 && tables == 0:
		return 0, nil
	case app != applicationID:
		return 0, errors.New("the file is a database of another program")
	case version > newest:
		return 0, fmt.Errorf("a newer version of logstow wrote it (schema %d, this one knows %d): use that version", version, newest)
	}
	return version, nil
}

// migrate brings the schema to the version that all leads to, in one
// transaction.
func (l *Ledger) migrate(ctx context.Context, all []string) error {
	version, err := checkVersion(ctx, l.writer, len(all))
	if err != nil || version == len(all) {
		return err
	}
	return l.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// Another process may have been faster.
		version, err := checkVersion(ctx, tx, len(all))
		if err != nil || version == len(all) {
			return err
		}
		for i, statements := range all[version:] {
			if _, err := tx.ExecContext(ctx, statements); err != nil {
				return fmt.Errorf("upgrade to schema %d: %w", version+i+1, err)
			}
			if version+i+1 == jobsSince {
				if err := indexJobs(ctx, tx, jobindex.MaxEntries); err != nil {
					return fmt.Errorf("upgrade to schema %d: %w", jobsSince, err)
				}
			}
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(all)))
		return err
	})
}
