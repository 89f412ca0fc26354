// Package metrics tells Prometheus what is safe in the store, and what a
// process does.
package metrics

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"logstow/archive/ledger"
)

// Config says what the numbers are of. Ledger is required.
type Config struct {
	Ledger *ledger.Ledger
	Tasks  []string // the names of the configured tasks, which have numbers before they ever ran

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // for numbers that can't be told; nil: nothing is logged
}

// Metrics is the numbers of one process, and of the ledger it works with. It
// is safe for concurrent use.
type Metrics struct {
	Config
	process *prometheus.Registry // what only this process knows

	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	bytes    *prometheus.CounterVec

	runs       *prometheus.CounterVec
	failures   *prometheus.CounterVec
	ran        *prometheus.HistogramVec
	records    *prometheus.CounterVec
	written    *prometheus.CounterVec
	unreadable *prometheus.CounterVec

	mu     sync.Mutex // guards looked
	looked *look      // nil: nobody has looked yet
}

// New returns the numbers of a process.
func New(c Config) *Metrics {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Tasks = slices.Compact(slices.Sorted(slices.Values(c.Tasks)))
	m := &Metrics{Config: c, process: prometheus.NewRegistry()}
	m.countRequests()
	m.countTasks()
	m.process.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func (m *Metrics) countRequests() {
	m.requests = m.counter("logstow_http_requests_total",
		"Requests that were answered, by route and status.", "route", "status")
	m.took = m.histogram("logstow_http_request_duration_seconds",
		"How long answers took, by route; those of streams last as long as their reader.",
		[]float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 60}, "route")
	m.bytes = m.counter("logstow_http_response_bytes_total", "Bytes of answers, by route.", "route")
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.process.MustRegister(c)
	return c
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.process.MustRegister(h)
	return h
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

// label is s as the value of a label, which has to be UTF-8.
func label(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
