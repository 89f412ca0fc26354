package ledger

import (
	"strings"
	"time"
)

// SegmentStatements are Statements of what is about segments.
func SegmentStatements() map[string]Statement {
	all := map[string]Statement{}
	for name, s := range map[string]string{
		"segment": segmentSQL, "segment: at": segmentAtSQL, "segment: use": segmentUseSQL, "segment: in": inSegmentSQL,
		"segment: copies": copiesSQL, "segment: store": storeSegmentSQL, "segment: replace": replaceSegmentSQL,
		"segment: stored in": storedInSQL, "segment: move in": moveInSQL, "segment: move inputs": moveInputsSQL,
		"segment: uncopy": uncopySQL, "segment: find": findMovedSQL(3), "segment: known": knownSQL,
		"segment: empty": emptySegmentSQL, "segment: drop inputs": dropInputsSQL, "segment: drop copies": dropCopiesSQL,
		"inputs: claimable": claimableInputsSQL, "inputs: claim": claimInputSQL, "inputs: count": countInputsSQL,
		"inputs: one": oneInputSQL, "inputs: end": endInputsSQL(3), "inputs: add": addInputSQL, "inputs: keep": keepInputSQL,
		"loose: next user": nextUserSQL, "loose: next month": nextMonthSQL, "loose: packed": packedMonthSQL,
		"loose: month": looseMonthSQL, "loose: ids": looseIDsSQL, "loose": looseSQL(pageRows),
	} {
		all[name] = Statement{s, make([]any, strings.Count(s, "?"))}
	}
	for name, q := range map[string]SegmentQuery{
		"all": {}, "user": {User: "u", States: []SegmentState{SegmentStored}}, "month": {User: "u", Month: time.UnixMilli(5)},
		"key": {User: "u", Key: "k", Month: time.UnixMilli(5)},
	} {
		s, args := q.statement()
		all["segments: "+name] = Statement{s, args}
	}
	return all
}
