package destinationtest

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/penstock-data/penstock/schema"
)

// Lineitem is the table of the benchmarks: TPC-H's lineitem.
func Lineitem(name schema.Name) *schema.Table {
	text, date, amount := schema.Type{Kind: schema.String}, schema.Type{Kind: schema.Date}, schema.DecimalOf(15, 2)
	return &schema.Table{Name: name, Columns: []schema.Column{
		{Name: "l_orderkey", Type: schema.Type{Kind: schema.Long}, Key: true},
		{Name: "l_partkey", Type: schema.Type{Kind: schema.Int}},
		{Name: "l_suppkey", Type: schema.Type{Kind: schema.Int}},
		{Name: "l_linenumber", Type: schema.Type{Kind: schema.Int}, Key: true},
		{Name: "l_quantity", Type: amount}, {Name: "l_extendedprice", Type: amount},
		{Name: "l_discount", Type: amount}, {Name: "l_tax", Type: amount},
		{Name: "l_returnflag", Type: text}, {Name: "l_linestatus", Type: text},
		{Name: "l_shipdate", Type: date}, {Name: "l_commitdate", Type: date}, {Name: "l_receiptdate", Type: date},
		{Name: "l_shipinstruct", Type: text}, {Name: "l_shipmode", Type: text}, {Name: "l_comment", Type: text},
	}}
}

var (
	instructions = []string{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"}
	modes        = []string{"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"}
	words        = "furiously final packages sleep carefully regular ideas nag blithely express deposits "
)

// LineitemRows returns n rows of t, the first of them numbered from.
// Equal numbers make equal keys; the other values follow from salt too.
func LineitemRows(t *schema.Table, from, n int, salt uint32) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	b.Reserve(n)
	for g := from; g < from+n; g++ {
		h := func(i uint32) int { // of 31 bits
			x := (uint32(g) + i + salt*0x9e3779b9) * 0x85ebca6b
			x ^= x >> 13
			x *= 0xc2b2ae35
			return int((x ^ x>>16) & 0x7fffffff)
		}
		amount := func(i int, v int) {
			b.Field(i).(*array.Decimal128Builder).Append(decimal128.FromI64(int64(v)))
		}
		text := func(i int, s string) { b.Field(i).(*array.StringBuilder).Append(s) }
		date := func(i int, v int) { b.Field(i).(*array.Date32Builder).Append(arrow.Date32(v)) }
		b.Field(0).(*array.Int64Builder).Append(int64(g/4) + 1)
		b.Field(1).(*array.Int32Builder).Append(int32(h(0)%200000) + 1)
		b.Field(2).(*array.Int32Builder).Append(int32(h(7)%10000) + 1)
		b.Field(3).(*array.Int32Builder).Append(int32(g%4) + 1)
		amount(4, (h(1)%50+1)*100)
		amount(5, h(2)%9500000+90000)
		amount(6, h(3)%11)
		amount(7, h(4)%9)
		text(8, "RAN"[h(5)%3:][:1])
		text(9, "OF"[h(6)%2:][:1])
		date(10, 8036+h(8)%2500)
		date(11, 8065+h(9)%2500)
		date(12, 8037+h(10)%2520)
		text(13, fmt.Sprintf("%-25s", instructions[h(11)%4]))
		text(14, fmt.Sprintf("%-10s", modes[h(12)%7]))
		start := h(13) % 35
		text(15, words[start:start+h(14)%33+11])
	}
	return b.NewRecordBatch()
}
