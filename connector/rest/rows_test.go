package rest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// script is a source whose Sync is a function.
type script struct {
	table schema.Table
	sync  func(ctx context.Context, out connector.Output) error
}

func (s *script) Test(context.Context) []setup.TestResult { return nil }
func (s *script) Close() error                            { return nil }

func (s *script) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{s.table}, nil
}

func (s *script) Sync(ctx context.Context, _ connector.Request, out connector.Output) error {
	return s.sync(ctx, out)
}

// batches counts what goes through it.
type batches struct {
	connector.Output
	sent []schema.Batch
}

func (b *batches) Write(ctx context.Context, batch schema.Batch) error {
	shape := batch
	shape.Record = nil
	b.sent = append(b.sent, shape)
	return b.Output.Write(ctx, batch)
}

func column(name, typ string, key bool) schema.Column {
	t, err := schema.ParseType(typ)
	if err != nil {
		panic(err)
	}
	return schema.Column{Name: name, Type: t, Key: key}
}

// load appends JSON objects, one per line, to a table and returns what became
// of it.
func load(t *testing.T, table schema.Table, lines string, prepare func(*rest.Rows), fields ...rest.Field) (*connectortest.Model, []schema.Batch) {
	t.Helper()
	m := &connectortest.Model{}
	var sent []schema.Batch
	err := m.Sync(t.Context(), &script{table, func(ctx context.Context, out connector.Output) error {
		counted := &batches{Output: out}
		rows := rest.NewRows(counted, table, fields...)
		if prepare != nil {
			prepare(rows)
		}
		var p fastjson.Parser
		for line := range strings.Lines(strings.TrimSpace(lines)) {
			v, err := p.Parse(line)
			if err != nil {
				return err
			}
			rows.Record(v.GetObject())
			if err := rows.End(ctx); err != nil {
				return err
			}
		}
		err := rows.Flush(ctx)
		sent = counted.sent
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m, sent
}

// A column of a declared type gets values; it keeps them all, wider if it
// must be.
func TestValues(t *testing.T) {
	for _, c := range []struct{ typ, values, want, wantType string }{
		{"LONG", `1 -2 null 9223372036854775807 -9223372036854775808 5.0 "17" ""`,
			"1|-2|NULL|9223372036854775807|-9223372036854775808|5|17|NULL", "LONG"},
		{"LONG", `1 9223372036854775808`, "1|9223372036854775808", "DECIMAL(19,0)"},
		{"LONG", `1 36893488147419103232 -36893488147419103232`, "1|36893488147419103232|-36893488147419103232", "DECIMAL(20,0)"},
		{"LONG", `1 2.5 3.25`, "1|2.5|3.25", "DECIMAL(21,2)"},
		{"LONG", `1 123456789012345678901234567890123456789012`, "1|123456789012345678901234567890123456789012", "DECIMAL"},
		{"LONG", `1 1e3 "007" 2`, "1|1000|007|2", "STRING"},
		{"LONG", `1 "x" true {"a":1}`, `1|x|true|{"a":1}`, "STRING"},
		{"INT", `1 2147483647 2147483648`, "1|2147483647|2147483648", "LONG"},
		{"SHORT", `1 32767 "12" 40000`, "1|32767|12|40000", "LONG"},
		{"DOUBLE", `1 2.5 1e-7 0.1 123456789.123456 -0.25`, "1|2.5|0.0000001|0.1|123456789.123456|-0.25", "DOUBLE"},
		{"DOUBLE", `0.5 0.12345678901234567890`, "0.5|0.12345678901234567890", "DECIMAL"},
		{"DOUBLE", `9007199254740993`, "9007199254740993", "DECIMAL"},
		{"DOUBLE", `0 0.0 0e-400 5e-324 -2.5e-308 1e308`, "0|0|0|" + small(324, "5") + "|-" + small(309, "25") + "|1" + strings.Repeat("0", 308), "DOUBLE"},
		{"DOUBLE", `0.5 1e-400`, "0.5|" + small(400, "1"), "DECIMAL"},
		{"DOUBLE", `0.5 4.94e-324`, "0.5|" + small(326, "494"), "DECIMAL"},
		{"DOUBLE", `0.5 1e-20000`, "0.5|1e-20000", "STRING"},
		{"DOUBLE", `0.5 1e400`, "0.5|1" + strings.Repeat("0", 400), "DECIMAL"},
		{"DECIMAL(10,2)", `1.25 -99999999.99 0.10 7`, "1.25|-99999999.99|0.1|7", "DECIMAL(10,2)"},
		{"DECIMAL(10,2)", `1.25 1.255 123456789.5`, "1.25|1.255|123456789.5", "DECIMAL(12,3)"},
		{"DECIMAL(38,0)", `99999999999999999999999999999999999999 -1`, "99999999999999999999999999999999999999|-1", "DECIMAL(38,0)"},
		{"DECIMAL", `1.50 -2e-3 12e2`, "1.50|-0.002|1200", "DECIMAL"},
		{"BOOLEAN", `true false null`, "true|false|NULL", "BOOLEAN"},
		{"BOOLEAN", `true 1 "no"`, "true|1|no", "STRING"},
		{"NAIVE_DATE", `"2026-02-28" "0001-01-01" "9999-12-31" ""`, "2026-02-28|0001-01-01|9999-12-31|NULL", "NAIVE_DATE"},
		{"NAIVE_DATE", `"2026-02-28" "2026-02-29"`, "2026-02-28|2026-02-29", "STRING"},
		{"NAIVE_DATETIME", `"2026-02-28T10:00:00" "2026-02-28 10:00"`, "2026-02-28 10:00:00|2026-02-28 10:00:00", "NAIVE_DATETIME"},
		{"NAIVE_DATETIME", `"2026-02-28T10:00:00Z"`, "2026-02-28T10:00:00Z", "STRING"},
		{"UTC_DATETIME", `"2026-02-28T10:00:00Z" "2026-02-28T10:00:00.123456+02:00" "2026-02-28 10:00:00-0330" "2026-02-28T10:00:00.5"`,
			"2026-02-28 10:00:00|2026-02-28 08:00:00.123456|2026-02-28 13:30:00|2026-02-28 10:00:00.5", "UTC_DATETIME"},
		{"UTC_DATETIME", `"2026-02-28T10:00:00Z" "2026-02-28T10:00:00.123456789Z"`, "2026-02-28 10:00:00|2026-02-28T10:00:00.123456789Z", "STRING"},
		{"UTC_DATETIME", `1700000000 "tomorrow"`, "1700000000|tomorrow", "STRING"},
		{"STRING", `"a\"b\u00e9" 1.50 true [1, 2] ""`, `a"bé|1.50|true|[1,2]|`, "STRING"},
		{"JSON", `{"a": 1.50, "b":"\u00e9 \/"} [1e2] "x\u00e9" 36893488147419103232 null`,
			`{"a":1.50,"b":"\u00e9 \/"}|[1e2]|"x\u00e9"|36893488147419103232|NULL`, "JSON"},
		{"UNSPECIFIED", `null null`, "NULL|NULL", "UNSPECIFIED"},
		{"UNSPECIFIED", `null true`, "NULL|true", "BOOLEAN"},
		{"UNSPECIFIED", `null 1 2147483647 -2147483648`, "NULL|1|2147483647|-2147483648", "INT"},
		{"UNSPECIFIED", `1 2147483648 2`, "1|2147483648|2", "LONG"},
		{"UNSPECIFIED", `1 9007199254740993`, "1|9007199254740993", "LONG"},
		{"UNSPECIFIED", `1 2.5`, "1|2.5", "DECIMAL(11,1)"},
		{"UNSPECIFIED", `2.5 1 36893488147419103232`, "2.5|1|36893488147419103232", "DECIMAL(21,1)"},
		{"UNSPECIFIED", `1.5 22.25`, "1.5|22.25", "DECIMAL(4,2)"},
		{"UNSPECIFIED", `1e-400`, "0." + strings.Repeat("0", 399) + "1", "DECIMAL"},
		{"UNSPECIFIED", `1e99999`, "1e99999", "STRING"},
		{"UNSPECIFIED", `{"a":1} []`, `{"a":1}|[]`, "JSON"},
		{"UNSPECIFIED", `"2026-01-01"`, "2026-01-01", "STRING"},
	} {
		table := schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{column("id", "LONG", true), column("v", c.typ, false)}}
		var lines strings.Builder
		for i, v := range values(t, c.values) {
			fmt.Fprintf(&lines, "{\"id\":%d,\"v\":%s}\n", i, v)
		}
		m, _ := load(t, table, lines.String(), nil)
		if got := strings.Join(m.Rows("t", "v"), "|"); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.typ, c.values, got, c.want)
		}
		if got := m.Columns("t")[1].Type.String(); got != c.wantType {
			t.Errorf("%s of %s: became %s, want %s", c.typ, c.values, got, c.wantType)
		}
	}
}

