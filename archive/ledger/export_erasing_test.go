package ledger

import "strings"

// ErasingStatements returns the statements behind the erasure of many, with
// arguments, by what they serve.
func ErasingStatements() map[string]Statement {
	all := map[string]Statement{}
	for name, s := range map[string]string{
		"by ids": byIDsSQL(3), "deleting of job": deletingOfJobSQL, "deleting of user": deletingOfUserSQL,
		"next user": nextDeletingUserSQL, "erasing segments": erasingSegmentsSQL, "sweep user": sweepUserSQL,
	} {
		all[name] = Statement{s, make([]any, strings.Count(s, "?"))}
	}
	return all
}
