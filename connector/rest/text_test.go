package rest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// csv is a Source whose rows are fields of CSV.
type csv struct {
	connector.Source
	table rest.Table
	rows  []string
}

func (c csv) Tables(_ context.Context, _ func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{c.table.Schema()}, nil
}

func (c csv) Sync(at context.Context, req connector.Request, out connector.Output) error {
	rows := rest.NewRows(out, req.Tables[0])
	for _, r := range c.rows {
		for i, v := range strings.Split(r, ",") {
			if v != "NULL" {
				rows.Text(i, []byte(v))
			}
		}
		if err := rows.End(at); err != nil {
			return err
		}
	}
	return rows.Flush(at)
}

// Texts are what they say in the type of their column, and make it wider where
// they say more.
func TestText(t *testing.T) {
	for _, c := range []struct{ columns, rows, want, typ string }{
		{"id LONG key, v BOOLEAN", "1,true;2,false;3,;4,NULL", "1|true 2|false 3|NULL 4|NULL", "BOOLEAN"},
		{"id LONG key, v LONG", "1,7;2,-9;3,", "1|7 2|-9 3|NULL", "LONG"},
		{"id LONG key, v DOUBLE", "1,1.5;2,1e3;3,", "1|1.5 2|1000 3|NULL", "DOUBLE"},
		{"id LONG key, v DECIMAL(5,2)", "1,1.25;2,-3", "1|1.25 2|-3", "DECIMAL(5,2)"},
		{"id LONG key, v NAIVE_DATE", "1,2026-01-31;2,", "1|2026-01-31 2|NULL", "NAIVE_DATE"},
		{"id LONG key, v UTC_DATETIME", "1,2026-01-31T10:00:00.000Z;2,", "1|2026-01-31 10:00:00 2|NULL", "UTC_DATETIME"},
		{"id LONG key, v STRING", "1,a;2,;3,NULL", "1|a 2| 3|NULL", "STRING"},
		{"id LONG key, v JSON", "1,7;2,;3,[]", "1|7 2|NULL 3|[]", "JSON"},
		{"id LONG key, v LONG", "1,7;2,1.5", "1|7 2|1.5", "DECIMAL(20,1)"},
		{"id LONG key, v LONG", "1,7;2,x", "1|7 2|x", "STRING"},
		{"id LONG key, v BOOLEAN", "1,true;2,yes", "1|true 2|yes", "STRING"},
	} {
		m := &connectortest.Model{}
		if err := m.Sync(t.Context(), csv{table: rest.Table{Name: "t", Columns: c.columns}, rows: strings.Split(c.rows, ";")}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(m.Rows("t"), " "); got != c.want {
			t.Errorf("%s: %s: got %s, want %s", c.columns, c.rows, got, c.want)
		}
		if got := m.Columns("t")[1].Type.String(); got != c.typ {
			t.Errorf("%s: %s: got a %s, want a %s", c.columns, c.rows, got, c.typ)
		}
	}
}
