package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	started *prometheus.CounterVec
	ended   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	running prometheus.Gauge
	rows    prometheus.Counter
	latency prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_syncs_started_total", Help: "Syncs begun or resumed, by what began them.",
		}, []string{"cause"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_syncs_ended_total", Help: "Syncs ended, by outcome.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "penstock_sync_seconds", Help: "How long syncs took, by outcome.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 10), // a second to three days
		}, []string{"outcome"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "penstock_syncs_running", Help: "Syncs that are running in this process.",
		}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "penstock_rows_total", Help: "Rows that sources sent.",
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "penstock_latency_seconds",
			Help:    "From the commit of transactions at the source until they can be read in the destination, of syncs that stay on.",
			Buckets: prometheus.ExponentialBuckets(0.125, 2, 14), // an eighth of a second to 17 minutes
		}),
	}
	if reg != nil {
		reg.MustRegister(m.started, m.ended, m.seconds, m.running, m.rows, m.latency)
	}
	return m
}

func (m *metrics) begin(cause string) {
	m.started.WithLabelValues(cause).Inc()
	m.running.Inc()
}

func (m *metrics) end(outcome string, took time.Duration) {
	m.ended.WithLabelValues(outcome).Inc()
	m.seconds.WithLabelValues(outcome).Observe(took.Seconds())
	m.running.Dec()
}
