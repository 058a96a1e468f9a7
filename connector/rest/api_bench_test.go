package rest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

// sampler is an Output that notes how large the heap becomes.
type sampler struct {
	discard
	peak uint64
}

func (s *sampler) Write(ctx context.Context, b schema.Batch) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.peak = max(s.peak, m.HeapAlloc)
	return s.discard.Write(ctx, b)
}
func (*sampler) Checkpoint(context.Context, any) error { return nil }
func (*sampler) Note(context.Context, any) error       { return nil }

// pagesOf serves n records of 468 bytes in pages of a thousand, each with ids
// of its own.
func pagesOf(n int) (http.Handler, int) {
	const per = 1000
	var page bytes.Buffer
	var at []int // where the ids are
	page.WriteString(`{"next":"/v1/records?page=0000000","data":[`)
	next := bytes.Index(page.Bytes(), []byte("0000000"))
	size := 0
	for i := range per {
		if i > 0 {
			page.WriteByte(',')
		}
		at = append(at, page.Len()+len(`{"id":1`))
		n, _ := fmt.Fprintf(&page, `{"id":1%09d,"user":{"id":%d},"created_at":"2026-01-09T10:%02d:00Z","due_on":"2026-01-%02d","value":%d.25,"is_active":true,"closed_at":null,`+
			`"first_name":"Ada","last_name":"Lovelace","email":"ada.lovelace.%03d@example.com","title":"Principal Engineer","text":"Went well: shipped the \"new\" importer, paired with Grace, `+
			`and cleaned up the queue. Next week: the migration, and a talk about it.","members":[1,2,3,{"a":"b"}],"location":"London","count":%03d,"state":"open"}`,
			0, 100+i%900, i%60, 1+i%28, 100+i%900, i, i)
		size = max(size, n)
	}
	page.WriteString("]}")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := strconv.Atoi(r.URL.Query().Get("page"))
		body := bytes.Clone(page.Bytes())
		for i, offset := range at {
			copy(body[offset:], fmt.Appendf(nil, "%09d", p*per+i))
		}
		if copy(body[next:], fmt.Appendf(nil, "%07d", p+1)); (p+1)*per >= n {
			copy(body, `{"done":`) // instead of next
		}
		w.Write(body)
	}), size
}

// A million records over the network of this machine, from the declaration of
// a table to batches that nobody takes. The goal is at most 6 µs of CPU per
// record, the server's work included, and memory that does not grow.
func BenchmarkAPI(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h, size := pagesOf(n)
			srv := httptest.NewServer(h)
			defer srv.Close()
			api := &rest.API{Roots: []*rest.Resource{{Path: "records", Items: "data", Tables: []rest.Table{{Name: "record", Columns: `id LONG key,
				user_id LONG = user.id, created_at UTC_DATETIME, due_on NAIVE_DATE, value DECIMAL(10,2), is_active BOOLEAN, closed_at UTC_DATETIME,
				first_name STRING, last_name STRING, email STRING, title STRING, text STRING, members JSON, location STRING, count LONG, state STRING`}}}}}
			client := &rest.Client{Name: "Bench", Base: base(srv.URL + "/v1/")}
			out := &sampler{}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := cpu(b)
			for b.Loop() {
				if err := api.Sync(b.Context(), client, connector.Request{Tables: api.Tables(), Start: time.Now()}, out); err != nil {
					b.Fatal(err)
				}
			}
			took := cpu(b) - began
			runtime.ReadMemStats(&after)
			if out.rows != int64(n)*int64(b.N) {
				b.Errorf("%d rows in %d syncs", out.rows, b.N)
			}
			b.ReportMetric(float64(took.Nanoseconds())/1000/float64(out.rows), "µs-CPU/record")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(out.rows), "B/record")
			b.ReportMetric(float64(out.peak)/(1<<20), "MiB-peak")
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
