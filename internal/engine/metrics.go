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
	}
	if reg != nil {
		reg.MustRegister(m.started, m.ended, m.seconds, m.running, m.rows)
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
