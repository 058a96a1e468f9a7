package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// besideCap is what the process may hold beside a sync's memory: its code and
// that of DuckDB, some 60 MiB, and what DuckDB does not count.
const besideCap = 96 << 20

// TestMemoryCap syncs a table that is larger than the cap, and one ten times as
// long, which may take no more than it fills of what the other left of the cap:
// neither when it is loaded nor when as many of its rows have changed.
func TestMemoryCap(t *testing.T) {
	const memoryCap = 128 << 20
	const rows = 200_000
	source := pgtest.DatabaseOn(t, ownPostgres(t))
	for name, n := range map[string]int{"short": rows, "long": 10 * rows} {
		pgtest.Exec(t, source,
			`create table `+name+` (id int primary key, a text, b text, n numeric(12,2), at timestamptz, x float8)`,
			fmt.Sprintf(`insert into %s select i, md5(i::text) || md5((i+1)::text), repeat(md5(i::text), 3), i, now(), i from generate_series(1, %d) i`, name, n),
			`analyze `+name)
	}
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		peak := map[string]int64{}
		for _, name := range []string{"short", "long"} {
			state := filepath.Join(t.TempDir(), "state")
			for _, way := range []string{"load", "increment"} {
				s := syncJSON(t, source, w.url, "--table", name, "--memory", "128MiB", "--state", state)
				peak[way+name] = s.PeakBytes
				t.Logf("%s of the %s table: %d rows, %v, peak %v, %.1f s", way, name, s.Rows, byteSize(s.Bytes), byteSize(s.PeakBytes), s.Seconds)
				if s.PeakBytes > memoryCap+besideCap {
					t.Errorf("%s of the %s table took %v with a cap of %v", way, name, byteSize(s.PeakBytes), byteSize(memoryCap))
				}
				if way == "load" {
					pgtest.Exec(t, source, fmt.Sprintf(`update %s set n = n + 1 where id <= %d`, name, rows))
				}
			}
		}
		for _, way := range []string{"load", "increment"} {
			if short, long := peak[way+"short"], peak[way+"long"]; long > short+memoryCap/2 { // by some 350 MiB longer
				t.Errorf("%s: a table ten times as long took %v instead of %v", way, byteSize(long), byteSize(short))
			}
		}
	})
}
