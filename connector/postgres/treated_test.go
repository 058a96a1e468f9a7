package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// An edited source is asked for something else than the Model asks.
type edited struct {
	connector.Source
	edit func(*connector.Request)
}

func (e edited) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	e.edit(&req)
	return e.Source.Sync(ctx, req, out)
}

// A table that the destination cannot hold fails alone, and is read on from
// where it was when that is mended.
func TestTableThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	threeTables(t, dsn)
	b := schema.Name{Schema: "public", Table: "b"}
	for _, at := range []int{1, 2, 4} {
		writes := 0
		src := &watched{Source: opener(t, dsn)(), onWrite: func(batch schema.Batch) error {
			if batch.Table.Name != b {
				return nil
			}
			if writes++; writes >= at {
				return &connector.TableError{Table: b, Err: errors.New("a view is in the way")}
			}
			return nil
		}}
		m := &connectortest.Model{}
		if err := m.Sync(context.Background(), src); err != nil {
			t.Fatal(err)
		}
		if err := m.Failed[b]; len(m.Failed) != 1 || err == nil || !strings.Contains(err.Error(), "a view is in the way") {
			t.Errorf("failed: %v", m.Failed)
		}
		compare(t, "the others", m, dsn, "a", "c")
		if err := m.Sync(context.Background(), opener(t, dsn)()); err != nil {
			t.Fatal(err)
		}
		compare(t, "afterwards", m, dsn, "a", "b", "c")
	}
}

func TestPausedTableGoesOn(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url // others' transactions would hold back the horizon
	threeTables(t, dsn)
	m := &connectortest.Model{}
	first := opener(t, dsn)
	if err := m.Sync(context.Background(), first()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, "update a set v = 0 where id = 1", "update b set v = 0 where id = 1")
	pause := edited{opener(t, dsn)(), func(req *connector.Request) {
		req.Paused, req.Tables = []schema.Name{req.Tables[1].Name}, append(req.Tables[:1:1], req.Tables[2])
	}}
	if err := m.Sync(context.Background(), pause); err != nil {
		t.Fatal(err)
	}
	compare(t, "the others", m, dsn, "a", "c")
	rows := int64(0)
	src := &watched{Source: opener(t, dsn)(), onWrite: func(b schema.Batch) error {
		rows += b.Rows()
		return nil
	}}
	if err := m.Sync(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	compare(t, "afterwards", m, dsn, "a", "b", "c")
	if rows != 1 {
		t.Errorf("%d rows were sent, want the one that changed", rows)
	}
}

// Warnings and errors about hidden columns do not show what is in them.
func TestHiddenValuesAreNotTold(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table a (id int primary key, open date, hidden date)", "insert into a values (1, '20001-01-01', '20002-01-01')",
		"create table raw (id int primary key, hidden text)", "insert into raw values (1, 'secret')",
		"create view bad as select id, hidden::int as hidden from raw")
	src := edited{opener(t, dsn)(), func(req *connector.Request) {
		req.Hidden = func(_ schema.Name, column string) bool { return column == "hidden" }
	}}
	m := &connectortest.Model{}
	if err := m.Sync(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, w := range m.Warnings {
		told = append(told, w.Message)
	}
	text := strings.Join(told, "\n")
	if !strings.Contains(text, "20001") || !strings.Contains(text, "hidden") || strings.Contains(text, "20002") {
		t.Errorf("warnings:\n%s", text)
	}
	err := m.Failed[schema.Name{Schema: "public", Table: "bad"}]
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "22P02") {
		t.Errorf("the view failed: %v", err)
	}
}

func TestColumnIDs(t *testing.T) {
	t.Parallel()
	dsn := sharedDatabase(t)
	pgtest.Exec(t, dsn, "create table a (id int primary key, x int)")
	column := func(name string) string {
		t.Helper()
		tables, err := opener(t, dsn)().Tables(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		i := tables[0].Index(name)
		if i < 0 {
			t.Fatalf("there is no column %s", name)
		}
		return tables[0].Columns[i].ID
	}
	x := column("x")
	pgtest.Exec(t, dsn, "alter table a rename x to y")
	if y := column("y"); y != x || x == "" || x == column("id") {
		t.Errorf("x was %q, y is %q", x, y)
	}
	pgtest.Exec(t, dsn, "alter table a drop y", "alter table a add y int")
	if y := column("y"); y == x {
		t.Error("another column has its ID")
	}
	pgtest.Exec(t, dsn, "drop table a", "create table a (y int, x int)")
	if column("x") == x || column("y") == x {
		t.Error("a column of another table has its ID")
	}
}
