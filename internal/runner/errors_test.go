package runner

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/store"
)

// lose makes the store fail where it needs one of its tables.
func (f *fixture) lose(table string) {
	f.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(f.dir, "penstock.db"))
	f.ok(err)
	defer db.Close()
	_, err = db.Exec("alter table " + table + " rename to lost")
	f.ok(err)
}

// TestStoreFails shows that an error of the store is not taken for one of a
// source or a destination, nor for a setup test that failed.
func TestStoreFails(t *testing.T) {
	for _, table := range []string{"approvals", "destinations", "schema_configs", "states", "table_resyncs"} {
		f := newFixture(t)
		f.digests(nil)
		f.lose(table)
		did := map[string]error{}
		_, did["plan"] = f.runner.Plan(ctx, "c", nil)
		did["verification"] = f.runner.Verify(ctx, &store.Verification{ConnectionID: "c"}, func(Progress) {})
		if table == "approvals" || table == "destinations" {
			did["look"] = f.runner.CanVerify(ctx, "c")
		}
		if table == "approvals" {
			_, _, did["capture"] = f.runner.Capture(ctx, "c")
			_, did["look for what it can do"] = f.runner.Forgets(ctx, "c")
			_, did["tests of the connection"] = f.runner.TestConnection(ctx, "c", Trust{})
			_, did["tests of the destination"] = f.runner.TestDestination(ctx, "g", Trust{})
		}
		for what, err := range did {
			var service *ServiceError
			if err == nil || errors.As(err, &service) || !strings.Contains(err.Error(), table) {
				t.Errorf("%s without %s: %v", what, table, err)
			}
		}
		if c, err := f.store.Connection(ctx, "c"); err != nil || len(c.SetupTests) > 0 || c.SetupState != store.Connected {
			t.Errorf("without %s: %+v, %v", table, c, err)
		}
	}
}
