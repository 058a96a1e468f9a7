package web

import (
	"cmp"
	"html/template"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/setup"
)

// A service is a kind of source or destination as people choose one.
type service struct {
	ID, Name, Kind, Description string
	Fields                      []setup.Field // of a form, those that name the destination schema first
	Absent                      bool          // it is only kept: nobody is offered it
}

// authField is what goes beside the config in requests and is in no answer, as the
// definition has it.
const authField = "auth"

func connectors(all []connector.Service) []service {
	var out []service
	for _, c := range all {
		fields := c.Config.With(c.SchemaFormat.Fields()...).Fields
		if c.Auth != nil {
			fields = append(slices.Clip(fields), setup.Field{Name: authField, Title: "Login", Type: setup.Object, Fields: c.Auth.Fields})
		}
		out = append(out, service{c.ID, c.Name, c.Kind, c.Description, fields, c.Absent != nil})
	}
	return sortServices(out)
}

func destinations(all []destination.Service) []service {
	var out []service
	for _, d := range all {
		kind := "Database"
		if d.ID == "duckdb" {
			kind = "File"
		}
		out = append(out, service{ID: d.ID, Name: d.Name, Kind: kind, Fields: d.Config.Fields})
	}
	return sortServices(out)
}

func sortServices(all []service) []service {
	slices.SortFunc(all, func(a, b service) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return all
}

func serviceOf(all []service, id string) *service {
	i := slices.IndexFunc(all, func(s service) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// matching returns the services that a search finds.
func matching(all []service, search string) []service {
	search = strings.ToLower(strings.TrimSpace(search))
	return slices.DeleteFunc(slices.Clone(all), func(s service) bool {
		return s.Absent || !strings.Contains(strings.ToLower(s.Name+" "+s.ID+" "+s.Kind+" "+s.Description), search)
	})
}

// Icon is a drawing of the service's kind.
func (s *service) Icon() template.HTML {
	shape, ok := shapes[s.Kind]
	switch {
	case strings.HasPrefix(s.ID, "github"):
		shape = shapes["Engineering"]
	case strings.HasPrefix(s.ID, "salesforce"):
		shape = shapes["Sales"]
	case !ok:
		shape = shapes[""]
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 32 32" aria-hidden="true">` + shape + `</svg>`)
}

// shapes are drawings by kinds of services, in lines of the text's colour.
var shapes = map[string]string{
	"":               `<rect x="5" y="5" width="22" height="22" rx="5"/><path d="M11 16h10M16 11v10"/>`,
	"Database":       `<ellipse cx="16" cy="8" rx="10" ry="4"/><path d="M6 8v16c0 2.2 4.5 4 10 4s10-1.8 10-4V8M6 16c0 2.2 4.5 4 10 4s10-1.8 10-4"/>`,
	"File":           `<path d="M8 3h11l6 6v20H8zM19 3v6h6M12 16h9M12 21h9"/>`,
	"Function":       `<path d="M6 26 14 6h3l9 20M10 18h9"/>`,
	"HumanResources": `<circle cx="11" cy="11" r="4"/><circle cx="22" cy="12" r="3"/><path d="M3 27c0-5 3-8 8-8s8 3 8 8M20 19c5-1 9 2 9 7"/>`,
	"Sales":          `<path d="M4 26h24M7 22v-6M13 22V12M19 22v-8M25 22V6"/>`,
	"Engineering":    `<circle cx="9" cy="7" r="3"/><circle cx="9" cy="25" r="3"/><circle cx="23" cy="11" r="3"/><path d="M9 10v12M23 14c0 5-14 3-14 8"/>`,
	"Event":          `<path d="M18 3 7 18h8l-2 11 12-16h-8z"/>`,
}

// request returns what somebody has entered for a service as a request of the
// API has it: the config, and auth beside it.
func (s *service) request(config map[string]rawJSON) map[string]rawJSON {
	out := map[string]rawJSON{}
	if auth, ok := config[authField]; ok {
		out[authField] = auth
		delete(config, authField)
	}
	out["config"] = encode(config)
	return out
}
