package salesforce

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

// The tables that are no objects (seeds of fivetran/dbt_salesforce_formula_utils
// for the first two; "FIVETRAN_API_CALL" in Fivetran's Salesforce
// documentation, which names the column uri).
const (
	formulaTable = "FIVETRAN_FORMULA"
	modelTable   = "FIVETRAN_FORMULA_MODEL"
	callTable    = "FIVETRAN_API_CALL"
)

var ownTables = []schema.Table{
	{Name: tableName(formulaTable), Columns: []schema.Column{
		{Name: "object", Type: schema.Type{Kind: schema.String}, Key: true},
		{Name: "field", Type: schema.Type{Kind: schema.String}, Key: true},
		{Name: "formula", Type: schema.Type{Kind: schema.String}},
		{Name: "sql", Type: schema.Type{Kind: schema.String}},
		{Name: "view_sql", Type: schema.Type{Kind: schema.String}},
	}},
	{Name: tableName(modelTable), Columns: []schema.Column{
		{Name: "object", Type: schema.Type{Kind: schema.String}, Key: true},
		{Name: "model", Type: schema.Type{Kind: schema.String}},
	}},
	{Name: tableName(callTable), Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.String}, Key: true},
		{Name: "method", Type: schema.Type{Kind: schema.String}},
		{Name: "uri", Type: schema.Type{Kind: schema.String}},
		{Name: "called_at", Type: schema.Type{Kind: schema.Instant}},
	}},
}

// own reports whether a table is no object.
func own(table string) bool {
	return slices.ContainsFunc(ownTables, func(t schema.Table) bool { return t.Table == table })
}

// wanted returns one of the tables that are no objects, nil if nobody wants it.
func (r *run) wanted(table string) *schema.Table {
	i := slices.IndexFunc(r.req.Tables, func(t schema.Table) bool { return t.Table == table })
	if i < 0 {
		return nil
	}
	return &r.req.Tables[i]
}

// sendFormulas sends what fields are computed from, if that has changed. What
// is no more is marked as deleted.
func (r *run) sendFormulas(ctx context.Context) error {
	var fields, objects [][]string
	for _, name := range slices.Sorted(maps.Keys(r.objects)) {
		o := r.objects[name]
		for _, f := range o.formulas {
			fields = append(fields, []string{"object", name, "field", f.field, "formula", f.text})
		}
		if len(o.formulas) > 0 {
			objects = append(objects, []string{"object", name})
		}
	}
	if err := r.sendIfNew(ctx, r.wanted(formulaTable), fields); err != nil {
		return err
	}
	return r.sendIfNew(ctx, r.wanted(modelTable), objects)
}

// sendIfNew sends all rows of a table, each as names and values in turn, unless
// they are those of the last time.
func (r *run) sendIfNew(ctx context.Context, table *schema.Table, all [][]string) error {
	if table == nil {
		return nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", all))
	hash := base64.RawStdEncoding.EncodeToString(sum[:12])
	if p := r.state.Tables[table.Table]; p != nil && p.Hash == hash {
		return nil
	}
	rows := rest.NewRows(r.out, *table)
	for _, row := range all {
		for i := 0; i < len(row); i += 2 {
			set(rows, row[i], row[i+1])
		}
		if err := rows.End(ctx); err != nil {
			return err
		}
	}
	if err := rows.Flush(ctx); err != nil {
		return err
	}
	r.state.Tables[table.Table] = &progress{Hash: hash}
	r.state.Deferred.Add(table.Name, r.req.Start)
	return nil
}

func set(rows *rest.Rows, column, value string) {
	if i := rows.Column(column); i >= 0 {
		rows.Text(i, []byte(value))
	}
}
