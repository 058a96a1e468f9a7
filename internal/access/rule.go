package access

// OfRules returns the grants of a system key. Each rule says what is allowed
// on the things of a resource: in general, on those in some groups, or on some
// by their ids; no actions forbid it. Of the rules that fit a thing the most
// special one holds alone: one by id goes before one by group, and that before
// the general one (page "System Keys" of Fivetran's documentation, 2026, has
// the kinds; its example denies two connections to a key that manages all).
// No id and no group may be in two rules of a resource.
//
// A rule by id allows to create nothing: a thing that is still to be made has
// no id.
func OfRules(rules []Grant) Grants {
	type exceptions struct{ groups, ids []string }
	but := map[Resource]*exceptions{}
	for _, r := range rules {
		if but[r.Resource] == nil {
			but[r.Resource] = &exceptions{}
		}
		but[r.Resource].groups = append(but[r.Resource].groups, r.Groups...)
		but[r.Resource].ids = append(but[r.Resource].ids, r.IDs...)
	}
	var gs Grants
	for _, r := range rules {
		e := but[r.Resource]
		switch {
		case r.Actions == 0:
			continue
		case r.everywhere():
			gs = append(gs, Grant{Resource: r.Resource, Actions: r.Actions, NotGroups: e.groups, NotIDs: e.ids})
		}
		if r.Groups != nil {
			gs = append(gs, Grant{Resource: r.Resource, Actions: r.Actions, Groups: r.Groups, NotIDs: e.ids})
		}
		if a := r.Actions &^ Create; r.IDs != nil && a != 0 {
			gs = append(gs, Grant{Resource: r.Resource, Actions: a, IDs: r.IDs})
		}
	}
	return gs
}
