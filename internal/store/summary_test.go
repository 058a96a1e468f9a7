package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// TestSummaries lists connections with all that a summary has, by who may see
// them, and their runs and changes from the latest on.
func TestSummaries(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		a, b := connection(g, "a"), connection(g, "b")
		for _, c := range []*Connection{a, b} {
			c.SetupState, c.Tasks = Connected, []Alert{{Code: "code", Message: "message of " + c.Schema}}
			check(t, s.CreateConnection(ctx, c))
		}
		got := func(f ConnectionFilter, id string) string {
			var all []string
			for _, c := range must(s.Summaries(ctx, f, id))(t) {
				all = append(all, c.Schema)
				if full := must(s.Connection(ctx, c.ID))(t); !c.DueAt.Equal(full.DueAt) || c.SyncFrequency != full.SyncFrequency || c.Tasks[0].Message != "message of "+c.Schema || c.Config != nil {
					t.Errorf("the summary is %+v of %+v", c, full)
				}
			}
			slices.Sort(all) // both were made at the same time
			return strings.Join(all, " ")
		}
		for _, tt := range []struct {
			filter ConnectionFilter
			id     string
			want   string
		}{
			{ConnectionFilter{AccountID: u.AccountID, Scope: access.Everything}, "", "a b"},
			{ConnectionFilter{AccountID: u.AccountID, Scope: access.Everything}, b.ID, "b"},
			{ConnectionFilter{AccountID: u.AccountID, Scope: access.Everything, GroupID: g.ID}, "", "a b"},
			{ConnectionFilter{AccountID: u.AccountID, Scope: access.Everything, GroupID: "another"}, "", ""},
			{ConnectionFilter{AccountID: "another", Scope: access.Everything}, "", ""},
			{ConnectionFilter{AccountID: u.AccountID, Scope: access.Scope{IDs: []string{a.ID}}}, "", "a"},
			{ConnectionFilter{AccountID: u.AccountID, Scope: access.Scope{Groups: []string{g.ID}}}, "", "a b"},
			{ConnectionFilter{AccountID: u.AccountID}, "", ""},
		} {
			if names := got(tt.filter, tt.id); names != tt.want {
				t.Errorf("%+v %s: %q, want %q", tt.filter, tt.id, names, tt.want)
			}
		}

		at := time.Now().Add(48 * time.Hour)
		for i := range 3 {
			run := must(s.Claim(ctx, "me", at.Add(time.Duration(i)*24*time.Hour), time.Hour))(t)
			for run.ConnectionID != a.ID {
				run = must(s.Claim(ctx, "me", at.Add(time.Duration(i)*24*time.Hour), time.Hour))(t)
			}
			check(t, s.Finish(ctx, run.Token(), Outcome{Kind: RunSucceeded, Rows: int64(i), EndedAt: at.Add(time.Duration(i)*24*time.Hour + time.Minute)}))
		}
		var rows []int64
		for page := (Page{Limit: 2}); ; {
			runs, next, err := s.RunsBack(ctx, a.ID, page)
			check(t, err)
			for _, r := range runs {
				rows = append(rows, r.Rows)
			}
			if page.Cursor = next; next == "" {
				break
			}
		}
		if fmt.Sprint(rows) != "[2 1 0]" {
			t.Errorf("runs %v", rows)
		}

		must(s.UpdateConnection(As(ctx, u.ID), a.ID, func(c *Connection) error { c.Paused = true; return nil }))(t)
		var kinds []string
		for before := int64(0); ; {
			events := must(s.Changes(ctx, a.ID, before, 1))(t)
			if len(events) == 0 {
				break
			}
			before = events[0].ID
			kinds = append(kinds, events[0].Kind)
		}
		if strings.Join(kinds, " ") != "pause_connector create_connector" {
			t.Errorf("changes %v", kinds)
		}
	})
}
