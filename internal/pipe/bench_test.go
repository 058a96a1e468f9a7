package pipe_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// lineitem is a batch as the table of that name of TPC-H makes them, in the
// order of its key.
func lineitem(rows int) (schema.Table, arrowRecord) {
	kind := func(k schema.Kind) schema.Type { return schema.Type{Kind: k} }
	price := schema.DecimalOf(15, 2)
	t := schema.Table{Name: schema.Name{Schema: "public", Table: "lineitem"}, Columns: []schema.Column{
		{Name: "l_orderkey", Type: kind(schema.Long), Key: true}, {Name: "l_partkey", Type: kind(schema.Int)},
		{Name: "l_suppkey", Type: kind(schema.Int)}, {Name: "l_linenumber", Type: kind(schema.Int), Key: true},
		{Name: "l_quantity", Type: price}, {Name: "l_extendedprice", Type: price}, {Name: "l_discount", Type: price}, {Name: "l_tax", Type: price},
		{Name: "l_returnflag", Type: kind(schema.String)}, {Name: "l_linestatus", Type: kind(schema.String)},
		{Name: "l_shipdate", Type: kind(schema.Date)}, {Name: "l_commitdate", Type: kind(schema.Date)}, {Name: "l_receiptdate", Type: kind(schema.Date)},
		{Name: "l_shipinstruct", Type: kind(schema.String)}, {Name: "l_shipmode", Type: kind(schema.String)}, {Name: "l_comment", Type: kind(schema.String)},
	}}
	rnd := rand.New(rand.NewPCG(1, 2))
	words := []string{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN", "AIR", "MAIL", "SHIP", "TRUCK", "RAIL", "FOB"}
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for r := range rows {
		for i, c := range t.Columns {
			switch f := b.Field(i).(type) {
			case *array.Int64Builder:
				f.Append(int64(r / 4))
			case *array.Int32Builder:
				f.Append(rnd.Int32N(1_000_000))
			case *array.Decimal128Builder:
				f.Append(decimal128.FromI64(rnd.Int64N(10_000_000)))
			case *array.Date32Builder:
				f.Append(8000 + 7)
			case *array.StringBuilder:
				switch c.Name {
				case "l_comment":
					f.Append(fmt.Sprintf("%x carefully final deposits", rnd.Uint64()))
				case "l_returnflag", "l_linestatus":
					f.Append("RANO"[rnd.IntN(4):][:1])
				default:
					f.Append(words[rnd.IntN(len(words))])
				}
			}
		}
	}
	return t, b.NewRecordBatch()
}

// A repeater sends one batch over and over.
type repeater struct {
	script
	table schema.Table
	rec   arrowRecord
	times int
	stale bool // it does not say that the rows are fresh
}

func (r *repeater) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{r.table}, nil
}

func (r *repeater) Sync(ctx context.Context, _ connector.Request, out connector.Output) error {
	for range r.times {
		r.rec.Retain()
		if err := out.Write(ctx, schema.Batch{Table: &r.table, Record: r.rec, Fresh: !r.stale}); err != nil {
			return err
		}
	}
	return nil
}

// A void takes everything.
type void struct{ *store }

func (void) Write(_ context.Context, b schema.Batch) error { b.Release(); return nil }

// cpu returns what this process has used so far, which neighbours on the
// machine do not change much.
func cpu() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// What treating rows costs, without a source and a destination: for comparison,
// a load of lineitem from Postgres into DuckDB takes 1,200 to 1,500 ns of CPU a
// row.
func BenchmarkTreatments(b *testing.B) {
	table, rec := lineitem(32_000)
	with := func(how schemaconfig.ColumnTreatment, columns ...string) map[string]schemaconfig.ColumnTreatment {
		m := map[string]schemaconfig.ColumnTreatment{}
		for _, c := range columns {
			m[c] = how
		}
		return m
	}
	for _, bm := range []struct {
		name    string
		columns map[string]schemaconfig.ColumnTreatment
	}{
		{"plain", nil},
		{"block two", with(blocked, "l_tax", "l_discount")},
		{"hash comment", with(hash, "l_comment")},
		{"hash partkey", with(hash, "l_partkey")},
		{"hash shipmode", with(hash, "l_shipmode")},
		{"hash price", with(hash, "l_extendedprice")},
		{"hash orderkey", with(hash, "l_orderkey")},
		{"hash two, block two", map[string]schemaconfig.ColumnTreatment{"l_comment": hash, "l_shipmode": hash, "l_tax": blocked, "l_discount": blocked}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			src := &repeater{table: table, rec: rec, times: b.N}
			p := plan(src, nil, &ledger{})
			p.Writer, p.Secret = void{newStore()}, []byte("secret")
			p.Choose = func(context.Context, []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
				return map[schema.Name]schemaconfig.Treatment{table.Name: {Wanted: true, Columns: bm.columns}}, nil
			}
			began := cpu()
			if _, err := pipe.Run(b.Context(), p); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(cpu()-began)/float64(int64(b.N)*rec.NumRows()), "cpu-ns/row")
		})
	}
}
