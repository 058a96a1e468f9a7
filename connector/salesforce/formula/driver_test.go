package formula

import (
	"database/sql"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// databases are those that tests run formulas over.
func databases(t testing.TB) map[string]*sql.DB {
	t.Helper()
	all := map[string]*sql.DB{}
	for driver, source := range map[string]string{"duckdb": "", "pgx": pgtest.Database(t)} {
		db, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		all[driver] = db
	}
	return all
}
