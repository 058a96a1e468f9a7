package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
)

func TestScopedArguments(t *testing.T) {
	if got := scoped("g", "id", 9); !strings.Contains(got, "$9 = 1") || !strings.Contains(got, "replace($10,") || !strings.Contains(got, "replace($11,") {
		t.Error(got)
	}
}

// TestScopes shows that lists have what a scope says, whatever the database.
func TestScopes(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		h := &Group{AccountID: u.AccountID, Name: "h"}
		check(t, s.CreateGroup(ctx, h))
		var all []*Connection
		for _, group := range []*Group{g, h} {
			for _, schema := range []string{"a", "b"} {
				c := connection(group, schema)
				check(t, s.CreateConnection(ctx, c))
				all = append(all, c)
			}
		}
		in, id := []string{g.ID}, []string{all[0].ID}
		for _, scope := range []access.Scope{
			{}, access.Everything, {Groups: in}, {IDs: id}, {Groups: []string{}, IDs: []string{}},
			{All: true, NotGroups: in}, {All: true, NotIDs: id}, {All: true, NotGroups: in, IDs: id}, {Groups: in, NotIDs: id},
			{All: true, NotGroups: in, NotIDs: []string{all[2].ID}, IDs: []string{all[1].ID}},
			{Groups: []string{g.ID, h.ID}, NotIDs: []string{all[1].ID, all[3].ID}},
			{IDs: []string{all[1].ID, all[3].ID}, NotIDs: id},
		} {
			listed, _, err := s.Connections(ctx, ConnectionFilter{AccountID: u.AccountID, Scope: scope}, Page{})
			check(t, err)
			for _, c := range all {
				got := slices.ContainsFunc(listed, func(l Connection) bool { return l.ID == c.ID })
				if want := scope.Contains(access.Place{Group: c.GroupID, ID: c.ID}); got != want {
					t.Errorf("%+v: %s in %s listed %v, want %v", scope, c.ID, c.GroupID, got, want)
				}
			}
		}
	})
}
