package sample

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
)

func TestStopAnywhere(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	config := fmt.Appendf(nil, `{"schema_prefix": "db", "orders": 300, "opened_at": %q}`, now.Format(time.RFC3339))
	open := func() connector.Source {
		s, err := Service.Open(config, connector.Env{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	m := connectortest.Run(t, open, func() { now = now.Add(90 * time.Second) }, func() { now = now.Add(time.Hour) })
	for table, want := range map[string]int{"customer": (300 + 90 + 3600) / ordersPerCustomer, "order": 300 + 90 + 3600} {
		if got := len(m.Rows("shop." + table)); got != want {
			t.Errorf("%s: %d rows, want %d", table, got, want)
		}
	}
}
