package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
)

type rawJSON = json.RawMessage

// A group is one as the API's list has it.
type group struct{ ID, Name string }

// A choice is the page where a kind of source or destination is chosen.
type choice struct {
	What    string // "connection" or "destination"
	Base    string // of the pages of forms
	Search  string
	Group   string // chosen before
	Shown   []service
	Nothing bool // there is no destination yet
}

func (s *server) chooseConnector(v *visit) error {
	page := choice{What: "connection", Base: "/new/connection/", Search: v.FormValue("q"), Group: v.FormValue("group"), Shown: matching(s.sources, v.FormValue("q"))}
	var list struct{ Items []destinationItem }
	if err := v.api("GET", "/v1/destinations?limit=1", nil, &list); err != nil && !refused(err) {
		return err
	}
	page.Nothing = len(list.Items) == 0
	return v.choose(page)
}

func (s *server) chooseDestination(v *visit) error {
	return v.choose(choice{What: "destination", Base: "/new/destination/", Search: v.FormValue("q"), Group: v.FormValue("group"), Shown: matching(s.targets, v.FormValue("q"))})
}

func (v *visit) choose(page choice) error {
	if v.Header.Get("HX-Request") != "" {
		return v.part("choose", "tiles", page)
	}
	return v.show("choose", page)
}

// A newPage is the form for a new connection or destination.
type newPage struct {
	What      string
	Service   *service
	Form      *form
	Groups    []group
	Group     string // chosen
	GroupName string // of a new one
	GroupWhy  string // what is wrong with the group
	Guide     guide
	Login     bool // people can log in to the vendor afterwards
}

// newGroup is the group that is to be made.
const newGroup = "new"

func (s *server) newConnection(v *visit) error {
	svc := serviceOf(s.sources, v.PathValue("service"))
	if svc == nil {
		return errNoPage
	}
	page := newPage{What: "connection", Service: svc, Form: newForm(svc.Fields, nil, false), Guide: guideOf(svc.ID, "source"), Login: s.loginAt(svc, subject{}) != ""}
	return v.blank(&page, true)
}

func (s *server) newDestination(v *visit) error {
	svc := serviceOf(s.targets, v.PathValue("service"))
	if svc == nil {
		return errNoPage
	}
	page := newPage{What: "destination", Service: svc, Form: newForm(svc.Fields, nil, false), Guide: guideOf(svc.ID, "destination")}
	return v.blank(&page, false)
}

var errNoPage = &apiError{Status: http.StatusNotFound, Message: "No page has this address."}

// blank shows a form with nothing in it; full: of groups that have a
// destination, else of those that have none.
func (v *visit) blank(page *newPage, full bool) error {
	var err error
	if page.Groups, err = v.groupsThat(full); err != nil {
		return err
	}
	if page.Group = v.FormValue("group"); page.Group == "" && len(page.Groups) > 0 {
		page.Group = page.Groups[0].ID
	}
	return v.show("new", page)
}

// groupsThat returns the groups that have a destination, or those that have none.
func (v *visit) groupsThat(full bool) ([]group, error) {
	groups, err := all[group](v, "/v1/groups")
	if err != nil && !refused(err) {
		return nil, err
	}
	targets, err := all[destinationItem](v, "/v1/destinations")
	if err != nil && !refused(err) {
		return nil, err
	}
	return slices.DeleteFunc(groups, func(g group) bool {
		return full != slices.ContainsFunc(targets, func(d destinationItem) bool { return d.ID == g.ID })
	}), nil
}

// chosenGroup returns the group that a form names, which it makes if it is a
// new one.
func (v *visit) chosenGroup() (string, error) {
	if id := v.PostFormValue("group"); id != newGroup && id != "" {
		return id, nil
	}
	var made group
	err := v.api("POST", "/v1/groups", map[string]string{"name": strings.TrimSpace(v.PostFormValue("group_name"))}, &made)
	return made.ID, err
}

// createConnection makes a connection that waits, paused, until somebody has
// chosen its tables, and tries its setup.
func (s *server) createConnection(v *visit) error {
	svc := serviceOf(s.sources, v.PathValue("service"))
	if svc == nil {
		return errNoPage
	}
	return v.create(&newPage{What: "connection", Service: svc, Guide: guideOf(svc.ID, "source"), Login: s.loginAt(svc, subject{}) != ""}, "connections", true, map[string]rawJSON{"paused": rawJSON("true")})
}

func (s *server) createDestination(v *visit) error {
	svc := serviceOf(s.targets, v.PathValue("service"))
	if svc == nil {
		return errNoPage
	}
	zone := v.PostFormValue("time_zone_offset")
	if zone == "" {
		zone = "0"
	}
	return v.create(&newPage{What: "destination", Service: svc, Guide: guideOf(svc.ID, "destination")}, "destinations", false, map[string]rawJSON{"time_zone_offset": encode(zone)})
}

// create makes what a form describes and goes on to its setup tests; what is
// wrong stands in the form.
func (v *visit) create(page *newPage, kind string, full bool, more map[string]rawJSON) error {
	if err := v.ParseForm(); err != nil {
		return err
	}
	config := readForm(page.Service.Fields, v.PostForm, false)
	page.Form = newForm(page.Service.Fields, encode(unsecret(page.Service.Fields, config, nil)), false)
	page.Form.Again = hasSecret(page.Service.Fields, config)
	page.Group, page.GroupName = v.PostFormValue("group"), v.PostFormValue("group_name")
	id, err := v.chosenGroup()
	if refused(err) {
		page.GroupWhy = err.Error()
		return v.wrong(page, full)
	}
	if err != nil {
		return err
	}
	page.Group = id
	body := page.Service.request(config)
	body["group_id"], body["service"], body["run_setup_tests"] = encode(id), encode(page.Service.ID), rawJSON("false")
	for k, value := range more {
		body[k] = value
	}
	var made struct{ ID string }
	var said *apiError
	switch err := v.api("POST", "/v1/"+kind, body, &made); {
	case errors.As(err, &said):
		if said.Status == http.StatusConflict && kind == "connections" { // the name of the schema
			page.Form.Fields[0].Error = said.Message
		} else {
			page.Form.refuse(err)
		}
		return v.wrong(page, full)
	case err != nil:
		return err
	}
	t := subject{Kind: kind, ID: made.ID, Page: setupPage(kind, made.ID)}
	v.s.testings.begin(v, t, nil)
	return v.redirect(t.Page)
}

// setupPage is the address of the page where a setup is seen to.
func setupPage(kind, id string) string {
	if kind == "destinations" {
		return "/destinations/" + id
	}
	return "/connections/" + id + "/setup"
}

// wrong shows a form again.
func (v *visit) wrong(page *newPage, full bool) error {
	var err error
	if page.Groups, err = v.groupsThat(full); err != nil {
		return err
	}
	if page.Group != newGroup && !slices.ContainsFunc(page.Groups, func(g group) bool { return g.ID == page.Group }) && page.Group != "" && page.GroupWhy == "" {
		page.Groups = append(page.Groups, group{page.Group, page.GroupName}) // it has just been made
	}
	v.s.show(v.w, v, "new", http.StatusBadRequest, page)
	return nil
}
