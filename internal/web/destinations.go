package web

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
)

// A destinationItem is one as the API's list has it.
type destinationItem struct {
	ID, Service string
	SetupStatus string `json:"setup_status"`
	Zone        string `json:"time_zone_offset"`
}

// A destinationRow is a destination in the list.
type destinationRow struct {
	destinationItem
	Name, Kind  string   // of the group, and of the service
	Target      *service // nil: this program has it no more
	Connections int
}

// A destinationList is the page of all destinations.
type destinationList struct {
	Rows []destinationRow
	May  bool // whoever looks may make one
}

func (s *server) destinations(v *visit) error {
	list, err := all[destinationItem](v, "/v1/destinations")
	if err != nil {
		return err
	}
	groups, err := all[group](v, "/v1/groups")
	if err != nil && !refused(err) {
		return err
	}
	connections, err := all[connection](v, "/v1/connections")
	if err != nil && !refused(err) {
		return err
	}
	names, counts := map[string]string{}, map[string]int{}
	for _, g := range groups {
		names[g.ID] = g.Name
	}
	for _, c := range connections {
		counts[c.GroupID]++
	}
	var rows []destinationRow
	for _, d := range list {
		row := destinationRow{destinationItem: d, Name: names[d.ID], Kind: d.Service, Connections: counts[d.ID]}
		if svc := serviceOf(s.targets, d.Service); svc != nil {
			row.Kind, row.Target = svc.Name, svc
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b destinationRow) int { return strings.Compare(a.Name, b.Name) })
	return v.show("destinations", destinationList{rows, v.makes("destination")})
}

// A destinationPage is the page of one destination.
type destinationPage struct {
	Name        string // of its group
	ID          string
	Service     *service // nil: this program has it no more
	Form        *form
	Tests       testsView
	Approvals   []approval
	Guide       guide
	Connections []connection
	Queries     bool // it can be looked into here
	MayEdit     bool // whoever looks may change it
	MayDelete   bool
	MayConnect  bool   // they may make connections to it
	Problem     string // why something was not done
}

func (v *visit) destinationSubject() subject {
	id := v.escaped("id")
	return subject{Kind: "destinations", ID: id, Page: "/destinations/" + id}
}

func (v *visit) destination() (*destinationPage, error) {
	t := v.destinationSubject()
	var d configured
	if err := v.api("GET", t.api(), nil, &d); err != nil {
		return nil, err
	}
	page := &destinationPage{ID: d.ID, Service: serviceOf(v.s.targets, d.Service), Tests: v.tests(t, &d), Guide: guideOf(d.Service, "destination"), Queries: d.Service == "duckdb",
		MayEdit:    v.may(access.Destinations, access.Edit, d.GroupID, d.ID),
		MayDelete:  v.may(access.Destinations, access.Delete, d.GroupID, d.ID),
		MayConnect: v.may(access.Connections, access.Create, d.GroupID, "")}
	if page.Service != nil {
		page.Form = newForm(page.Service.Fields, withKey(d.Config, v.s.Store.GroupPublicKey(d.GroupID)), true)
	}
	var g group
	if err := v.api("GET", "/v1/groups/"+t.ID, nil, &g); err != nil && !refused(err) {
		return nil, err
	}
	page.Name = g.Name
	var err error
	if page.Connections, err = all[connection](v, "/v1/groups/"+t.ID+"/connections"); err != nil && !refused(err) {
		return nil, err
	}
	for i := range page.Connections {
		c := &page.Connections[i]
		c.Standing = standing{Service: c.Service, Source: serviceOf(v.s.sources, c.Service)}
	}
	page.Approvals, err = v.approvals(t)
	return page, err
}

func (s *server) destination(v *visit) error {
	page, err := v.destination()
	if err != nil {
		return err
	}
	return v.show("destination", page)
}

