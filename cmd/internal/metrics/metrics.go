// Package metrics counts what a server does, for Prometheus.
package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"logstow/archive/ledger"
)

// exports is the part of the ledger that is looked at when the numbers are
// asked for.
type exports interface {
	Exports(ctx context.Context, q ledger.ExportQuery) ([]ledger.Export, error)
}

// Metrics is the numbers of one process. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
}

// New returns the numbers of a process.
func New(c Config) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logstow_http_requests_total",
			Help: "Requests that were answered, by route and status.",
		}, []string{"route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "logstow_http_request_duration_seconds",
			Help:    "How long answers took, by route; those of streams last as long as their reader.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
		}, []string{"route"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "logstow_http_response_bytes_total",
			Help: "Bytes of answers, by route.",
		}, []string{"route"}),
	}
	m.registry.MustRegister(
		m.requests, m.took, m.bytes, newQueue(c.Ledger),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler serves the numbers.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Request counts one request. route is one of few, never what a client wrote.
func (m *Metrics) Request(route string, status int, took time.Duration, bytes int64) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(route).Observe(took.Seconds())
	m.bytes.WithLabelValues(route).Add(float64(bytes))
}
