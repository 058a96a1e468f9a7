package web

import (
	"cmp"
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
