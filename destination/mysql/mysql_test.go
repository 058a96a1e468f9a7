package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/mariatest"
	"github.com/penstock-data/penstock/internal/modelcheck"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var subject = func() destinationtest.Subject {
	declared := typesOf(server{collation: "utf8mb4_nopad_bin"})
	modify := func(column, typ string) string { return "ALTER TABLE {} MODIFY COLUMN " + column + " " + typ }
	return destinationtest.Subject{Open: openOwn, Select: selectText, Keeps: keeps, Sequences: 150, Hand: destinationtest.Hand{
		Run: func(t testing.TB, d destination.Destination, name schema.Name, statement string) {
			t.Helper()
			o := d.(own)
			c, err := o.connect(t.Context())
			must(t, err)
			defer c.Close()
			must(t, c.run(t.Context(), strings.ReplaceAll(statement, "{}", quote(o.prefix+name.Schema)+"."+quote(name.Table))))
		},
		Retype:    modify,
		Uncomment: func(column string, t schema.Type) string { return modify(column, declared.Name(t)) },
		Type:      types.Name,
		Foreign:   "varchar(9)",
		Restrict:  "ALTER TABLE {} ADD CONSTRAINT own CHECK (a IS NOT NULL)",
		Free:      "ALTER TABLE {} DROP CONSTRAINT own",
		Depend:    "ALTER TABLE {} ADD COLUMN own bigint GENERATED ALWAYS AS (length(a)) VIRTUAL INVISIBLE",
		Release:   "ALTER TABLE {} DROP COLUMN own",
		Named:     "'a'",
	}}
}()

func TestDestination(t *testing.T) { destinationtest.Run(t, subject) }

func TestModel(t *testing.T) { modelcheck.Run(t, subject, 350) }

// keeps knows what the server has no value for.
func keeps(t schema.Type, text string) bool {
	switch t.Kind {
	case schema.Float, schema.Double:
		f, err := strconv.ParseFloat(text, 64)
		return err != nil || !math.IsNaN(f) && !math.IsInf(f, 0)
	case schema.Date, schema.Datetime, schema.Instant:
		return text == destinationtest.Null || text[4] == '-' && !strings.HasSuffix(text, "BC")
	}
	return true
}

// own is a destination whose databases are one test's own: a server has but
// one of a name.
type own struct {
	*warehouse
	prefix string
}

type ownWriter struct {
	destination.Writer
	prefix string
}

func (o own) Writer(ctx context.Context, opt destination.Options) (destination.Writer, error) {
	w, err := o.warehouse.Writer(ctx, opt)
	if err != nil {
		return nil, err
	}
	return ownWriter{w, o.prefix}, nil
}

func (w ownWriter) name(n schema.Name) schema.Name {
	return schema.Name{Schema: w.prefix + n.Schema, Table: n.Table}
}

func (w ownWriter) table(t *schema.Table) *schema.Table {
	c := *t
	c.Name = w.name(t.Name)
	return &c
}

func (w ownWriter) Table(ctx context.Context, n schema.Name) (*schema.Table, error) {
	return w.Writer.Table(ctx, w.name(n))
}

func (w ownWriter) Migrate(ctx context.Context, t *schema.Table) error {
	return w.told(w.Writer.Migrate(ctx, w.table(t)))
}

func (w ownWriter) Drop(ctx context.Context, n schema.Name, column string) error {
	return w.told(w.Writer.Drop(ctx, w.name(n), column))
}

func (w ownWriter) Write(ctx context.Context, b schema.Batch) error {
	b.Table = w.table(b.Table)
	return w.told(w.Writer.Write(ctx, b))
}

func (w ownWriter) Flush(ctx context.Context) error { return w.told(w.Writer.Flush(ctx)) }

// told returns an error that has the test's names of tables.
func (w ownWriter) told(err error) error {
	var refusal *destination.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	named := map[schema.Name]error{}
	for n, why := range refusal.Tables {
		named[schema.Name{Schema: strings.TrimPrefix(n.Schema, w.prefix), Table: n.Table}] = why
	}
	return &destination.Refusal{Tables: named}
}

func (w ownWriter) Live(ctx context.Context, n schema.Name) (int64, error) {
	live, err := w.Writer.Live(ctx, w.name(n))
	return live, w.told(err)
}

func (o own) Digest(ctx context.Context, q schema.DigestQuery, yield func(schema.Digest) error) error {
	q.Table.Name.Schema = o.prefix + q.Table.Name.Schema
	return o.warehouse.Digest(ctx, q, yield)
}

func openOwn(t testing.TB) destination.Destination {
	t.Helper()
	return openAt(t, mariatest.Database(t))
}

func openAt(t testing.TB, dsn string) own {
	t.Helper()
	return openConfig(t, config(t, dsn))
}

// config returns the config that means the database of a URL.
func config(t testing.TB, dsn string) Config {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return Config{Host: u.Hostname(), Port: setup.Port(port), Database: strings.TrimPrefix(u.Path, "/"), User: u.User.Username(), Password: password}
}

func openConfig(t testing.TB, c Config) own {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Services[1].Open(text, destination.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return own{d.(*warehouse), c.Database + "_"}
}

func selectText(t testing.TB, d destination.Destination, name schema.Name, columns []schema.Column) [][]string {
	t.Helper()
	o := d.(own)
	c, err := o.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var texts []string
	for _, c := range columns {
		texts = append(texts, fmt.Sprintf("coalesce(%s, '%s')", convertText(quote(c.Name), c.Type), destinationtest.Null))
	}
	rows, err := c.rows(t.Context(), fmt.Sprintf("SELECT %s FROM %s.%s", strings.Join(texts, ", "), quote(o.prefix+name.Schema), quote(name.Table)))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestPort reads configs that were kept with the port as a number, and as text.
func TestPort(t *testing.T) {
	for _, port := range []string{`3307`, `"3307"`} {
		d, err := Services[0].Open(json.RawMessage(`{"host":"h","port":`+port+`}`), destination.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.(*warehouse).server(); got != "h:3307" {
			t.Errorf("%s: %s", port, got)
		}
	}
}
