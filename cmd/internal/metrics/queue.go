package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"logstow/archive/ledger"
)

// askTime is how long the ledger has to tell of its exports.
const askTime = 5 * time.Second

// queue tells of the exports in the ledger: those of every process that works
// on it.
type queue struct {
	ledger exports
	count  *prometheus.Desc
	bytes  *prometheus.Desc
}

func newQueue(l exports) *queue {
	return &queue{
		ledger: l,
		count: prometheus.NewDesc("logstow_exports",
			"Exports in the ledger, by state; created ones wait to be made. Swept ones are left out.", []string{"state"}, nil),
		bytes: prometheus.NewDesc("logstow_export_file_bytes",
			"Bytes of the files of exports that are ready.", nil, nil),
	}
}

// Describe names what Collect tells.
func (q *queue) Describe(to chan<- *prometheus.Desc) {
	to <- q.count
	to <- q.bytes
}

// Collect asks the ledger. Where it doesn't answer, that is told instead.
func (q *queue) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	states := []ledger.ExportState{
		ledger.ExportCreated, ledger.ExportRunning, ledger.ExportReady,
		ledger.ExportFailed, ledger.ExportCancelled, ledger.ExportSweeping,
	}
	all, err := q.ledger.Exports(ctx, ledger.ExportQuery{States: states})
	if err != nil {
		to <- prometheus.NewInvalidMetric(q.count, err)
		return
	}
	counts, bytes := map[ledger.ExportState]int{}, int64(0)
	for _, e := range all {
		counts[e.State]++
		if e.State == ledger.ExportReady {
			bytes += e.Size
		}
	}
	for _, state := range states {
		to <- prometheus.MustNewConstMetric(q.count, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
	to <- prometheus.MustNewConstMetric(q.bytes, prometheus.GaugeValue, float64(bytes))
}
