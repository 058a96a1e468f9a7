package simulator

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/penstock-data/penstock/connector/simulate"
)

// control is the path for people.
func (s *Simulator) control() *simulate.Control {
	row := func(f func(object, id string) error) func(*http.Request) (map[string]any, error) {
		return func(r *http.Request) (map[string]any, error) { return nil, f(r.FormValue("object"), r.FormValue("id")) }
	}
	values := func(r *http.Request) Values {
		v := Values{}
		for name, x := range r.URL.Query() {
			if name != "object" && name != "id" {
				v[name] = x[0]
			}
		}
		return v
	}
	return &simulate.Control{
		Clock: &s.clock, Faults: &s.faults, Status: s.status,
		More: map[string]func(*http.Request) (map[string]any, error){
			"insert": func(r *http.Request) (map[string]any, error) {
				id, err := s.Insert(r.FormValue("object"), values(r))
				return map[string]any{"id": id}, err
			},
			"update": func(r *http.Request) (map[string]any, error) {
				return nil, s.Update(r.FormValue("object"), r.FormValue("id"), values(r))
			},
			"delete": row(s.Delete), "undelete": row(s.Undelete), "purge": row(s.Purge),
			"revoke": func(*http.Request) (map[string]any, error) { s.Revoke(); return nil, nil },
			"usage": func(r *http.Request) (map[string]any, error) {
				var n int
				err := json.Unmarshal([]byte(r.FormValue("requests")), &n)
				if err == nil {
					s.SetUsage(n)
				}
				return nil, err
			},
		},
	}
}

func (s *Simulator) status() map[string]any {
	rows := map[string]int{}
	s.mu.Lock()
	names := slices.Clone(s.names)
	s.mu.Unlock()
	for _, n := range names {
		rows[n] = s.Count(n)
	}
	return map[string]any{"requests": s.counts.All(), "usage": s.Usage(), "rows": rows}
}
