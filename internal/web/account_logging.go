package web

import (
	"net/http"
	"net/url"

	"github.com/penstock-data/penstock/setup"
)

// A logService is where events go, of a group or of the account.
type logService struct {
	ID, Service string
	Enabled     bool
	Status      *struct {
		SetupState string `json:"setup_state"`
		Tasks      []struct{ Message, Details string }
	}
	Config rawJSON
	Kind   string `json:"-"` // its name
	Where  string `json:"-"` // the group's name, "": the account's
	At     string `json:"-"` // what its path ends in
}

// State is how the service takes what it is sent, in one word.
func (l *logService) State() string {
	switch {
	case !l.Enabled:
		return "off"
	case l.Status == nil:
		return "on"
	}
	return l.Status.SetupState
}

// A logKind is a kind of log service.
type logKind struct {
	ID, Name string
	Fields   []struct {
		Name, Title, Help string
		Type              setup.FieldType
		Secret, Required  bool
		Options           []string
		Default           rawJSON
	}
}

// fields returns the fields of the kind's config, as forms have them.
func (k *logKind) fields() []setup.Field {
	var out []setup.Field
	for _, f := range k.Fields {
		field := setup.Field{Name: f.Name, Title: f.Title, Help: f.Help, Type: f.Type, Secret: f.Secret, Required: f.Required}
		if len(f.Options) > 0 {
			field.Enum = f.Options
		}
		if len(f.Default) > 0 && string(f.Default) != "null" {
			field.Default = f.Default
		}
		out = append(out, field)
	}
	return out
}

const logsPath = "/v1/external-logging"

// A loggingPage is the page of all log services, with the form of one.
type loggingPage struct {
	accountHead
	Services []logService
	Kinds    []logKind
	Groups   []named
	Kind     *logKind    // that is to be filled in; nil: none is chosen
	Edited   *logService // nil: it is a new one
	Group    string      // chosen for it
	Form     *form
}

func showLogging(v *visit, h accountHead) (any, error) {
	p := &loggingPage{accountHead: h, Group: v.FormValue("group_id")}
	var err error
	if p.Services, err = all[logService](v, logsPath); err != nil {
		return nil, err
	}
	if p.Kinds, err = all[logKind](v, "/v1/penstock/log-services"); err != nil {
		return nil, err
	}
	if p.Groups, err = v.groups(); err != nil {
		return nil, err
	}
	for i := range p.Services {
		l := &p.Services[i]
		l.At, l.Where = url.PathEscape(l.ID), nameOf(p.Groups, l.ID)
	}
	var own logService
	switch err := v.api("GET", logsPath+"/account", nil, &own); {
	case err == nil:
		own.At = "account"
		p.Services = append([]logService{own}, p.Services...)
	case !refused(err):
		return nil, err
	}
	for i := range p.Services {
		p.Services[i].Kind = p.Services[i].Service
		if k := p.kind(p.Services[i].Service); k != nil {
			p.Services[i].Kind = k.Name
		}
	}
	return p, p.fill(v)
}

func (p *loggingPage) kind(id string) *logKind {
	for i := range p.Kinds {
		if p.Kinds[i].ID == id {
			return &p.Kinds[i]
		}
	}
	return nil
}

// fill makes the form that is asked for: of a new service of a kind, or of one
// that is there; after a refusal with what was entered.
func (p *loggingPage) fill(v *visit) error {
	var stored rawJSON
	service := v.FormValue("service")
	if at := v.FormValue("edit"); at != "" {
		var l logService
		if err := v.api("GET", logsPath+"/"+url.PathEscape(at), nil, &l); err != nil {
			return err
		}
		l.At, l.Where = at, nameOf(p.Groups, l.ID)
		if at == "account" {
			l.Where = ""
		}
		p.Edited, service, stored = &l, l.Service, l.Config
	}
	if p.Kind = p.kind(service); p.Kind == nil {
		return nil
	}
	exists := p.Edited != nil
	saving := v.Method == http.MethodPost && (v.field("do") == "create" || v.field("do") == "save")
	if p.Form = newForm(p.Kind.fields(), stored, exists); saving && p.problem != nil && p.Makes("log service") {
		config := readForm(p.Kind.fields(), v.PostForm, exists)
		p.Form = newForm(p.Kind.fields(), encode(unsecret(p.Kind.fields(), config, object(stored))), exists)
		p.Form.Again = hasSecret(p.Kind.fields(), config)
		p.Form.refuse(p.problem)
		p.Problem = ""
	}
	return nil
}

func doLogging(v *visit) ([]onceShown, error) {
	one := logsPath + "/" + v.pathField("at")
	switch v.field("do") {
	case "create", "save":
		return nil, v.saveLogging()
	case "test":
		var got struct {
			Tests []struct{ Title, Status, Message string } `json:"setup_tests"`
		}
		err := v.api("POST", one+"/test", map[string]any{}, &got)
		var once []onceShown
		for _, t := range got.Tests {
			once = append(once, onceShown{t.Title + ": " + t.Status, t.Message})
		}
		return once, err
	case "switch":
		return nil, v.api("PATCH", one, map[string]any{"enabled": v.field("enabled") != ""}, nil)
	case "delete":
		return nil, v.api("DELETE", one, nil, nil)
	}
	return nil, errNothing
}

// saveLogging makes a log service of what the form says, or changes one.
func (v *visit) saveLogging() error {
	kinds, err := all[logKind](v, "/v1/penstock/log-services")
	if err != nil {
		return err
	}
	p := loggingPage{Kinds: kinds}
	kind := p.kind(v.field("service"))
	if kind == nil {
		return errNothing
	}
	edit := v.field("edit")
	body := map[string]any{"config": readForm(kind.fields(), v.PostForm, edit != ""), "run_setup_tests": true}
	if edit != "" {
		return v.api("PATCH", logsPath+"/"+url.PathEscape(edit), body, nil)
	}
	body["service"] = kind.ID
	path := logsPath + "/account"
	if group := v.field("group_id"); group != "" {
		path, body["group_id"] = logsPath, group
	}
	return v.api("POST", path, body, nil)
}
