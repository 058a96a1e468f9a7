package web

import (
	"slices"
	"time"
)

// A systemKey is one as the API has it.
type systemKey struct {
	ID, Name, Key, Secret string
	CreatedAt             time.Time  `json:"created_at"`
	ExpiredAt             *time.Time `json:"expired_at"`
	LastUsedAt            *time.Time `json:"last_used_at"`
	Permissions           []permission
}

// A permission is what a system key may do with things of one kind.
type permission struct {
	Resource string  `json:"resource_type"`
	Level    string  `json:"access_level"`
	Filter   rawJSON `json:"resource_filter,omitempty"` // which things; nil: all
}

// Some reports whether the permission is about some things only.
func (p permission) Some() bool { return p.Filter != nil && string(p.Filter) != "null" }

// What is what the permission is about, in words.
func (p permission) What() string {
	for _, r := range resources {
		if r[0] == p.Resource {
			return r[1]
		}
	}
	return words(p.Resource)
}

// Allows is what the permission allows, in words.
func (p permission) Allows() string {
	for _, l := range accessLevels {
		if l[0] == p.Level {
			return l[1]
		}
	}
	return words(p.Level)
}

// resources are what system keys are allowed, and in words.
var resources = [][2]string{{"CONNECTOR", "Connections"}, {"DESTINATION", "Destinations and groups"}, {"TRANSFORMATION", "Transformations"}, {"WEBHOOK", "Webhooks"},
	{"USER", "Users"}, {"TEAM", "Teams"}, {"ROLES", "Roles"}, {"REMOTE_EXECUTION_AGENT", "Agents"}, {"ACCOUNT", "The account"}}

// accessLevels are what a system key can be allowed of a resource, and in words.
var accessLevels = [][2]string{{"", "nothing"}, {"READ", "read"}, {"MANAGE", "everything"}}

// periods are for how long a system key can be good, and in words.
var periods = [][2]string{{"THREE_MONTHS", "three months"}, {"ONE_WEEK", "a week"}, {"ONE_MONTH", "a month"}, {"SIX_MONTHS", "six months"}, {"INFINITE", "for ever"}}

const systemKeysPath = "/v1/system-keys"

// A keyForm is what a system key may do, as a form has it.
type keyForm struct {
	Levels  [][2]string
	Choices []keyChoice
}

type keyChoice struct{ Resource, Name, Level string }

// keyForm returns the form whose button says do, with what was entered into it, or
// with what a key may do; nil: with nothing.
func (h accountHead) keyForm(do string, k *systemKey) keyForm {
	f := keyForm{Levels: accessLevels}
	for _, r := range resources {
		c := keyChoice{Resource: r[0], Name: r[1]}
		if k != nil {
			for _, p := range k.Permissions {
				if p.Resource == c.Resource && !p.Some() {
					c.Level = p.Level
				}
			}
		}
		c.Level = h.Was(do, c.Resource, c.Level)
		f.Choices = append(f.Choices, c)
	}
	return f
}

// permissions returns what a form allows of all things of each kind.
func (v *visit) permissions() []permission {
	all := []permission{}
	for _, r := range resources {
		if level := v.field(r[0]); level != "" {
			all = append(all, permission{Resource: r[0], Level: level})
		}
	}
	return all
}

func showSystemKeys(v *visit, h accountHead) (any, error) {
	keys, err := all[systemKey](v, systemKeysPath)
	return struct {
		accountHead
		Keys    []systemKey
		Form    keyForm
		Periods [][2]string
	}{h, keys, h.keyForm("create", nil), periods}, err
}

func doSystemKeys(v *visit) ([]onceShown, error) {
	var made systemKey
	body := v.fields("name", "expiration_period")
	var err error
	switch v.field("do") {
	case "create":
		body["permissions"] = v.permissions()
		err = v.api("POST", systemKeysPath, body, &made)
	case "rotate":
		err = v.api("POST", systemKeysPath+"/"+v.pathField("id")+"/rotate", body, &made)
	case "delete":
		return nil, v.api("DELETE", systemKeysPath+"/"+v.pathField("id"), nil, nil)
	default:
		return nil, errNothing
	}
	return []onceShown{{"Key", made.Key}, {"Secret", made.Secret}}, err
}

func showSystemKey(v *visit, h accountHead) (any, error) {
	k, err := v.systemKey()
	if err != nil {
		return nil, err
	}
	return struct {
		accountHead
		Key  *systemKey
		Form keyForm
	}{h, k, h.keyForm("save", k)}, nil
}

func (v *visit) systemKey() (*systemKey, error) {
	k := new(systemKey)
	return k, v.api("GET", systemKeysPath+"/"+v.escaped("id"), nil, k)
}

// doSystemKey changes a key's name and what it may do. Rules about some things
// only, which the form does not have, stay.
func doSystemKey(v *visit) ([]onceShown, error) {
	k, err := v.systemKey()
	if err != nil {
		return nil, err
	}
	body := v.fields("name")
	body["permissions"] = append(v.permissions(), slices.DeleteFunc(k.Permissions, func(p permission) bool { return !p.Some() })...)
	return nil, v.api("PATCH", systemKeysPath+"/"+v.escaped("id"), body, nil)
}
