package simulator

import (
	"fmt"
	"io"
	"testing"
)

// What a row of 50 fields costs the simulator as CSV; it must be small
// against what it costs to read it.
func BenchmarkResults(b *testing.B) {
	q, rows := wide(b, 10_000)
	var size countingWriter
	for b.Loop() {
		size = 0
		if err := q.csv(&size, rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
	b.ReportMetric(float64(size)/float64(len(rows)), "B/row")
}

// What it costs to find rows by SystemModstamp.
func BenchmarkFind(b *testing.B) {
	s := play(Options{Rows: map[string]int{"Lead": 100_000}})
	st, _ := parseQuery("SELECT Id FROM Lead WHERE SystemModstamp >= 2026-03-01T00:00:00Z")
	q, e := s.snapshot().resolve(st, true)
	if e != nil {
		b.Fatal(e)
	}
	for b.Loop() {
		q.rows()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/row")
}

type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

var _ io.Writer = (*countingWriter)(nil)

// wide returns a query of 50 fields of Lead and its rows.
func wide(tb testing.TB, rows int) (*query, []int32) {
	s := play(Options{Rows: map[string]int{"Lead": rows}})
	list := "Id"
	n := 1
	for _, f := range s.tables["lead"].object.Fields {
		if f.Name != "Id" && !f.compound() && n < 50 {
			list += ", " + f.Name
			n++
		}
	}
	st, e := parseQuery(fmt.Sprintf("SELECT %s FROM Lead", list))
	if e != nil {
		tb.Fatal(e)
	}
	q, e := s.snapshot().resolve(st, true)
	if e != nil {
		tb.Fatal(e)
	}
	return q, q.rows()
}
