// Package access decides what a caller may do: a caller has grants, each of
// them some actions on one kind of resource, everywhere in the account or only
// in some groups, or on some things by their ids. Grants follow from roles, or
// are a system key's own. It knows no database and no HTTP.
package access

import "slices"

// A Resource is a kind of thing that grants are about. Text forms are those of
// system keys' permissions (SystemKeyPermissionRequest in Fivetran's API
// definition, 2026-07).
type Resource uint8

const (
	Account         Resource = iota // what belongs to the account as a whole: its logging, secrets managers, packages
	Users                           // users and their roles
	Roles                           // the list of roles
	Teams                           // teams, and who is in them
	Webhooks                        // of groups and of the account
	Agents                          // proxy agents, hybrid deployment agents, private links
	Destinations                    // groups with their members, destinations, and their logging
	Transformations                 // transformations and their projects
	Connections                     // connections and all that is below them
)

var resourceNames = [...]string{"ACCOUNT", "USER", "ROLES", "TEAM", "WEBHOOK", "REMOTE_EXECUTION_AGENT", "DESTINATION", "TRANSFORMATION", "CONNECTOR"}

func (r Resource) String() string { return resourceNames[r] }

// ParseResource is the inverse of [Resource.String].
func ParseResource(s string) (Resource, bool) {
	i := slices.Index(resourceNames[:], s)
	return Resource(max(i, 0)), i >= 0
}

// Actions are what may be done, a set.
type Actions uint8

const (
	Read Actions = 1 << iota
	Edit         // change what is there, start syncs and tests
	Create
	Delete

	Manage = Read | Edit | Create | Delete
)

// A Place is where a thing stands. The zero Place is the account as a whole.
type Place struct {
	Group string // of the thing; that of a group is the group itself
	ID    string // the thing's own
}

// A Grant allows actions on the things of one resource. With neither Groups
// nor IDs it holds everywhere in the account.
type Grant struct {
	Resource Resource
	Actions  Actions
	Groups   []string // things that stand in one of these groups
	IDs      []string // these things

	// Things that it does not hold for, by the group that they stand in and by
	// their ids: more special rules of a system key decide there.
	NotGroups, NotIDs []string
}

func (g *Grant) everywhere() bool { return g.Groups == nil && g.IDs == nil }

func (g *Grant) excepts() bool { return g.NotGroups != nil || g.NotIDs != nil }

// covers reports whether the grant holds at p. A place without an id is all
// that stands there, for which a grant with exceptions does not hold.
func (g *Grant) covers(p Place) bool {
	if p.ID == "" && g.excepts() || has(g.NotIDs, p.ID) || has(g.NotGroups, p.Group) {
		return false
	}
	return g.everywhere() || has(g.Groups, p.Group) || has(g.IDs, p.ID)
}

func has(ids []string, id string) bool { return id != "" && slices.Contains(ids, id) }

// New is the place of what is still to be made, in no group and under an id
// that no rule can name.
var New = Place{ID: "*"}

// Grants are all that a caller may do.
type Grants []Grant

// May reports whether all of the actions are allowed on the thing at p.
func (gs Grants) May(r Resource, a Actions, p Place) bool {
	for i := range gs {
		g := &gs[i]
		if g.Resource == r && g.Actions&a != 0 && g.covers(p) {
			if a &^= g.Actions; a == 0 {
				return true
			}
		}
	}
	return false
}

// Includes reports whether the grants allow all that the others do, everywhere
// that they do.
func (gs Grants) Includes(others Grants) bool {
	return !slices.ContainsFunc(others, func(g Grant) bool { return !gs.includes(g) })
}

func (gs Grants) includes(g Grant) bool {
	if g.everywhere() {
		return gs.May(g.Resource, g.Actions, Place{})
	}
	for _, id := range g.Groups {
		if !gs.May(g.Resource, g.Actions, Place{Group: id}) {
			return false
		}
	}
	for _, id := range g.IDs {
		if !gs.May(g.Resource, g.Actions, Place{ID: id}) {
			return false
		}
	}
	return true
}

// Anywhere reports whether the actions are allowed on anything at all.
func (gs Grants) Anywhere(r Resource, a Actions) bool {
	return slices.ContainsFunc(gs, func(g Grant) bool { return g.Resource == r && g.Actions&a == a })
}

// A Scope is which things of one resource a list may show. The zero Scope
// shows none.
type Scope struct {
	All    bool
	Groups []string // things that stand in one of these groups
	IDs    []string // these things, whatever is said below

	NotGroups []string // but of All, not what stands in these groups
	NotIDs    []string // but not these things
}

// Everything is the Scope that shows all.
var Everything = Scope{All: true}

// Scope returns what the actions are allowed on. Grants with exceptions are
// those of [OfRules].
func (gs Grants) Scope(r Resource, a Actions) Scope {
	var s Scope
	for i := range gs {
		g := &gs[i]
		if g.Resource != r || g.Actions&a != a {
			continue
		}
		if g.everywhere() {
			if !g.excepts() {
				return Everything
			}
			s.All, s.NotGroups = true, g.NotGroups
		}
		if g.NotIDs != nil {
			s.NotIDs = g.NotIDs
		}
		s.Groups = append(s.Groups, g.Groups...)
		s.IDs = append(s.IDs, g.IDs...)
	}
	return s
}

// Contains reports whether the Scope shows the thing at p.
func (s Scope) Contains(p Place) bool {
	return has(s.IDs, p.ID) || !has(s.NotIDs, p.ID) && (has(s.Groups, p.Group) || s.All && !has(s.NotGroups, p.Group))
}
