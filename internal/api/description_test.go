package api

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/penstock-data/penstock/connector/all"
	destinations "github.com/penstock-data/penstock/destination/all"
	"github.com/penstock-data/penstock/setup"
)

// TestDescriptions holds the configs of the real services against the
// definition: clients know no other fields and types.
func TestDescriptions(t *testing.T) {
	o, err := loadOracle()
	must(t, err)
	if o == nil {
		t.Skip("Fivetran's API definition is not at hand: PENSTOCK_SHARED names no folder that has it")
	}
	configs := map[string]*setup.Description{}
	for _, s := range all.Services {
		configs[s.ID] = s.Config
	}
	for _, s := range destinations.Services {
		if s.ID != "duckdb" { // ours alone
			configs[s.ID] = s.Config
		}
	}
	for id, config := range configs {
		t.Run(id, func(t *testing.T) {
			ref := o.doc.Components.Schemas[id+"_config_V1"]
			if ref == nil {
				t.Fatal("the definition has no such service")
			}
			known := ref.Value.Properties["config"].Value.Properties
			for _, f := range config.Fields {
				// What Penstock sets is shown, but in no request; what names the
				// destination schema stands elsewhere in the definition.
				if p := known[f.Name]; p != nil {
					checkDescribed(t, f, p.Value)
				} else if !f.Readonly && f.Name != "schema" && f.Name != "schema_prefix" {
					t.Errorf("%s: the definition has no such field", f.Name)
				}
			}
		})
	}
}

func checkDescribed(t *testing.T, f setup.Field, p *openapi3.Schema) {
	want := string(f.Type)
	if f.Quoted {
		want = "string"
	}
	if !p.Type.Is(want) {
		t.Errorf("%s is %s, in the definition %v", f.Name, want, p.Type.Slice())
	}
	if !f.Secret && p.Format == "password" {
		t.Errorf("%s is a secret in the definition", f.Name)
	}
	for _, v := range f.Enum {
		// The older name is what go-fivetran 1.3.8 sends (tests/e2e).
		if older := f.Name == "update_method" && v == "XMIN"; !older && p.Enum != nil && p.VisitJSON(v) != nil {
			t.Errorf("%s: the definition does not allow %s", f.Name, v)
		}
	}
}
