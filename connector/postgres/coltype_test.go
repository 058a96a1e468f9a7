package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A typeCase is a column type and, in pairs, values for it and what they must
// become, exactly. NULL is tried with all.
type typeCase struct {
	sql    string
	want   string
	values [][2]string
}

var typeCases = []typeCase{
	{"smallint", "SHORT", [][2]string{{"-32768", "-32768"}, {"32767", "32767"}}},
	{"integer", "INT", [][2]string{{"-2147483648", "-2147483648"}, {"2147483647", "2147483647"}}},
	{"bigint", "LONG", [][2]string{{"-9223372036854775808", "-9223372036854775808"}, {"9223372036854775807", "9223372036854775807"}}},
	{"oid", "LONG", [][2]string{{"4294967295", "4294967295"}}},
	{"real", "FLOAT", [][2]string{{"'3.4028235e38'", "3.4028235e+38"}, {"'1e-45'", "1e-45"}, {"'0.1'", "0.1"}, {"'NaN'", "NaN"}, {"'-Infinity'", "-Inf"}, {"'-0'", "-0"}}},
	{"double precision", "DOUBLE", [][2]string{{"'1.7976931348623157e308'", "1.7976931348623157e+308"}, {"'5e-324'", "5e-324"}, {"'0.30000000000000004'", "0.30000000000000004"}, {"'Infinity'", "+Inf"}, {"'NaN'", "NaN"}}},
	{"boolean", "BOOLEAN", [][2]string{{"true", "true"}, {"false", "false"}}},

	{"numeric(15,2)", "DECIMAL(15,2)", [][2]string{{"0", "0.00"}, {"-0.01", "-0.01"}, {"9999999999999.99", "9999999999999.99"}, {"10000", "10000.00"}, {"100000000", "100000000.00"}}},
	{"numeric(18,18)", "DECIMAL(18,18)", [][2]string{{"0.000000000000000001", "0.000000000000000001"}, {"-0.999999999999999999", "-0.999999999999999999"}}},
	{"numeric(18,0)", "DECIMAL(18,0)", [][2]string{{"999999999999999999", "999999999999999999"}, {"100000000000000000", "100000000000000000"}}},
	{"numeric(19,1)", "DECIMAL(19,1)", [][2]string{{"-999999999999999999.9", "-999999999999999999.9"}}},
	{"numeric(38,2)", "DECIMAL(38,2)", [][2]string{{"999999999999999999999999999999999999.99", "999999999999999999999999999999999999.99"}, {"-0.1", "-0.10"}}},
	{"numeric(38,37)", "DECIMAL(38,37)", [][2]string{{"9.9999999999999999999999999999999999999", "9.9999999999999999999999999999999999999"}, {"0.0000000000000000000000000000000000001", "0.0000000000000000000000000000000000001"}}},
	{"numeric(38,0)", "DECIMAL(38,0)", [][2]string{{"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"}, {"10000000000000000000000000000000000000", "10000000000000000000000000000000000000"}}},
	{"numeric(39,1)", "DECIMAL", [][2]string{{"99999999999999999999999999999999999999.9", "99999999999999999999999999999999999999.9"}}},
	{"numeric", "DECIMAL", [][2]string{
		{"0", "0"}, {"-1.50", "-1.50"}, {"0.00000000000001", "0.00000000000001"}, {"1e30", "1" + strings.Repeat("0", 30)},
		{"12345678901234567890123456789012345678901234567890.123456789", "12345678901234567890123456789012345678901234567890.123456789"},
		{"'NaN'", "NaN"}, {"10000.0001", "10000.0001"}, {"0.0001", "0.0001"}, {"100", "100"},
	}},
	{"money", "DECIMAL(19,2)", [][2]string{{"'12345.67'", "12345.67"}, {"'-92233720368547758.08'", "-92233720368547758.08"}}},

	{"date", "NAIVE_DATE", [][2]string{{"'1970-01-01'", "1970-01-01"}, {"'0001-01-01'", "1-01-01"}, {"'9999-12-31'", "9999-12-31"}, {"'infinity'", "infinity"}, {"'-infinity'", "-infinity"}, {"'0044-03-15 BC'", "-43-03-15"}, {"'5874897-12-31'", "5874897-12-31"}, {"'4713-01-01 BC'", "-4712-01-01"}}},
	{"timestamp", "NAIVE_DATETIME", [][2]string{{"'2026-01-02 03:04:05.678901'", "2026-01-02 03:04:05.678901"}, {"'1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999"}, {"'infinity'", "infinity"}, {"'-infinity'", "-infinity"}, {"'0044-03-15 12:00:00.000001 BC'", "-43-03-15 12:00:00.000001"}, {"'294246-12-31 23:59:59.999999'", "294246-12-31 23:59:59.999999"}}},
	{"timestamptz", "UTC_DATETIME", [][2]string{{"'2026-01-02 03:04:05.678901+05:30'", "2026-01-01 21:34:05.678901"}, {"'infinity'", "infinity"}, {"'-infinity'", "-infinity"}, {"'10000-01-01 00:00:00+00'", "10000-01-01 00:00:00.000000"}}},
	{"time", "NAIVE_TIME", [][2]string{{"'00:00:00'", "00:00:00.000000"}, {"'23:59:59.999999'", "23:59:59.999999"}, {"'24:00:00'", "24:00:00.000000"}}},
	{"timetz", "STRING", [][2]string{{"'01:02:03.4+02'", "01:02:03.4+02"}}},
	{"interval", "STRING", [][2]string{{"'1 year 2 mons -3 days 04:05:06.789'", "1 year 2 mons -3 days +04:05:06.789"}, {"'0'", "00:00:00"}}},

	{"text", "STRING", [][2]string{{"''", ""}, {"E'tab\\t\\\\ \\' \" \U0001F600'", "tab\t\\ ' \" \U0001F600"}, {"'NULL'", "NULL"}}},
	{"varchar(10)", "STRING(64)", [][2]string{{"'ab  '", "ab  "}}},
	{"char(5)", "STRING(32)", [][2]string{{"'ab'", "ab"}, {"''", ""}}},
	{`"char"`, "STRING", [][2]string{{"'x'", "x"}}},
	{"name", "STRING", [][2]string{{"'n'", "n"}}},
	{"bytea", "BINARY", [][2]string{{`'\x00ff10'`, "00ff10"}, {`''`, ""}}},
	{"uuid", "STRING(64)", [][2]string{{"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}}},
	{"json", "JSON", [][2]string{{`'{"a": 1, "a":  2}'`, `{"a": 1, "a":  2}`}}},
	{"jsonb", "JSON", [][2]string{{`'{"b":1,"a":[1.10,null]}'`, `{"a": [1.10, null], "b": 1}`}, {"'null'", "null"}}},
	{"xml", "XML", [][2]string{{`'<a b="c">&amp;</a>'`, `<a b="c">&amp;</a>`}}},

	{"int[]", "JSON", [][2]string{{"'{1,NULL,3}'", "[1,null,3]"}, {"'{}'", "[]"}, {"'{{1,2},{3,4}}'", "[[1,2],[3,4]]"}}},
	{"text[]", "JSON", [][2]string{{`'{"a\"b",NULL,"NULL"}'`, `["a\"b",null,"NULL"]`}}},
	{"numeric[]", "JSON", [][2]string{{"'{1.10,12345678901234567890.123456789,NaN}'", `[1.10,12345678901234567890.123456789,"NaN"]`}}},
	{"timestamptz[]", "JSON", [][2]string{{"'{2026-01-02 03:04:05.678901+05:30}'", `["2026-01-01T21:34:05.678901+00:00"]`}}},
	{"jsonb[]", "JSON", [][2]string{{`array['{"a":1}'::jsonb]`, `[{"a": 1}]`}}},
	{"bytea[]", "JSON", [][2]string{{`array['\x01ff'::bytea]`, `["\\x01ff"]`}}},

	{"mood", "STRING(64)", [][2]string{{"'happy'", "happy"}}},
	{"mood[]", "JSON", [][2]string{{"'{sad,happy}'", `["sad","happy"]`}}},
	{"price", "DECIMAL(10,3)", [][2]string{{"1.5", "1.500"}}},
	{"more_positive", "INT", [][2]string{{"7", "7"}}},
	{"tags", "JSON", [][2]string{{"'{a,b}'", `["a","b"]`}}},
	{"pair", "STRING", [][2]string{{`row(1, 'a,"b')`, `(1,"a,""b")`}}},
	{"pair[]", "JSON", [][2]string{{`array[row(1, 'x')::pair]`, `[{"a":1,"b":"x"}]`}}},
	{"int4range", "STRING", [][2]string{{"'[1,5]'", "[1,6)"}, {"'empty'", "empty"}}},
	{"tstzrange", "STRING", [][2]string{{"'[2026-01-01 00:00:00+00,)'", `["2026-01-01 00:00:00+00",)`}}},
	{"numrange[]", "JSON", [][2]string{{`'{"[1.5,2)"}'`, `["[1.5,2)"]`}}},

	{"bit(3)", "STRING", [][2]string{{"B'101'", "101"}}},
	{"varbit", "STRING", [][2]string{{"B'1'", "1"}, {"B''", ""}}},
	{"inet", "STRING", [][2]string{{"'192.168.0.1'", "192.168.0.1"}, {"'192.168.0.1/24'", "192.168.0.1/24"}, {"'::1'", "::1"}}},
	{"cidr", "STRING", [][2]string{{"'10.0.0.0/8'", "10.0.0.0/8"}, {"'10.1.2.3/32'", "10.1.2.3/32"}}},
	{"macaddr", "STRING", [][2]string{{"'08:00:2b:01:02:03'", "08:00:2b:01:02:03"}}},
	{"macaddr8", "STRING", [][2]string{{"'08:00:2b:01:02:03:04:05'", "08:00:2b:01:02:03:04:05"}}},
	{"point", "STRING", [][2]string{{"'(0.1,1e-20)'", "(0.1,1e-20)"}}},
	{"line", "STRING", [][2]string{{"'{1,2,3}'", "{1,2,3}"}}},
	{"lseg", "STRING", [][2]string{{"'[(0,0),(1,1)]'", "[(0,0),(1,1)]"}}},
	{"box", "STRING", [][2]string{{"'(1,1),(0,0)'", "(1,1),(0,0)"}}},
	{"path", "STRING", [][2]string{{"'((0,0),(1,1))'", "((0,0),(1,1))"}}},
	{"polygon", "STRING", [][2]string{{"'((0,0),(1,1),(1,0))'", "((0,0),(1,1),(1,0))"}}},
	{"circle", "STRING", [][2]string{{"'<(0,0),2>'", "<(0,0),2>"}}},
	{"tsvector", "STRING", [][2]string{{"'a b'", "'a' 'b'"}}},
	{"tsquery", "STRING", [][2]string{{"'a & b'", "'a' & 'b'"}}},
	{"pg_lsn", "STRING", [][2]string{{"'16/B374D848'", "16/B374D848"}}},
	{"txid_snapshot", "STRING", [][2]string{{"'10:20:10,14'", "10:20:10,14"}}},
	{"regclass", "STRING", [][2]string{{"'pg_class'", "pg_class"}}},
	{"jsonpath", "STRING", [][2]string{{"'$.a'", `$."a"`}}},
	{"hstore", "JSON", [][2]string{{`'a=>1, b=>NULL, "c d"=>"x\"y"'`, `{"a": "1", "b": null, "c d": "x\"y"}`}}},
}

// geometryCases need PostGIS, which is not on every server.
var geometryCases = []typeCase{
	{"geometry", "STRING", [][2]string{
		{"'POINT(1.2345678901234567e-7 3.141592653589793)'::geometry", "POINT(0.00000012345678901234566 3.141592653589793)"},
		{"'POINT(1e-20 12345678.123456789)'::geometry", "POINT(1e-20 12345678.12345679)"},
		{"'LINESTRING Z (0 0 1, 0.1 0.2 3)'::geometry", "LINESTRING Z (0 0 1,0.1 0.2 3)"},
		{"'POINT EMPTY'::geometry", "POINT EMPTY"},
	}},
	{"geography", "STRING", [][2]string{{"'POINT(-71.060316 48.432044)'::geography", "POINT(-71.060316 48.432044)"}}},
}

// typesDatabase makes a database with a table all_types of which column i has
// the type of case i, and row j the jth values of all cases.
func typesDatabase(t *testing.T) (string, []typeCase) {
	dsn := pgtest.Database(t)
	cases := typeCases
	typesIn(t, dsn)
	if query(t, dsn, "select exists(select from pg_available_extensions where name = 'postgis')") == "t" {
		pgtest.Exec(t, dsn, "create schema gis", "create extension postgis schema gis", fmt.Sprintf(`alter database %s set search_path = "$user", public, gis`, query(t, dsn, "select current_database()")))
		cases = slices.Concat(cases, geometryCases)
	}
	var columns []string
	rows := 0
	for i, c := range cases {
		columns = append(columns, fmt.Sprintf("c%d %s", i, c.sql))
		rows = max(rows, len(c.values))
	}
	statements := []string{"create table all_types (id int primary key, " + strings.Join(columns, ", ") + ")", "insert into all_types (id) values (0)"}
	for j := range rows {
		row := []string{fmt.Sprint(j + 1)}
		for _, c := range cases {
			if j < len(c.values) {
				row = append(row, c.values[j][0])
			} else {
				row = append(row, "null")
			}
		}
		statements = append(statements, "insert into all_types values ("+strings.Join(row, ", ")+")")
	}
	pgtest.Exec(t, dsn, statements...)
	return dsn, cases
}

// typesIn makes the types of typeCases.
func typesIn(t *testing.T, dsn string) {
	pgtest.Exec(t, dsn, "create extension hstore schema pg_catalog",
		"create type mood as enum ('sad', 'happy')",
		"create domain price as numeric(10,3) check (value > 0)",
		"create domain positive as int", "create domain more_positive as positive",
		"create domain tags as text[]",
		"create type pair as (a int, b text)", "create type mark as (a int)")
}

func TestEveryType(t *testing.T) {
	dsn, cases := typesDatabase(t)
	got := collect(t, configOf(t, dsn), "all_types")
	columns := got.table.Columns
	for i, c := range cases {
		if got := columns[i+1].Type.String(); got != c.want {
			t.Errorf("%s is a %s, want %s", c.sql, got, c.want)
		}
		for j, v := range c.values {
			if got := got.rows[fmt.Sprint(j+1)][i+1]; got != v[1] {
				t.Errorf("%s %s became %q, want %q", c.sql, v[0], got, v[1])
			}
		}
		if got := got.rows["0"][i+1]; got != "NULL" {
			t.Errorf("null %s became %q", c.sql, got)
		}
	}
	var codes []string
	for _, w := range got.warnings {
		codes = append(codes, w.Code+": "+w.Message)
	}
	slices.Sort(codes)
	col := func(sql string) string {
		return fmt.Sprintf("c%d", slices.IndexFunc(cases, func(c typeCase) bool { return c.sql == sql }))
	}
	want := []string{
		"date_out_of_range: table public.all_types, column " + col("date") + ": 0044-03-15 BC is outside of the years 1 to 9999; such values are kept as they are",
		"date_out_of_range: table public.all_types, column " + col("timestamp") + ": 0044-03-15 12:00:00.000001 BC is outside of the years 1 to 9999; such values are kept as they are",
		"date_out_of_range: table public.all_types, column " + col("timestamptz") + ": 10000-01-01 00:00:00 is outside of the years 1 to 9999; such values are kept as they are",
	}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestDecimalWidens has NaN, which a decimal128 does not hold, amid numbers.
func TestDecimalWidens(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create table n (id int primary key, v numeric(10,2))",
		"insert into n values (1, 1.5), (2, null), (3, 'NaN'), (4, -12345678.9), (5, 0)")
	got := collect(t, configOf(t, dsn), "n")
	if typ := got.table.Columns[1].Type; !typ.Unbounded() {
		t.Errorf("the column is sent as %s", typ)
	}
	for id, want := range map[string]string{"1": "1.50", "2": "NULL", "3": "NaN", "4": "-12345678.90", "5": "0.00"} {
		if v := got.rows[id][1]; v != want {
			t.Errorf("row %s is %q, want %q", id, v, want)
		}
	}
	want := []setup.Warning{{Code: "decimal_widened", Message: "table public.n, column v: NaN does not fit the column's precision; the column becomes a decimal of any size"}}
	if diff := cmp.Diff(want, got.warnings); diff != "" {
		t.Error(diff)
	}
}

// TestTimestampBeyondArrow has a timestamp that 64 bits of microseconds since
// 1970 cannot hold.
func TestTimestampBeyondArrow(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create table n (id int primary key, v timestamp)",
		"insert into n values (1, '294276-12-31 23:59:59')")
	got := collect(t, configOf(t, dsn), "n")
	if v := got.rows["1"][1]; v != "NULL" {
		t.Errorf("it became %s", v)
	}
	want := []setup.Warning{{Code: "value_not_kept", Message: "table public.n, column v: 294276-12-31 23:59:59 cannot be kept as it is"}}
	if diff := cmp.Diff(want, got.warnings); diff != "" {
		t.Error(diff)
	}
}

// collected is what a historical sync of one table sent.
type collected struct {
	discard
	mu       sync.Mutex
	table    *schema.Table
	rows     map[string][]string // by the first column
	encoded  [][]byte
	warnings []setup.Warning
}

func (c *collected) Write(_ context.Context, b schema.Batch) error {
	defer b.Release()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discard.rows.Add(b.Rows())
	c.table = b.Table
	if b.Encoded != nil {
		c.encoded = append(c.encoded, b.Encoded.Data)
	}
	if b.Record == nil {
		return nil
	}
	for i := range int(b.Rows()) {
		var row []string
		for _, a := range b.Record.Columns() {
			row = append(row, exact(a, i))
		}
		c.rows[row[0]] = row
	}
	return nil
}

func (c *collected) Warn(w setup.Warning) { c.warnings = append(c.warnings, w) }

// collect loads the table of schema public.
func collect(t *testing.T, config []byte, table string, edit ...func(*collected)) *collected {
	t.Helper()
	src, err := open(config, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	tables, err := src.Tables(context.Background(), func(setup.Warning) {})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(tables, func(t schema.Table) bool { return t.Table == table })
	if i < 0 {
		t.Fatalf("there is no %s", table)
	}
	out := &collected{rows: make(map[string][]string)}
	for _, f := range edit {
		f(out)
	}
	if err := src.Sync(context.Background(), connector.Request{Tables: tables[i : i+1], Start: time.Unix(0, 0)}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// exact returns a value as text that shows all of it.
func exact(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "NULL"
	}
	day := func(t time.Time) string { return fmt.Sprintf("%d-%02d-%02d", t.Year(), t.Month(), t.Day()) }
	switch a := a.(type) {
	case *array.Float32:
		return fmt.Sprint(a.Value(i))
	case *array.Float64:
		return fmt.Sprint(a.Value(i))
	case *array.Decimal128:
		return a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Date32:
		switch v := a.Value(i); v {
		case schema.DateInfinity:
			return "infinity"
		case -schema.DateInfinity:
			return "-infinity"
		default:
			return day(time.Unix(int64(v)*86400, 0).UTC())
		}
	case *array.Timestamp:
		switch v := a.Value(i); v {
		case schema.TimeInfinity:
			return "infinity"
		case -schema.TimeInfinity:
			return "-infinity"
		default:
			at := time.UnixMicro(int64(v)).UTC()
			return day(at) + at.Format(" 15:04:05.000000")
		}
	case *array.Time64:
		v := int64(a.Value(i))
		return fmt.Sprintf("%02d:%02d:%02d.%06d", v/3600e6, v/60e6%60, v/1e6%60, v%1e6)
	case *array.Binary:
		return fmt.Sprintf("%x", a.Value(i))
	case *array.String:
		return a.Value(i)
	}
	return a.ValueStr(i)
}

// TestPassThrough puts the encoded rows into a table with the Postgres
// destination's types and lets the server compare.
func TestPassThrough(t *testing.T) {
	dsn, cases := typesDatabase(t)
	got := collect(t, configOf(t, dsn), "all_types", func(c *collected) { c.pass = true })
	var defs, differ []string
	for i, c := range got.table.Columns {
		typ := map[schema.Kind]string{
			schema.Boolean: "boolean", schema.Short: "smallint", schema.Int: "integer", schema.Long: "bigint",
			schema.Float: "real", schema.Double: "double precision", schema.Date: "date", schema.Datetime: "timestamp",
			schema.Instant: "timestamptz", schema.Time: "time", schema.Binary: "bytea", schema.XML: "text",
			schema.String: "text", schema.JSON: "json",
		}[c.Type.Kind]
		if c.Type.Kind == schema.Decimal {
			typ = "numeric"
			if !c.Type.Unbounded() {
				typ = fmt.Sprintf("numeric(%d,%d)", c.Type.Precision, c.Type.Scale)
			}
		}
		defs = append(defs, c.Name+" "+typ)
		if i == 0 {
			continue
		}
		// What the decoder makes of the column is proven by TestEveryType;
		// text forms are equal but for what the casts mean to change.
		want := fmt.Sprintf("s.%s::text", c.Name)
		switch sql := cases[i-1].sql; {
		case sql == "inet":
			want = "abbrev(s." + c.Name + ")"
		case sql == "oid" || sql == "money":
			want = fmt.Sprintf("s.%s::%s::text", c.Name, map[string]string{"oid": "int8", "money": "numeric"}[sql])
		case sql == "hstore":
			want = fmt.Sprintf("s.%s::json::text", c.Name)
		case sql == "geometry" || sql == "geography":
			want = fmt.Sprintf("gis.st_astext(s.%s, 25)", c.Name)
		case c.Type.Kind == schema.JSON && sql != "json" && sql != "jsonb":
			want = fmt.Sprintf("to_json(s.%s)::text", c.Name)
		}
		differ = append(differ, fmt.Sprintf("select %d, s.id, %s, d.%s::text from all_types s join copied d using (id) where %[2]s is distinct from d.%[3]s::text", i, want, c.Name))
	}
	pgtest.Exec(t, dsn, "create table copied ("+strings.Join(defs, ", ")+")")
	copyIn(t, dsn, "copied", got.encoded)
	if n := query(t, dsn, "select count(*) from copied"); n != query(t, dsn, "select count(*) from all_types") {
		t.Errorf("%s rows arrived", n)
	}
	for _, q := range differ {
		for _, line := range lines(t, dsn, q) {
			t.Errorf("column|row|want|got: %s", line)
		}
	}
	if len(got.warnings) > 0 {
		t.Errorf("warnings: %v", got.warnings)
	}
}
