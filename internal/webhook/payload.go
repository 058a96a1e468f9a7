package webhook

import (
	"encoding/json"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// body returns what a webhook is told of an event.
func body(e *store.Event) []byte {
	return fivetran.Encode(fivetran.WebhookPayload{
		Event:              e.Kind,
		Created:            e.At.Truncate(time.Millisecond),
		ConnectorType:      e.Service,
		ConnectorID:        e.ConnectionID,
		ConnectorName:      e.Schema,
		SyncID:             e.SyncID(),
		DestinationGroupID: e.GroupID,
		Data:               data(e),
	})
}

// data returns an event's data. A failed sync is FAILURE in the log and FAILED
// in webhooks.
func data(e *store.Event) json.RawMessage {
	if e.Kind != store.SyncEnd {
		return e.Data
	}
	var d map[string]json.RawMessage
	if json.Unmarshal(e.Data, &d) != nil || string(d["status"]) != `"FAILURE"` {
		return e.Data
	}
	d["status"] = json.RawMessage(`"FAILED"`)
	return fivetran.Encode(d)
}

// Test returns the body that tries a webhook out. TestEvent has the form that
// a new webhook is sent; other events are of a connection that does not exist.
func Test(event string, at time.Time) []byte {
	p := fivetran.WebhookPayload{Event: event, Created: at.UTC().Truncate(time.Millisecond), ConnectorType: "_connector_type"}
	if event == fivetran.TestEvent {
		p.ConnectorID, p.GroupID = "_connector_1", "_destination_1"
		return fivetran.Encode(p)
	}
	p.ConnectorID, p.ConnectorName, p.DestinationGroupID = "_connection_1", "_connection_name", "_destination_1"
	switch event {
	case store.SyncStart, store.SyncEnd:
		p.SyncID = "00000000-0000-0000-0000-000000000000"
	}
	if event == store.SyncEnd {
		p.Data = json.RawMessage(`{"status":"SUCCESSFUL"}`)
	}
	return fivetran.Encode(p)
}
