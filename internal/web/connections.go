package web

import (
	"net/url"
	"strings"
	"time"
)

// A connection is one as the API's list has it.
type connection struct {
	ID      string
	Service string
	Schema  string
	GroupID string `json:"group_id"`
	Paused  bool
	scheduled
	SucceededAt *time.Time `json:"succeeded_at"`
	FailedAt    *time.Time `json:"failed_at"`
	Status      struct {
		SetupState     string     `json:"setup_state"`
		SyncState      string     `json:"sync_state"`
		UpdateState    string     `json:"update_state"`
		Historical     bool       `json:"is_historical_sync"`
		RescheduledFor *time.Time `json:"rescheduled_for"`
		Tasks          []notice
		Warnings       []notice
	}
	Standing standing `json:"-"` // asked for separately
}

// A notice is a task or a warning.
type notice struct{ Code, Message string }

// Word is the connection's state in one word, of which there are few enough
// to look for, see [states].
func (c *connection) Word() string { return c.Standing.State }

// A standing is how a connection stands, as the API's overviews have it.
type standing struct {
	ID          string
	Service     string
	Schema      string
	GroupName   string `json:"group_name"`
	State       string
	Problem     *string
	SucceededAt *time.Time `json:"succeeded_at"`
	NextSyncAt  *time.Time `json:"next_sync_at"`
	Delay       int64      // in seconds
	Runs        []run      // the latest first, without their tables
	Source      *service   `json:"-"` // nil: this program has it no more
}

// Kind is what the connection reads, in words.
func (c *standing) Kind() string {
	if c.Source == nil {
		return c.Service
	}
	return c.Source.Name
}

// Rows is how many rows the last sync moved; nil: there was none.
func (c *standing) Rows() *int64 {
	if len(c.Runs) == 0 {
		return nil
	}
	return &c.Runs[0].Rows
}

// Late says by how much the data are older than the schedule means them to be,
// "" if it is nothing that one would notice.
func (c *standing) Late() string {
	if c.Delay < 60 {
		return ""
	}
	return strings.TrimSuffix(ago(time.Duration(c.Delay)*time.Second), " ago")
}

// all reads a list of the API to its end.
func all[T any](v *visit, path string) ([]T, error) {
	var out []T
	query := url.Values{"limit": {"1000"}}
	for {
		var page struct {
			Items  []T
			Cursor string `json:"next_cursor"`
		}
		if err := v.api("GET", path+"?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if page.Cursor == "" {
			return out, nil
		}
		query.Set("cursor", page.Cursor)
	}
}

// A connectionList is a part of the page of all connections.
type connectionList struct {
	Search, State string
	Items         []standing
	Found, Total  int
	States        map[string]int // how many there are of each, before the search
	Cursor        string         `json:"next_cursor"` // "": there are no more
	Now           time.Time      `json:"-"`
	May           bool           `json:"-"` // whoever looks may make connections
	Nowhere       bool           `json:"-"` // there is no destination yet
}

// More is the address of the rows that follow.
func (l *connectionList) More() string {
	return "/connections?" + url.Values{"q": {l.Search}, "state": {l.State}, "cursor": {l.Cursor}}.Encode()
}

const connectionsShown = 100 // at once

func (s *server) connections(v *visit) error {
	data := connectionList{Search: strings.TrimSpace(v.FormValue("q")), State: v.FormValue("state"), Now: s.now()}
	query := url.Values{"search": {data.Search}, "state": {data.State}, "cursor": {v.FormValue("cursor")}, "limit": {itoa(connectionsShown)}}
	if err := v.api("GET", "/v1/penstock/connections?"+query.Encode(), nil, &data); err != nil {
		return err
	}
	for i := range data.Items {
		data.Items[i].Source = serviceOf(s.sources, data.Items[i].Service)
	}
	data.May = v.makes("connection")
	if data.Total == 0 {
		var list struct{ Items []destinationItem }
		if err := v.api("GET", "/v1/destinations?limit=1", nil, &list); err != nil && !refused(err) {
			return err
		}
		data.Nowhere = len(list.Items) == 0
	}
	switch {
	case v.Header.Get("HX-Request") == "":
		return v.show("connections", &data)
	case v.FormValue("cursor") != "":
		return v.part("connections", "more", &data)
	}
	return v.part("connections", "rows", &data)
}

// states are the words for how connections stand, the most urgent first.
var states = []string{"broken", "incomplete", "failing", "delayed", "syncing", "waiting", "paused", "fine"}
