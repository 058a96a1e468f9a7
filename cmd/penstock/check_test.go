package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/store"
)

// A checked is a server with one connection, whose two sides are compared.
type checked struct {
	*server
	t      *testing.T
	source string
	w      warehouse
	id     string
}

func newChecked(t *testing.T, statements ...string) *checked {
	t.Helper()
	c := &checked{t: t, source: pgtest.Database(t)}
	pgtest.Exec(t, c.source, statements...)
	c.server = serve(t, t.TempDir())
	c.w = duckWarehouse(filepath.Join(t.TempDir(), "w.duckdb"))
	c.destination(t, "duckdb", map[string]any{"path": strings.TrimPrefix(c.w.url, "duckdb:")})
	c.id = c.connection(t, sourceConfig(t, c.source, "db")).ID
	return c
}

// succeeds syncs when what was written to the source before is behind every
// horizon, whoever else is at work on the same server: the rows that are
// counted as late afterwards are those written after it.
func (c *checked) succeeds(t testing.TB, id string) details {
	t.Helper()
	db := openPostgres(t, c.source)
	defer db.Close()
	var written int64
	if err := db.QueryRowContext(t.Context(), `select txid_current()`).Scan(&written); err != nil {
		t.Fatal(err)
	}
	await(t, "earlier transactions end", func() bool {
		var ended bool
		err := db.QueryRowContext(t.Context(), `select txid_snapshot_xmin(txid_current_snapshot()) > $1`, written).Scan(&ended)
		return err == nil && ended
	})
	return c.server.succeeds(t, id)
}

func (c *checked) schemas() string { return "/v1/connections/" + c.id + "/schemas" }
func (c *checked) ours(more string) string {
	return "/v1/penstock/connections/" + c.id + more
}

// verify verifies tables, null for all, and returns what was found.
func (c *checked) verify(tables any) fivetran.Verification {
	c.t.Helper()
	return c.verified(c.begin(tables))
}

func (c *checked) begin(tables any) (id string) {
	c.t.Helper()
	var v fivetran.Verification
	c.must(c.t, "POST", c.ours("/verify"), map[string]any{"tables": tables}, &v)
	return v.ID
}

// verified waits for the end of a verification.
func (c *checked) verified(id string) (v fivetran.Verification) {
	c.t.Helper()
	await(c.t, "the verification ends", func() bool {
		v = fivetran.Verification{}
		c.must(c.t, "GET", c.ours("/verifications/"+id), nil, &v)
		return v.State != "running"
	})
	return v
}

// found is what a verification found, a line a table.
func found(v fivetran.Verification) (lines []string) {
	for _, t := range v.Tables {
		line := fmt.Sprintf("%s %d/%d lost %d late %d extra %d", t.Table, t.SourceRows, t.DestinationRows, t.Lost, t.Late, t.Extra)
		for _, d := range t.Differences {
			line += fmt.Sprintf("; %s %v%v%v", d.What, d.Key, d.Columns, d.Late)
		}
		if t.MaskedColumns != nil {
			line += fmt.Sprint("; masked ", t.MaskedColumns)
		}
		if t.DifferentColumns != nil {
			line += fmt.Sprint("; columns ", t.DifferentColumns)
		}
		if t.Error != nil {
			line += "; " + *t.Error
		}
		lines = append(lines, line)
	}
	return lines
}

// plan returns a plan, a line a table. change may be nil.
func (c *checked) plan(change any) (lines []string) {
	c.t.Helper()
	method := "POST"
	if change == nil {
		method = "GET"
	}
	var p fivetran.Plan
	c.must(c.t, method, c.ours("/plan"), change, &p)
	for _, t := range p.Tables {
		line := t.Table + " " + t.Load
		if t.Rows != nil {
			line += fmt.Sprint(" ", *t.Rows)
		}
		if t.Why != nil {
			line += " " + *t.Why
		}
		if t.Create {
			line += fmt.Sprintf("; create %s with %d", *t.Destination, len(t.Columns))
			t.Columns = nil
		}
		for _, col := range t.Columns {
			line += "; " + col.Change + " " + col.Name
		}
		if t.SwitchFrom != nil {
			line += "; " + *t.SwitchFrom + " to " + *t.SyncMode
		}
		lines = append(lines, line)
	}
	return lines
}

func (c *checked) want(step string, got []string, want ...string) {
	c.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("%s (-want +got)\n%s", step, diff)
	}
}

