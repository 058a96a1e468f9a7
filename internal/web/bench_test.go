package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/api"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/web"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A full server has thousands of everything, behind the real API.
type full struct {
	tb      testing.TB
	store   *store.Store
	handler http.Handler
	session string
	ids     []string // of connections
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func newFull(tb testing.TB, connections int) *full {
	ctx := context.Background()
	db, err := store.Open(ctx, tb.TempDir(), secret.Key{1})
	must(tb, err)
	tb.Cleanup(func() { db.Close() })
	account := store.Account{Name: "A"}
	must(tb, db.CreateAccount(ctx, &account))
	u := &store.User{AccountID: account.ID, Email: "ann@example.com", GivenName: "Ann", Role: access.Administrator}
	must(tb, db.CreateUser(ctx, u))
	g := &store.Group{AccountID: account.ID, Name: "Group"}
	must(tb, db.CreateGroup(ctx, g))
	f := &full{tb: tb, store: db}
	for i := range connections {
		c := &store.Connection{GroupID: g.ID, Service: "postgres", Schema: fmt.Sprintf("schema_%04d", i), ServiceVersion: 1,
			ScheduleType: "auto", SyncFrequency: 60, DelaySensitivity: "NORMAL", NetworkingMethod: "Directly", SchemaNames: "FIVETRAN_NAMING",
			SetupState: store.Connected, Config: []byte(`{}`)}
		must(tb, db.CreateConnection(ctx, c))
		f.ids = append(f.ids, c.ID)
	}
	f.session, err = db.NewSession(ctx, u.ID, time.Now())
	must(tb, err)
	f.handler = web.New(web.Config{API: api.New(api.Config{Store: db, Connectors: []connector.Service{
		{ID: "postgres", Name: "PostgreSQL", SchemaFormat: connector.FormatSchemaPrefix, Config: setup.Describe("PostgreSQL", struct{}{})}}}), Store: db, Log: slog.New(slog.NewTextHandler(tb.Output(), nil))})
	return f
}

func (f *full) request(path string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	r.AddCookie(&http.Cookie{Name: "penstock_session", Value: f.session})
	return r
}

// get returns a page, and how many bytes it takes over the wire.
func (f *full) get(path string) (body string, wire int) {
	f.tb.Helper()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, f.request(path))
	wire = w.Body.Len()
	if w.Code != 200 {
		f.tb.Fatalf("%s: %d", path, w.Code)
	}
	var r io.Reader = w.Body
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
		must(f.tb, err)
		r = z
	}
	text, err := io.ReadAll(r)
	must(f.tb, err)
	return string(text), wire
}

// TestFirstPageIsSmall counts what a browser loads for its first page.
func TestFirstPageIsSmall(t *testing.T) {
	f := newFull(t, 200)
	page, sum := f.get("/connections")
	for _, quote := range strings.Split(page, `"`) {
		if strings.HasPrefix(quote, "/static/") {
			_, n := f.get(quote)
			sum += n
		}
	}
	t.Logf("%d bytes", sum)
	if sum > 100_000 {
		t.Errorf("the first page and what it needs take %d bytes", sum)
	}
	if n := strings.Count(page, "<tr>"); n != 101 || !strings.Contains(page, "More connections") {
		t.Errorf("%d rows of 200", n)
	}
}

func bench(b *testing.B, f *full, path string) {
	_, n := f.get(path)
	before := cpu(b)
	for b.Loop() {
		f.get(path)
	}
	b.ReportMetric(1000*(cpu(b)-before).Seconds()/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(n), "wirebytes")
}

// BenchmarkConnections makes pages of 5,000 connections.
func BenchmarkConnections(b *testing.B) {
	f := newFull(b, 5000)
	for _, query := range []string{"", "?q=schema_49", "?cursor=4900"} {
		b.Run("connections"+query, func(b *testing.B) { bench(b, f, "/connections"+query) })
	}
}

// tables gives the first connection's source a number of tables.
func (f *full) tables(n int) {
	_, _, err := f.store.UpdateSchema(context.Background(), f.ids[0], func(_ *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		cat.CapturedAt = time.Now()
		for i := range n {
			t := schemaconfig.CatalogTable{Name: schema.Name{Schema: "public", Table: fmt.Sprintf("table_%04d", i)}}
			for j := range 20 {
				t.Columns = append(t.Columns, schemaconfig.CatalogColumn{Column: schema.Column{Name: fmt.Sprintf("column_%d", j)}})
			}
			cat.Tables = append(cat.Tables, t)
		}
		return nil
	})
	must(f.tb, err)
}

// BenchmarkTree makes the page of a source of 5,000 tables.
func BenchmarkTree(b *testing.B) {
	f := newFull(b, 1)
	f.tables(5000)
	b.Run("tree", func(b *testing.B) { bench(b, f, "/connections/"+f.ids[0]+"/schema") })
	b.Run("search", func(b *testing.B) { bench(b, f, "/connections/"+f.ids[0]+"/schema?q=table_49") })
}

// BenchmarkViewers has 200 people look at a running sync whose rows change
// every second, over the loopback. One of its operations is one second of this;
// it reports what part of one core a second costs.
func BenchmarkViewers(b *testing.B) {
	const viewers = 200
	f := newFull(b, 1)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	run, err := f.store.Claim(ctx, "bench", time.Now(), 24*time.Hour)
	must(b, err)
	srv := httptest.NewServer(f.handler)
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 0, DisableCompression: true}}
	news := make(chan int, viewers*4)
	for i := range viewers {
		r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/connections/"+f.ids[0]+"/live", nil)
		must(b, err)
		r.AddCookie(&http.Cookie{Name: "penstock_session", Value: f.session})
		res, err := client.Do(r)
		must(b, err)
		defer res.Body.Close()
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := res.Body.Read(buf)
				if err != nil {
					return
				}
				if bytes.HasSuffix(buf[:n], []byte("\n\n")) {
					news <- i
				}
			}
		}()
	}
	for range viewers {
		<-news
	}
	rows, got := int64(0), 0
	before := cpu(b)
	for b.Loop() {
		rows += 1000
		_, err := f.store.Renew(ctx, run.Token(), time.Now().Add(24*time.Hour), rows, rows*100)
		must(b, err)
		for range viewers {
			<-news
			got++
		}
	}
	used := cpu(b) - before
	b.ReportMetric(float64(got)/float64(b.N)/viewers, "updates/viewer/op")
	b.ReportMetric(100*used.Seconds()/b.Elapsed().Seconds(), "%core")
}

// cpu returns the processor time that this process has used: of the server and
// its viewers alike.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	must(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestLongTreesComeInParts reads all tables of a source of 500 by following
// what a page says comes next.
func TestLongTreesComeInParts(t *testing.T) {
	f := newFull(t, 1)
	f.tables(500)
	seen := map[string]bool{}
	parts := 0
	for next := "/connections/" + f.ids[0] + "/schema"; next != ""; parts++ {
		page, _ := f.get(next)
		for _, m := range regexp.MustCompile(`aria-label="Copy (table_\d+)"`).FindAllStringSubmatch(page, -1) {
			if seen[m[1]] {
				t.Errorf("%s comes twice", m[1])
			}
			seen[m[1]] = true
		}
		next = ""
		if m := regexp.MustCompile(`<a href="([^"]+)">More tables`).FindStringSubmatch(page); m != nil {
			next = html.UnescapeString(m[1])
		}
	}
	if len(seen) != 500 || parts != 3 {
		t.Errorf("%d tables in %d parts", len(seen), parts)
	}
}
