package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/setup"
)

// A configured is a connection or a destination with its config, as the API
// shows it.
type configured struct {
	tested
	ID      string
	Service string
	GroupID string `json:"group_id"`
	Config  rawJSON
	Card    json.RawMessage `json:"connect_card_config"`

	scheduled
	Paused      bool
	SucceededAt *string `json:"succeeded_at"`
}

// scheduled is when a connection syncs, as the API shows it.
type scheduled struct {
	ScheduleType  string `json:"schedule_type"`
	SyncFrequency *int   `json:"sync_frequency"`
	DailySyncTime string `json:"daily_sync_time"`
	Schedule      *struct {
		Type string   `json:"schedule_type"`
		Each int      `json:"interval"`
		At   string   `json:"time_of_day"`
		Days []string `json:"days_of_week"`
		Cron string
	}
}

// A setupPage is the page of a connection's setup.
type connectionSetup struct {
	head
	Service   *service // nil: this program has it no more
	Form      *form
	Tests     testsView
	Approvals []approval
	Schedule  scheduleForm
	Log       logForm
	Guide     guide
	Login     string // where a login at the vendor begins; "": there is none
}

func (v *visit) subject() subject {
	id := v.escaped("id")
	return subject{Kind: "connections", ID: id, Page: "/connections/" + id + "/setup"}
}

func (s *server) connectionSetup(v *visit) error {
	page, err := v.connectionSetup()
	if err != nil {
		return err
	}
	return v.show("setup", page)
}

func (v *visit) connectionSetup() (*connectionSetup, error) {
	h, err := v.head("setup")
	if err != nil {
		return nil, err
	}
	t := v.subject()
	var c configured
	if err := v.api("GET", t.api(), nil, &c); err != nil {
		return nil, err
	}
	page := &connectionSetup{head: h, Service: serviceOf(v.s.sources, c.Service), Tests: v.tests(t, &c), Schedule: scheduleOf(&c.scheduled),
		Guide: guideOf(c.Service, "source")}
	if page.Service != nil {
		page.Form = newForm(page.Service.Fields, withKey(c.Config, v.s.Store.GroupPublicKey(c.GroupID)), true)
		page.Login = v.s.loginAt(page.Service, t)
		v.s.frame(v.w, "", v.s.logins.origin(page.Service.ID))
	}
	if page.Log, err = v.logForm(h.Connection); err != nil {
		return nil, err
	}
	page.Approvals, err = v.approvals(t)
	return page, err
}

// saveSetup changes the config and tests it.
func (s *server) saveSetup(v *visit) error {
	if err := v.ParseForm(); err != nil {
		return err
	}
	page, err := v.connectionSetup()
	if err != nil {
		return err
	}
	if page.Service == nil {
		return errNoPage
	}
	if err := v.save(v.subject(), page.Service, &page.Form); err != nil {
		return err
	}
	if page.Form.Error != "" || len(page.Form.Wrong()) > 0 {
		s.show(v.w, v, "setup", http.StatusBadRequest, page)
		return nil
	}
	s.testings.begin(v, v.subject(), nil)
	return v.redirect(v.subject().Page + "#tests")
}

// save changes a subject's config to what somebody has entered. What the API
// refuses stands in the form afterwards.
func (v *visit) save(t subject, svc *service, f **form) error {
	var stored configured
	if err := v.api("GET", t.api(), nil, &stored); err != nil {
		return err
	}
	config := readForm(svc.Fields, v.PostForm, true)
	again, secrets := unsecret(svc.Fields, config, object(stored.Config)), hasSecret(svc.Fields, config)
	body := svc.request(config)
	body["run_setup_tests"] = rawJSON("false")
	err := v.api("PATCH", t.api(), body, nil)
	if !refused(err) {
		return err
	}
	*f = newForm(svc.Fields, withKey(encode(again), v.s.Store.GroupPublicKey(stored.GroupID)), true)
	(*f).Again = secrets
	(*f).refuse(err)
	return nil
}

func (s *server) setupTests(v *visit) error {
	return v.showTests(v.subject())
}

// showTests sends how a subject's tests stand, as a part of its page.
func (v *visit) showTests(t subject) error {
	if v.Header.Get("HX-Request") == "" {
		return v.redirect(t.Back())
	}
	var stored configured
	if err := v.api("GET", t.api(), nil, &stored); err != nil {
		return err
	}
	page := struct {
		Tests testsView
		State string // in one word, "": it is as it was
	}{Tests: v.tests(t, &stored)}
	switch {
	case page.Tests.Running:
	case t.Kind == "destinations":
		page.State = page.Tests.State
	default:
		var now standing
		if err := v.api("GET", v.oursPath(), nil, &now); err != nil {
			return err
		}
		page.State = now.State
	}
	return v.part("setup", "tests again", &page)
}

func (s *server) runSetupTests(v *visit) error {
	s.testings.begin(v, v.subject(), nil)
	return v.redirect(v.subject().Page + "#tests")
}

func (s *server) approveForConnection(v *visit) error {
	if err := v.approve(v.subject(), nil); err != nil {
		return err
	}
	return v.redirect(v.subject().Page + "#tests")
}

func (s *server) revokeForConnection(v *visit) error { return v.revoke(v.subject()) }

