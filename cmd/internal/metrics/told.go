package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// askTime is how long the ledger has to tell its numbers: less than the ten
// seconds after which Prometheus gives up.
const askTime = 5 * time.Second

// told is numbers as they were at one moment.
type told []prometheus.Metric

// Describe says nothing: which numbers there are depends on what is known.
func (t told) Describe(chan<- *prometheus.Desc) {}

// Collect tells the numbers.
func (t told) Collect(to chan<- prometheus.Metric) {
	for _, m := range t {
		to <- m
	}
}

// gauge is a number of which there is one for each of its labels' values.
type gauge struct{ *prometheus.Desc }

func newGauge(name, help string, labels ...string) gauge {
	return gauge{prometheus.NewDesc(name, help, labels, nil)}
}

func (g gauge) of(value float64, labels ...string) prometheus.Metric {
	for i, l := range labels {
		labels[i] = label(l)
	}
	return prometheus.MustNewConstMetric(g.Desc, prometheus.GaugeValue, value, labels...)
}

// at is a gauge of an instant.
func (g gauge) at(t time.Time, labels ...string) prometheus.Metric {
	return g.of(float64(t.UnixMilli())/1000, labels...)
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var ledgerUp = newGauge("logstow_ledger_up", "1 where the ledger has told all its numbers, 0 where some are missing.")

// tell asks the ledger for its numbers and adds what is known of the sources.
// What the ledger doesn't tell is missing and named by the error.
func (m *Metrics) tell(ctx context.Context) (*prometheus.Registry, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var all told
	var errs []error
	for _, ask := range []func(context.Context) (told, error){m.stored, m.unverified, m.exports, m.tasks} {
		some, err := ask(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, some...)
	}
	all = append(all, ledgerUp.of(flag(len(errs) == 0)))
	all = append(all, m.sources()...)
	now := prometheus.NewPedanticRegistry()
	return now, errors.Join(append(errs, now.Register(all))...)
}

// Handler serves the numbers. Those that the ledger doesn't tell are missing:
// they are never zero instead.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now, err := m.tell(r.Context())
		if err != nil && r.Context().Err() == nil {
			m.Log.WarnContext(r.Context(), "numbers are missing from the metrics", "err", err)
		}
		both := prometheus.Gatherers{now, m.process}
		promhttp.HandlerFor(both, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// Write writes the numbers in Prometheus' text format, without those that only
// a process that lives long has: requests, counts and durations of runs, what
// was archived, memory and such. Where the ledger doesn't tell some, the others
// are written and the error says which and why.
func (m *Metrics) Write(ctx context.Context, w io.Writer) error {
	now, missing := m.tell(ctx)
	families, err := now.Gather()
	if err != nil {
		return fmt.Errorf("metrics: %w", errors.Join(missing, err))
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("metrics: write: %w", err)
		}
	}
	if missing != nil {
		return fmt.Errorf("metrics: %w", missing)
	}
	return nil
}
