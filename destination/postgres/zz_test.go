package postgres

import (
	"testing"
	"time"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

func zz(t *testing.T, dsn string, table *schema.Table, fresh bool, rows ...[]any) error {
	d := openAt(t, dsn)
	w, err := d.Writer(t.Context(), destination.Options{Synced: time.Unix(1e9, 0), Warn: func(w setup.Warning) { t.Log("warn", w) }})
	if err != nil { t.Fatal(err) }
	defer w.Close()
	if err := w.Migrate(t.Context(), table); err != nil { return err }
	b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
	defer b.Release()
	for _, r := range rows {
		for i, v := range r {
			switch v := v.(type) {
			case nil: b.Field(i).AppendNull()
			case string: b.Field(i).(*array.StringBuilder).Append(v)
			case int: b.Field(i).(*array.Int64Builder).Append(int64(v))
			}
		}
	}
	if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: b.NewRecordBatch(), Fresh: fresh}); err != nil { return err }
	return w.Flush(t.Context())
}

func TestZZ(t *testing.T) {
	dsn := pgtest.Database(t)
	L, S, J := schema.Type{Kind: schema.Long}, schema.Type{Kind: schema.String}, schema.Type{Kind: schema.JSON}
	_ = L
	tb := func(n string, cols ...schema.Column) *schema.Table { return &schema.Table{Name: schema.Name{Schema: "s", Table: n}, Columns: cols} }
	id := schema.Column{Name: "id", Type: L, Key: true}
	j := tb("j", id, schema.Column{Name: "j", Type: J})
	for _, v := range []string{"\"a\xff\"", `"\ud800"`, `"\u0000"`, `01`, `-`, `1.`, `.5`, `1e`, `"\x"`, `"a	b"`, "{\"a\xff\":1}", strings.Repeat("[", 20000)+strings.Repeat("]", 20000), "\u00a01", "1 2", "", "nul", "NaN", "{\"a\":1,}", "+1", "-01", "1e5", "--1", "0x1", "\"\\/\"", "\v1", "\f1", "\"\\u12\"", "\"\x7f\"", "\"\\uD800\\u0041\"", "[1,]", "{,}", "1.e5", "1.5e+", "\ufeff1", "truex", "true false", "'a'"} {
		if err := zz(t, dsn, j, false, []any{1, v}); err != nil { if len(v) > 50 { v = v[:50] }; t.Errorf("JSON %q: %v", v, err) }
	}
	if err := zz(t, dsn, tb("jk", schema.Column{Name: "j", Type: J, Key: true}), false, []any{`{"a":1}`}); err != nil { t.Errorf("json key: %v", err) }
	if err := zz(t, dsn, tb("split", id, schema.Column{Name: "s", Type: S}), false, []any{1, "a\xc3"}, []any{2, "\xa9b"}); err != nil { t.Errorf("split: %v", err) }
	pgtest.Exec(t, dsn, "CREATE TABLE s.part (id bigint, a text, _fivetran_synced timestamptz, _fivetran_deleted boolean) PARTITION BY LIST (a)", "CREATE TABLE s.part_d PARTITION OF s.part DEFAULT")
	for range 2 {
	if err := zz(t, dsn, tb("part", id, schema.Column{Name: "a", Type: S}), false, []any{1, "x"}); err != nil { t.Errorf("partitioned: %v", err) }
	}
	u := tb("seqcol", id, schema.Column{Name: "_penstock_seq", Type: S})
	if err := zz(t, dsn, u, false, []any{1, "x"}); err != nil { t.Errorf("seq: %v", err) }
	if err := zz(t, dsn, tb("huge", id, schema.Column{Name: "a", Type: S}), false, []any{1, strings.Repeat("x", 200<<20)}); err != nil { t.Errorf("huge: %v", err) }
	pgtest.Exec(t, dsn, "CREATE TABLE s.\"select\" (id bigint)")
	if err := zz(t, dsn, tb("select", id, schema.Column{Name: `a"b`, Type: S}), false, []any{1, ""}); err != nil { t.Errorf("quotes: %v", err) }
	w := openAt(t, dsn).(*warehouse)
	for _, s := range []string{"synchronous_commit = off", "idle_session_timeout = '1h'"} {
		pgtest.Exec(t, dsn, "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET "+strings.ReplaceAll(s, "'", "''")+"', current_database()); END$$")
	}
	c, err := w.connect(t.Context())
	if err != nil { t.Fatal(err) }
	rows, err := conn{w, c}.rows(t.Context(), "SELECT current_setting('synchronous_commit') || ' ' || current_setting('idle_session_timeout')")
	t.Log(string(rows[0][0]), err)
	c.Close(t.Context())
}
