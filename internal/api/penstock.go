package api

import (
	"errors"
	"strconv"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// What follows is Penstock's own, under /v1/penstock: the states that a
// connection can return to, and how it stands with each table.

func (s *server) listStates(r *request) (any, error) {
	versions, err := s.Store.StateVersions(r.Context(), r.id())
	if err != nil {
		return nil, err
	}
	items := make([]fivetran.StateVersion, len(versions))
	for i := range versions {
		items[i] = wireState(&versions[i])
		items[i].Current = i == 0
	}
	return fivetran.Page[fivetran.StateVersion]{Items: items}, nil
}

func wireState(v *store.StateVersion) fivetran.StateVersion {
	return fivetran.StateVersion{Version: v.Version, RunID: optional(v.RunID), Rows: v.Rows, SavedAt: v.SavedAt, Bytes: v.Bytes}
}

// restoreState makes an earlier state the connection's again. What was copied
// since then stays, and is copied again.
func (s *server) restoreState(r *request) (any, error) {
	gone := notFound(fivetran.NotFoundState, "State '%s' of connection '%s' does not exist.", r.PathValue("version"), r.id())
	number, err := strconv.ParseInt(r.PathValue("version"), 10, 64)
	if err != nil {
		return nil, gone
	}
	_, state, err := s.Store.StateVersion(r.Context(), r.id(), number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	err = s.Store.ReplaceState(r.Context(), r.id(), state)
	if errors.Is(err, store.ErrRunning) {
		return nil, errSyncing
	}
	if err != nil {
		return nil, err
	}
	versions, err := s.Store.StateVersions(r.Context(), r.id())
	if err != nil || len(versions) == 0 {
		return nil, err
	}
	v := wireState(&versions[0])
	v.Current = true
	return v, nil
}

// backlog shows what the source keeps back, as it was last asked.
func (s *server) backlog(r *request) (any, error) {
	b, err := s.Store.Backlog(r.Context(), r.id())
	if errors.Is(err, store.ErrNotFound) { // nothing
		return fivetran.Backlog{}, nil
	}
	if err != nil {
		return nil, err
	}
	wire := fivetran.Backlog{What: optional(b.What), Retained: b.Retained, Lost: b.Lost, Spilled: b.Spilled, AskedAt: optionalTime(b.AskedAt)}
	if b.Limit > 0 {
		wire.Limit = &b.Limit
	}
	if b.Lag > 0 {
		wire.Lag = new(b.Lag.Seconds())
	}
	return wire, nil
}

// Statuses of tables that no run sets.
const (
	tablePending = "pending" // no sync has read it yet
	tableBlocked = "blocked" // not chosen
	tablePaused  = "paused"
	tableDeleted = "deleted" // in the source
)

func (s *server) listTables(r *request) (any, error) {
	cfg, cat, err := s.captured(r)
	if err != nil {
		return nil, err
	}
	statuses, err := s.Store.TableStatuses(r.Context(), r.id())
	if err != nil {
		return nil, err
	}
	known := make(map[schema.Name]*store.TableStatus, len(statuses))
	for i := range statuses {
		known[statuses[i].Table] = &statuses[i]
	}
	asked, err := s.Store.AskedResyncs(r.Context(), r.id())
	if err != nil {
		return nil, err
	}
	again := make(map[schema.Name]bool, len(asked))
	for _, n := range asked {
		again[n] = true
	}
	page := fivetran.Page[fivetran.TableStatus]{Items: make([]fivetran.TableStatus, 0, len(cat.Tables))}
	for i := range cat.Tables {
		t := &cat.Tables[i]
		item := wireTableStatus(known[t.Name])
		item.Schema, item.Table, item.Resync = cat.Schema(t.Schema), t.Table, again[t.Name]
		switch treat := schemaconfig.Resolve(cfg, cat, schema.Table{Name: t.Name}); {
		case t.Gone:
			item.Status = tableDeleted
		case !treat.Wanted:
			item.Status = tableBlocked
		case treat.Paused:
			item.Status = tablePaused
		}
		page.Items = append(page.Items, item)
	}
	return page, nil
}

// wireTableStatus shows what runs have said of a table; nil: nothing.
func wireTableStatus(t *store.TableStatus) fivetran.TableStatus {
	if t == nil {
		return fivetran.TableStatus{Status: tablePending}
	}
	item := fivetran.TableStatus{
		Status: t.Status, Error: optional(t.Error), RunID: optional(t.RunID), Rows: t.Rows, Bytes: t.Bytes, Started: optionalTime(t.BegunAt),
		SyncedAt: optionalTime(t.SyncedAt), FailedAt: optionalTime(t.FailedAt),
	}
	if t.Expected > 0 {
		item.Expected = &t.Expected
	}
	return item
}
