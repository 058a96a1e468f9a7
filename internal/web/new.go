package web

import (
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
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
	May     bool // whoever looks may make one somewhere
}

func (s *server) chooseConnector(v *visit) error {
	page := choice{What: "connection", Base: "/new/connection/", Search: v.FormValue("q"), Group: v.FormValue("group"), Shown: matching(s.sources, v.FormValue("q"))}
	var list struct{ Items []destinationItem }
	if err := v.api("GET", "/v1/destinations?limit=1", nil, &list); err != nil && !refused(err) {
		return err
	}
	page.Nothing, page.May = len(list.Items) == 0, v.makes("connection")
	return v.choose(page)
}

func (s *server) chooseDestination(v *visit) error {
	return v.choose(choice{What: "destination", Base: "/new/destination/", Search: v.FormValue("q"), Group: v.FormValue("group"),
		Shown: matching(s.targets, v.FormValue("q")), May: v.makes("destination")})
}

// makes reports whether the visitor may make a connection or a destination
// somewhere.
func (v *visit) makes(what string) bool {
	if what == "connection" {
		return v.caller.Grants.Anywhere(access.Connections, access.Create)
	}
	return v.caller.Grants.Anywhere(access.Destinations, access.Edit) || v.caller.Grants.May(access.Destinations, access.Create, access.New)
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
	NewGroup  bool   // whoever looks may make one
	Guide     guide
	Login     bool // people can log in to the vendor afterwards
}

// May reports whether there is a group in which whoever looks may make it.
func (p *newPage) May() bool { return len(p.Groups) > 0 || p.NewGroup }

// newGroup is the group that is to be made.
const newGroup = "new"

func (s *server) newConnection(v *visit) error {
	svc := serviceOf(s.sources, v.PathValue("service"))
	if svc == nil {
		return errNoPage
	}
	page := newPage{What: "connection", Service: svc, Guide: guideOf(svc.ID, "source"), Login: s.loginAt(svc, subject{}) != ""}
	return v.blank(&page, true)
}

func (s *server) newDestination(v *visit) error {
	svc := serviceOf(s.targets, v.PathValue("service"))
	if svc == nil {
		return errNoPage
	}
	page := newPage{What: "destination", Service: svc, Guide: guideOf(svc.ID, "destination")}
	return v.blank(&page, false)
}

var errNoPage = &apiError{Status: http.StatusNotFound, Message: "No page has this address."}

// blank shows a form with nothing in it; full: of groups that have a
// destination, else of those that have none.
func (v *visit) blank(page *newPage, full bool) error {
	if err := v.offerGroups(page, full); err != nil {
		return err
	}
	if page.Group = v.FormValue("group"); page.Group == "" {
		page.Group = newGroup
		if len(page.Groups) > 0 {
			page.Group = page.Groups[0].ID
		}
	}
	if err := v.fill(page, nil); err != nil {
		return err
	}
	return v.show("new", page)
}

// fill makes the form of a page, with a config in it.
func (v *visit) fill(page *newPage, config json.RawMessage) error {
	key, err := v.groupKey(page.Group)
	page.Form = newForm(page.Service.Fields, withKey(config, key), false)
	return err
}

// offerGroups fills in the groups that a form offers: those that have a
// destination, or those that have none.
func (v *visit) offerGroups(page *newPage, full bool) error {
	groups, err := all[group](v, "/v1/groups")
	if err != nil && !refused(err) {
		return err
	}
	targets, err := all[destinationItem](v, "/v1/destinations")
	if err != nil && !refused(err) {
		return err
	}
	page.Groups = slices.DeleteFunc(groups, func(g group) bool {
		may := v.may(access.Destinations, access.Edit, g.ID, g.ID)
		if full {
			may = v.may(access.Connections, access.Create, g.ID, "")
		}
		return !may || full != slices.ContainsFunc(targets, func(d destinationItem) bool { return d.ID == g.ID })
	})
	page.NewGroup = v.caller.Grants.May(access.Destinations, access.Create, access.New)
	if page.GroupName == "" && !slices.ContainsFunc(groups, func(g group) bool { return g.Name == usualGroup }) {
		page.GroupName = usualGroup
	}
	return nil
}

// usualGroup is what a new group is called that nobody has called otherwise.
const usualGroup = "Warehouse"

// groupKey returns a group's key, or what stands in its place.
func (v *visit) groupKey(id string) (string, error) {
	var made struct {
		Key string `json:"public_key"`
	}
	if id == newGroup || id == "" {
		return "It is made with the group: save, and it stands here.", nil
	}
	err := v.api("GET", "/v1/groups/"+url.PathEscape(id)+"/public-key", nil, &made)
	if refused(err) {
		return err.Error(), nil
	}
	return made.Key, err
}

// showGroupKey sends the key of the group that is chosen in a form.
func (s *server) showGroupKey(v *visit) error {
	key, err := v.groupKey(v.FormValue("group"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	template.HTMLEscape(v.w, []byte(key))
	return nil
}

// chosenGroup returns the group that a form names, which it makes if it is a
// new one; undo takes that back.
func (v *visit) chosenGroup() (id string, undo func(), err error) {
	if id := v.PostFormValue("group"); id != newGroup && id != "" {
		return id, func() {}, nil
	}
	var made group
	err = v.api("POST", "/v1/groups", map[string]string{"name": strings.TrimSpace(v.PostFormValue("group_name"))}, &made)
	return made.ID, func() {
		if err := v.api("DELETE", "/v1/groups/"+made.ID, nil, nil); err != nil {
			v.s.log.Warn("a group stays that was made for what is not there", "group", made.ID, "error", err)
		}
	}, err
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
	page.Group, page.GroupName = v.PostFormValue("group"), v.PostFormValue("group_name")
	if err := v.fill(page, encode(unsecret(page.Service.Fields, config, nil))); err != nil {
		return err
	}
	page.Form.Again = hasSecret(page.Service.Fields, config)
	id, undo, err := v.chosenGroup()
	if refused(err) {
		page.GroupWhy = err.Error()
		return v.wrong(page, full)
	}
	if err != nil {
		return err
	}
	body := page.Service.request(config)
	body["group_id"], body["service"], body["run_setup_tests"] = encode(id), encode(page.Service.ID), rawJSON("false")
	for k, value := range more {
		body[k] = value
	}
	var made struct{ ID string }
	var said *apiError
	switch err := v.api("POST", "/v1/"+kind, body, &made); {
	case errors.As(err, &said):
		undo()
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
	if err := v.offerGroups(page, full); err != nil {
		return err
	}
	v.s.show(v.w, v, "new", http.StatusBadRequest, page)
	return nil
}
