package web

import (
	"net/http"
	"time"
)

// A verification is a comparison of both sides, as the API has it.
type verification struct {
	ID        string
	State     string
	Waiting   bool
	Reason    *string
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Total     int        `json:"tables_total"`
	Done      int        `json:"tables_done"`
	Wrong     int        `json:"tables_wrong"`
	Tables    []verifiedTable
}

type verifiedTable struct {
	Schema, Table, State string
	SourceRows           int64 `json:"source_rows"`
	DestinationRows      int64 `json:"destination_rows"`
	Lost, Late, Extra    int64
	AbsentTable          bool     `json:"absent_table"`
	AbsentColumns        []string `json:"absent_columns"`
	DifferentColumns     []string `json:"different_columns"`
	MaskedColumns        []string `json:"masked_columns"`
	Differences          []struct {
		Key     []string
		What    string
		Columns []string
		Late    bool
	}
	Error *string
}

// Word is how the table was found, in one word.
func (t *verifiedTable) Word() string {
	switch {
	case t.State != "done":
		return t.State
	case t.Error != nil:
		return "failed"
	case t.Lost > 0:
		return "lost"
	case t.Extra > 0:
		return "extra"
	case t.Late > 0:
		return "late"
	}
	return "equal"
}

// Word is how the verification stands, in one word.
func (v *verification) Word() string {
	switch {
	case v.State == "running" && v.Waiting:
		return "waiting"
	case v.State == "done" && v.Wrong > 0:
		return "lost"
	case v.State == "done":
		return "equal"
	}
	return v.State
}

// A stateVersion is a state that the connection can return to.
type stateVersion struct {
	Version int64
	Current bool
	Rows    int64
	SavedAt time.Time `json:"saved_at"`
	Bytes   int64
}

// A checksPage is what can be known of a connection beyond its syncs.
type checksPage struct {
	head
	Latest *verification // nil: there was none
	Older  []verification
	States []stateVersion
	Error  string
}

func (s *server) checks(v *visit) error {
	page, err := v.checks("")
	if err != nil {
		return err
	}
	if v.Header.Get("HX-Request") != "" {
		return v.part("checks", "verification", page)
	}
	return v.show("checks", page)
}

func (v *visit) oursPath() string { return "/v1/penstock/connections/" + v.escaped("id") }

func (v *visit) checks(problem string) (*checksPage, error) {
	h, err := v.head("checks")
	if err != nil {
		return nil, err
	}
	page := &checksPage{head: h, Error: problem}
	var list struct{ Items []verification }
	if err := v.api("GET", v.oursPath()+"/verifications?limit=10", nil, &list); err != nil {
		return nil, err
	}
	if len(list.Items) > 0 {
		page.Latest, page.Older = new(verification), list.Items[1:]
		if err := v.api("GET", v.oursPath()+"/verifications/"+list.Items[0].ID, nil, page.Latest); err != nil {
			return nil, err
		}
	}
	var states struct{ Items []stateVersion }
	if err := v.api("GET", v.oursPath()+"/states?limit=20", nil, &states); err != nil && !refused(err) {
		return nil, err
	}
	page.States = states.Items
	return page, nil
}

// check begins a verification, ends one, or returns to a state.
func (s *server) check(v *visit) error {
	var err error
	switch {
	case v.PostFormValue("verify") != "":
		err = v.api("POST", v.oursPath()+"/verify", map[string]any{}, nil)
	case v.PostFormValue("cancel") != "":
		err = v.api("DELETE", v.oursPath()+"/verifications/"+v.PostFormValue("cancel"), nil, nil)
	case v.PostFormValue("restore") != "":
		err = v.api("POST", v.oursPath()+"/states/"+v.PostFormValue("restore")+"/restore", map[string]any{}, nil)
	}
	if !refused(err) {
		if err == nil {
			err = v.redirect("/connections/" + v.escaped("id") + "/checks")
		}
		return err
	}
	page, again := v.checks(err.Error())
	if again != nil {
		return again
	}
	s.show(v.w, v, "checks", http.StatusBadRequest, page)
	return nil
}

// A plan is what the next sync would do.
type plan struct {
	Tables  []plannedTable
	Problem string
}

type plannedTable struct {
	Schema, Table string
	Destination   *string
	Create        bool
	Columns       []struct {
		Name, Change string
		Was, Type    *string
	}
	Mode  *string `json:"sync_mode"`
	From  *string `json:"switch_from"`
	Load  string
	Rows  *int64 `json:"rows_expected"`
	Why   *string
	Error *string
}

// How is how the table would be read, in words.
func (t *plannedTable) How() string {
	switch t.Load {
	case "historical":
		return "as a whole"
	case "incremental":
		return "what has changed"
	case "none":
		return "not at all"
	}
	return t.Load
}

// Because says why, in words; "": nothing is to be said.
func (t *plannedTable) Because() string {
	if t.Why == nil {
		return ""
	}
	if said, ok := reasons[*t.Why]; ok {
		return said
	}
	return *t.Why
}

// reasons say why a table is read as it is, by the API's words for them.
var reasons = map[string]string{
	"new": "it is new", "enabled": "it was chosen anew", "resync": "somebody asked for it", "key_changed": "its key has changed",
	"columns": "columns were chosen or have changed", "always": "it always is", "blocked": "it is not chosen", "paused": "it is paused",
}

func (s *server) plan(v *visit) error {
	var p plan
	if err := v.api("GET", v.oursPath()+"/plan", nil, &p); refused(err) {
		p.Problem = err.Error()
	} else if err != nil {
		return err
	}
	return v.part("checks", "plan", p)
}
