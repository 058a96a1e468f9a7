package main

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/fivetran/go-fivetran"
	"github.com/fivetran/go-fivetran/common"
	"github.com/fivetran/go-fivetran/connections"
)

// answered returns a check that a request of Fivetran's client succeeded.
func answered(t *testing.T, r common.CommonResponse, err error) {
	t.Helper()
	if err != nil || r.Code != "Success" {
		t.Fatalf("%+v: %v", r, err)
	}
}

// TestClientSchemas chooses tables and columns with Fivetran's client, which
// its own suite does not do, and looks for them in the destination.
func TestClientSchemas(t *testing.T) {
	p := newPeople(t)
	ctx, client := t.Context(), p.client()
	if r, err := client.NewConnectionSchemaDetails().ConnectionID(p.id).Do(ctx); err == nil || r.Code != "NotFound_SchemaConfig" {
		t.Fatalf("before anything was read: %+v, %v", r, err)
	}
	loaded, err := client.NewConnectionSchemaReload().ConnectionID(p.id).ExcludeMode("PRESERVE").Do(ctx)
	answered(t, loaded.CommonResponse, err)
	if len(loaded.Data.Schemas) != 1 || len(loaded.Data.Schemas["15five"].Tables) != 20 {
		t.Fatalf("reloaded %+v", loaded.Data)
	}
	_, err = client.NewConnectionTableConfigUpdateService().ConnectionId(p.id).Schema("15five").Table("high_five").Enabled(false).Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) *connections.ConnectionColumnConfigUpdateService {
		return client.NewConnectionColumnConfigUpdateService().ConnectionId(p.id).Schema("15five").Table("users").Column(name)
	}
	_, err = column("first_name").Enabled(false).Do(ctx)
	if err == nil {
		_, err = column("email").Enabled(true).Hashed(true).Do(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	columns, err := client.NewConnectionColumnConfigListService().ConnectionId(p.id).Schema("15five").Table("users").Do(ctx)
	answered(t, columns.CommonResponse, err)
	if c := columns.Data.Columns; *c["first_name"].Enabled || !*c["email"].Hashed || !*c["id"].IsPrimaryKey {
		t.Errorf("columns %+v", c)
	}

	p.syncBy(t, client)
	if p.tables(t, "users") != 1 || p.tables(t, "high_five") != 0 {
		t.Errorf("%d tables users, %d high_five", p.tables(t, "users"), p.tables(t, "high_five"))
	}
	users := p.count(t, `select count(*) from people.users`)
	if hashed := p.count(t, `select count(*) from people.users where email not like '%@%' and length(email) = 44`); users == 0 || hashed != users {
		t.Errorf("%d of %d addresses are hashed", hashed, users)
	}
	if n := p.count(t, `select count(*) from information_schema.columns where table_schema = 'people' and column_name = 'first_name'`); n != 0 {
		t.Error("a blocked column was copied")
	}
}

// TestClientResync has tables, and the whole connection, read again.
func TestClientResync(t *testing.T) {
	p := newPeople(t)
	ctx, client := t.Context(), p.client()
	p.syncBy(t, client)
	before := p.details(t, p.id)
	again, err := client.NewConnectionReSyncTable().ConnectionID(p.id).Schema("15five").Table("users").Do(ctx)
	answered(t, again, err)
	d := p.after(t, before)
	if d.SucceededAt == before.SucceededAt || len(d.Status.Tasks) > 0 {
		t.Errorf("after the re-sync of a table: %+v", d)
	}
	old := p.count(t, `select count(*) from people.users where _fivetran_synced < '`+before.SucceededAt+`'`)
	if old != 0 {
		t.Errorf("%d rows of the table are from before", old)
	}

	before = d
	updated, err := client.NewConnectionUpdate().ConnectionID(p.id).IsHistoricalSync(true).Do(ctx)
	answered(t, updated.CommonResponse, err)
	if d := p.after(t, before); d.SucceededAt == before.SucceededAt || d.Status.Historical {
		t.Errorf("after the re-sync of all: %+v", d)
	}
	if old := p.count(t, `select count(*) from people.question where _fivetran_synced < '`+before.SucceededAt+`'`); old != 0 {
		t.Errorf("%d rows are from before", old)
	}
	// A source that is no function keeps its state to itself.
	if a := p.call(t, "GET", "/v1/connections/"+p.id+"/state", nil); a.status != 400 || a.Code != "InvalidInput" {
		t.Errorf("its state: %d %s", a.status, a.raw)
	}
}

// syncBy has Fivetran's client ask for a sync, which must succeed, and sees it
// through that client's eyes.
func (p *people) syncBy(t *testing.T, client *fivetran.Client) {
	t.Helper()
	before := p.details(t, p.id)
	started, err := client.NewConnectionSync().ConnectionID(p.id).Do(t.Context())
	answered(t, started, err)
	p.after(t, before)
	d, err := client.NewConnectionDetails().ConnectionID(p.id).Do(t.Context())
	answered(t, d.CommonResponse, err)
	if d.Data.SucceededAt.IsZero() || !d.Data.FailedAt.IsZero() || d.Data.Status.SyncState != "scheduled" || *d.Data.Status.IsHistoricalSync {
		t.Fatalf("after the sync: %+v", d.Data)
	}
}

// TestClientPages reads lists that are longer than a page, with small pages and
// with those that are given without asking.
func TestClientPages(t *testing.T) {
	s := serve(t, t.TempDir())
	ctx, client := t.Context(), s.client()
	const many = 103
	for i := range many {
		g, err := client.NewGroupCreate().Name(fmt.Sprintf("Group_%d", i)).Do(ctx)
		answered(t, g.CommonResponse, err)
		u, err := client.NewUserInvite().Email(fmt.Sprintf("u%d@example.com", i)).GivenName("U").FamilyName("V").Role("Account Reviewer").Do(ctx)
		answered(t, u.CommonResponse, err)
		c, err := client.NewConnectionCreate().GroupID(seedGroup).Service("15five").RunSetupTests(false).Paused(true).
			Config(fivetran.NewConnectionConfig().Schema(fmt.Sprintf("people_%d", i))).Do(ctx)
		answered(t, c.CommonResponse, err)
	}
	for name, list := range map[string]lister{
		"connections": func(ctx context.Context, limit int, cursor string) (ids []string, next string, err error) {
			r, err := page(client.NewConnectionsList(), limit, cursor).Do(ctx)
			for _, i := range r.Data.Items {
				ids = append(ids, i.ID)
			}
			return ids, r.Data.NextCursor, err
		},
		"connections of a group": func(ctx context.Context, limit int, cursor string) (ids []string, next string, err error) {
			r, err := page(client.NewGroupListConnections().GroupID(seedGroup), limit, cursor).Do(ctx)
			for _, i := range r.Data.Items {
				ids = append(ids, i.ID)
			}
			return ids, r.Data.NextCursor, err
		},
		"groups": func(ctx context.Context, limit int, cursor string) (ids []string, next string, err error) {
			r, err := page(client.NewGroupsList(), limit, cursor).Do(ctx)
			for _, i := range r.Data.Items {
				ids = append(ids, i.ID)
			}
			return ids, r.Data.NextCursor, err
		},
		"users": func(ctx context.Context, limit int, cursor string) (ids []string, next string, err error) {
			r, err := page(client.NewUsersList(), limit, cursor).Do(ctx)
			for _, i := range r.Data.Items {
				ids = append(ids, i.ID)
			}
			return ids, r.Data.NextCursor, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			usual, small := list.all(t, 0, 100), list.all(t, 10, 10)
			if len(usual) < many || !slices.Equal(usual, small) {
				t.Errorf("%d in pages of 100, %d in pages of 10", len(usual), len(small))
			}
			if slices.Sort(usual); len(slices.Compact(usual)) != len(small) {
				t.Error("one comes twice")
			}
		})
	}
}

// page has a list's request ask for a page; limit 0 and cursor "" ask for none.
func page[L interface {
	Limit(int) L
	Cursor(string) L
}](list L, limit int, cursor string) L {
	if limit > 0 {
		list.Limit(limit)
	}
	if cursor != "" {
		list.Cursor(cursor)
	}
	return list
}

// A lister reads one page of a list: limit 0 asks for none.
type lister func(ctx context.Context, limit int, cursor string) (ids []string, next string, err error)

// all follows a list to its end; every page but the last has so many items.
func (l lister) all(t *testing.T, limit, long int) (all []string) {
	t.Helper()
	for cursor := ""; ; {
		ids, next, err := l(t.Context(), limit, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, ids...); next == "" {
			return all
		}
		if len(ids) != long {
			t.Fatalf("a page of %d items, want %d", len(ids), long)
		}
		cursor = next
	}
}
