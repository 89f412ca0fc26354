package main

import (
	"io"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
)

// workplace is what tasks, and the commands of their names, work with.
type workplace struct {
	config *config.Config
	store  store.Store
	ledger *ledger.Ledger

	// watched says that one task runs alone with people before it: its progress
	// and its notices go to stderr. Otherwise they go to the log.
	watched bool

	// done, where not nil, is called with what each task did, when it has ended.
	done func(task string, did report)

	// ended is the scheduler's Ended; it may be nil.
	ended func(r ledger.Run, failure error)
}

// report is what a task did. Its JSON form is kept with its run, and is what
// --json prints.
type report interface {
	// print tells people.
	print(w io.Writer) error
}