// shopToCheck has a table for each way in which a table is treated.
var shopToCheck = []string{
	`create table item (id int primary key, name text, price numeric(8,2), secret text, mail text)`,
	`insert into item select i, 'item ' || i, i / 3.0, 's', 'm' || i || '@x' from generate_series(1, 3000) i`,
	`create table kept (id int primary key, v text)`, `insert into kept select i, 'v' from generate_series(1, 50) i`,
	`create table note (body text, author text)`, `insert into note values ('a', 'x'), ('a', 'x'), ('b', null)`,
	`create table person (mail text primary key, age int)`, `insert into person select 'p' || i || '@x', i from generate_series(1, 100) i`,
	`create table idle (id int primary key)`, `insert into idle values (1)`,
	`create table quiet (id int primary key)`, `insert into quiet values (1)`,
}

// choices are made for shopToCheck.
var choices = map[string]any{"schemas": map[string]any{"public": map[string]any{"tables": map[string]any{
	"item":   map[string]any{"columns": map[string]any{"secret": map[string]any{"enabled": false}, "mail": map[string]any{"hashed": true}}},
	"kept":   map[string]any{"sync_mode": "HISTORY"},
	"note":   map[string]any{"columns": map[string]any{"author": map[string]any{"hashed": true}}},
	"person": map[string]any{"columns": map[string]any{"mail": map[string]any{"hashed": true}}},
	"idle":   map[string]any{"enabled": false},
}}}}

// TestServerVerifies compares tables that are treated in all ways, before and
// after things go wrong.
func TestServerVerifies(t *testing.T) {
	c := newChecked(t, shopToCheck...)
	c.must(t, "POST", c.schemas()+"/reload", nil, nil)
	c.must(t, "PATCH", c.schemas(), choices, nil)
	c.must(t, "PATCH", c.ours("/settings"), map[string]any{"carry_renames": true, "paused_tables": map[string]any{"public": map[string]any{"quiet": true}}}, nil)
	c.succeeds(t, c.id)
	pgtest.Exec(t, c.source, `update kept set v = 'w' where id <= 5`, `delete from kept where id = 50`, `alter table item rename name to title`)
	c.succeeds(t, c.id)
	c.want("after syncs", found(c.verify(nil)), "item 3000/3000 lost 0 late 0 extra 0; masked [mail]", "kept 49/49 lost 0 late 0 extra 0",
		"note 2/2 lost 0 late 0 extra 0; masked [author]", "person 100/100 lost 0 late 0 extra 0; masked [mail]")

	pgtest.Exec(t, c.source, `insert into item values (9000, 'new')`, `update kept set v = 'later' where id = 7`)
	c.w.change(t, `delete from db_public.item where id = 77`, `update db_public.item set name = 'tampered' where id = 42`,
		`delete from db_public.kept where id = 3 and _fivetran_active`, `delete from db_public.person where age = 7`)
	v := c.verify(nil)
	c.want("after damage", found(v), "item 3001/2999 lost 2 late 1 extra 0; different [42][title]false; missing [77][]false; missing [9000][]true; masked [mail]; columns [title]",
		"kept 49/48 lost 1 late 1 extra 0; missing [3][]false; different [7][v]true; columns [v]",
		"note 2/2 lost 0 late 0 extra 0; masked [author]", "person 100/99 lost 1 late 0 extra 0; masked [mail]; columns [age]")
	if v.Total != 4 || v.Done != 4 || v.Wrong != 3 || v.EndedAt == nil {
		t.Errorf("it says %+v", v)
	}
	if a := c.call(t, "GET", c.ours("/verifications/"+v.ID), nil); strings.Contains(a.raw, "p7@x") {
		t.Errorf("a hashed key is told: %s", a.raw)
	}
	c.want("one table", found(c.verify(map[string]any{"public": []string{"kept"}})), "kept 49/48 lost 1 late 1 extra 0; missing [3][]false; different [7][v]true; columns [v]")
	c.want("a paused table", found(c.verify(map[string]any{"public": []string{"quiet"}})),
		"quiet 0/0 lost 0 late 0 extra 0; no sync reads it now: it is blocked, paused, or gone from the source")
	var list struct{ Items []fivetran.Verification }
	c.must(t, "GET", c.ours("/verifications"), nil, &list)
	if len(list.Items) != 4 || list.Items[2].ID != v.ID || list.Items[2].Tables != nil {
		t.Errorf("listed %+v", list.Items)
	}
	if strings.Contains(c.stderr.String(), "p7@x") {
		t.Error("the log has values")
	}
}

