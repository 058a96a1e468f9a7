package salesforce

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// The tables that are no objects: the first two as in the seeds of
// fivetran/dbt_salesforce_formula_utils (0.11); the third, of which Fivetran
// names only the table and one of its reasons, with columns of ours;
// "FIVETRAN_API_CALL" in Fivetran's Salesforce documentation, which names the
// column uri.
const (
	formulaTable = "FIVETRAN_FORMULA"
	modelTable   = "FIVETRAN_FORMULA_MODEL"
	failureTable = "FIVETRAN_FORMULA_FAILURE_REASON"
	callTable    = "FIVETRAN_API_CALL"
)

var ownTables = []schema.Table{
	{Name: tableName(formulaTable), Columns: append(texts(true, "object", "field"), texts(false, "formula", "sql", "view_sql")...)},
	{Name: tableName(modelTable), Columns: append(texts(true, "object"), texts(false, "model")...)},
	{Name: tableName(failureTable), Columns: append(texts(true, "object", "field"), texts(false, "failure_reason", "message")...)},
	{Name: tableName(callTable), Columns: append(append(texts(true, "id"), texts(false, "method", "uri")...),
		schema.Column{Name: "called_at", Type: schema.Type{Kind: schema.Instant}})},
}

// texts returns columns of texts.
func texts(key bool, names ...string) (columns []schema.Column) {
	for _, n := range names {
		columns = append(columns, schema.Column{Name: n, Type: schema.Type{Kind: schema.String}, Key: key})
	}
	return columns
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

// sendFormulas sends what fields are computed from, in SQL as well where that
// can be said, if it has changed. What is no more is marked as deleted.
func (r *run) sendFormulas(ctx context.Context) error {
	tables := []*schema.Table{r.wanted(formulaTable), r.wanted(modelTable), r.wanted(failureTable)}
	if tables[0] == nil && tables[1] == nil && tables[2] == nil {
		return nil
	}
	t, err := r.translate(ctx)
	if err != nil {
		return err
	}
	for i, rows := range [][][]string{t.formulas, t.models, t.failures} {
		sent, err := r.sendIfNew(ctx, tables[i], rows)
		if err != nil {
			return err
		}
		if sent && i != 1 && t.first != "" {
			r.out.Warn(setup.Warning{Code: "formula_not_translated", Message: fmt.Sprintf(
				"%d of %d formulas of tables that are synced have no SQL, such as that of %s. %s has all of them, and why.", t.failed, t.tried, t.first, failureTable)})
		}
	}
	return nil
}

// sendIfNew sends all rows of a table, each as names and values in turn, unless
// they are those of the last time. A value that is "" is null.
func (r *run) sendIfNew(ctx context.Context, table *schema.Table, all [][]string) (sent bool, err error) {
	if table == nil {
		return false, nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", all))
	hash := base64.RawStdEncoding.EncodeToString(sum[:12])
	if p := r.state.Tables[table.Table]; p != nil && p.Hash == hash {
		return false, nil
	}
	rows := rest.NewRows(r.out, *table)
	for _, row := range all {
		for i := 0; i < len(row); i += 2 {
			set(rows, row[i], row[i+1])
		}
		if err := rows.End(ctx); err != nil {
			return false, err
		}
	}
	if err := rows.Flush(ctx); err != nil {
		return false, err
	}
	r.state.Tables[table.Table] = &progress{Hash: hash}
	r.state.Deferred.Add(table.Name, r.req.Start)
	return true, nil
}

func set(rows *rest.Rows, column, value string) {
	if i := rows.Column(column); i >= 0 && value != "" {
		rows.Text(i, []byte(value))
	}
}
