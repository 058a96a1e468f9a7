package postgres

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// digest returns the digests that a source gives of a table's columns.
func digest(t *testing.T, dsn, name string, state json.RawMessage, parts int64, within ...schema.HashRange) (all []schema.Digest) {
	t.Helper()
	src := opener(t, dsn)()
	tables, err := src.Tables(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(tables, func(t schema.Table) bool { return t.Table == name })
	q := schema.DigestQuery{Table: tables[i], Parts: parts, Within: within}
	for _, c := range tables[i].Columns {
		q.As = append(q.As, c.Type)
	}
	err = src.(connector.Digester).Digest(context.Background(), state, q, func(d schema.Digest) error {
		all = append(all, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDigestOfChanges(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url // others' transactions would hold back the horizon
	pgtest.Exec(t, dsn, "create table item (id int primary key, x text)", "insert into item select g, 'x' from generate_series(1, 100) g",
		"create table note (x text)", "insert into note values ('a'), ('a'), (null)",
		"create table event (day int, id int, primary key (day, id)) partition by list (day)",
		"create table event_1 partition of event for values in (1)", "insert into event select 1, g from generate_series(1, 10) g",
		"create view seen as select * from item")
	snap, err := opener(t, dsn)().(*source).snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	origin := snap.origin
	snap.close(context.Background())
	// The horizon is after all that was written so far, and before what follows.
	horizon := query(t, dsn, "select txid_current() + 1")
	state := func(origin, loaded string) json.RawMessage {
		tables := ""
		for _, part := range [][2]string{{"item", "item"}, {"note", "note"}, {"event", "event_1"}, {"seen", "seen"}} {
			oid := query(t, dsn, "select '"+part[1]+"'::regclass::oid")
			tables += fmt.Sprintf(`,%q:{"parts":{%q:{"horizon":%s,"loaded":%s}}}`, part[0], oid, horizon, loaded)
		}
		return json.RawMessage(fmt.Sprintf(`{"version":1,"origin":%q,"tables":{"public":{%s}}}`, origin, tables[1:]))
	}
	known := state(origin, "true")
	changed := func(name string, state json.RawMessage) string {
		var rows, changed int64
		for _, d := range digest(t, dsn, name, state, 1) {
			rows += d.Rows
			changed += d.Changed
		}
		return fmt.Sprintf("%d of %d", changed, rows)
	}
	check := func(step, name string, state json.RawMessage, want string) {
		t.Helper()
		if got := changed(name, state); got != want {
			t.Errorf("%s: %s of %s have changed, want %s", step, got, name, want)
		}
	}
	check("unchanged", "item", known, "0 of 100")
	check("unchanged", "note", known, "0 of 2") // equal rows are one
	check("unchanged", "event", known, "0 of 10")
	check("a view tells nothing", "seen", known, "100 of 100")
	check("no state", "item", nil, "0 of 100")
	check("another history", "item", state("elsewhere", "true"), "100 of 100")
	check("not loaded", "item", state(origin, "false"), "100 of 100")
	check("never read", "item", json.RawMessage(`{"version":1}`), "100 of 100")

	pgtest.Exec(t, dsn, "update item set x = 'y' where id <= 3", "insert into note values ('b')",
		"create table event_2 partition of event for values in (2)", "insert into event values (1, 11), (2, 1)")
	check("changed", "item", known, "3 of 100")
	check("changed", "note", known, "1 of 3")
	check("changed", "event", known, "2 of 12") // of one in a partition that is new
}

// TestDigestParts adds up parts, and asks for the rows of one.
func TestDigestParts(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create table item (a text, b int, x text, primary key (a, b))",
		"insert into item select 'ä' || g, g, nullif('x' || g % 7, 'x0') from generate_series(1, 1000) g")
	all := digest(t, dsn, "item", nil, 16)
	if len(all) != 16 {
		t.Fatalf("%d parts", len(all))
	}
	for _, part := range all {
		width := int64(schema.KeyHashes / 16)
		rows := digest(t, dsn, "item", nil, 0, schema.HashRange{Lo: part.Part * width, Hi: (part.Part + 1) * width})
		sum := schema.Digest{Part: part.Part, Columns: make([]schema.ColumnDigest, 3)}
		for _, r := range rows {
			sum.Rows++
			for i, c := range r.Columns {
				sum.Columns[i].Values += c.Values
				sum.Columns[i].Sum += c.Sum
			}
			if len(r.Key) != 2 || r.Key[0] != "ä"+r.Key[1] {
				t.Fatalf("a row has the key %q", r.Key)
			}
		}
		if sum.Rows != part.Rows || !slices.Equal(sum.Columns, part.Columns) {
			t.Errorf("the rows add up to %+v, the part is %+v", sum, part)
		}
	}
}

func TestDigestOfWhatIsGone(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "create table item (id int primary key)")
	src := opener(t, dsn)().(connector.Digester)
	for _, table := range []schema.Table{
		{Name: schema.Name{Schema: "public", Table: "none"}},
		{Name: schema.Name{Schema: "public", Table: "item"}, Columns: []schema.Column{{Name: "none"}}},
	} {
		q := schema.DigestQuery{Table: table, As: make([]schema.Type, len(table.Columns)), Parts: 1}
		if err := src.Digest(context.Background(), nil, q, nil); err == nil {
			t.Errorf("%+v was found", table)
		}
	}
}

// TestDigestOfWholeRows has more columns than a function takes arguments, and
// looks at several ranges.
func TestDigestOfWholeRows(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	var columns, values []string
	for i := range 150 {
		columns = append(columns, fmt.Sprintf("c%d text", i))
		values = append(values, fmt.Sprintf("nullif('v' || (g + %d) %% 5, 'v0')", i))
	}
	pgtest.Exec(t, dsn, "create table item (id int primary key, "+strings.Join(columns, ", ")+")",
		"insert into item select g, "+strings.Join(values, ", ")+" from generate_series(1, 200) g")
	src := opener(t, dsn)()
	tables, err := src.Tables(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	hash := func(text string) int64 {
		sum := md5.Sum([]byte(text))
		return int64(binary.BigEndian.Uint32(sum[:]))
	}
	within := []schema.HashRange{{Lo: 0, Hi: 1 << 30}, {Lo: 1 << 31, Hi: 3 << 30}}
	want := schema.Digest{Columns: make([]schema.ColumnDigest, 1)}
	for g := 1; g <= 200; g++ {
		row := fmt.Sprint(g)
		if h := hash(row); h/(1<<30)%2 == 1 {
			continue
		}
		for i := range 150 {
			v := fmt.Sprint("v", (g+i)%5)
			if v == "v0" {
				v = "\x1e"
			}
			row += "\x1f" + v
		}
		want.Rows++
		want.Columns[0].Values++
		want.Columns[0].Sum += hash(row)
	}
	q := schema.DigestQuery{Table: tables[0], As: make([]schema.Type, 151), Parts: 1, Whole: true, Within: within}
	err = src.(connector.Digester).Digest(context.Background(), nil, q, func(d schema.Digest) error {
		if d.Rows != want.Rows || !slices.Equal(d.Columns, want.Columns) {
			t.Errorf("got %+v, want %+v", d, want)
		}
		return nil
	})
	if err != nil || want.Rows == 0 || want.Rows == 200 {
		t.Errorf("%d rows, %v", want.Rows, err)
	}
}
