package ledger

import (
	"fmt"
	"strings"
	"time"
)

// RetentionStatements returns the statements behind holds, marks, expiry and
// erasure, with arguments, by what they serve.
func RetentionStatements() map[string]Statement {
	all := map[string]Statement{}
	for name, s := range map[string]string{
		"holds": allHoldsSQL, "holds: active": activeHoldsSQL, "owed": owedSQL,
		"leaving: expiring": leavingExpiringSQL,
		"mark":              markSQL(3), "unmark": unmarkSQL(3), "marks of": marksOfSQL(3), "in state": inStateSQL(3),
		"due": dueSQL(3), "expiring": expiringSQL(3), "erasable": erasableSQL(3), "unlist": unlistSQL("owed", 3),
		"policy runs": policyRunsSQL, "policy runs: same": samePolicyRunSQL, "policy runs: forget": forgetPolicyRunsSQL,
	} {
		all[name] = Statement{s, make([]any, strings.Count(s, "?"))}
	}
	for i, s := range forgetSQL(3) {
		all[fmt.Sprintf("forget: %d", i)] = Statement{s, make([]any, 4)}
	}
	of := ofJob{amongIDs + " AND +job = ?", []any{"[1]", "j"}}
	s, args := of.statement(leavingJobSQL, "")
	all["leaving: job"] = Statement{s, args}
	after := &Marked{}
	for name, p := range map[string]markPage{
		"all": {state: Stored}, "next": {state: Stored, after: after}, "expiring": {state: Expiring, after: after},
		"due":          {state: Stored, MarkQuery: MarkQuery{DueBy: time.UnixMilli(5)}, after: after},
		"user, recipe": {state: Stored, MarkQuery: MarkQuery{User: "u", Recipe: "r", Policy: "p"}, after: after},
		"job":          {state: Stored, MarkQuery: MarkQuery{Job: "j", User: "u"}, after: after},
	} {
		s, args := p.statement(of, others, 10)
		all["marks: "+name] = Statement{s, args}
		if p.after != nil {
			s, args = p.statement(of, ties, 10)
			all["marks: "+name+", ties"] = Statement{s, args}
		}
	}
	return all
}
