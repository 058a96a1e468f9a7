package api

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/penstock-data/penstock/connector/all"
	"github.com/penstock-data/penstock/destination/postgres"
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
	configs := map[string]*setup.Description{postgres.Service.ID: postgres.Service.Config}
	for _, s := range all.Services {
		configs[s.ID] = s.Config
	}
	for id, config := range configs {
		t.Run(id, func(t *testing.T) {
			ref := o.doc.Components.Schemas[id+"_config_V1"]
			if ref == nil {
				t.Fatal("the definition has no such service")
			}
			known := ref.Value.Properties["config"].Value.Properties
			var fields []setup.Field
			for _, f := range config.Fields {
				if f.Name == authField {
					checkAuth(t, f, o.doc.Components.Schemas[id+"_auth_V1"])
					continue
				}
				fields = append(fields, f)
			}
			for _, f := range fields {
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

// checkAuth holds what is beside a config against the definition.
func checkAuth(t *testing.T, f setup.Field, ref *openapi3.SchemaRef) {
	if ref == nil {
		t.Error("the definition has no auth for this service")
		return
	}
	var check func(fields []setup.Field, known openapi3.Schemas)
	check = func(fields []setup.Field, known openapi3.Schemas) {
		for _, f := range fields {
			p := known[f.Name]
			if p == nil {
				t.Errorf("auth: the definition has no field %s", f.Name)
				continue
			}
			checkDescribed(t, f, p.Value)
			check(f.Fields, p.Value.Properties)
		}
	}
	check(f.Fields, ref.Value.Properties["auth"].Value.Properties)
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
		if p.Enum != nil && p.VisitJSON(v) != nil {
			t.Errorf("%s: the definition does not allow %s", f.Name, v)
		}
	}
}
