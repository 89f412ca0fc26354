package ledger

import (
	"database/sql"
	"strings"
	"time"
)

// exportColumns are in the order of Export.args, after n, and of scan.
var exportColumns = [...]string{
	"n", "id", "api_key", "user_id", "job", "state", "attempt", "lease_until", "expires", "created", "updated",
	"jobs", "total", "line_count", "bytes", "object", "size", "sha256", "filename", "error", "request",
}

var selectExports = "SELECT " + strings.Join(exportColumns[:], ", ") + " FROM exports"

var insertExportSQL = "INSERT INTO exports (" + strings.Join(exportColumns[1:], ", ") +
	") VALUES (" + placeholders(len(exportColumns)-1) + ")"

var returningExport = " RETURNING " + strings.Join(exportColumns[:], ", ")

// args are the columns of an export that has no file.
func (e *Export) args() []any {
	return []any{
		e.ID, e.Key, e.User, e.Job, string(e.State), e.Attempt, instant(e.LeaseUntil),
		e.Expires.UnixMilli(), e.Created.UnixMilli(), e.Updated.UnixMilli(),
		e.Jobs, e.Total, e.Lines, e.Bytes, nil, nil, nil, e.Filename, text(cut(e.Error)), string(e.Request),
	}
}

// scanner is a row, or rows that stand on one.
type scanner interface {
	Scan(dest ...any) error
}

// scan reads a row of exportColumns, and then what more it has into more.
func (e *Export) scan(row scanner, more ...any) error {
	var n, expires, created, updated int64
	var lease, size sql.NullInt64
	var object, failure sql.NullString
	var sum []byte
	dest := append([]any{
		&n, &e.ID, &e.Key, &e.User, &e.Job, &e.State, &e.Attempt, &lease, &expires, &created, &updated,
		&e.Jobs, &e.Total, &e.Lines, &e.Bytes, &object, &size, &sum, &e.Filename, &failure, &e.Request,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return err
	}
	e.LeaseUntil = fromInstant(lease)
	e.Expires, e.Created, e.Updated = time.UnixMilli(expires).UTC(), time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	e.Object, e.Error, e.Size = object.String, failure.String, size.Int64
	if sum != nil {
		return e.SHA256.set(sum)
	}
	return nil
}

func scanExport(rows *sql.Rows) (Export, error) {
	var e Export
	err := e.scan(rows)
	return e, err
}

// conditions is what a statement asks of a row.
type conditions struct {
	sql  []string
	args []any
}

func (c *conditions) add(condition string, args ...any) {
	c.sql = append(c.sql, condition)
	c.args = append(c.args, args...)
}

// where is empty where nothing is asked.
func (c *conditions) where() string {
	if len(c.sql) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.sql, " AND ")
}

// latest completes a statement that yields the latest rows by column first,
// limit of them unless it is 0.
func (c *conditions) latest(selecting, column string, limit int) (string, []any) {
	query, args := selecting+c.where()+" ORDER BY "+column+" DESC", c.args
	if limit > 0 {
		query, args = query+" LIMIT ?", append(args, limit)
	}
	return query, args
}

// changedRows tells whether a statement changed any row.
func changedRows(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
