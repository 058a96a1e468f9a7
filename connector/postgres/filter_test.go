package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// filterValues are values of each column of the table that the server and
// [schema.Selector] are asked about: ordinary ones, bounds, and the odd.
var filterValues = []struct{ column, typ, values string }{
	{"flag", "bool", "true|false"},
	{"small", "int2", "0|-1|5|32767|-32768"},
	{"whole", "int4", "0|5|6|2147483647|-2147483648"},
	{"big", "int8", "0|5|9223372036854775807|-9223372036854775808"},
	{"price", "numeric(10,2)", "0|1.5|1.50|-0.01|99999999.99"},
	{"digits", "numeric(38,10)", "0|0.0000000001|-1234567890123456789012345678.0123456789"},
	{"loose", "numeric", "0|1.5|-1.50|1e400|-1e-400|NaN|0.1|123456789012345678901234567890.5"},
	{"single", "float4", "0|-0|0.1|1.5|NaN|Infinity|-Infinity|1e-45|3.4e38"},
	{"twice", "float8", "0|-0|0.1|0.30000000000000004|1.5|NaN|Infinity|-Infinity|5e-324|1.7e308"},
	{"cash", "money", "0|1.5|-3"},
	{"name", "text", "|a|B|b|ab|Zoë|é|%|_|a_b|\\|a\\%|'|EU|eu| a |𝄞|ａ"},
	{"code", "char(4)", "a|ab  |EU|  b"},
	{"varied", "varchar(9) collate nocase", "a|A|EU|eu"},
	{"mood", "mood", "sad|happy|EU"},
	{"uid", "uuid", "00000000-0000-0000-0000-00000000000a|ffffffff-ffff-ffff-ffff-ffffffffffff"},
	{"host", "inet", "10.0.0.1|10.0.0.0/8"},
	{"day", "date", "2025-01-31|2025-02-01|0001-01-01|0044-03-15 BC|9999-12-31|infinity|-infinity|12025-01-01"},
	{"made", "timestamp", "2025-01-31 00:00|2025-01-31 18:30:00.000001|infinity|-infinity|294276-12-31 23:59:59|0044-03-15 BC"},
	{"moment", "timestamptz", "2025-01-31 00:00+00|2025-01-31 18:30:00.5+01|infinity|-infinity|294276-12-31 23:59:59+00"},
	{"clock", "time", "00:00|18:30:00.5|24:00:00|23:59:59.999999"},
	{"doc", "jsonb", `{}|null`},
	{"raw", "bytea", `a|\x00`},
	{"list", "int4[]", "{}|{1,2}"},
	{"pair", "pair", "(,)|(1,2)"},
}

// filterLiterals are what columns are compared with, by the kind of their type.
var filterLiterals = map[schema.Kind][]string{
	schema.Boolean:  {"TRUE", "FALSE"},
	schema.Decimal:  {"0", "5", "5.5", "-0.010", "1.5", "0.1", "1e400", "-1e-400", "9223372036854775807", "9223372036854775808", "-9223372036854775808.5", "32768", "99999999.99", "1e30", "-1234567890123456789012345678.0123456789"},
	schema.Double:   {"0", "0.1", "1.5", "-2", "0.30000000000000001", "1e30", "16777217"},
	schema.String:   {"''", "'a'", "'B'", "'EU'", "'é'", "'%'", "'it''s'", `'\'`, "'𝄞'", "'ａ'", "'  b'", "'ab  '", "'10.0.0.1'", "'00000000-0000-0000-0000-00000000000a'"},
	schema.Date:     {"'2025-01-31'", "'2025-02-01'", "'0001-01-01'", "'9999-12-31'"},
	schema.Datetime: {"'2025-01-31'", "'2025-01-31T18:30:00.000001'", "'9999-12-31 23:59'"},
	schema.Instant:  {"'2025-01-31'", "'2025-01-31 17:30:00.5'", "'2025-01-31T18:30:00.5+01'", "'0001-01-01'"},
	schema.Time:     {"'00:00'", "'18:30:00.5'", "'24:00:00'"},
}

