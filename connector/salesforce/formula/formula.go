// Package formula turns Salesforce's formulas into SQL over the tables that
// the connector fills.
//
// The SQL is what PostgreSQL and DuckDB both understand, and means the same in
// both. It computes what Salesforce does, as the published source of its
// formula engine (github.com/salesforce/formula-engine, 0.9) and the pages of
// Salesforce Help about each function say (2026-11):
//
//   - a text that is empty is blank, as one that is null;
//   - a number field that is blank counts as 0, if the formula says so;
//   - a percent field is a hundredth of what its column has;
//   - ids have 15 characters, those of columns 18;
//   - an error, such as a division by zero, makes the whole result null, but
//     for errors in a branch that is not taken;
//   - a comparison with null is neither true nor false, and IF then takes its
//     last argument;
//   - dates and times are those of the user's time zone where Salesforce's are.
//
// Numbers are computed in double precision: sums, products and the like are
// rounded to the field's digits at the end, and compared with as much
// tolerance as that takes.
//
// What cannot be said in SQL, or not for sure, is refused with a [Reason].
package formula

import (
	"fmt"
	"strings"
)

// An Object is what formulas may refer to: rows of one table.
type Object struct {
	Name    string // of the object, as Salesforce spells it
	Table   string // its table in SQL, quoted; "": there is none
	History bool   // the table keeps versions of its rows
	Fields  []Field
}

// A Field is one of an object's, as a describe has it.
type Field struct {
	Name     string
	Type     string   // as in a describe: string, currency, reference, …
	Scale    int      // digits behind the point
	Relation string   // what formulas call the row that it refers to; "": no other
	To       []string // the objects of such rows
	Formula  string   // what it is computed from; "": nothing
	Zero     bool     // in its formula, number fields that are blank are 0
	Column   string   // in SQL, quoted; "": there is none
	Hidden   bool     // the column has not the field's values, but hashes or masks of them
}

// An Org is whose formulas they are.
type Org struct {
	Object func(name string) *Object // by its name in any spelling; nil: there is none
	ID     string                    // of the organization, 18 characters; "": not known
	User   string                    // the id of the user as whom the connector logs in; ""; not known
	Zone   string                    // that user's time zone, such as Europe/Paris; "": not known
}

// A Code says why a formula has no SQL, for programs. LookupFieldNotSynced is
// Fivetran's (release notes of its Salesforce connector, 2024-03); the others
// are ours, in its manner.
type Code string

// Codes of reasons.
const (
	SyntaxError          Code = "SYNTAX_ERROR"
	UnsupportedFunction  Code = "UNSUPPORTED_FUNCTION"
	UnsupportedArgument  Code = "UNSUPPORTED_ARGUMENT"
	UnsupportedReference Code = "UNSUPPORTED_REFERENCE"
	FieldNotSynced       Code = "FIELD_NOT_SYNCED"
	LookupFieldNotSynced Code = "LOOKUP_FIELD_NOT_SYNCED"
	TableNotSynced       Code = "TABLE_NOT_SYNCED"
	UnknownTimeZone      Code = "UNKNOWN_TIME_ZONE"
	TooLong              Code = "TOO_LONG"
)

// A Reason is why a formula has no SQL.
type Reason struct {
	Code    Code
	Message string // a sentence for people
}

func (r *Reason) Error() string { return r.Message }

func reason(code Code, format string, args ...any) *Reason {
	return &Reason{code, fmt.Sprintf(format, args...)}
}

// field returns the field called name in any spelling, nil if there is none.
func (o *Object) field(name string) *Field {
	for i := range o.Fields {
		if strings.EqualFold(o.Fields[i].Name, name) {
			return &o.Fields[i]
		}
	}
	return nil
}

// relation returns the field that refers to the row that formulas call name.
func (o *Object) relation(name string) *Field {
	for i := range o.Fields {
		if o.Fields[i].Relation != "" && strings.EqualFold(o.Fields[i].Relation, name) {
			return &o.Fields[i]
		}
	}
	return nil
}
