package web

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// A connection is one as the API's list has it.
type connection struct {
	ID          string
	Service     string
	Schema      string
	GroupID     string `json:"group_id"`
	Paused      bool
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
}

// A notice is a task or a warning.
type notice struct{ Code, Message string }

// Word is the connection's state in one word, of which there are few enough
// to look for: "broken", "incomplete", "failing", "delayed", "syncing",
// "paused", "waiting", "fine".
func (c *connection) Word() string {
	switch {
	case c.Status.SetupState == "broken":
		return "broken"
	case c.Status.SetupState == "incomplete":
		return "incomplete"
	case c.Status.SyncState == "syncing":
		return "syncing"
	case c.Status.SyncState == "paused":
		return "paused"
	case c.FailedAt != nil && (c.SucceededAt == nil || c.FailedAt.After(*c.SucceededAt)):
		return "failing"
	case c.Status.SyncState == "rescheduled":
		return "waiting"
	case c.Status.UpdateState == "delayed":
		return "delayed"
	}
	return "fine"
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

// connectionList is what the page of all connections shows.
type connectionList struct {
	Search, State string
	Shown         []connection
	Count         int // before the search
	Now           time.Time
}

func (s *server) connections(v *visit) error {
	list, err := all[connection](v, "/v1/connections")
	if err != nil {
		return err
	}
	data := connectionList{Search: strings.TrimSpace(v.FormValue("q")), State: v.FormValue("state"), Count: len(list), Now: s.now()}
	data.Shown = slices.DeleteFunc(list, func(c connection) bool {
		return data.State != "" && c.Word() != data.State ||
			!strings.Contains(strings.ToLower(c.Schema+" "+c.Service+" "+c.ID), strings.ToLower(data.Search))
	})
	if v.Header.Get("HX-Request") != "" {
		return v.part("connections", "rows", data)
	}
	return v.show("connections", data)
}

// states are the words of [connection.Word], the most urgent first.
var states = []string{"broken", "incomplete", "failing", "delayed", "syncing", "waiting", "paused", "fine"}
