package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
)

// opener returns a function that opens the database of dsn anew, with ranges
// of one page and a checkpoint after every range, so that little data has
// many places to break at.
func opener(t *testing.T, dsn string, edit ...func(*config)) func() connector.Source {
	raw := configOf(t, dsn, edit...)
	return func() connector.Source {
		src, err := open(raw, connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		s := src.(*source)
		s.workers, s.rangeBytes, s.checkpointBytes = 1, 8192, 1
		return s
	}
}

// TestStopAnywhere breaks and resumes syncs at every event.
func TestStopAnywhere(t *testing.T) {
	dsn := quietDatabase(t)
	pgtest.Exec(t, dsn,
		"create table item (id int primary key, name text, price numeric(10,2))",
		"insert into item select g, repeat('x', 500) || g, g / 7.0 from generate_series(1, 40) g",
		"create table note (body text)",
		"insert into note select repeat('y', 900) || g from generate_series(1, 20) g",
		"create view cheap as select id, name from item where price < 2",
	)
	m := connectortest.Run(t, opener(t, dsn),
		func() {
			pgtest.Exec(t, dsn,
				"update item set price = 99 where id in (3, 4)",
				"delete from item where id in (5, 40)",
				"insert into item values (41, 'new', null)",
				"update item set id = 100 where id = 10")
		},
		func() { pgtest.Exec(t, dsn, "delete from note where body like '%1'", "insert into note values ('n')") },
		func() { pgtest.Exec(t, dsn, "truncate item") },
	)
	if diff := cmp.Diff([]string(nil), m.Rows("public.item")); diff != "" {
		t.Error(diff)
	}
	if got, want := len(m.Rows("public.note")), 20-2+1; got != want {
		t.Errorf("note has %d rows, want %d", got, want)
	}
}
