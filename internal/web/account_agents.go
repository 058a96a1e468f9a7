package web

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
		Runs          []string // on what
	}{accountHead: h, Runs: []string{"DOCKER", "PODMAN", "KUBERNETES", "SNOWPARK"}}
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
