package ledger

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// NetworkFilesystem is networkFilesystem, for its table.
var NetworkFilesystem = networkFilesystem

// SetPage sets how many rows a listing reads at once.
func (l *Ledger) SetPage(rows int) { l.page = rows }

// Writer is the connection that writes.
func (l *Ledger) Writer() *sql.DB { return l.writer }

// Reader is the connections that read, of which there are Readers.
func (l *Ledger) Reader() *sql.DB { return l.reader }

// Readers is how many connections read.
const Readers = readers

// Upgrade brings the ledger to the version that further statements lead to.
func (l *Ledger) Upgrade(ctx context.Context, further ...string) error {
	all, err := embedded()
	if err != nil {
		return err
	}
	return l.migrate(ctx, append(all, further...))
}

// IndexJobs makes the index of jobs anew, of so many documents at once.
func (l *Ledger) IndexJobs(ctx context.Context, atOnce int) error {
	return l.write(ctx, "index jobs", func(ctx context.Context, tx *sql.Tx) error { return indexJobs(ctx, tx, atOnce) })
}

// Embedded returns the statements that make each version.
func Embedded() ([]string, error) { return embedded() }

// Statements returns the statements behind the methods, with arguments, by
// what they serve.
func Statements() map[string]Statement {
	at, instant := &Position{ID: 5}, time.UnixMilli(5)
	all := map[string]Statement{
		"find":          {versionsSQL, []any{"[1]"}},
		"find: older":   {olderVersionsSQL, make([]any, 2)},
		"jobs: buckets": {bucketsSQL, []any{"[1]"}},
		"jobs: bucket":  {bucketsOfJobSQL, make([]any, 1)},
		"jobs: version": {jobsVersionSQL, nil},
		"jobs: runs":    {jobRunsSQL, nil},
		"jobs: of run":  {bucketsOfRunSQL, make([]any, 2)},
		"jobs: drop":    {dropBucketsSQL, make([]any, 2)},
		"jobs: rows":    {jobsOfRowsSQL, make([]any, 2)},
		"replace":       {replaceDocumentSQL, make([]any, 10)},
	}
	of := ofJob{amongIDs + " AND +job = ?", []any{"[1]", "j"}}
	for name, q := range map[string]Query{
		"all":            {},
		"all, next":      {After: at},
		"user":           {User: "u"},
		"user, next":     {User: "u", After: at},
		"user, recipe":   {User: "u", Recipe: "r", Statuses: []string{"failed", "x"}, Kinds: []string{"job"}},
		"job":            {Job: "j"},
		"job, user":      {Job: "j", User: "u"},
		"job, next":      {Job: "j", After: at, From: instant, To: instant},
		"status, recipe": {Statuses: []string{"failed"}, Recipe: "r"},
		"recipes":        {Recipes: []string{"r", "s"}},
		"user, recipes":  {User: "u", Recipes: []string{"r", "s"}, After: at},
	} {
		s, args := q.statement(of, others, 10)
		all["documents: "+name] = Statement{s, args}
		if q.After != nil {
			s, args = q.statement(of, ties, 10)
			all["documents: "+name+", ties"] = Statement{s, args}
		}
	}
	s, args := of.statement(selectDocuments+" AND ", "")
	all["by job"] = Statement{s, args}
	s, args = of.statement(selectAnyState+" WHERE ", "u")
	all["by job, any state"] = Statement{s, args}
	s, args = of.statement(selectDocuments+" AND ", "u")
	all["by job and user"] = Statement{s, args}
	open := QuarantineQuery{States: []QuarantineState{StillOpen}}
	s, args = open.statement(10)
	all["quarantine: open"] = Statement{s, args}
	all["quarantine: key"] = Statement{quarantineStateSQL, make([]any, 1)}
	exportStatements(all)
	all["recorded"] = Statement{recordedSQL, make([]any, 3)}
	all["at"] = Statement{byIDListSQL, []any{"[1]"}}
	all["quarantined at"] = Statement{quarantinedAtSQL(3), make([]any, 3)}
	return all
}

func exportStatements(all map[string]Statement) {
	key := int64(7)
	for name, q := range map[string]ExportQuery{
		"all": {}, "key": {Key: &key, States: []ExportState{ExportReady}}, "next": {After: "e"}, "key, next": {Key: &key, After: "e"},
		"state": {States: []ExportState{ExportReady}},
	} {
		s, args := q.exports()
		all["exports: "+name] = Statement{s, args}
		s, args = q.tokens()
		all["tokens: "+name] = Statement{s, args}
	}
	for name, s := range map[string]string{
		"export": exportSQL, "export: claim": claimSQL, "export: claimable": claimableSQL,
		"export: oldest created": oldestCreatedSQL, "export: oldest lapsed": oldestLapsedSQL,
		"export: renew": renewExportSQL, "export: finish": finishExportSQL, "export: cancel": cancelExportSQL,
		"export: sweep": startSweepSQL, "export: prolong": prolongExportSQL,
		"export: sweep job": sweepJobSQL, "deleting": deletingSQL,
		"lease": leaseSQL, "lease: renew": renewLeaseSQL, "lease: release": releaseLeaseSQL, "lease: held": heldLeaseSQL,
		"lease: settle": settleSQL, "leases": leasesSQL, "run: same": sameRunSQL, "run: end": endRunSQL,
		"run": selectRuns + " WHERE id = ?", "runs: forget": forgetRunsSQL,
		"unverified: count": countUnverifiedSQL, "unverified: oldest": oldestUnverifiedSQL,
		"exports: counts": exportCountsSQL, "exports: bytes": exportBytesSQL,
		"token by hash": tokenByHashSQL, "tokens: revoke": revokeTokensSQL, "key by hash": keyByHashSQL,
	} {
		all[name] = Statement{s, make([]any, strings.Count(s, "?"))}
	}
	for name, q := range map[string]RunQuery{
		"all": {}, "next": {Before: 5}, "task": {Task: "t", Limit: 1}, "task, next": {Task: "t", Command: "t", Before: 5}, "command": {Command: "c", Limit: 1},
	} {
		s, args := q.statement(selectRuns)
		all["runs: "+name] = Statement{s, args}
	}
	older := AuditQuery{Before: 5}
	s, args := older.statement()
	all["audit log: next"] = Statement{s, args}
}

// Statement is a statement and its arguments.
type Statement struct {
	SQL  string
	Args []any
}

// Classify is classify.
func Classify(err error) error { return classify(err) }

// OpenMade is openMade.
var OpenMade = openMade
