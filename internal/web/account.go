package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/secret"
)

// A desk is a page of the account, where something is listed and done.
type desk struct {
	name, path string

	// show returns what the page is filled with.
	show func(v *visit, h accountHead) (any, error)

	// do does what a form of the page asks for, and returns what is shown only
	// once, nil: nothing is; then the browser goes to the page again. A desk
	// without it only shows.
	do func(v *visit) ([]onceShown, error)
}

// onceShown is a secret that nobody can be shown again.
type onceShown struct{ Name, Value string }

// An accountHead is what all pages of the account begin with.
type accountHead struct {
	Section string
	Problem string      // why something was not done
	problem error       // the same
	Entered url.Values  // what was entered into a form that was refused; nil: none was
	Once    []onceShown // what came of it
	Now     time.Time
	grants  access.Grants
	Self    string // id of whoever is signed in
}

// kinds are what the account's pages call what they change.
var kinds = map[string]access.Resource{"user": access.Users, "team": access.Teams, "webhook": access.Webhooks, "agent": access.Agents,
	"system key": access.Account, "log service": access.Destinations}

// Was returns what was entered into a field of the form whose button says do, if
// that was refused, and what the field shows otherwise if not.
func (h accountHead) Was(do, field, otherwise string) string {
	if h.again(do) {
		return h.Entered.Get(field)
	}
	return otherwise
}

// Chose is Was for one of several choices or boxes: whether it is chosen.
func (h accountHead) Chose(do, field, value string, otherwise bool) bool {
	if h.again(do) {
		return slices.Contains(h.Entered[field], value)
	}
	return otherwise
}

// again reports whether the form whose button says do was refused.
func (h accountHead) again(do string) bool { return h.Entered != nil && h.Entered.Get("do") == do }

// Makes reports whether whoever is signed in may make something of a kind.
func (h accountHead) Makes(kind string) bool {
	switch r := kinds[kind]; kind {
	case "user", "team":
		return h.grants.May(r, access.Create, access.New)
	case "system key":
		return h.grants.May(r, access.Create, access.Place{})
	case "log service":
		return h.grants.Anywhere(r, access.Edit)
	default:
		return h.grants.Anywhere(r, access.Create)
	}
}

// Edits reports whether whoever is signed in may change a thing of a kind that
// stands in a group, "": in none.
func (h accountHead) Edits(kind, group, id string) bool {
	return h.grants.May(kinds[kind], access.Edit, access.Place{Group: group, ID: id})
}

// Deletes is the same for deleting it.
func (h accountHead) Deletes(kind, group, id string) bool {
	return h.grants.May(kinds[kind], access.Delete, access.Place{Group: group, ID: id})
}

// desks are the pages of the account, in the order of their links.
var desks = []desk{
	{"users", "/account/users", showUsers, doUsers},
	{"user", "/account/users/{id}", showUser, doUser},
	{"teams", "/account/teams", showTeams, doTeams},
	{"team", "/account/teams/{id}", showTeam, doTeam},
	{"roles", "/account/roles", showRoles, nil},
	{"keys", "/account/keys", showKeys, doKeys},
	{"systemkeys", "/account/system-keys", showSystemKeys, doSystemKeys},
	{"systemkey", "/account/system-keys/{id}", showSystemKey, doSystemKey},
	{"webhooks", "/account/webhooks", showWebhooks, doWebhooks},
	{"webhook", "/account/webhooks/{id}", showWebhook, doWebhook},
	{"agents", "/account/agents", showAgents, doAgents},
	{"logging", "/account/logging", showLogging, doLogging},
}

// accountRoutes adds the pages of the account.
func (s *server) accountRoutes(mux *http.ServeMux) {
	mux.Handle("GET /account/{$}", s.signedIn(func(v *visit) error { return v.redirect("/account/keys") }))
	for _, d := range desks {
		mux.Handle("GET "+d.path, s.signedIn(func(v *visit) error { return d.page(v, http.StatusOK, accountHead{}) }))
		if d.do != nil {
			mux.Handle("POST "+d.path, s.signedIn(d.post))
		}
	}
	mux.Handle("POST /account/password", s.signedIn(s.changePassword))
}

func (d *desk) page(v *visit, status int, h accountHead) error {
	h.Section, h.Now, h.grants, h.Self = d.name, v.s.now(), v.caller.Grants, v.user.ID
	data, err := d.show(v, h)
	if err == nil {
		v.s.show(v.w, v, d.name, status, data)
	}
	return err
}

func (d *desk) post(v *visit) error {
	once, err := d.do(v)
	var said *apiError
	switch {
	case errors.As(err, &said):
		return d.page(v, said.Status, accountHead{Problem: said.Message, problem: err, Entered: v.PostForm})
	case err != nil:
		return err
	case once != nil:
		return d.page(v, http.StatusOK, accountHead{Once: once})
	}
	return v.redirect(v.URL.Path)
}

// field returns a field of the form without the space around it.
func (v *visit) field(name string) string { return strings.TrimSpace(v.PostFormValue(name)) }

// pathField returns a field of the form as it goes into a path.
func (v *visit) pathField(name string) string { return url.PathEscape(v.PostFormValue(name)) }

// fields returns those fields of the form that are filled in, as a body.
func (v *visit) fields(names ...string) map[string]any {
	body := map[string]any{}
	for _, name := range names {
		if value := v.field(name); value != "" {
			body[name] = value
		}
	}
	return body
}

// errNothing is the error of a form that no page has.
var errNothing = &apiError{Status: http.StatusBadRequest, Message: "Nothing was asked for."}

