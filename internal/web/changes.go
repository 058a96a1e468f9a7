package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A change is something that happened to a connection, as the API has it.
type change struct {
	At      time.Time `json:"created_at"`
	Level   string
	Event   string
	Message string
	Actor   *struct{ ID, Kind, Name string }
	Data    struct {
		Reason        string
		Schema, Table string
		Is            map[string]any `json:"properties"`
		Was           map[string]any `json:"oldProperties"`
	}
}

// Who is who did it, "" if it happened by itself.
func (c *change) Who() string {
	if c.Actor == nil {
		return ""
	}
	return cmp.Or(c.Actor.Name, c.Actor.ID)
}

// ByCard reports whether an outsider did it, with a Connect Card.
func (c *change) ByCard() bool { return c.Actor != nil && c.Actor.Kind == "connect_card" }

// Details say what was changed, one setting each.
func (c *change) Details() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(c.Data.Is)) {
		is, was := plain(c.Data.Is[name]), plain(c.Data.Was[name])
		switch {
		case name == "config":
			all = append(all, "Setup: "+is)
		case was == "":
			all = append(all, words(name)+": "+is)
		default:
			all = append(all, words(name)+": "+was+" → "+cmp.Or(is, "none"))
		}
	}
	return all
}

// plain writes a value of JSON as people read it.
func plain(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case []any:
		parts := make([]string, len(value))
		for i := range value {
			parts[i] = plain(value[i])
		}
		return strings.Join(parts, ", ")
	case float64, bool:
		return fmt.Sprint(value)
	}
	b, _ := json.Marshal(value) // it was JSON before
	return string(b)
}

// A changesPage is the history of a connection.
type changesPage struct {
	head
	Items  []change
	Cursor string `json:"next_cursor"` // "": there are no more
}

// More is the address of what happened before.
func (p *changesPage) More() string {
	return p.Base() + "/changes?" + url.Values{"cursor": {p.Cursor}}.Encode()
}

func (s *server) changes(v *visit) error {
	h, err := v.head("changes")
	if err != nil {
		return err
	}
	page := changesPage{head: h}
	var list struct {
		Items  []change
		Cursor string `json:"next_cursor"`
	}
	query := url.Values{"limit": {"100"}, "cursor": {v.FormValue("cursor")}}
	if err := v.api("GET", v.oursPath()+"/events?"+query.Encode(), nil, &list); err != nil {
		return err
	}
	page.Items, page.Cursor = list.Items, list.Cursor
	if v.Header.Get("HX-Request") != "" {
		return v.part("changes", "rows", &page)
	}
	return v.show("changes", &page)
}
