package rest

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/schema"
)

// A wildcard stands for columns that are not known before.
type wildcard struct {
	prefix string // of the columns' names
	path   string // of the object whose fields they are; "": the row's own fields that have the prefix
}

// set sets the values of the row that o has. A field gets its column when it
// has a value for the first time.
func (w *wildcard) set(r *Rows, o *Object) {
	v := o.Value
	if w.path != "" {
		v = o.Get(w.path)
	}
	if v == nil || v.Type() != fastjson.TypeObject {
		return
	}
	v.GetObject().Visit(func(field []byte, v *fastjson.Value) {
		name := string(field)
		if w.path != "" {
			name = w.prefix + name
		}
		if strings.HasPrefix(name, w.prefix) {
			r.Value(r.free(name, v), v, nil)
		}
	})
}

// free returns the column of a name, -1 if there is none and v has no value.
func (r *Rows) free(name string, v *fastjson.Value) int {
	i := r.Column(name)
	if typ := typeOf(v); i < 0 && typ.Kind != schema.Unspecified {
		i = r.add(schema.Column{Name: name, Type: typ})
		r.values[i].free = true
	}
	return i
}