// small returns a number of that many decimals, which end in digits.
func small(scale int, digits string) string {
	return "0." + strings.Repeat("0", scale-len(digits)) + digits
}

// values splits JSON values that stand one after another.
func values(t *testing.T, s string) []string {
	var out []string
	var sc fastjson.Scanner
	for sc.Init(s); sc.Next(); {
		out = append(out, string(sc.Value().MarshalTo(nil)))
	}
	if err := sc.Error(); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return out
}

func TestRecords(t *testing.T) {
	table := schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{
		column("id", "LONG", true), column("users", "LONG", false), column("name", "STRING", false), column("kept", "STRING", false),
	}}
	lines := `
{"id":1,"user":"https://x.test/user/5/","name":"a","extra_n":1,"other":7,"kept":null}
{"kept":"k","extra_n":2.5,"id":2,"name":"b","user":null,"extra_late":null}
{"id":3,"alias":"c","extra_late":{"x":1},"user":"https://x.test/user/6?page=2","name":null}
{"id":4,"user":"https://x.test/user/me/"}
{"name":"no key"}
`
	m, sent := load(t, table, lines, func(r *rest.Rows) {
		r.Infer = func(f string) (string, bool) { return strings.ToUpper(f), strings.HasPrefix(f, "extra_") }
	}, rest.Field{Name: "user", Column: "users", Cut: rest.LastSegment}, rest.Field{Name: "name", Column: "name"}, rest.Field{Name: "alias", Column: "name"})
	want := []string{
		"1|5|a|NULL|1|NULL",
		"2|NULL|b|k|2.5|NULL",
		`3|6|c|NULL|NULL|{"x":1}`,
		"4|me|NULL|NULL|NULL|NULL",
	}
	if diff := cmp.Diff(want, m.Rows("t", "id", "users", "name", "kept", "EXTRA_N", "EXTRA_LATE")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var types []string
	for _, c := range m.Columns("t") {
		types = append(types, c.Name+" "+c.Type.String())
	}
	if diff := cmp.Diff([]string{"id LONG", "users STRING", "name STRING", "kept STRING", "EXTRA_N DECIMAL(11,1)", "EXTRA_LATE JSON"}, types); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if len(sent) != 3 {
		t.Errorf("%d batches, want one for each type that a column had and one for the rest", len(sent))
	}
	if diff := cmp.Diff([]setup.Warning{{Code: "row_without_key", Message: "A row of t has no id and was left out."}}, m.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestTextIsUTF8(t *testing.T) {
	table := schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{column("id", "LONG", true), column("v", "STRING", false), column("j", "JSON", false)}}
	m, _ := load(t, table, "{\"id\":1,\"v\":\"a\xffb\",\"j\":[\"\xfe\"]}", nil)
	if got := m.Rows("t"); !slices.Equal(got, []string{"1|a\uFFFDb|[\"\uFFFD\"]"}) {
		t.Errorf("got %q", got)
	}
}

func TestBatches(t *testing.T) {
	table := schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{column("id", "LONG", true), column("v", "STRING", false)}}
	var lines strings.Builder
	const rows, size = 2000, 10_000
	for i := range rows {
		fmt.Fprintf(&lines, "{\"id\":%d,\"v\":\"%s\"}\n", i, strings.Repeat("x", size))
	}
	fresh := 0
	m, sent := load(t, table, lines.String(), func(r *rest.Rows) { r.Fresh = true })
	for _, b := range sent {
		if b.Fresh && b.Op == schema.Upsert && b.Table.Name.Table == "t" {
			fresh++
		}
	}
	if n := len(m.Rows("t", "id")); n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
	want := rows*size/connector.BatchBytes + 1
	if len(sent) != want || fresh != want {
		t.Errorf("%d batches, %d of them fresh; want %d of each", len(sent), fresh, want)
	}
}

func TestOneStaleRowMakesABatchStale(t *testing.T) {
	table := schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{column("id", "LONG", true)}}
	m := &connectortest.Model{Clock: time.Now}
	err := m.Sync(t.Context(), &script{table, func(ctx context.Context, out connector.Output) error {
		counted := &batches{Output: out}
		rows := rest.NewRows(counted, table)
		add := func(id int64, fresh bool) {
			rows.Fresh = fresh
			rows.Int(0, id)
			if err := rows.End(ctx); err != nil {
				t.Fatal(err)
			}
		}
		add(1, true)
		add(1, false)
		add(2, true)
		if err := rows.Flush(ctx); err != nil {
			return err
		}
		add(3, true)
		err := rows.Flush(ctx)
		if counted.sent[0].Fresh || !counted.sent[1].Fresh {
			t.Errorf("fresh: %v and %v, want false and true", counted.sent[0].Fresh, counted.sent[1].Fresh)
		}
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
}
