package main

import (
	"context"
	"fmt"
)

// treated compares loads of lineitem into DuckDB: as it is, with two columns
// hashed and two blocked, and with a filter that all rows meet. They take
// turns, so that a neighbour on the machine slows them alike.
func treated(ctx context.Context, b *bench) ([]figure, error) {
	db, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	kinds := []struct {
		what string
		args []string
	}{
		{"as it is", nil},
		{"two columns hashed, two blocked", []string{"--hash-key", "bench",
			"--hash", "public.lineitem.l_comment", "--hash", "public.lineitem.l_shipmode",
			"--block", "public.lineitem.l_tax", "--block", "public.lineitem.l_discount"}},
		{"filtered, all rows meet it", []string{"--filter", "public.lineitem: l_quantity > 0 AND l_shipmode IS NOT NULL"}},
	}
	const turns = 2
	cpu, peak, rows := make([]float64, len(kinds)), make([]float64, len(kinds)), 0.0
	for turn := range turns {
		for i, k := range kinds {
			to := "duckdb:" + b.path(fmt.Sprintf("treated_%d_%d.duckdb", turn, i))
			u, n, err := b.sync(ctx, append([]string{db, to, "--table", "public.lineitem"}, k.args...)...)
			if err != nil {
				return nil, err
			}
			cpu[i], peak[i], rows = cpu[i]+u.cpu, max(peak[i], u.peak), float64(n)
		}
	}
	var figures []figure
	for i, k := range kinds {
		figures = append(figures,
			figure{what: k.what + ": client CPU per million rows", value: cpu[i] / turns / rows * 1e6, unit: "s"},
			figure{what: k.what + ": peak memory", value: peak[i], unit: "MB", limit: 600})
	}
	return append(figures, figure{what: "hashed and blocked over as it is", value: cpu[1] / cpu[0], limit: 1.15}), nil
}
