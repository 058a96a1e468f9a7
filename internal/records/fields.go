package records

import (
	"fmt"
	"maps"
	"slices"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// fields returns the fields of an object: the required ones first, the others
// by name.
func fields(object *fivetran.Property) []setup.Field {
	if object == nil {
		return nil
	}
	var all []setup.Field
	for _, name := range object.Required {
		if p := object.Properties[name]; p != nil {
			f := field(name, p)
			f.Required = true
			all = append(all, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object.Properties)) {
		if !slices.Contains(object.Required, name) {
			all = append(all, field(name, object.Properties[name]))
		}
	}
	return all
}

func field(name string, p *fivetran.Property) setup.Field {
	f := setup.Field{
		Name: name, Title: p.Title, Help: p.Description, Type: setup.FieldType(p.Type), Fields: fields(p),
		Enum: p.Enum, Default: p.Default, Secret: p.Format == "password", Immutable: p.Immutable, Readonly: p.Readonly,
	}
	if p.Items != nil {
		f.Item, f.Fields = setup.FieldType(p.Items.Type), fields(p.Items)
		if p.Items.Enum != nil {
			f.Enum = p.Items.Enum
		}
	}
	return f
}

// secret returns the fields with all that is text secret.
func secret(all []setup.Field) []setup.Field {
	for i := range all {
		all[i].Secret = all[i].Type == setup.String
		all[i].Fields = secret(all[i].Fields)
	}
	return all
}

// describe returns the description of a config with fields that the API can
// hold a config against.
func describe(title string, all []setup.Field) (*setup.Description, error) {
	if err := check(all, ""); err != nil {
		return nil, err
	}
	d := (&setup.Description{Title: title}).With(all...)
	if _, err := d.Normalize(nil); err != nil {
		return nil, fmt.Errorf("a default does not fit: %w", err)
	}
	return d, nil
}

func check(all []setup.Field, path string) error {
	for _, f := range all {
		at := path + f.Name
		kind := f.Type
		if kind == setup.Array {
			kind = f.Item
		}
		switch kind {
		case setup.String, setup.Object:
		case setup.Integer, setup.Boolean:
			if f.Secret {
				return fmt.Errorf("field %s: only a string is a password", at)
			}
		default:
			return fmt.Errorf("field %s: type %q; it is string, integer, boolean, array with items, or object", at, kind)
		}
		if f.Type == setup.Array && f.Secret {
			return fmt.Errorf("field %s: only a string is a password", at)
		}
		if err := check(f.Fields, at+"."); err != nil {
			return err
		}
	}
	return nil
}
