package simulator

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
)

// The describes of objects, which say of a field only what is not usual for
// its type (describe/fields.json). Those of Account, Case, Contact, Custom__c,
// Event, Lead, Opportunity and OpportunityContactRole were recorded by
// CumulusCI (describe/LICENSE); the others are made after the vendor's object
// reference and the columns that dbt_salesforce reads.
//
//go:embed describe/*.json
var describes embed.FS

// An Object is what an org has rows of.
type Object struct {
	Name        string  `json:"name"`
	Label       string  `json:"label,omitempty"`
	KeyPrefix   string  `json:"keyPrefix,omitempty"` // three characters; "": there are no rows
	Custom      bool    `json:"custom,omitempty"`
	Queryable   *bool   `json:"queryable,omitempty"`     // nil: true
	Replicable  *bool   `json:"replicateable,omitempty"` // nil: true. Whether deleted and updated rows can be asked for
	Deletable   *bool   `json:"deletable,omitempty"`     // nil: true
	Fields      []Field `json:"fields"`
	description map[string]json.RawMessage
}

// A Field is a field of an object. Name and Type must be set.
type Field struct {
	Name              string          `json:"name"`
	Type              string          `json:"type"` // as in a describe: string, currency, reference, …
	Label             string          `json:"label,omitempty"`
	Length            int             `json:"length,omitempty"`
	Precision         int             `json:"precision,omitempty"`
	Scale             int             `json:"scale,omitempty"`
	Nillable          *bool           `json:"nillable,omitempty"` // nil: as usual for the type
	Custom            bool            `json:"custom,omitempty"`
	Calculated        bool            `json:"calculated,omitempty"` // a formula
	Formula           *string         `json:"calculatedFormula,omitempty"`
	CompoundFieldName *string         `json:"compoundFieldName,omitempty"`
	ReferenceTo       []string        `json:"referenceTo,omitempty"`
	RelationshipName  *string         `json:"relationshipName,omitempty"`
	PicklistValues    []PicklistValue `json:"picklistValues,omitempty"`

	filterable, sortable, updateable bool
	description                      map[string]json.RawMessage
}

// A PicklistValue is one of those that a picklist offers.
type PicklistValue struct {
	Active       bool    `json:"active"`
	DefaultValue bool    `json:"defaultValue"`
	Label        string  `json:"label"`
	ValidFor     *string `json:"validFor"`
	Value        string  `json:"value"`
}

// kind returns what the field's values are; null for a compound field.
func (f *Field) kind() kind {
	switch f.Type {
	case "id", "reference":
		return id
	case "boolean":
		return boolean
	case "int", "long":
		return integer
	case "double", "currency", "percent":
		return decimal
	case "date":
		return date
	case "datetime":
		return datetime
	case "time":
		return clock
	case "address", "location":
		return null
	}
	return text
}

func (f *Field) compound() bool { return f.kind() == null }

// usual returns what describes say by type.
var usual = sync.OnceValue(func() map[string]map[string]json.RawMessage {
	var u map[string]map[string]json.RawMessage
	b, err := describes.ReadFile("describe/fields.json")
	if err == nil {
		err = json.Unmarshal(b, &u)
	}
	if err != nil {
		panic(err)
	}
	return u
})

// objectUsual is what describes of objects have, if they do not say otherwise.
const objectUsual = `{"actionOverrides":[],"activateable":false,"associateEntityType":null,"associateParentEntity":null,
"childRelationships":[],"compactLayoutable":true,"createable":true,"custom":false,"customSetting":false,"deepCloneable":false,
"defaultImplementation":null,"deletable":true,"deprecatedAndHidden":false,"extendedBy":null,"extendsInterfaces":null,
"feedEnabled":false,"hasSubtypes":false,"implementedBy":null,"implementsInterfaces":null,"isInterface":false,"isSubtype":false,
"keyPrefix":null,"layoutable":true,"listviewable":null,"lookupLayoutable":null,"mergeable":false,"mruEnabled":true,
"namedLayoutInfos":[],"networkScopeFieldName":null,"queryable":true,"recordTypeInfos":[],"replicateable":true,"retrieveable":true,
"searchLayoutable":true,"searchable":true,"sobjectDescribeOption":"FULL","supportedScopes":[],"triggerable":true,"undeletable":true,
"updateable":true}`

