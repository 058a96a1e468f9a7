package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
)

// following is a source that is followed for as long as its context lasts.
type following struct{ connector.Source }

func (f following) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	req.Until, req.Every = time.Now().Add(time.Hour), time.Millisecond
	return f.Source.Sync(ctx, req, out)
}

// follow syncs until stop is closed, as often as tables change.
func follow(t *testing.T, m *connectortest.Model, open func() connector.Source, stop <-chan struct{}) (listings int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-stop; cancel() }()
	for {
		listings++
		err := m.Sync(ctx, following{open()})
		switch {
		case errors.Is(err, connector.ErrSchemaChanged):
			continue
		case ctx.Err() != nil:
			return listings
		}
		t.Fatalf("listing %d: the sync ended with %v", listings, err)
	}
}

// TestLogFollowed follows a database while tables are changed, and changed
// again.
func TestLogFollowed(t *testing.T) {
	t.Parallel()
	dsn := newServer(t).url
	pgtest.Exec(t, dsn,
		"create table item (id int primary key, name text)", "insert into item select g, 'n' || g from generate_series(1, 100) g",
		"create table event (day int, id int, primary key (day, id)) partition by list (day)",
		"create table event_0 partition of event for values in (0)")
	m := &connectortest.Model{}
	open := opener(t, dsn, viaLog)
	if err := m.Sync(context.Background(), open()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	const rounds = 25
	go func() {
		defer close(done)
		for i := range rounds {
			for _, sql := range []string{
				"update item set name = name || '.' where id % 7 = 1",
				fmt.Sprintf("alter table item add c%d int", i),
				fmt.Sprintf("insert into item (id, c%d) values (%d, %d)", i, 1000+i, i),
				fmt.Sprintf("create table event_%d partition of event for values in (%[1]d)", i+1),
				fmt.Sprintf("insert into event select %d, g from generate_series(1, 5) g", i+1),
				fmt.Sprintf("alter table item alter c%d type text using c%[1]d + 1", i),
				fmt.Sprintf("update item set c%d = 'text' where id %% 5 = 0", i),
				fmt.Sprintf("create table new_%d (id int primary key)", i),
				fmt.Sprintf("insert into new_%d values (%[1]d)", i),
				fmt.Sprintf("delete from item where id = %d", i),
				fmt.Sprintf("alter table item rename name to name_%d", i),
				fmt.Sprintf("update item set name_%d = 'renamed' where id = 50", i),
				fmt.Sprintf("alter table item rename name_%d to name", i),
				fmt.Sprintf("alter table item drop c%d", i),
			} {
				pgtest.Exec(t, dsn, sql)
			}
		}
	}()
	listings := follow(t, m, open, done)
	if err := m.Sync(context.Background(), open()); err != nil || len(m.Failed) > 0 {
		t.Fatal(err, m.Failed)
	}
	compare(t, fmt.Sprintf("after %d listings", listings), m, dsn, "item", "event", "new_0", fmt.Sprintf("new_%d", rounds-1))
	t.Logf("tables were listed %d times", listings)
}