// TestServerVerifiesBeforeASync has rows that the next sync is going to bring
// anyway: nothing of them is lost, whatever makes it read them.
func TestServerVerifiesBeforeASync(t *testing.T) {
	c := newChecked(t, `create table item (id int primary key, region text, secret text)`,
		`insert into item select i, case when i % 2 = 0 then 'EU' else 'US' end, 's' from generate_series(1, 100) i`,
		`create table person (mail text primary key, age int)`, `insert into person select 'p' || i || '@x', i from generate_series(1, 100) i`)
	check := func(step string, want ...string) {
		t.Helper()
		v := c.verify(nil)
		lines := found(v)
		for i := range lines {
			lines[i], _, _ = strings.Cut(lines[i], "; missing")
			lines[i], _, _ = strings.Cut(lines[i], "; extra")
		}
		c.want(step, lines, want...)
		if v.State != "done" || v.Wrong > 0 {
			t.Errorf("%s: %s, %d tables are wrong", step, v.State, v.Wrong)
		}
	}
	filter := func(f string) {
		c.must(t, "PATCH", c.ours("/settings"), map[string]any{"row_filters": map[string]any{"public": map[string]any{"item": f}}}, nil)
	}
	column := func(table, column, what string, is bool) {
		c.must(t, "PATCH", c.schemas()+"/public/tables/"+table+"/columns/"+column, map[string]any{what: is}, nil)
	}
	person := "person 100/100 lost 0 late 0 extra 0"
	c.must(t, "POST", c.schemas()+"/reload", nil, nil)
	check("never synced", "item 100/0 lost 0 late 100 extra 0", "person 100/0 lost 0 late 100 extra 0")
	filter("region = 'EU'")
	column("item", "secret", "enabled", false)
	c.succeeds(t, c.id)
	check("synced", "item 50/50 lost 0 late 0 extra 0", person)
	filter("region IN ('EU', 'US')")
	check("a wider filter", "item 100/50 lost 0 late 50 extra 0", person)
	c.succeeds(t, c.id)
	check("synced", "item 100/100 lost 0 late 0 extra 0", person)
	c.w.change(t, `alter table db_public.item drop column if exists secret`)
	column("item", "secret", "enabled", true)
	check("a column enabled", "item 100/100 lost 0 late 0 extra 0", person)
	c.succeeds(t, c.id)
	column("person", "mail", "hashed", true)
	check("a key hashed", "item 100/100 lost 0 late 0 extra 0", person+"; masked [mail]")
	c.succeeds(t, c.id)
	column("person", "mail", "hashed", false)
	check("and no longer", "item 100/100 lost 0 late 0 extra 0", "person 100/100 lost 0 late 100 extra 100")
	c.succeeds(t, c.id)
	check("synced", "item 100/100 lost 0 late 0 extra 0", person)
	c.w.change(t, `drop table db_public.item`)
	check("a table dropped", "item 100/0 lost 0 late 100 extra 0", person)
}

// TestServerPlans asks what the next sync would do, and what changes would.
func TestServerPlans(t *testing.T) {
	c := newChecked(t, shopToCheck...)
	first := []string{"idle historical 1 new; create db_public.idle with 1", "item historical 3000 new; create db_public.item with 5",
		"kept historical 50 new; create db_public.kept with 2", "note historical 3 new; create db_public.note with 3",
		"person historical 100 new; create db_public.person with 2", "quiet historical 1 new; create db_public.quiet with 1"}
	c.want("before the first sync", c.plan(nil), first...)
	c.want("with choices", c.plan(choices), append([]string{"idle none blocked", "item historical 3000 new; create db_public.item with 4"}, first[2:]...)...)
	if a := c.call(t, "GET", c.schemas(), nil); a.status != 404 {
		t.Errorf("a plan has kept what the source offers: %s", a.raw)
	}
	c.must(t, "POST", c.schemas()+"/reload", nil, nil)
	c.must(t, "PATCH", c.schemas(), choices, nil)
	c.succeeds(t, c.id)
	pgtest.Exec(t, c.source, `insert into kept values (51, 'v')`, `alter table note add more text`, `alter table person alter age type bigint`,
		`create table fresh (id int primary key)`, `create view seen as select * from kept`)
	c.must(t, "POST", "/v1/connections/"+c.id+"/schemas/tables/resync", map[string]any{"public": []string{"quiet"}}, nil)
	c.after(t, c.details(t, c.id)) // which does it
	pgtest.Exec(t, c.source, `insert into kept values (52, 'v')`, `alter table item drop constraint item_pkey`, `alter table item add primary key (id, mail)`)
	enable := map[string]any{"schemas": map[string]any{"public": map[string]any{"tables": map[string]any{"idle": map[string]any{"enabled": true}}}}}
	propose := map[string]any{
		"schemas": map[string]any{"public": map[string]any{"tables": map[string]any{
			"kept": map[string]any{"enabled": false}, "idle": map[string]any{"enabled": true}, "note": map[string]any{"sync_mode": "LIVE"}}}},
		"settings": map[string]any{"paused_tables": map[string]any{"public": map[string]any{"quiet": true}}},
	}
	rest := func(idle, kept, note, quiet string) []string {
		return []string{"fresh incremental 0", idle, "item historical 3000 key_changed", kept, note, "person incremental 0", quiet, "seen historical 52 always"}
	}
	same := rest("idle none blocked", "kept incremental 1", "note incremental 0", "quiet incremental 0")
	c.want("as it is", c.plan(nil), same...)
	c.want("with a proposal", c.plan(propose), rest("idle historical 1 enabled; create db_public.idle with 1", "kept none blocked",
		"note incremental 0; SOFT_DELETE to LIVE", "quiet none paused")...)
	c.want("as it was", c.plan(nil), same...)
	c.must(t, "PATCH", c.schemas(), enable, nil)
	c.want("enabled", c.plan(nil), rest("idle historical 1 enabled; create db_public.idle with 1", "kept incremental 1", "note incremental 0", "quiet incremental 0")...)
	c.must(t, "PATCH", c.schemas()+"/public/tables/note/columns/author", map[string]any{"enabled": false}, nil)
	c.must(t, "DELETE", c.schemas()+"/public/tables/note/columns/author", nil, nil)
	if got := c.plan(nil)[4]; got != "note incremental 0; drop author" {
		t.Errorf("planned %s", got)
	}
	pgtest.Exec(t, c.source, `alter table item drop constraint item_pkey`, `alter table item add primary key (id)`)
	c.must(t, "PATCH", c.schemas()+"/public/tables/item/columns/secret", map[string]any{"enabled": true}, nil)
	if got := c.plan(nil)[2]; got != "item historical 3000 columns; add secret" {
		t.Errorf("planned %s", got)
	}
}

