package check

import (
	"context"
	"fmt"
)

// ledgerFile has the ledger look through its own file.
func (k *checker) ledgerFile(ctx context.Context) error {
	faults, err := k.Ledger.Damage(ctx, k.Deep)
	for _, fault := range faults {
		k.find(Finding{Kind: Damaged, Damage: true, Key: LedgerKey, Reason: fault})
	}
	if err != nil {
		return err
	}
	return k.jobs(ctx)
}

// jobs has the ledger look for rows that aren't found by their jobs.
func (k *checker) jobs(ctx context.Context) error {
	faults, err := k.Ledger.JobFaults(ctx)
	for _, f := range faults {
		kind := Drift
		if f.Doubled {
			kind = Doubled
		}
		k.find(Finding{Kind: kind, Key: LedgerKey, Reason: f.Reason})
	}
	return err
}

// drift counts the ledger's rows again.
func (k *checker) drift(ctx context.Context) error {
	all, err := k.Ledger.Drifts(ctx)
	for _, d := range all {
		k.find(Finding{Kind: Drift, Key: LedgerKey, Reason: fmt.Sprintf(
			"it counts %d documents of kind %q that are %s, with %d bytes, and has %d with %d bytes",
			d.Counted, d.Kind, d.State, d.CountedBytes, d.Documents, d.BytesOfDocuments)})
	}
	return err
}
