// Command bench takes Penstock's figures on this machine: each load is run as
// a person runs it, by the program itself in a process of its own, and judged
// by CPU seconds and peak memory as the system counts them for that process.
// Rows per second are compared with psql's COPY in the same run, because wall
// time alone says more about the machine than about the program.
//
// It starts a throw-away PostgreSQL server and fills it from the SQL files of
// the shared benchmark folder, or uses the server that PENSTOCK_BENCH_POSTGRES
// names, in which it makes and drops databases called penstock_bench….
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
)

func main() {
	only := flag.String("run", "", "only the benchmarks whose name contains this")
	sql := flag.String("sql", "../shared/bench", "folder of lineitem.sql and wide.sql")
	program := flag.String("program", "bin/penstock", "the program to measure")
	beside := flag.Bool("peers", false, "run other programs that copy tables beside ours, as far as they are on this machine")
	gb := flag.Int("gb", 10, "how many gigabytes the long table has")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &bench{sql: *sql, program: *program, gb: *gb}, *only, *beside); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A figure is one thing measured.
type figure struct {
	what  string
	value float64
	unit  string
	limit float64 // 0: shown for comparison only
	least bool    // the limit is a lower one
}

func (f figure) verdict() string {
	switch {
	case f.limit == 0:
		return ""
	case f.least && f.value >= f.limit, !f.least && f.value <= f.limit:
		return "reached"
	}
	return "MISSED"
}

// A benchmark takes some figures.
type benchmark struct {
	name string
	run  func(ctx context.Context, b *bench) ([]figure, error)
}

var benchmarks = []benchmark{
	{"equal on both sides", equal},
	{"lineitem to duckdb", lineitemToDuckDB},
	{"wide to duckdb", wideToDuckDB},
	{"two connections", twoConnections},
	{"long table to duckdb", length},
	{"lineitem to postgres", lineitemToPostgres},
	{"increment into duckdb", incrementIntoDuckDB},
	{"following into duckdb", followIntoDuckDB},
	{"following into postgres", followIntoPostgres},
	{"log: 60,000 changes into duckdb", logIntoDuckDB},
	{"log: 500,000 changes into postgres", logIntoPostgres},
	{"log: a million changes into duckdb", millionIntoDuckDB},
	{"lineitem treated", treated},
	{"merges into duckdb", merges},
	{"15five pulse to duckdb", pulseToDuckDB},
	{"salesforce lead to duckdb", leadsToDuckDB},
	{"api", apiRequests},
}

func run(ctx context.Context, b *bench, only string, beside bool) (err error) {
	b.program, err = filepath.Abs(b.program)
	if err != nil {
		return err
	}
	b.dir, err = os.MkdirTemp("", "penstock-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o755); err != nil { // the database server is another user
		return err
	}
	defer b.close()
	fmt.Println(machine())
	if beside {
		return comparePeers(ctx, b)
	}
	missed := 0
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, bm := range benchmarks {
		if !strings.Contains(bm.name, only) {
			continue
		}
		figures, err := bm.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", bm.name, err)
		}
		for _, f := range figures {
			limit := ""
			if f.limit != 0 {
				limit = fmt.Sprintf("at most %g", f.limit)
				if f.least {
					limit = fmt.Sprintf("at least %g", f.limit)
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%.4g %s\t%s\t%s\n", bm.name, f.what, f.value, f.unit, limit, f.verdict())
			if f.verdict() == "MISSED" {
				missed++
			}
		}
		w.Flush()
	}
	if missed > 0 {
		return fmt.Errorf("%d figures were missed", missed)
	}
	return nil
}

func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	out, _ := exec.Command("psql", "--version").Output()
	return fmt.Sprintf("%d × %s, %s, %s, load %s", runtime.NumCPU(), model, runtime.Version(), strings.TrimSpace(string(out)), strings.TrimSpace(string(load)))
}
