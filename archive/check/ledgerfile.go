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