var filterPatterns = []string{`%`, `_`, `a%`, `%b`, `_b%`, `%\%`, `a\_b`, `%\\%`, `__`, `%é`, `%a%b%`, ``, `%o_`, `E_`, `_%_`}

// A conditioner makes conditions that fit columns.
func conditionOf(columns []schema.Column, depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth > 0 && rapid.Bool().Draw(t, "deeper") {
			a, b := conditionOf(columns, depth-1).Draw(t, "a"), conditionOf(columns, depth-1).Draw(t, "b")
			return rapid.SampledFrom([]string{"NOT (" + a + ")", "(" + a + ") AND (" + b + ")", "(" + a + ") OR " + b}).Draw(t, "joined")
		}
		c := rapid.SampledFrom(columns).Draw(t, "column")
		not := rapid.SampledFrom([]string{"", "NOT "}).Draw(t, "not")
		kind := c.Type.Kind
		switch kind {
		case schema.Short, schema.Int, schema.Long:
			kind = schema.Decimal
		case schema.Float:
			kind = schema.Double
		}
		literals := filterLiterals[kind]
		if literals == nil || rapid.IntRange(0, 9).Draw(t, "null") == 0 {
			return c.Name + " IS " + not + "NULL"
		}
		value := func() string { return rapid.SampledFrom(literals).Draw(t, "value") }
		shape := rapid.IntRange(0, 4).Draw(t, "test")
		switch {
		case kind == schema.Boolean && shape == 0:
			return c.Name
		case shape == 1:
			return c.Name + " " + not + "IN (" + value() + ", " + value() + ")"
		case kind == schema.Boolean:
			return c.Name + rapid.SampledFrom([]string{" = ", " <> "}).Draw(t, "op") + value()
		case kind == schema.String && shape == 2:
			return c.Name + " " + not + "LIKE '" + rapid.SampledFrom(filterPatterns).Draw(t, "pattern") + "'"
		case shape == 3:
			return c.Name + " " + not + "BETWEEN " + value() + " AND " + value()
		}
		return c.Name + " " + rapid.SampledFrom([]string{"=", "<>", "<", "<=", ">", ">="}).Draw(t, "op") + " " + value()
	})
}

// The server and the program that reads from it agree on which rows meet a
// filter, in databases of several encodings.
func TestFilterMeansTheSame(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"UTF8", "WIN1251"} {
		t.Run(encoding, func(t *testing.T) {
			server := pgtest.Server(t)
			name := "filter_" + strings.ToLower(encoding)
			pgtest.Exec(t, server, "drop database if exists "+name, "create database "+name+" template template0 encoding '"+encoding+"' lc_collate 'C' lc_ctype 'C'")
			t.Cleanup(func() { pgtest.Exec(t, server, "drop database "+name+" with (force)") })
			filterMeansTheSame(t, strings.Replace(server, "/postgres?", "/"+name+"?client_encoding=UTF8&", 1), encoding == "UTF8")
		})
	}
}

