package rest_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

// A line's values are those that JSON would have given; nothing is NULL.
func TestLine(t *testing.T) {
	for _, c := range []struct{ typ, values, want, wantType string }{
		{"LONG", "1||-2|9223372036854775807", "1|NULL|-2|9223372036854775807", "LONG"},
		{"LONG", "1|9223372036854775808|2.5", "1|9223372036854775808|2.5", "DECIMAL(20,1)"},
		{"LONG", "1|x", "1|x", "STRING"},
		{"DOUBLE", "1.5||1.0E7|0.12345678901234567890", "1.5|NULL|10000000|0.12345678901234568", "DOUBLE"},
		{"DOUBLE", "1.5|NaN", "1.5|NaN", "STRING"},
		{"DOUBLE", "0|0.0|0.00e7|4.94e-324", "0|0|0|" + small(324, "5"), "DOUBLE"},
		{"DOUBLE", "1.5|1e-400", "1.5|" + small(400, "1"), "DECIMAL"},
		{"DOUBLE", "1.5|-1e400", "1.5|-1" + strings.Repeat("0", 400), "DECIMAL"},
		{"DOUBLE", "1.5|0x10", "1.5|0x10", "STRING"},
		{"DECIMAL(18,2)", "1.10||-9999999999999999.99|1.0E7", "1.1|NULL|-9999999999999999.99|10000000", "DECIMAL(18,2)"},
		{"DECIMAL(18,2)", "1.10|1.255|12345678901234567.5", "1.1|1.255|12345678901234567.5", "DECIMAL(20,3)"},
		{"DECIMAL", "1.10|2", "1.10|2", "DECIMAL"},
		{"BOOLEAN", "true|false|", "true|false|NULL", "BOOLEAN"},
		{"BOOLEAN", "true|1", "true|1", "STRING"},
		{"NAIVE_DATE", "2026-02-28||0001-01-01", "2026-02-28|NULL|0001-01-01", "NAIVE_DATE"},
		{"NAIVE_DATE", "2026-02-28|soon", "2026-02-28|soon", "STRING"},
		{"UTC_DATETIME", "2026-02-28T10:00:00.000Z|2026-02-28T10:00:00.123+0000|", "2026-02-28 10:00:00|2026-02-28 10:00:00.123|NULL", "UTC_DATETIME"},
		{"STRING", "a||12", "a|NULL|12", "STRING"},
		{"STRING(4)", "a|four|five5|12345", "a|four|five5|12345", "STRING"},
		{"UNSPECIFIED", "|5|6.5", "NULL|5|6.5", "DECIMAL(11,1)"},
	} {
		table := schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{column("id", "LONG", true), column("v", c.typ, false)}}
		m := &connectortest.Model{}
		err := m.Sync(t.Context(), &script{table, func(ctx context.Context, out connector.Output) error {
			rows := rest.NewRows(out, table)
			rows.Nearest = true
			for i, v := range strings.Split(c.values, "|") {
				if err := rows.Line(ctx, [][]byte{[]byte(v), []byte(strconv.Itoa(i))}, []int{1, 0}); err != nil {
					return err
				}
			}
			return rows.Flush(ctx)
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(m.Rows("t", "v"), "|"); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.typ, c.values, got, c.want)
		}
		if got := m.Columns("t")[1].Type.String(); got != c.wantType {
			t.Errorf("%s of %s: became %s, want %s", c.typ, c.values, got, c.wantType)
		}
	}
}
