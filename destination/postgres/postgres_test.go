package postgres

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/modelcheck"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var subject = destinationtest.Subject{
	Open:   func(t testing.TB) destination.Destination { return openAt(t, pgtest.Database(t)) },
	Select: selectText,
	Hand: destinationtest.Hand{
		Run: func(t testing.TB, d destination.Destination, name schema.Name, statement string) {
			t.Helper()
			w := d.(*warehouse)
			c, err := w.connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(t.Context())
			if err := (conn{w, c}).exec(t.Context(), strings.ReplaceAll(statement, "{}", dialect.Table(name))); err != nil {
				t.Fatal(err)
			}
		},
		Retype: func(column, typ string) string {
			return "ALTER TABLE {} ALTER COLUMN " + column + " TYPE " + typ + " USING " + column + "::" + typ
		},
		Uncomment: func(column string, _ schema.Type) string { return "COMMENT ON COLUMN {}." + column + " IS NULL" },
		Type:      types.Name,
		Foreign:   "varchar(9)",
		Restrict:  "ALTER TABLE {} ALTER COLUMN a SET NOT NULL",
		Free:      "ALTER TABLE {} ALTER COLUMN a DROP NOT NULL",
		Depend:    "CREATE VIEW scripts.v AS SELECT a FROM {}",
		Release:   "DROP VIEW scripts.v",
		Named:     "view scripts.v depends on column a",
	},
	Sequences: 400,
}

func TestDestination(t *testing.T) { destinationtest.Run(t, subject) }

func TestModel(t *testing.T) { modelcheck.Run(t, subject, 600) }

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

func openAt(t testing.TB, dsn string) destination.Destination {
	t.Helper()
	return openConfig(t, config(t, dsn))
}

func openConfig(t testing.TB, c Config) destination.Destination {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Services[0].Open(text, destination.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func selectText(t testing.TB, d destination.Destination, name schema.Name, columns []schema.Column) (out [][]string) {
	t.Helper()
	w := d.(*warehouse)
	c, err := w.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var values []string
	for _, c := range columns {
		e := quote(c.Name)
		if !types.IsText(c.Type) {
			e = convert(e, c.Type, schema.Type{Kind: schema.String})
		}
		values = append(values, fmt.Sprintf("coalesce(%s, '%s')", e, destinationtest.Null))
	}
	rows, err := conn{w, c}.rows(t.Context(), fmt.Sprintf("SELECT %s FROM %s", strings.Join(values, ", "), dialect.Table(name)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		row := make([]string, len(r))
		for i := range r {
			row[i] = string(r[i])
		}
		out = append(out, row)
	}
	return out
}
