package setup

import "encoding/json"

// A Description says what a config consists of. It is made from a struct
// whose fields' tags tell everything:
//
//	json:"host"              the name
//	title:"Host"             the label in forms and metadata
//	help:"…"                 one sentence for the person who fills it in
//	required:"true"          must be given when the connection is created
//	default:"5432"           filled in when absent
//	enum:"A,B"               the values allowed
//	secret:"true"            stored encrypted, shown as ******
//	immutable:"true"         cannot be changed later
//	readonly:"true"          set by Penstock, ignored in requests
//
// Field types are string, int, bool, []string, and (slices of) structs of them.
type Description struct {
	Title string
}

// Describe makes the Description of a config struct. It panics if v is not a
// struct or a tag is wrong: descriptions are made when the program starts.
func Describe(title string, v any) *Description { return &Description{Title: title} }

// Check is replaced below.
func (d *Description) Check(config json.RawMessage) (json.RawMessage, error) { return config, nil }