func (s *server) saveDestination(v *visit) error {
	if err := v.ParseForm(); err != nil {
		return err
	}
	page, err := v.destination()
	if err != nil {
		return err
	}
	if page.Service == nil {
		return errNoPage
	}
	if err := v.save(v.destinationSubject(), page.Service, &page.Form); err != nil {
		return err
	}
	if page.Form.Error != "" || len(page.Form.Wrong()) > 0 {
		s.show(v.w, v, "destination", http.StatusBadRequest, page)
		return nil
	}
	return s.runDestinationTests(v)
}

func (s *server) runDestinationTests(v *visit) error {
	s.testings.begin(v, v.destinationSubject(), nil)
	return v.redirect(v.destinationSubject().Page + "#tests")
}

func (s *server) destinationTests(v *visit) error { return v.showTests(v.destinationSubject()) }

func (s *server) approveForDestination(v *visit) error {
	if err := v.approve(v.destinationSubject(), nil); err != nil {
		return err
	}
	return v.redirect(v.destinationSubject().Page + "#tests")
}

func (s *server) revokeForDestination(v *visit) error { return v.revoke(v.destinationSubject()) }

func (s *server) deleteDestination(v *visit) error {
	err := v.api("DELETE", v.destinationSubject().api(), nil, nil)
	if !refused(err) {
		if err == nil {
			err = v.redirect("/destinations")
		}
		return err
	}
	page, again := v.destination()
	if again != nil {
		return again
	}
	page.Problem = err.Error()
	s.show(v.w, v, "destination", http.StatusConflict, page)
	return nil
}

// A queryPage is the box where queries are asked of a destination.
type queryPage struct {
	Name, ID string
	May      bool // whoever looks may ask
	SQL      string
	Answer   *answer // nil: nothing was asked
	Error    string
}

// An answer is what a query found, as the API has it.
type answer struct {
	Columns []struct{ Name, Type string }
	Rows    [][]*string
	More    bool
	Took    int64 `json:"took_ms"`
}

// tablesQuery is what the box has in it at first.
const tablesQuery = "SELECT schema_name, table_name, estimated_size AS rows\nFROM duckdb_tables()\nORDER BY ALL"

// Rows that a page shows, and that a download has.
const (
	rowsShown      = 500
	rowsDownloaded = 100_000
)

func (s *server) showQuery(v *visit) error {
	page, err := v.queryPage()
	if err != nil {
		return err
	}
	page.SQL = tablesQuery
	return v.show("query", page)
}

func (v *visit) queryPage() (*queryPage, error) {
	var d configured
	if err := v.api("GET", v.destinationSubject().api(), nil, &d); err != nil {
		return nil, err
	}
	page := &queryPage{ID: d.ID, May: v.may(access.Destinations, access.Edit, d.GroupID, d.ID)}
	var g group
	if err := v.api("GET", "/v1/groups/"+v.escaped("id"), nil, &g); err != nil && !refused(err) {
		return nil, err
	}
	page.Name = g.Name
	return page, nil
}

func (s *server) query(v *visit) error {
	page, err := v.queryPage()
	if err != nil {
		return err
	}
	page.SQL = v.PostFormValue("sql")
	limit, download := rowsShown, v.PostFormValue("csv") != ""
	if download {
		limit = rowsDownloaded
	}
	a := new(answer)
	status := http.StatusOK
	var said *apiError
	switch err := v.api("POST", "/v1/penstock/destinations/"+v.escaped("id")+"/query", map[string]rawJSON{"sql": encode(page.SQL), "limit": encode(limit)}, a); {
	case errors.As(err, &said):
		page.Error, status = said.Message, said.Status
	case err != nil:
		return err
	case download:
		return v.csv(a)
	default:
		page.Answer = a
	}
	s.show(v.w, v, "query", status, page)
	return nil
}

// csv sends an answer as a file, in which NULL is an empty field.
func (v *visit) csv(a *answer) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "query.csv"))
	w := csv.NewWriter(v.w)
	row := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		row[i] = c.Name
	}
	w.Write(row)
	for _, values := range a.Rows {
		for i, p := range values {
			if row[i] = ""; p != nil {
				row[i] = *p
			}
		}
		w.Write(row)
	}
	w.Flush()
	return nil // whoever asked may be gone
}
