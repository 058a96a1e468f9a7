package web

import "net/url"

// An agent is one of either kind as the API has it.
type agent struct {
	ID      string
	Name    string `json:"display_name"`
	GroupID string `json:"group_id"`
	Status  string // of a proxy agent
	Online  bool   // of a hybrid deployment agent
	Group   string `json:"-"` // its name
}

func showAgents(v *visit, h accountHead) (any, error) {
	p := struct {
		accountHead
		Hybrid, Proxy []agent
		Groups        []named
	}{accountHead: h}
	var err error
	if p.Hybrid, err = all[agent](v, "/v1/hybrid-deployment-agents"); err != nil {
		return nil, err
	}
	if p.Proxy, err = all[agent](v, "/v1/proxy"); err != nil {
		return nil, err
	}
	p.Groups, err = v.groups()
	for i := range p.Hybrid {
		p.Hybrid[i].Group = nameOf(p.Groups, p.Hybrid[i].GroupID)
	}
	return p, err
}

func doAgents(v *visit) ([]onceShown, error) {
	switch v.field("do") {
	case "hybrid":
		body := v.fields("display_name", "group_id", "env_type")
		body["accept_terms"] = true
		var made struct{ Token string }
		err := v.api("POST", "/v1/hybrid-deployment-agents", body, &made)
		return []onceShown{{"Token", made.Token}}, err
	case "proxy":
		var made struct {
			ID    string `json:"agent_id"`
			Token string `json:"auth_token"`
			Cert  string `json:"client_cert"`
			Key   string `json:"client_private_key"`
		}
		err := v.api("POST", "/v1/proxy", v.fields("display_name"), &made)
		return []onceShown{{"Agent", made.ID}, {"Token", made.Token}, {"Certificate", made.Cert}, {"Private key", made.Key}}, err
	case "delete hybrid":
		return nil, v.api("DELETE", "/v1/hybrid-deployment-agents/"+v.pathField("id"), nil, nil)
	case "delete proxy":
		return nil, v.api("DELETE", "/v1/proxy/"+v.pathField("id"), nil, nil)
	}
	return nil, errNothing
}

// A logService is where events go, of a group or of the account.
type logService struct {
	ID, Service string
	Enabled     bool
	Status      *struct {
		SetupState string `json:"setup_state"`
		Tasks      []notice
	}
	Where string `json:"-"` // the group's name, "": the account's
	At    string `json:"-"` // what its path ends in
}

// A logKind is a kind of log service.
type logKind struct {
	ID, Name string
	Fields   []struct {
		Name, Title, Help, Type string
		Secret, Required        bool
		Options                 []string
	}
}

func showLogging(v *visit, h accountHead) (any, error) {
	p := struct {
		accountHead
		Services []logService
		Kinds    []logKind
		Kind     *logKind // that is to be filled in; nil: none is chosen
		Groups   []named
	}{accountHead: h}
	var err error
	if p.Services, err = all[logService](v, "/v1/external-logging"); err != nil {
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
		l.At = url.PathEscape(l.ID)
		l.Where = nameOf(p.Groups, l.ID)
	}
	var own logService
	switch err := v.api("GET", "/v1/external-logging/account", nil, &own); {
	case err == nil:
		own.At = "account"
		p.Services = append([]logService{own}, p.Services...)
	case !refused(err):
		return nil, err
	}
	for i := range p.Kinds {
		if p.Kinds[i].ID == v.FormValue("service") {
			p.Kind = &p.Kinds[i]
		}
	}
	return p, nil
}

func doLogging(v *visit) ([]onceShown, error) {
	one := "/v1/external-logging/" + v.pathField("at")
	switch v.field("do") {
	case "create":
		return nil, v.createLogging()
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

// createLogging makes a log service of what the form says: fields of its
// config are called config.NAME.
func (v *visit) createLogging() error {
	kinds, err := all[logKind](v, "/v1/penstock/log-services")
	if err != nil {
		return err
	}
	config := map[string]any{}
	for _, k := range kinds {
		for _, f := range k.Fields {
			value := v.field("config." + f.Name)
			switch {
			case k.ID != v.field("service") || value == "":
			case f.Type == "boolean":
				config[f.Name] = value == "true"
			case f.Type == "integer":
				config[f.Name] = v.number("config." + f.Name)
			default:
				config[f.Name] = value
			}
		}
	}
	body := v.fields("service", "group_id")
	body["config"], body["run_setup_tests"] = config, true
	path := "/v1/external-logging"
	if v.field("group_id") == "" {
		path += "/account"
	}
	return v.api("POST", path, body, nil)
}
