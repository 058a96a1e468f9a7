package duckdb

import (
	"context"
	"fmt"
	"strings"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A catalog is what a schema holds. It is read whole: DuckDB goes through the
// columns of all tables whichever are asked for, which for hundreds of tables,
// one after the other, would take longer than a sync of them.
type catalog struct {
	exists  bool
	columns map[string][]found // by the table's name in lower case, in the table's order
	views   map[string]bool
	told    map[string]bool // the tables that were asked for
}

// found is a column as DuckDB describes it.
type found struct{ table, name, typ, comment string }

const (
	selectColumns = `
		SELECT c.table_name, c.column_name, c.data_type, coalesce(c.comment, '')
		FROM duckdb_columns() c JOIN duckdb_tables() t USING (database_oid, table_oid)
		WHERE c.database_name = current_database() AND lower(c.schema_name) = lower(?)
		ORDER BY c.table_oid, c.column_index`
	selectViews = `
		SELECT view_name FROM duckdb_views()
		WHERE database_name = current_database() AND lower(schema_name) = lower(?)`
	hasSchema = `
		SELECT count(*) > 0 FROM duckdb_schemas()
		WHERE database_name = current_database() AND lower(schema_name) = lower(?)`
)

func (d *database) Describe(ctx context.Context, name schema.Name) (r sqlwriter.Relation, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key, table := strings.ToLower(name.Schema), strings.ToLower(name.Table)
	c := d.schemas[key]
	if c == nil || c.told[table] { // who asks again wants to know what it is now
		if c, err = d.readCatalog(ctx, name.Schema); err != nil {
			return r, explain(d.f.path, err)
		}
		d.schemas[key] = c
	}
	c.told[table] = true
	r.Schema = c.exists
	if c.views[table] {
		return r, &setup.Problem{Code: "table_name_taken", Message: fmt.Sprintf("There is a view called %s, where a table is to be written. Rename or drop the view.", name)}
	}
	for _, f := range c.columns[table] {
		if r.Table == nil {
			r.Table = &schema.Table{Name: schema.Name{Schema: name.Schema, Table: f.table}}
		}
		if err := types.Found(&r, &dialect, f.name, f.typ, f.comment); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (d *database) readCatalog(ctx context.Context, name string) (*catalog, error) {
	c := &catalog{columns: map[string][]found{}, views: map[string]bool{}, told: map[string]bool{}}
	if err := d.f.db.QueryRowContext(ctx, hasSchema, name).Scan(&c.exists); err != nil {
		return nil, err
	}
	columns, err := d.f.db.QueryContext(ctx, selectColumns, name)
	if err != nil {
		return nil, err
	}
	defer columns.Close()
	for columns.Next() {
		var f found
		if err := columns.Scan(&f.table, &f.name, &f.typ, &f.comment); err != nil {
			return nil, err
		}
		key := strings.ToLower(f.table)
		c.columns[key] = append(c.columns[key], f)
	}
	if err := columns.Err(); err != nil {
		return nil, err
	}
	views, err := d.f.db.QueryContext(ctx, selectViews, name)
	if err != nil {
		return nil, err
	}
	defer views.Close()
	for views.Next() {
		var view string
		if err := views.Scan(&view); err != nil {
			return nil, err
		}
		c.views[strings.ToLower(view)] = true
	}
	return c, views.Err()
}