func (v *visit) revoke(t subject) error {
	kind := "certificates"
	if v.PostFormValue("kind") == "fingerprints" {
		kind = "fingerprints"
	}
	if err := v.api("DELETE", t.api()+"/"+kind+"/"+url.PathEscape(v.PostFormValue("hash")), nil, nil); err != nil {
		return err
	}
	return v.redirect(t.Page)
}

func (s *server) deleteConnection(v *visit) error {
	if err := v.api("DELETE", v.subject().api(), nil, nil); err != nil {
		return err
	}
	return v.redirect("/connections")
}

// startConnection lets a new connection sync for the first time.
func (s *server) startConnection(v *visit) error {
	if err := v.api("PATCH", v.subject().api(), map[string]bool{"paused": false}, nil); err != nil {
		return err
	}
	return v.redirect("/connections/" + v.escaped("id"))
}

// A scheduleForm is when a connection syncs, as a form has it.
type scheduleForm struct {
	Kind    string // "INTERVAL", "TIME_OF_DAY", "CRON" or "MANUAL"
	Minutes string
	Time    string
	Days    map[string]bool // none: all
	Cron    string
	Error   string
}

// On reports whether a day is among those that are chosen.
func (f *scheduleForm) On(day string) bool { return f.Days[day] }

func scheduleOf(c *scheduled) scheduleForm {
	f := scheduleForm{Kind: "INTERVAL", Minutes: "360", Time: "06:00", Days: map[string]bool{}, Cron: "0 6 * * *"}
	if c.SyncFrequency != nil {
		f.Minutes = strconv.Itoa(*c.SyncFrequency)
	}
	if c.DailySyncTime != "" {
		f.Kind, f.Time = "TIME_OF_DAY", c.DailySyncTime
	}
	if p := c.Schedule; p != nil {
		f.Kind = p.Type
		if p.Each > 0 {
			f.Minutes = strconv.Itoa(p.Each)
		}
		f.Time, f.Cron = cmp.Or(p.At, f.Time), cmp.Or(p.Cron, f.Cron)
		for _, d := range p.Days {
			f.Days[d] = true
		}
	}
	if c.ScheduleType == "manual" {
		f.Kind = "MANUAL"
	}
	return f
}

// Words say when the connection syncs.
func (f scheduleForm) Words() string {
	days := ""
	for _, d := range weekdays {
		if f.Days[d] {
			days += ", " + words(d)
		}
	}
	if days != "" {
		days = " on " + days[2:]
	}
	switch f.Kind {
	case "MANUAL":
		return "only when asked"
	case "CRON":
		return "by cron: " + f.Cron
	case "TIME_OF_DAY":
		if days == "" {
			days = " each day"
		}
		return "at " + f.Time + days
	}
	n, _ := strconv.Atoi(f.Minutes)
	if n > 60 && n%60 == 0 {
		return fmt.Sprintf("every %d h%s", n/60, days)
	}
	return fmt.Sprintf("every %d min%s", n, days)
}

var weekdays = []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}

func (s *server) saveSchedule(v *visit) error {
	if err := v.ParseForm(); err != nil {
		return err
	}
	type plan struct {
		Type string   `json:"schedule_type"`
		Each int      `json:"interval,omitempty"`
		At   string   `json:"time_of_day,omitempty"`
		Days []string `json:"days_of_week,omitempty"`
		Cron string   `json:"cron,omitempty"`
	}
	p := plan{Type: v.PostFormValue("kind")}
	switch p.Type {
	case "INTERVAL":
		p.Each, p.Days = int(v.number("minutes")), v.PostForm["days"]
	case "TIME_OF_DAY":
		p.At, p.Days = v.PostFormValue("time"), v.PostForm["days"]
	case "CRON":
		p.Cron = v.PostFormValue("cron")
	}
	err := v.api("PATCH", v.subject().api(), map[string]plan{"schedule": p}, nil)
	return v.savedPart(err, "schedule", func(page *connectionSetup) {
		f := scheduleForm{Kind: p.Type, Minutes: v.PostFormValue("minutes"), Time: v.PostFormValue("time"), Cron: v.PostFormValue("cron"), Days: map[string]bool{}}
		for _, d := range v.PostForm["days"] {
			f.Days[d] = true
		}
		f.Error = strings.TrimPrefix(err.Error(), "Invalid schedule: ")
		page.Schedule = f
	})
}

// savedPart answers a change of one part of a connection's setup: err says how
// the API answered. What it refused is shown as it was entered, which enter puts
// into the page.
func (v *visit) savedPart(err error, part string, enter func(*connectionSetup)) error {
	if err == nil {
		return v.redirect(v.subject().Page + "#" + part)
	}
	if !refused(err) {
		return err
	}
	page, err := v.connectionSetup()
	if err != nil {
		return err
	}
	enter(page)
	v.s.show(v.w, v, "setup", http.StatusBadRequest, page)
	return nil
}

// hasLogin reports whether a service takes what a login by OAuth gives.
func hasLogin(svc *service) bool {
	for _, f := range svc.Fields {
		if f.Name == authField {
			for _, g := range f.Fields {
				if g.Name == "refresh_token" && g.Type == setup.String {
					return true
				}
			}
		}
	}
	return false
}
