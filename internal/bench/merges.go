package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// merges measures merges into five million rows, in soft-delete and in history
// mode, beside the SQL that one would write by hand: the benchmark of the DuckDB
// destination, with the same rows for all.
func merges(ctx context.Context, b *bench) ([]figure, error) {
	took, err := benchmarked(ctx, "./destination/duckdb", "BenchmarkMerge", "cpu-ms")
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, p := range []string{"1_percent_at_the_end", "1_percent_all_over", "10_percent_at_the_end", "10_percent_all_over", "10_percent_unchanged"} {
		hand, soft, history := took[p+"/by_hand"], took[p+"/SOFT_DELETE"], took[p+"/HISTORY"]
		if hand == 0 || soft == 0 || history == 0 {
			return nil, fmt.Errorf("BenchmarkMerge did not measure %s", p)
		}
		name := strings.ReplaceAll(p, "_", " ")
		figures = append(figures,
			figure{what: name + ": CPU, SQL by hand", value: hand / 1000, unit: "s"},
			figure{what: name + ": soft delete over SQL by hand", value: soft / hand, limit: 1.3},
			figure{what: name + ": history over soft delete", value: history / soft, limit: 2})
	}
	return figures, nil
}

// benchmarked runs a Go benchmark three times, with more variables in its
// environment, and returns the mean of what it reports in a unit, by the names
// of its parts.
func benchmarked(ctx context.Context, pkg, name, unit string, env ...string) (map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^"+name+"$", "-benchtime", "3x", "-timeout", "30m", pkg)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 0 || !strings.HasPrefix(f[0], name+"/") {
			continue
		}
		part := strings.TrimPrefix(f[0], name+"/")
		if i := strings.LastIndexByte(part, '-'); i > 0 { // the number of processors
			part = part[:i]
		}
		for i := 1; i < len(f); i++ {
			if f[i] == unit {
				if found[part], err = strconv.ParseFloat(f[i-1], 64); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}
