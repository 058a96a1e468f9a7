package web

import "time"

// A hook is a webhook as the API has it.
type hook struct {
	ID, Type, URL string
	Events        []string
	Active        bool
	GroupID       string `json:"group_id"`
	Group         string `json:"-"` // its name
}

// A delivery is what a webhook was told, or is to be told.
type delivery struct {
	Event        string
	ConnectionID *string `json:"connection_id"`
	Outcome      string
	Attempts     int
	Status       *int
	Error        *string
	CreatedAt    time.Time  `json:"created_at"`
	NextAt       *time.Time `json:"next_at"`
}

// hookEvents are what webhooks can be told, those first that most want.
var hookEvents = []string{"sync_start", "sync_end", "connection_failure", "connection_successful", "status",
	"create_connector", "edit_connector", "pause_connector", "resume_connector", "delete_connector", "force_update_connector", "resync_connector", "resync_table",
	"transformation_start", "transformation_succeeded", "transformation_failed"}

func showWebhooks(v *visit, h accountHead) (any, error) {
	hooks, err := all[hook](v, "/v1/webhooks")
	if err != nil {
		return nil, err
	}
	groups, err := v.groups()
	for i := range hooks {
		hooks[i].Group = nameOf(groups, hooks[i].GroupID)
	}
	return struct {
		accountHead
		Hooks  []hook
		Groups []named
		Events []string
	}{h, hooks, groups, hookEvents}, err
}

func doWebhooks(v *visit) ([]onceShown, error) {
	switch v.field("do") {
	case "delete":
		return nil, v.api("DELETE", "/v1/webhooks/"+v.pathField("id"), nil, nil)
	case "create":
	default:
		return nil, errNothing
	}
	body := v.fields("url", "secret")
	body["events"], body["active"] = append([]string{}, v.PostForm["events"]...), v.field("active") != ""
	path := "/v1/webhooks/account"
	if v.field("group") != "" {
		path = "/v1/webhooks/group/" + v.pathField("group")
	}
	return nil, v.api("POST", path, body, nil)
}

func showWebhook(v *visit, h accountHead) (any, error) {
	p := struct {
		accountHead
		Hook       *hook
		Deliveries []delivery
		Events     []string
	}{accountHead: h, Hook: new(hook), Events: hookEvents}
	if err := v.api("GET", "/v1/webhooks/"+v.escaped("id"), nil, p.Hook); err != nil {
		return nil, err
	}
	var list struct{ Items []delivery }
	err := v.api("GET", "/v1/penstock/webhooks/"+v.escaped("id")+"/deliveries", nil, &list)
	p.Deliveries = list.Items
	return p, err
}

func doWebhook(v *visit) ([]onceShown, error) {
	one := "/v1/webhooks/" + v.escaped("id")
	switch v.field("do") {
	case "test":
		var got struct {
			Succeed bool
			Status  int
			Message string
		}
		if err := v.api("POST", one+"/test", v.fields("event"), &got); err != nil {
			return nil, err
		}
		if !got.Succeed {
			return nil, &apiError{Status: 400, Message: "The receiver did not take it: " + got.Message}
		}
		return []onceShown{{"The receiver took it, with status", itoa(got.Status)}}, nil
	case "switch":
		return nil, v.api("PATCH", one, map[string]any{"active": v.field("active") != ""}, nil)
	}
	return nil, errNothing
}