// A user is one as the API has it.
type user struct {
	ID         string
	Email      string
	GivenName  string     `json:"given_name"`
	FamilyName string     `json:"family_name"`
	Role       string     // "": none in the account
	LoggedInAt *time.Time `json:"logged_in_at"`
}

// A role is one as the API has it.
type role struct {
	Name, Description string
	Scope             []string
	Custom            bool    `json:"is_custom"`
	Deprecated        bool    `json:"is_deprecated"`
	Replacement       *string `json:"replacement_role_name"`
}

// rolesOf returns the names of the roles of a scope that are to be given.
func (v *visit) rolesOf(scope string) ([]string, error) {
	list, err := v.roles()
	var names []string
	for _, r := range list {
		if !r.Deprecated && slices.Contains(r.Scope, scope) {
			names = append(names, r.Name)
		}
	}
	return names, err
}

// roles returns all roles; none if the visitor may not see them.
func (v *visit) roles() ([]role, error) { return seen(all[role](v, "/v1/roles")) }

// seen returns a list, or nothing if the visitor may not see it.
func seen[T any](list []T, err error) ([]T, error) {
	if refused(err) {
		return nil, nil
	}
	return list, err
}

func showUsers(v *visit, h accountHead) (any, error) {
	users, err := all[user](v, "/v1/users")
	if err != nil {
		return nil, err
	}
	roles, err := v.rolesOf("ACCOUNT")
	return struct {
		accountHead
		Users []user
		Roles []string
	}{h, users, roles}, err
}

func doUsers(v *visit) ([]onceShown, error) {
	one := "/v1/users/" + v.pathField("id")
	switch v.field("do") {
	case "invite":
		var made user
		if err := v.api("POST", "/v1/users", v.fields("email", "given_name", "family_name", "role"), &made); err != nil {
			return nil, err
		}
		return v.loginLink(made.ID, made.Email)
	case "link":
		return v.loginLink(v.field("id"), v.field("email"))
	case "role":
		if v.field("role") == "" {
			return nil, v.api("DELETE", one+"/role", nil, nil)
		}
		return nil, v.api("PATCH", one, v.fields("role"), nil)
	case "delete":
		return nil, v.api("DELETE", one, nil, nil)
	}
	return nil, errNothing
}

// A userPage is a user with where they have a role.
type userPage struct {
	accountHead
	uses
	User  *user
	Roles []string
}

func showUser(v *visit, h accountHead) (any, error) {
	one := "/v1/users/" + v.escaped("id")
	p := &userPage{accountHead: h, User: new(user)}
	if err := v.api("GET", one, nil, p.User); err != nil {
		return nil, err
	}
	var err error
	if p.uses, err = v.uses(one, h.Edits("user", "", p.User.ID)); err != nil {
		return nil, err
	}
	p.Roles, err = v.rolesOf("ACCOUNT")
	return p, err
}

func doUser(v *visit) ([]onceShown, error) {
	one := "/v1/users/" + v.escaped("id")
	if v.field("do") != "save" {
		return nil, v.doUses(one)
	}
	return nil, v.api("PATCH", one, v.fields("given_name", "family_name"), nil)
}

// loginLink makes a link with which a user signs in once.
func (v *visit) loginLink(id, email string) ([]onceShown, error) {
	var made struct{ Link string }
	err := v.api("POST", "/v1/penstock/users/"+url.PathEscape(id)+"/login-link", nil, &made)
	return []onceShown{{"The link with which " + email + " chooses a password, once, within two days", made.Link}}, err
}

func showRoles(v *visit, h accountHead) (any, error) {
	roles, err := all[role](v, "/v1/roles")
	return struct {
		accountHead
		Roles []role
	}{h, roles}, err
}

// An apiKey is a key of the visitor's own.
type apiKey struct {
	Key, Secret string
	CreatedAt   time.Time `json:"created_at"`
}

func showKeys(v *visit, h accountHead) (any, error) {
	keys, err := all[apiKey](v, "/v1/penstock/api-keys")
	return struct {
		accountHead
		Keys []apiKey
		Min  int
	}{h, keys, passwordMin}, err
}

func doKeys(v *visit) ([]onceShown, error) {
	switch v.field("do") {
	case "create":
		var made apiKey
		err := v.api("POST", "/v1/penstock/api-keys", map[string]any{}, &made)
		return []onceShown{{"Key", made.Key}, {"Secret", made.Secret}}, err
	case "delete":
		return nil, v.api("DELETE", "/v1/penstock/api-keys/"+v.pathField("id"), nil, nil)
	}
	return nil, errNothing
}

// changePassword gives the visitor another password, which ends all sessions
// but the one that begins with it.
func (s *server) changePassword(v *visit) error {
	keys := desks[slices.IndexFunc(desks, func(d desk) bool { return d.name == "keys" })]
	who := v.user.Email + " " + host(v.Request)
	problem := unfit(v.PostFormValue("password"), v.PostFormValue("again"))
	if s.tries.over(who, s.now()) {
		problem = "Too many wrong passwords. Try again in a few minutes."
	} else if _, err := s.Store.Login(v.Context(), v.user.Email, v.PostFormValue("current")); errors.Is(err, secret.ErrWrongPassword) {
		s.tries.note(who, s.now())
		problem = "The password until now is wrong."
	} else if err != nil {
		return err
	}
	if problem != "" {
		return keys.page(v, http.StatusBadRequest, accountHead{Problem: problem})
	}
	if err := s.Store.SetPassword(v.Context(), v.user.ID, v.PostFormValue("password")); err != nil {
		return err
	}
	s.begin(v.w, v.Request, v.user, "/account/keys")
	return nil
}