func filterMeansTheSame(t *testing.T, dsn string, utf8 bool) {
	create := []string{"id int primary key"}
	pgtest.Exec(t, dsn, "create type mood as enum ('sad', 'happy', 'EU')", "create type pair as (a int, b int)")
	if utf8 {
		pgtest.Exec(t, dsn, "create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	}
	values := slices.Clone(filterValues)
	rows := 0
	for i, v := range values {
		if !utf8 {
			values[i].typ = strings.TrimSuffix(v.typ, " collate nocase")
			values[i].values = strings.NewReplacer("Zoë", "Жa", "é", "я", "𝄞", "Ё", "ａ", "ѓ").Replace(v.values)
		}
		create = append(create, v.column+" "+values[i].typ)
		rows = max(rows, strings.Count(v.values, "|")+1)
	}
	pgtest.Exec(t, dsn, "create table item ("+strings.Join(create, ", ")+")")
	for id := range 3 * rows {
		columns, literals := []string{"id"}, []string{fmt.Sprint(id)}
		for i, v := range values {
			all := strings.Split(v.values, "|")
			if at := (id*7 + i*id) % (len(all) + 1); at < len(all) {
				columns = append(columns, v.column)
				literals = append(literals, "E'"+strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(all[at])+"'")
			}
		}
		pgtest.Exec(t, dsn, "insert into item ("+strings.Join(columns, ", ")+") values ("+strings.Join(literals, ", ")+")")
	}
	var batches []schema.Batch
	src := &watched{Source: opener(t, dsn)(), onWrite: func(b schema.Batch) error {
		if b.Record != nil {
			b.Record.Retain()
			batches = append(batches, b)
		}
		return nil
	}}
	if err := (&connectortest.Model{}).Sync(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	cat, err := readCatalog(t.Context(), conn, 150000, nil)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := conditionOf(cat.tables[0].table().Columns, 2).Draw(t, "condition")
		if !utf8 {
			text = strings.NewReplacer("𝄞", "Ё", "ａ", "ѓ", "é", "я").Replace(text)
		}
		f, err := schema.ParseFilter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		where, err := cat.tables[0].where(f, false, utf8)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		theirs, err := conn.Query(context.Background(), "select id from item where "+where+" order by id")
		if err != nil {
			t.Fatal(err)
		}
		want, err := pgx.CollectRows(theirs, pgx.RowTo[int32])
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		var got []int32
		for _, b := range batches {
			s, err := f.Bind(b.Table.Columns)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for row, meets := range s.Select(b.Record) {
				if meets {
					got = append(got, b.Record.Column(0).(interface{ Value(int) int32 }).Value(row))
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s\nselects here   %v\nin the server  %v\nwith %s", text, got, want, where)
		}
	})
}

// Text of people's does not get out of its quotes, whatever the session says
// of backslashes.
func TestFilterIsQuoted(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key, name text)", `insert into item values (1, E'\\'' or true --'), (2, 'x')`)
	for _, conforming := range []string{"on", "off"} {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), "set standard_conforming_strings = "+conforming); err != nil {
			t.Fatal(err)
		}
		cat, err := readCatalog(t.Context(), conn, 150000, nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err := schema.ParseFilter(`name = '\'' or true --'`)
		if err != nil {
			t.Fatal(err)
		}
		where, err := cat.tables[0].where(f, false, true)
		if err != nil {
			t.Fatal(err)
		}
		res, err := conn.PgConn().Exec(t.Context(), "select id from item where "+where).ReadAll()
		if err != nil || len(res[0].Rows) != 1 || string(res[0].Rows[0][0]) != "1" {
			t.Errorf("%s: %v, %v", where, res, err)
		}
	}
	cat := &relation{columns: []column{{Name: "name", Type: schema.Type{Kind: schema.String}, raw: "name"}}}
	f, _ := schema.ParseFilter("name = 'x'")
	if _, err := cat.where(f, true, false); err == nil || !strings.Contains(err.Error(), "SQL_ASCII") {
		t.Errorf("in SQL_ASCII: %v", err)
	}
}

// filtering is a source that is asked for rows that meet conditions.
func filtering(src connector.Source, conditions map[string]string) connector.Source {
	return edited{src, func(req *connector.Request) {
		req.Filters = map[schema.Name]*schema.Filter{}
		for table, text := range conditions {
			f, err := schema.ParseFilter(text)
			if err != nil {
				panic(err)
			}
			req.Filters[schema.Name{Schema: "public", Table: table}] = f
		}
	}}
}

// The server leaves out what a load need not send, and sends every change.
func TestFilterIsLeftToTheServer(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url // others' transactions would hold back the horizon
	pgtest.Exec(t, dsn, "create table item (id int primary key, region text)", "insert into item select g, case when g % 4 = 0 then 'EU' else 'US' end from generate_series(1, 100) g",
		"create table note (region text, n int)", "insert into note select 'EU', g from generate_series(1, 10) g", "insert into note values ('US', 1)",
		"create table bad (id int primary key)")
	conditions := map[string]string{"item": "region = 'EU'", "note": "region = 'EU'", "bad": "region = 'EU'"}
	m := &connectortest.Model{}
	sync := func(step, want string) {
		t.Helper()
		src := &watched{Source: opener(t, dsn)()}
		if err := m.Sync(t.Context(), filtering(src, conditions)); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if got := fmt.Sprint(src.tables); got != want {
			t.Errorf("%s: rows sent %s, want %s", step, got, want)
		}
	}
	bad := schema.Name{Schema: "public", Table: "bad"}
	sync("load", "map[item:25 note:10]")
	if err := m.Failed[bad]; len(m.Failed) != 1 || err == nil || !strings.Contains(err.Error(), "there is no column region. Change or remove the filter") {
		t.Errorf("failed: %v", m.Failed)
	}
	if n := len(m.Rows("public.item", "id")) + len(m.Rows("public.note", "n")); n != 35 {
		t.Errorf("%d rows are there", n)
	}
	sync("nothing", "map[]")
	pgtest.Exec(t, dsn, "update item set region = 'EU' where id = 1", "delete from item where id = 4", "update note set n = 2 where region = 'US'")
	sync("one comes, one is gone", "map[item:1]")
	if rows := m.Rows("public.item", "id"); len(rows) != 25 || slices.Contains(rows, "4") {
		t.Errorf("rows %v", rows)
	}
	pgtest.Exec(t, dsn, "update note set region = 'US' where n = 10")
	sync("a row without a key leaves", "map[note:9]")
	if rows := m.Rows("public.note", "n"); len(rows) != 9 {
		t.Errorf("rows %v", rows)
	}
	var d schema.Digest
	f, _ := schema.ParseFilter("region = 'EU' AND id < 50")
	q := schema.DigestQuery{Table: schema.Table{Name: schema.Name{Schema: "public", Table: "item"}, Columns: []schema.Column{{Name: "id", Key: true, Type: schema.Type{Kind: schema.Int}}}},
		As: []schema.Type{{Kind: schema.Int}}, Parts: 1, Filter: f}
	err := opener(t, dsn)().(connector.Digester).Digest(t.Context(), nil, q, func(one schema.Digest) error { d = one; return nil })
	if err != nil || d.Rows != 12 {
		t.Errorf("digest of %d rows, %v", d.Rows, err)
	}
}

// Rows of another filter go when a table is read again, and none that were
// deleted, where deletes are not captured.
func TestFilterChangesWithoutDeletes(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key, region text)", "insert into item select g, case when g % 4 = 0 then 'EU' else 'US' end from generate_series(1, 100) g")
	open := func() connector.Source {
		src := opener(t, dsn)()
		src.(*source).CaptureDeletes = false
		return src
	}
	m := &connectortest.Model{}
	for i, step := range []struct {
		region string
		gone   int // a row that is deleted before
		want   int
	}{{"EU", 0, 25}, {"EU", 4, 25}, {"US", 0, 75 + 1}, {"US", 1, 75 + 1}} { // row 4 is kept for ever
		region, want := step.region, step.want
		pgtest.Exec(t, dsn, fmt.Sprint("delete from item where id = ", step.gone))
		if err := m.Sync(t.Context(), filtering(open(), map[string]string{"item": "region = '" + region + "'"})); err != nil {
			t.Fatal(err)
		}
		if rows := m.Rows("public.item", "id"); len(rows) != want {
			t.Errorf("%d, %s: %d rows", i, region, len(rows))
		}
		var err error
		if m.State, err = open().(connector.Forgetter).Forget(m.State, []schema.Name{{Schema: "public", Table: "item"}}); err != nil {
			t.Fatal(err)
		}
	}
}
