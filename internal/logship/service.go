package logship

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// A Service is a kind of log service: a vendor.
type Service struct {
	ID     string             // as Fivetran's API has it
	Config *setup.Description // of what the vendor needs to know

	bytes  int           // of one request, as cut counts them
	extra  int           // bytes that each entry costs beside its line
	within time.Duration // from the first entry of a request to the last; 0: whatever
	oldest time.Duration // age from which the vendor refuses an entry, or drops it without a word; 0: none

	// send sends entries in one request, in the order of their times. It
	// returns a *[refusal] if the vendor does not take them, and a *[leftOut]
	// if it has not taken all.
	send func(ctx context.Context, v *via, config json.RawMessage, entries []entry) error

	check func(config json.RawMessage) error // what Config cannot say of configs, which may be incomplete; nil: nothing
}

// Check refuses a config in normal form, which may be incomplete, that cannot
// be right, with a [setup.InvalidConfig].
func (s *Service) Check(config json.RawMessage) error {
	if s.check == nil {
		return nil
	}
	return s.check(config)
}

// Services are the log services that there are, in the order of their ids.
var Services = []*Service{cloudwatch, datadog, dynatrace, loki, newRelic, splunk}

// ServiceOf returns the service with an id, or nil.
func ServiceOf(id string) *Service {
	for _, s := range Services {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// An entry is an event as it is sent.
type entry struct {
	at    time.Time
	level string // as the store has it
	line  []byte // a fivetran.LogEvent
	test  bool   // it did not happen
}

// maxLine is the size of the longest line in bytes. It is within the limits of
// all vendors. The strictest is New Relic, which cuts off what an attribute has
// beyond 128 KB (documentation, "Log event data", 2026-11).
const maxLine = 120 << 10

func newEntry(e *store.Event) entry {
	w := fivetran.LogEvent{
		Event: e.Kind, Data: e.Data, Created: e.At.Truncate(time.Millisecond),
		ConnectorType: e.Service, ConnectorID: e.ConnectionID, ConnectorName: e.Schema, SyncID: e.SyncID(),
	}
	line := fivetran.Encode(w)
	if len(line) > maxLine {
		w.Data = fivetran.Encode(map[string]string{"left_out": fmt.Sprintf("%d bytes, which are more than log services take", len(e.Data))})
		line = fivetran.Encode(w)
	}
	return entry{at: e.At, level: e.Level, line: line}
}

// testEntry returns the entry that tries a log service out.
func testEntry(at time.Time) entry {
	e := newEntry(&store.Event{Kind: "test_event", Level: store.Info, At: at.UTC(), Data: json.RawMessage(`{"message":"The log service is being tested."}`)})
	e.test = true
	return e
}

// cut returns how many of the first entries one request takes; one at least.
func (s *Service) cut(entries []entry) int {
	size, first, last := 0, entries[0].at, entries[0].at
	for i, e := range entries {
		size += len(e.line) + s.extra
		if e.at.Before(first) {
			first = e.at
		} else if e.at.After(last) {
			last = e.at
		}
		if i > 0 && (size > s.bytes || s.within > 0 && last.Sub(first) > s.within) {
			return i
		}
	}
	return len(entries)
}

// A refusal is an answer of a vendor that does not take what it was sent.
type refusal struct {
	status int           // HTTP's
	reason string        // in words
	wait   time.Duration // that the vendor asks for; 0: none
}

func (r *refusal) Error() string { return r.reason }

// lasting reports whether it stays until a person acts.
func (r *refusal) lasting() bool {
	return r.status < 500 && r.status != http.StatusTooManyRequests && r.status != http.StatusRequestTimeout && r.status != http.StatusRequestEntityTooLarge
}

// A leftOut is the error of a vendor that took a request but not all its
// entries. It would not take them if they were sent again.
type leftOut struct {
	entries int
	reason  string // which, in words that follow how many
}

func (l *leftOut) Error() string {
	return fmt.Sprintf("the log service left out %d of the entries, %s", l.entries, l.reason)
}
