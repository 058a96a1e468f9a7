package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// A run is one sync as the API has it.
type run struct {
	ID             string
	Cause          string
	Historical     bool
	StartedAt      time.Time  `json:"started_at"`
	EndedAt        *time.Time `json:"ended_at"`
	Outcome        *string
	Reason         *string
	RescheduledFor *time.Time `json:"rescheduled_for"`
	Rows, Bytes    int64
	FreshAt        *time.Time `json:"fresh_at"` // nil: it does not stay on with the source, or has not caught up yet
	Latency        *latency
	Tables         []runTable
}

// A runTable is what a run did to a table.
type runTable struct {
	Schema, Table, Destination        string
	Upserted, Updated, Deleted, Bytes int64
	Error                             *string
}

// Word is how the run went, in one word.
func (r *run) Word() string {
	if r.Outcome == nil {
		return "syncing"
	}
	return *r.Outcome
}

// Took is how long the run lasted, or has lasted until now.
func (r *run) Took(now time.Time) time.Duration {
	if r.EndedAt != nil {
		now = *r.EndedAt
	}
	return now.Sub(r.StartedAt)
}

// An overview is the first page of a connection.
type overview struct {
	head
	Runs []run // the latest first
	Bars []bar
	Live live
	Kept keptBack
}

// A head is what all pages of a connection begin with.
type head struct {
	Connection *connection
	Source     *service // nil: this program has it no more
	Group      string
	Section    string
	Now        time.Time
	MayEdit    bool // whoever looks may change the connection
	MayDelete  bool
}

// Fresh reports whether the connection waits to be started for the first time.
func (h head) Fresh() bool {
	c := h.Connection
	return c.Paused && c.SucceededAt == nil && c.Status.SetupState == "connected"
}

// base is the address of the connection's pages.
func (h head) Base() string { return "/connections/" + h.Connection.ID }

func (v *visit) head(section string) (h head, err error) {
	h = head{Connection: new(connection), Section: section, Now: v.s.now()}
	if err := v.api("GET", "/v1/connections/"+v.escaped("id"), nil, h.Connection); err != nil {
		return h, err
	}
	h.Source = serviceOf(v.s.sources, h.Connection.Service)
	err = v.api("GET", v.oursPath(), nil, &h.Connection.Standing)
	h.Connection.Standing.Source = h.Source
	h.Group = h.Connection.Standing.GroupName
	h.MayEdit = v.may(access.Connections, access.Edit, h.Connection.GroupID, h.Connection.ID)
	h.MayDelete = v.may(access.Connections, access.Delete, h.Connection.GroupID, h.Connection.ID)
	return h, err
}

// escaped returns a value of the path as it goes into another path.
func (v *visit) escaped(name string) string { return url.PathEscape(v.PathValue(name)) }

const runsShown = 40

func (s *server) connection(v *visit) error {
	page, err := v.overview()
	if err != nil {
		return err
	}
	return v.show("connection", page)
}

func (v *visit) overview() (*overview, error) {
	h, err := v.head("")
	if err != nil {
		return nil, err
	}
	page := &overview{head: h}
	if page.Runs, err = v.runs(h.Connection.ID); err != nil {
		return nil, err
	}
	page.Bars = bars(page.Runs, runsShown, page.Now)
	if page.Kept, err = v.keptBack(h.Connection.ID, page.Runs); err != nil {
		return nil, err
	}
	page.Live, err = v.live(h.Connection.ID, page.Runs)
	return page, err
}

// Schedule says when the connection syncs.
func (h head) Schedule() string { return scheduleOf(&h.Connection.scheduled).Words() }

// runs returns the latest runs of a connection, the latest first.
func (v *visit) runs(id string) ([]run, error) {
	var list struct{ Items []run }
	err := v.api("GET", "/v1/penstock/connections/"+url.PathEscape(id)+"/runs?order=desc&limit="+itoa(runsShown), nil, &list)
	return list.Items, err
}

// Sentence says how the connection stands, in words that a person can act on.
func (h head) Sentence() string {
	c := h.Connection
	switch c.Word() {
	case "broken":
		return "The setup does not work any more. Open it, mend what its tests show, and syncs go on where they were; what is in the destination stays."
	case "incomplete":
		return "The setup is not complete. Fill in what is missing and run the setup tests."
	case "failing":
		return "The last sync failed; it is tried again by itself. What is in the destination is as of the last success."
	case "delayed":
		return "The data are older than the schedule means them to be. Look whether syncs take too long, or ask for one now."
	case "syncing":
		if c.Status.Historical {
			return "The first load is running, or one that reads everything again."
		}
		return "A sync is running."
	case "paused":
		if h.Fresh() {
			return "Nothing has been copied yet. Choose the tables and start the first sync."
		}
		return "The connection is paused: nothing is synced until somebody resumes it."
	case "waiting":
		if c.Status.RescheduledFor != nil {
			return "The source lets us read on " + ago(h.Now.Sub(*c.Status.RescheduledFor)) + "."
		}
		return "The sync waits until the source lets us read on."
	}
	return "All is well: the destination is as fresh as the schedule means it to be."
}

// act does one thing with a connection and goes back to its page.
func (s *server) act(v *visit) error {
	id := v.escaped("id")
	var err error
	switch v.PathValue("what") {
	case "sync":
		err = v.api("POST", "/v1/connections/"+id+"/sync", map[string]any{"force": v.PostFormValue("force") != ""}, nil)
	case "pause":
		err = v.api("PATCH", "/v1/connections/"+id, map[string]any{"paused": true}, nil)
	case "resume":
		err = v.api("PATCH", "/v1/connections/"+id, map[string]any{"paused": false}, nil)
	case "cancel":
		err = v.cancelRun()
	case "resync":
		err = v.api("POST", "/v1/connections/"+id+"/resync", map[string]any{}, nil)
	default:
		return &apiError{Status: http.StatusNotFound, Message: "No page has this address."}
	}
	if err != nil {
		return err
	}
	return v.redirect("/connections/" + id)
}

// cancelRun cancels the sync that is running, if one is.
func (v *visit) cancelRun() error {
	path := v.oursPath() + "/runs"
	var latest struct{ Items []run }
	if err := v.api("GET", path+"?order=desc&limit=1", nil, &latest); err != nil || len(latest.Items) == 0 || latest.Items[0].EndedAt != nil {
		return err
	}
	return v.api("DELETE", path+"/"+latest.Items[0].ID, nil, nil)
}
