package api

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
)

// What follows is Penstock's own, under /v1/penstock: how connections stand,
// for lists of thousands.

// runsOfOverview is how many of a connection's latest runs an overview shows.
const runsOfOverview = 12

// listOverviews lists how the connections stand that the caller sees: those of
// a group, in a state, whose name, service or id has a text, if these are given.
func (s *server) listOverviews(r *request) (any, error) {
	q := r.URL.Query()
	all, err := s.Store.Summaries(r.Context(), store.ConnectionFilter{AccountID: r.caller.AccountID, GroupID: q.Get("group_id"), Scope: r.scope(access.Connections)}, "")
	if err != nil {
		return nil, err
	}
	now, search, state := s.now(), strings.ToLower(q.Get("search")), q.Get("state")
	out := fivetran.Overviews{Total: len(all), States: map[string]int{}}
	found := slices.DeleteFunc(all, func(c store.Connection) bool {
		word := stateWord(&c, now)
		out.States[word]++
		return state != "" && word != state || !strings.Contains(strings.ToLower(c.Schema+"\x00"+c.Service+"\x00"+c.ID), search)
	})
	out.Found = len(found)
	page, err := partOf(r, found, func(c *store.Connection) fivetran.Overview { return wireOverview(c, now) })
	if err != nil {
		return nil, err
	}
	out.Page = page.(fivetran.Page[fivetran.Overview])
	return out, s.fillOverviews(r, out.Items)
}

func (s *server) overview(r *request) (any, error) {
	all, err := s.Store.Summaries(r.Context(), store.ConnectionFilter{AccountID: r.caller.AccountID, Scope: r.scope(access.Connections)}, r.id())
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, noConnection(r, r.id())
	}
	one := []fivetran.Overview{wireOverview(&all[0], s.now())}
	err = s.fillOverviews(r, one)
	return one[0], err
}

// fillOverviews adds what is kept elsewhere: the groups' names and the runs.
func (s *server) fillOverviews(r *request, items []fivetran.Overview) error {
	names := map[string]string{}
	for i := range items {
		o := &items[i]
		if _, ok := names[o.GroupID]; !ok {
			g, err := s.Store.Group(r.Context(), o.GroupID)
			if err != nil {
				return err
			}
			names[o.GroupID] = g.Name
		}
		o.GroupName = names[o.GroupID]
		runs, err := s.Store.Runs(r.Context(), o.ID, runsOfOverview)
		if err != nil {
			return err
		}
		o.Runs = make([]fivetran.OverviewRun, len(runs))
		for i := range runs {
			run := wireRun(&runs[i])
			o.Runs[i] = fivetran.OverviewRun{ID: run.ID, StartedAt: run.StartedAt, EndedAt: run.EndedAt, Outcome: run.Outcome, Rows: run.Rows}
		}
	}
	return nil
}

func wireOverview(c *store.Connection, now time.Time) fivetran.Overview {
	o := fivetran.Overview{
		ID: c.ID, Service: c.Service, Schema: c.Schema, GroupID: c.GroupID, State: stateWord(c, now),
		SucceededAt: optionalTime(c.SucceededAt), FailedAt: optionalTime(c.FailedAt), Delay: int64(delay(c, now) / time.Second),
	}
	if len(c.Tasks) > 0 {
		o.Problem = &c.Tasks[0].Message
	}
	if c.RunID == "" {
		o.NextSyncAt = optionalTime(c.DueAt)
	}
	return o
}

// stateWord is a connection's state in one word, the most urgent that holds.
func stateWord(c *store.Connection, now time.Time) string {
	state := c.SyncState()
	switch {
	case c.SetupState == store.Broken:
		return "broken"
	case c.SetupState == store.Incomplete:
		return "incomplete"
	case state == store.Syncing:
		return "syncing"
	case state == store.Paused:
		return "paused"
	case c.FailedAt.After(c.SucceededAt):
		return "failing"
	case state == store.Rescheduled:
		return "waiting"
	case c.UpdateState(now) == store.Delayed:
		return "delayed"
	}
	return "fine"
}

// delay is by how much a connection's data are older than its schedule means
// them to be.
func delay(c *store.Connection, now time.Time) time.Duration {
	if c.Paused || c.ScheduleType == schedule.Manual || c.SetupState == store.Incomplete || c.Historical && c.SucceededAt.IsZero() {
		return 0
	}
	last := c.SucceededAt
	if last.IsZero() {
		last = c.CreatedAt
	}
	return max(0, now.Sub(last)-time.Duration(cmp.Or(c.SyncFrequency, 1))*time.Minute)
}
