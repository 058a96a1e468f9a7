package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/modelcheck"
	"github.com/penstock-data/penstock/schema"
)

var subject = destinationtest.Subject{
	Open: func(t testing.TB) destination.Destination {
		return openAt(t, filepath.Join(t.TempDir(), "scripts.duckdb"))
	},
	Select: selectText,
	Hand: destinationtest.Hand{
		Run: func(t testing.TB, d destination.Destination, name schema.Name, statement string) {
			t.Helper()
			f, err := acquire(context.Background(), d.(*duck).path, 64<<20, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.release(64 << 20)
			where := dialect
			where.Catalog = f.catalog
			if _, err := f.db.Exec(strings.ReplaceAll(statement, "{}", where.Table(name))); err != nil {
				t.Fatal(err)
			}
		},
		Retype:    func(column, typ string) string { return "ALTER TABLE {} ALTER COLUMN " + column + " TYPE " + typ },
		Uncomment: func(column string, _ schema.Type) string { return "COMMENT ON COLUMN {}." + column + " IS NULL" },
		Type:      types.Name,
		Foreign:   "HUGEINT",
		Restrict:  "ALTER TABLE {} ALTER COLUMN a SET NOT NULL",
		Free:      "ALTER TABLE {} ALTER COLUMN a DROP NOT NULL",
		Depend:    "CREATE INDEX own ON {} (a)",
		Release:   "DROP INDEX scripts.scripts.own",
		Named:     "own on scripts.t",
	},
	Sequences: 600,
}

func TestDestination(t *testing.T) { destinationtest.Run(t, subject) }

// TestRenewed opens the file anew after each Flush.
func TestRenewed(t *testing.T) {
	renewed := subject
	renewed.Open = func(t testing.TB) destination.Destination {
		d := subject.Open(t)
		d.(*duck).renew = 1
		return d
	}
	renewed.Sequences = 200
	destinationtest.Run(t, renewed)
	modelcheck.Run(t, renewed, 300)
}

func TestModel(t *testing.T) { modelcheck.Run(t, subject, 1400) }

func selectText(t testing.TB, d destination.Destination, name schema.Name, columns []schema.Column) [][]string {
	t.Helper()
	f, err := acquire(context.Background(), d.(*duck).path, 64<<20, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.release(64 << 20)
	return query(t, f, name, columns)
}

func query(t testing.TB, f *file, name schema.Name, columns []schema.Column) [][]string {
	t.Helper()
	var values []string
	for _, c := range columns {
		e := quote(c.Name)
		if !types.IsText(c.Type) {
			e = convert(e, c.Type, schema.Type{Kind: schema.String})
		}
		values = append(values, fmt.Sprintf("coalesce(%s, '%s')", e, destinationtest.Null))
	}
	d := dialect
	d.Catalog = f.catalog
	rows, err := f.db.Query(fmt.Sprintf("SELECT %s FROM %s", strings.Join(values, ", "), d.Table(name)))
	if err != nil {
		t.Fatal(err)
	}
	return scanText(t, rows, len(columns))
}

func scanText(t testing.TB, rows *sql.Rows, n int) (out [][]string) {
	t.Helper()
	defer rows.Close()
	for rows.Next() {
		row, into := make([]string, n), make([]any, n)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
