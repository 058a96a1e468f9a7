package fivetran

import (
	"encoding/json"
	"time"
)

// A Change is something that happened to a connection beside its syncs. It is
// Penstock's own, under /v1/penstock.
type Change struct {
	ID      int64           `json:"id"` // greater than that of every earlier one
	At      time.Time       `json:"created_at"`
	Level   string          `json:"level"`
	Event   string          `json:"event"` // edit_connector, pause_connector, …
	Message string          `json:"message"`
	Actor   *Actor          `json:"actor"` // null: it happened by itself
	Data    json.RawMessage `json:"data"`
}

// An Actor is who did something.
type Actor struct {
	ID   string `json:"id"`
	Kind string `json:"kind"` // user, system_key, connect_card; "": nobody that the caller may see, or who is gone
	Name string `json:"name"` // the user's email address, the key's name, Connect Card; "" as before
}
