package postgres

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

var tuplesTable = &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{
	{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true},
	{Name: "a", Type: schema.Type{Kind: schema.String}},
	{Name: "n", Type: schema.DecimalOf(9, 2)},
	{Name: "j", Type: schema.Type{Kind: schema.JSON}},
}}

// TestTuples passes rows of a query on: straight into an empty table, and by
// a merge over what is there.
func TestTuples(t *testing.T) {
	dsn := pgtest.Database(t)
	d := openAt(t, dsn)
	c, err := d.(*warehouse).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	rows := func(n int64, query string) schema.Batch {
		return schema.Batch{Op: schema.Upsert, Table: tuplesTable, Fresh: true, Encoded: &schema.Encoded{
			Format: schema.PostgresBinary, Rows: n, Data: copied(t, c, query)}}
	}
	first := rows(3, `VALUES (1::bigint, 'x'::text, 1.50::numeric(9,2), '{"a": 1}'::json), (2, NULL, NULL, NULL), (3, '', -7, ' null')`)
	second := rows(3, `VALUES (2::bigint, 'y'::text, 2.5::numeric(9,2), NULL::json), (4, 'n', NULL, NULL), (4, repeat('long', 200000), 0, NULL)`)
	for i, b := range []schema.Batch{first, second} {
		w, err := d.Writer(t.Context(), destination.Options{Synced: time.Unix(int64(i), 0)})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := w.Accepts(t.Context(), tuplesTable, schema.PostgresBinary); !ok || err != nil {
			t.Errorf("sync %d: Accepts: %v, %v", i, ok, err)
		}
		if ok, err := w.Accepts(t.Context(), tuplesTable, "other"); ok || err != nil {
			t.Errorf("sync %d: Accepts of a format that nobody knows: %v, %v", i, ok, err)
		}
		if err := w.Migrate(t.Context(), tuplesTable); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got := selectText(t, d, tuplesTable.Name, append(slices.Clone(tuplesTable.Columns),
		schema.Column{Name: schema.Synced, Type: schema.Type{Kind: schema.Instant}}, schema.Column{Name: schema.Deleted, Type: schema.Type{Kind: schema.Boolean}}))
	slices.SortFunc(got, slices.Compare)
	want := [][]string{
		{"1", "x", "1.50", `{"a": 1}`, "1970-01-01T00:00:00Z", "false"},
		{"2", "y", "2.50", "<null>", "1970-01-01T00:00:01Z", "false"},
		{"3", "", "-7.00", " null", "1970-01-01T00:00:00Z", "false"},
		{"4", strings.Repeat("long", 200000), "0.00", "<null>", "1970-01-01T00:00:01Z", "false"},
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %.300q\nwant %.300q", got, want)
	}
}

// TestTuplesOfModes passes rows on into tables with other system columns.
func TestTuplesOfModes(t *testing.T) {
	d := openAt(t, pgtest.Database(t))
	c, err := d.(*warehouse).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	data := copied(t, c, `VALUES (1::bigint, 'x'::text, 1.50::numeric(9,2), '{"a": 1}'::json)`)
	for mode, want := range map[schema.Mode]map[string]string{
		schema.Live: {schema.Synced: "1970-01-01T00:00:02Z"},
		schema.History: {schema.Synced: "1970-01-01T00:00:02Z", schema.Active: "true",
			schema.Start: "1970-01-01T00:00:01Z", schema.End: "9999-12-31T23:59:59.999Z"},
	} {
		table := *tuplesTable
		table.Mode, table.Table = mode, mode.String()
		for sync := 1; sync <= 2; sync++ { // the first straight into the table
			w, err := d.Writer(t.Context(), destination.Options{Synced: time.Unix(int64(sync), 0)})
			if err == nil {
				err = w.Migrate(t.Context(), &table)
			}
			if err == nil {
				err = w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: &table, Fresh: true,
					Encoded: &schema.Encoded{Format: schema.PostgresBinary, Rows: 1, Data: data}})
			}
			if err == nil {
				err = w.Flush(t.Context())
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for column, text := range want {
			kind := schema.Instant
			if column == schema.Active {
				kind = schema.Boolean
			}
			got := selectText(t, d, table.Name, []schema.Column{{Name: column, Type: schema.Type{Kind: kind}}})
			if len(got) != 1 || got[0][0] != text {
				t.Errorf("%s, %s: got %q, want %s", mode, column, got, text)
			}
		}
	}
}

// TestTuplesOfOtherTypes sees that rows pass undecoded only where the table's
// types are theirs, and that what comes all the same is converted in a merge.
func TestTuplesOfOtherTypes(t *testing.T) {
	d := openAt(t, pgtest.Database(t))
	w, err := d.Writer(t.Context(), destination.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	wide := &schema.Table{Name: tuplesTable.Name, Columns: slices.Clone(tuplesTable.Columns)}
	wide.Columns[2].Type = schema.Type{Kind: schema.String}
	if err := w.Migrate(t.Context(), wide); err != nil {
		t.Fatal(err)
	}
	if ok, err := w.Accepts(t.Context(), tuplesTable, schema.PostgresBinary); ok || err != nil {
		t.Errorf("Accepts with a column that is wider in the table: %v, %v", ok, err)
	}
	narrow := &schema.Table{Name: tuplesTable.Name, Columns: slices.Clone(wide.Columns[:2])}
	if ok, err := w.Accepts(t.Context(), narrow, schema.PostgresBinary); !ok || err != nil {
		t.Errorf("Accepts with a column less: %v, %v", ok, err)
	}
	c, err := d.(*warehouse).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: tuplesTable, Fresh: true, Encoded: &schema.Encoded{
		Format: schema.PostgresBinary, Rows: 1, Data: copied(t, c, "VALUES (1::bigint, 'x'::text, 1.50::numeric(9,2), NULL::json)")}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := selectText(t, d, wide.Name, wide.Columns); len(got) != 1 || got[0][2] != "1.50" {
		t.Errorf("got %q", got)
	}
}

func TestBrokenTuples(t *testing.T) {
	whole := []byte{0, 2, 0, 0, 0, 1, 'x', 0xff, 0xff, 0xff, 0xff}
	cases := []struct {
		name string
		data []byte
		want int // 0: an error
	}{
		{"whole", whole, len(whole)},
		{"more follows", append(slices.Clone(whole), whole...), len(whole)},
		{"cut in a value", whole[:6], 0},
		{"cut in a length", whole[:9], 0},
		{"cut in the count", whole[:1], 0},
		{"other columns", append([]byte{0, 3}, whole[2:]...), 0},
		{"a length beyond the end", []byte{0, 2, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6}, 0},
	}
	for _, c := range cases {
		got, err := tupleSize(c.data, 2)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%s: got %d, %v, want %d", c.name, got, err, c.want)
		}
	}
}
