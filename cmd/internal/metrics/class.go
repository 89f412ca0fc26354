package metrics

import (
	"errors"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/scheduler"
)

// class is what failed, and the errors that say so.
type class struct {
	name string
	errs []error
}

// known is the classes of failures; of those that an error is of, the first
// counts.
var known = []class{
	{"stuck", []error{scheduler.ErrStuck}},
	{"panic", []error{scheduler.ErrPanic}},
	{"ledger", []error{ledger.ErrReplaced}}, // which is a lost lease, too
	{"lease_lost", []error{scheduler.ErrLost, ledger.ErrFenced}},
	{"timeout", []error{scheduler.ErrTimeout}},
	{"damage", []error{export.ErrDamaged}},
	{"store_refused", []error{store.ErrRefused, store.ErrCredentials}},
	{"ledger", []error{ledger.ErrBusy, ledger.ErrFull, ledger.ErrDamaged, ledger.ErrOtherStore}},
	{"store_unavailable", []error{store.ErrUnavailable}},
}

// classes is the values that the label class can have.
func classes() []string {
	all := make([]string, 0, len(known)+1)
	for _, c := range known {
		if !slices.Contains(all, c.name) {
			all = append(all, c.name)
		}
	}
	return append(all, other)
}

// classOf is the class of a run's failure, empty where it didn't fail. A run
// that was to stop has not failed, unless it lost its lease or did not stop.
func classOf(r ledger.Run, failure error) string {
	name := classOfError(failure)
	if r.Outcome == "failed" || name == "lease_lost" || name == "stuck" {
		return name
	}
	return ""
}

func classOfError(failure error) string {
	if failure == nil {
		return other
	}
	for _, c := range known {
		for _, err := range c.errs {
			if errors.Is(failure, err) {
				return c.name
			}
		}
	}
	return other
}
