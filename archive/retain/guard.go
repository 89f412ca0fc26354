package retain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"logstow/archive/ledger"
)

// FarMoreError says that a policy matches far more than it used to. Nothing of any
// policy was marked.
//
// Far more is more than 1,000 documents and more than ten times the median of what
// it marked the last ten times that it marked something.
type FarMoreError struct {
	Policy  string
	Matches int64
	Usual   int64 // the median; -1: it never marked anything
}

const (
	manyMarks = 1000
	farMore   = 10 // times
)

// Error says how much more.
func (e *FarMoreError) Error() string {
	const says = "policy %s lets %d documents expire that it had not marked yet, "
	if e.Usual < 0 {
		return fmt.Sprintf(says+"and has never marked any: nothing was marked", e.Policy, e.Matches)
	}
	return fmt.Sprintf(says+"and usually marks %d: nothing was marked", e.Policy, e.Matches, e.Usual)
}

// guard is a *FarMoreError for each policy that matches far more than it used to,
// in their order. What it counts it counts before anything is marked.
func (e *expirer) guard(ctx context.Context) error {
	if e.Yes {
		return nil
	}
	matches := map[string]int64{}
	err := e.expired(ctx, func(all []candidate) error {
		for _, c := range all {
			if c.toMark() {
				matches[c.fate.By]++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for i := range e.Policies {
		name := e.Policies[i].Name
		if matches[name] <= manyMarks {
			continue
		}
		usual, err := e.usual(ctx, name)
		if err != nil {
			return err
		}
		if matches[name] > farMore*max(usual, 0) {
			errs = append(errs, &FarMoreError{Policy: name, Matches: matches[name], Usual: usual})
		}
	}
	return errors.Join(errs...)
}

// usual is the median of how many documents a policy marked; -1 where it never
// marked any.
func (e *expirer) usual(ctx context.Context, policy string) (int64, error) {
	runs, err := e.Ledger.PolicyRuns(ctx, policy)
	if err != nil {
		return 0, fmt.Errorf("policy %s: %w", policy, err)
	}
	if len(runs) == 0 {
		return -1, nil
	}
	slices.SortFunc(runs, func(a, b ledger.PolicyRun) int { return int(a.Marked - b.Marked) })
	return (runs[(len(runs)-1)/2].Marked + runs[len(runs)/2].Marked) / 2, nil
}

// onlyFarMore tells whether an error of guard says nothing else.
func onlyFarMore(err error) bool {
	var far *FarMoreError
	return errors.As(err, &far)
}
