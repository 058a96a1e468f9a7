package rest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

// discard is an Output that counts rows.
type discard struct {
	connector.Output
	rows int64
}

func (d *discard) Write(_ context.Context, b schema.Batch) error {
	d.rows += b.Rows()
	b.Release()
	return nil
}

// A page of 100 records of 500 bytes, scanned and appended to Arrow builders.
// The goal is at most 6 µs per record.
func BenchmarkRows(b *testing.B) {
	var page strings.Builder
	page.WriteString(`{"count":100,"next":null,"previous":null,"results":[`)
	size := 0
	for i := range 100 {
		if i > 0 {
			page.WriteByte(',')
		}
		n, _ := fmt.Fprintf(&page, `{"id":%d,"user":"https://my.15five.com/api/public/user/%d/","create_ts":"2026-01-09T10:%02d:00Z",`+
			`"due_date":"2026-01-%02d","value":%d.25,"is_active":true,"submit_ts":null,"first_name":"Ada","last_name":"Lovelace",`+
			`"email":"ada.lovelace.%d@example.com","title":"Principal Engineer","text":"Went well: shipped the \"new\" importer, paired with Grace, and cleaned up the queue. `+
			`Next week: the migration and a talk about it.","members":[1,2,3,{"a":"b"}],"location":"London","count":%d}`,
			10_000_000+i, i, i%60, 1+i%28, i, i, i)
		size += n
	}
	page.WriteString(`]}`)
	column := func(name string, k schema.Kind) schema.Column {
		return schema.Column{Name: name, Type: schema.Type{Kind: k}, Key: name == "id"}
	}
	out := &discard{}
	rows := rest.NewRows(out, schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{
		column("id", schema.Long), column("users", schema.Long), column("create_ts", schema.Instant), column("due_date", schema.Date),
		{Name: "value", Type: schema.DecimalOf(10, 2)}, column("is_active", schema.Boolean), column("submit_ts", schema.Instant),
		column("first_name", schema.String), column("last_name", schema.String), column("email", schema.String),
		column("title", schema.String), column("text", schema.String), column("members", schema.JSON), column("location", schema.String),
		column("count", schema.Long),
	}}, rest.Field{Name: "user", Column: "users", Cut: rest.LastSegment})
	ctx := context.Background()
	var parser fastjson.Parser
	body := []byte(page.String())
	b.SetBytes(int64(size / 100))
	b.ReportAllocs()
	for n := 0; n < b.N; n += 100 {
		v, err := parser.ParseBytes(body)
		if err != nil {
			b.Fatal(err)
		}
		for _, rec := range v.GetArray("results") {
			rows.Record(rec.GetObject())
			if err := rows.End(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := rows.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(size)/100, "bytes/record")
}
