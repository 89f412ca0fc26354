package metrics

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"logstow/archive/ledger"
)

var (
	documents = newGauge("logstow_documents",
		"Documents that the store has confirmed, by kind, revisions included.", "kind")
	documentBytes = newGauge("logstow_document_bytes",
		"Bytes of the documents that the store has confirmed, by kind.", "kind")
	quarantined = newGauge("logstow_quarantined_records",
		"Records that could not be archived; their bytes are in the store, and wait for somebody.")
	unverified = newGauge("logstow_unverified_documents",
		"Documents that the store had already, and that we may not read to compare them.")
	oldestUnverified = newGauge("logstow_oldest_unverified_timestamp_seconds",
		"The time of the oldest unverified document; missing where there is none.")
	exportsOf = newGauge("logstow_exports",
		"Exports in the ledger, by state; created ones wait to be made. Swept ones are left out.", "state")
	exportBytes = newGauge("logstow_export_file_bytes", "Bytes of the files of exports that are ready.")
)

// stored is what is in the ledger after the store has confirmed it.
func (m *Metrics) stored(ctx context.Context) (told, error) {
	c, err := m.Ledger.Counts(ctx)
	if err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	all := told{quarantined.of(float64(c.Quarantined))}
	for _, kind := range slices.Sorted(maps.Keys(c.ByKind)) {
		all = append(all,
			documents.of(float64(c.ByKind[kind]), kind),
			documentBytes.of(float64(c.BytesByKind[kind]), kind))
	}
	return all, nil
}

func (m *Metrics) unverified(ctx context.Context) (told, error) {
	n, oldest, err := m.Ledger.Unverified(ctx)
	if err != nil {
		return nil, fmt.Errorf("unverified documents: %w", err)
	}
	all := told{unverified.of(float64(n))}
	if n > 0 {
		all = append(all, oldestUnverified.at(oldest.Time))
	}
	return all, nil
}

func (m *Metrics) exports(ctx context.Context) (told, error) {
	c, err := m.Ledger.ExportCounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("exports: %w", err)
	}
	all := told{exportBytes.of(float64(c.Bytes))}
	for _, state := range []ledger.ExportState{
		ledger.ExportCreated, ledger.ExportRunning, ledger.ExportReady,
		ledger.ExportFailed, ledger.ExportCancelled, ledger.ExportSweeping,
	} {
		all = append(all, exportsOf.of(float64(c.ByState[state]), string(state)))
	}
	return all, nil
}
