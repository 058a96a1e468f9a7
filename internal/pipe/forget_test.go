package pipe_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
)

// A forgetful source keeps which tables it has read.
type forgetful struct {
	lister
	state map[string]bool
}

func (f *forgetful) Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	known := map[string]bool{}
	if err := json.Unmarshal(state, &known); err != nil {
		return nil, err
	}
	for _, t := range tables {
		delete(known, t.Table)
	}
	return json.Marshal(known)
}

func (f *forgetful) Sync(_ context.Context, req connector.Request, _ connector.Output) error {
	return json.Unmarshal(req.State, &f.state)
}

// A table that was loaded and that the destination does not have is read whole.
func TestMissingTablesAreForgotten(t *testing.T) {
	none := schema.Table{Name: schema.Name{Table: "columns come with rows"}}
	for _, tt := range []struct {
		name, state, want string
		there             []string // tables in the destination
		warnings, saves   int
	}{
		{"dropped", `{"Person":true,"Visit":true,"columns come with rows":true}`, `{"Visit":true,"columns come with rows":true}`, []string{"visit"}, 1, 1},
		{"all there", `{"Person":true,"Visit":true}`, `{"Person":true,"Visit":true}`, []string{"person", "visit"}, 0, 0},
		{"one is new", `{"Person":true}`, `{"Person":true}`, []string{"person"}, 0, 0},
		{"one is dropped, one is new", `{"Person":true}`, `{}`, nil, 1, 1},
	} {
		w, l := newStore(), &ledger{state: json.RawMessage(tt.state)}
		for _, n := range tt.there {
			name := schema.Name{Schema: "shop_shop", Table: n}
			w.shapes[name] = &schema.Table{Name: name}
		}
		src := &forgetful{lister: lister{offers: []schema.Table{person, visit, none}}}
		out, err := pipe.Run(t.Context(), plan(src, w, l))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(src.state)
		if string(got) != tt.want || string(l.state) != tt.want || l.saves != tt.saves || len(out.Warnings) != tt.warnings {
			t.Errorf("%s: asked with %s, saved %s (%d times), warnings %v", tt.name, got, l.state, l.saves, out.Warnings)
		}
		for _, warning := range out.Warnings {
			if strings.Contains(warning.Message, "visit") {
				t.Errorf("%s: %s", tt.name, warning.Message)
			}
		}
	}
}