// locked calls f while nobody can read a table of the source.
func (c *checked) locked(table string, f func()) {
	c.t.Helper()
	db := openPostgres(c.t, c.source)
	defer db.Close()
	tx, err := db.BeginTx(c.t.Context(), nil)
	if err == nil {
		_, err = tx.Exec("lock table " + table)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	defer tx.Rollback()
	f()
}

// blocked waits until somebody waits for a lock in the source.
func (c *checked) blocked(n string) {
	c.t.Helper()
	await(c.t, "the source is asked", func() bool {
		db := openPostgres(c.t, c.source)
		defer db.Close()
		var waiting string
		err := db.QueryRowContext(c.t.Context(), `select count(*)::text from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting == n
	})
}

// TestServerVerifiesOnce has a verification under way while something else
// happens.
func TestServerVerifiesOnce(t *testing.T) {
	c := newChecked(t, `create table item (id int primary key, x text)`, `insert into item select i, 'x' from generate_series(1, 100) i`)
	c.succeeds(t, c.id)
	c.locked("item", func() {
		id := c.begin(nil)
		c.blocked("1")
		if a := c.call(t, "POST", c.ours("/verify"), nil); a.status != 409 {
			t.Errorf("a second one: %d %s", a.status, a.raw)
		}
		var v fivetran.Verification
		c.must(t, "DELETE", c.ours("/verifications/"+id), nil, &v)
		if v.State != "canceled" {
			t.Errorf("canceled: %+v", v)
		}
		c.blocked("0")
	})
	// A sync begins while the source is asked: what was asked counts no more.
	pgtest.Exec(t, c.source, `update item set x = 'y' where id = 7`)
	before := c.details(t, c.id)
	var id string
	c.locked("item", func() {
		id = c.begin(nil)
		c.blocked("1")
		c.must(t, "POST", "/v1/connections/"+c.id+"/sync", nil, nil)
		await(t, "the sync begins", func() bool { return c.details(t, c.id).Status.SyncState == "syncing" })
	})
	c.after(t, before)
	c.want("beside a sync", found(c.verified(id)), "item 100/100 lost 0 late 0 extra 0")

	for _, end := range []string{"killed", "terminated"} {
		c.locked("item", func() {
			id = c.begin(nil)
			c.blocked("1")
			if end == "killed" {
				c.kill()
			} else if code := c.terminate(t); code != 0 {
				t.Errorf("the server ended with %d", code)
			}
		})
		c.server = serve(t, c.data)
		if v := c.verified(id); v.State != "failed" || v.Reason == nil || *v.Reason != store.Interrupted {
			js, _ := json.Marshal(v)
			t.Errorf("of a server that was %s: %s", end, js)
		}
		c.want("after it", found(c.verify(nil)), "item 100/100 lost 0 late 0 extra 0")
	}
}
