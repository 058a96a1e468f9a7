package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// besideCap is what the process may hold beside a sync's memory: its code and
// that of DuckDB, some 60 MiB, and what DuckDB does not count.
const besideCap = 96 << 20

// TestMemoryCap syncs a table, and one ten times as long, larger than the cap,
// which may take no more than it fills of what the other left of the cap:
// neither when it is loaded, nor when as many of its rows have changed, nor when
// all have and a log tells of them, in one transaction.
func TestMemoryCap(t *testing.T) {
	const memoryCap = 128 << 20
	const rows = 100_000
	source := pgtest.DatabaseOn(t, ownPostgres(t))
	t.Cleanup(func() { // a database with a slot cannot be dropped
		pgtest.Exec(t, source, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()")
	})
	for name, n := range map[string]int{"short": rows, "long": 10 * rows} {
		pgtest.Exec(t, source,
			`create table `+name+` (id int primary key, a text, b text, n numeric(12,2), at timestamptz, x float8)`,
			fmt.Sprintf(`insert into %s select i, md5(i::text) || md5((i+1)::text), repeat(md5(i::text), 3), i, now(), i from generate_series(1, %d) i`, name, n),
			`analyze `+name)
	}
	const byLog = "&update_method=WAL_PGOUTPUT&publication_name=%[1]s_%[2]s&replication_slot=%[1]s_%[2]s"
	ways := []struct{ name, change, method string }{
		{name: "load"},
		{name: "increment", change: fmt.Sprintf(`update %%s set n = n + 1 where id <= %d`, rows)},
		{name: "hand-over", method: byLog},
		{name: "log", change: `update %s set n = n + 1`, method: byLog},
	}
	eachWarehouse(t, func(t *testing.T, w warehouse) {
		peak := map[string]int64{}
		for _, name := range []string{"short", "long"} {
			state := filepath.Join(t.TempDir(), "state")
			for _, way := range ways {
				if way.change != "" {
					pgtest.Exec(t, source, fmt.Sprintf(way.change, name))
				}
				from := source
				if way.method != "" {
					from += fmt.Sprintf(way.method, strings.ToLower(filepath.Base(t.Name())), name)
				}
				s := syncJSON(t, from, w.url, "--table", name, "--memory", "128MiB", "--state", state)
				peak[way.name+name] = s.PeakBytes
				t.Logf("%s of the %s table: %d rows, %v, peak %v, %.1f s", way.name, name, s.Rows, byteSize(s.Bytes), byteSize(s.PeakBytes), s.Seconds)
				if s.PeakBytes > memoryCap+besideCap {
					t.Errorf("%s of the %s table took %v with a cap of %v", way.name, name, byteSize(s.PeakBytes), byteSize(memoryCap))
				}
			}
		}
		for _, way := range ways {
			if short, long := peak[way.name+"short"], peak[way.name+"long"]; long > short+memoryCap/2 { // by some 175 MiB longer
				t.Errorf("%s: a table ten times as long took %v instead of %v", way.name, byteSize(long), byteSize(short))
			}
		}
	})
}