// complete fills in what is usual.
func (f *Field) complete(said map[string]json.RawMessage) error {
	u := usual()
	d := maps.Clone(u["*"])
	maps.Copy(d, u[f.Type])
	maps.Copy(d, said)
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	var flags struct{ Filterable, Sortable, Updateable bool }
	if err := json.Unmarshal(b, &flags); err != nil {
		return err
	}
	if err := json.Unmarshal(b, f); err != nil {
		return fmt.Errorf("field %s: %w", f.Name, err)
	}
	if f.Label == "" {
		f.Label = f.Name
		d["label"] = quoted(f.Name)
	}
	f.filterable, f.sortable, f.updateable, f.description = flags.Filterable, flags.Sortable, flags.Updateable, d
	return nil
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s)
	return b
}

// complete fills in what is usual for the object and for its fields.
func (o *Object) complete(said map[string]json.RawMessage) error {
	d := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(objectUsual), &d); err != nil {
		return err
	}
	maps.Copy(d, said)
	delete(d, "fields")
	if o.Label == "" {
		o.Label = o.Name
		d["label"] = quoted(o.Name)
	}
	if _, ok := d["labelPlural"]; !ok {
		d["labelPlural"] = quoted(o.Label + "s")
	}
	o.description = d
	return nil
}

// said returns what a JSON value's own fields are.
func said[T any](v T) (map[string]json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var m map[string]json.RawMessage
	return m, json.Unmarshal(b, &m)
}

// newObject completes an object that a caller has described.
func newObject(o Object) (*Object, error) {
	s, err := said(o)
	if err != nil {
		return nil, err
	}
	c := o
	c.Fields = nil
	if err := c.complete(s); err != nil {
		return nil, err
	}
	for _, f := range o.Fields {
		n, err := newField(f)
		if err != nil {
			return nil, err
		}
		c.Fields = append(c.Fields, *n)
	}
	return &c, nil
}

// newField completes a field that a caller has described.
func newField(f Field) (*Field, error) {
	if f.Name == "" || f.Type == "" {
		return nil, fmt.Errorf("a field must have a name and a type")
	}
	f.Custom = f.Custom || strings.HasSuffix(f.Name, "__c")
	s, err := said(f)
	if err != nil {
		return nil, err
	}
	n := &Field{Type: f.Type}
	return n, n.complete(s)
}

// embedded returns the objects that are embedded, which nobody changes.
var embedded = sync.OnceValue(func() []*Object {
	objects, err := readObjects()
	if err != nil {
		panic(err) // they are a part of the program
	}
	return objects
})

func readObjects() ([]*Object, error) {
	files, err := describes.ReadDir("describe")
	if err != nil {
		return nil, err
	}
	var objects []*Object
	for _, file := range files {
		if file.Name() == "fields.json" {
			continue
		}
		b, err := describes.ReadFile("describe/" + file.Name())
		if err != nil {
			return nil, err
		}
		o, err := readObject(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func readObject(b []byte) (*Object, error) {
	var o Object
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	var s struct{ Fields []map[string]json.RawMessage }
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	for i := range o.Fields {
		if err := o.Fields[i].complete(s.Fields[i]); err != nil {
			return nil, err
		}
	}
	return &o, o.complete(m)
}

// urls returns the addresses that a describe has, for a version of the API.
func (o *Object) urls(version string) json.RawMessage {
	base := "/services/data/" + version + "/sobjects/" + o.Name
	b, _ := json.Marshal(map[string]string{
		"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}", "layouts": base + "/describe/layouts",
	})
	return b
}

// global writes the object as it is in the list of all.
func (o *Object) global(version string) json.RawMessage {
	d := maps.Clone(o.description)
	for _, k := range []string{
		"actionOverrides", "childRelationships", "compactLayoutable", "defaultImplementation", "extendedBy", "extendsInterfaces", "implementedBy",
		"implementsInterfaces", "listviewable", "lookupLayoutable", "namedLayoutInfos", "networkScopeFieldName", "recordTypeInfos",
		"searchLayoutable", "sobjectDescribeOption", "supportedScopes",
	} {
		delete(d, k)
	}
	d["urls"] = o.urls(version)
	b, _ := json.Marshal(d)
	return b
}

// describe writes the object whole.
func (o *Object) describe(version string) json.RawMessage {
	d := maps.Clone(o.description)
	fields := make([]map[string]json.RawMessage, len(o.Fields))
	for i := range o.Fields {
		fields[i] = o.Fields[i].description
	}
	d["fields"], _ = json.Marshal(fields)
	d["urls"] = o.urls(version)
	b, _ := json.Marshal(d)
	return b
}

// field returns the field of a name in any spelling.
func (o *Object) field(name string) *Field {
	for i := range o.Fields {
		if strings.EqualFold(o.Fields[i].Name, name) {
			return &o.Fields[i]
		}
	}
	return nil
}

// flag returns what the describe says of a yes-or-no question.
func (o *Object) flag(name string) bool { return string(o.description[name]) == "true" }

func yes(b *bool) bool { return b == nil || *b }
