package ledger_test

import (
	"testing"

	"logstow/archive/ledger"
)

// segmentPlans are plans of the statements about segments.
var segmentPlans = map[string][]string{
	"segment":      {"SEARCH segments USING INTEGER PRIMARY KEY (rowid=?)"},
	"segment: at":  {"SEARCH segments USING INDEX segments_key (key=?)"},
	"segment: use": {"SEARCH documents USING INDEX documents_segment (segment=?)", "SEARCH marks USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"},
	"segment: in":  {"SEARCH documents USING INDEX documents_segment (segment=?)"},
	"segment: copies": {
		"SEARCH segments USING INTEGER PRIMARY KEY (rowid=?)",
		"SEARCH copies USING COVERING INDEX sqlite_autoindex_copies_1 (document=?)",
	},
	"segment: store":     {"SEARCH segments USING INTEGER PRIMARY KEY (rowid=?)"},
	"segment: replace":   {"SEARCH segments USING INTEGER PRIMARY KEY (rowid=?)"},
	"segment: stored in": {"SEARCH documents USING COVERING INDEX documents_segment (segment=? AND state=?)"},
	"segment: move in":   {"SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)"},
	"segment: move inputs": {
		"SEARCH inputs USING INTEGER PRIMARY KEY (rowid=?)",
		"SEARCH documents USING COVERING INDEX documents_segment (segment=?)",
	},
	"segment: uncopy": {
		"SEARCH copies USING COVERING INDEX sqlite_autoindex_copies_1 (document=? AND segment=?)",
		"SEARCH documents USING COVERING INDEX documents_segment (segment=?)",
	},
	"segment: find":        {"SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)"},
	"segment: known":       {documentByID},
	"segment: empty":       {"SEARCH documents USING INDEX documents_segment (segment=?)"},
	"segment: drop inputs": {"SEARCH inputs USING INDEX inputs_segment (segment=?)"},
	"segment: drop copies": {"SEARCH copies USING INDEX copies_segment (segment=?)"},

	"segments: all":   {"SCAN segments"},
	"segments: user":  {"SEARCH segments USING INDEX segments_user_month (user_id=?)"},
	"segments: month": {"SEARCH segments USING INDEX segments_user_month (user_id=? AND month=?)"},
	"segments: key":   {"SEARCH segments USING INDEX segments_key (key=?)"},

	"inputs: claimable": {
		"SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)",
		"SEARCH inputs USING INDEX inputs_segment (segment=? AND rowid>?)",
	},
	"inputs: claim": {"SEARCH inputs USING INTEGER PRIMARY KEY (rowid=?)"},
	"inputs: count": {"SEARCH inputs USING COVERING INDEX inputs_segment (segment=?)"},
	"inputs: one":   {"SEARCH inputs USING INTEGER PRIMARY KEY (rowid=?)"},
	"inputs: end":   {"SEARCH inputs USING INTEGER PRIMARY KEY (rowid=?)"},
	"inputs: add":   {"SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)"},
	"inputs: keep": {
		"SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)",
		"SEARCH inputs USING INTEGER PRIMARY KEY (rowid=?)",
	},

	"loose: next user":  {"SEARCH documents USING COVERING INDEX documents_user_time (user_id>?)"},
	"loose: next month": {"SEARCH documents USING COVERING INDEX documents_user_time (user_id=? AND time>?)"},
	"loose: packed": {
		"SEARCH documents USING COVERING INDEX documents_user_time (user_id=? AND time>? AND time<?)",
		"SEARCH documents USING COVERING INDEX documents_segment (segment=? AND state=?)",
		"SEARCH segments USING COVERING INDEX segments_user_month (user_id=? AND month=?)",
	},
	"loose: month": {"SEARCH documents USING INDEX documents_user_time (user_id=? AND time>? AND time<?)"},
	"loose: ids": {
		"SEARCH documents USING INDEX documents_user_time (user_id=? AND time>? AND time<?)",
		"SEARCH marks USING INTEGER PRIMARY KEY (rowid=?)",
	},
	"loose": {"SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH marks USING INTEGER PRIMARY KEY (rowid=?)"},
}

func TestStatementsAboutSegmentsUseTheirIndexes(t *testing.T) {
	l := open(t, newPath(t))
	for name, s := range ledger.SegmentStatements() {
		// A user has few segments, and what is loose is sorted in files.
		sorted := name == "segments: user" || name == "loose: ids"
		checkPlan(t, l, name, s, segmentPlans[name], sorted)
	}
}
