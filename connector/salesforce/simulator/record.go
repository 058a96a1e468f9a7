package simulator

import (
	"slices"
	"strings"

	"github.com/penstock-data/penstock/connector/simulate"
)

// record writes a row as JSON.
func (q *query) record(j *simulate.Object, version string, n int64) {
	r, _ := q.view.row(n)
	j.Open()
	attributes(j, version, q.view.object, &r)
	written := map[string]bool{}
	for i := range q.columns {
		c := &q.columns[i]
		if len(c.steps) == 0 {
			q.field(j, q.view, c.field, &r, q.value(c, &r))
			continue
		}
		if name := *c.steps[0].RelationshipName; !written[name] {
			written[name] = true
			q.related(j, version, q.columns[i:], 0, &r)
		}
	}
	j.Close()
}

// related writes the object of the first column's reference at a depth, with
// all columns that go the same way.
func (q *query) related(j *simulate.Object, version string, columns []column, depth int, r *row) {
	first := &columns[0]
	name := *first.steps[depth].RelationshipName
	v, at := q.follow(&column{steps: first.steps[:depth+1]}, r)
	if v == nil {
		j.Null(name)
		return
	}
	j.Name(name)
	j.Open()
	attributes(j, version, v.object, at)
	done := map[string]bool{}
	for i := range columns {
		c := &columns[i]
		if len(c.steps) <= depth || !slices.Equal(c.steps[:depth+1], first.steps[:depth+1]) {
			continue
		}
		if len(c.steps) == depth+1 {
			q.field(j, v, c.field, at, v.value(at, c.field.Name))
		} else if next := *c.steps[depth+1].RelationshipName; !done[next] {
			done[next] = true
			q.related(j, version, columns[i:], depth+1, r)
		}
	}
	j.Close()
}

func attributes(j *simulate.Object, version string, o *Object, r *row) {
	j.Name("attributes")
	j.Open()
	j.Text("type", o.Name)
	j.Text("url", "/services/data/"+version+"/sobjects/"+o.Name+"/"+value{kind: id, text: o.KeyPrefix, num: r.n}.String())
	j.Close()
}

// field writes a field; a compound one as an object of its parts.
func (q *query) field(j *simulate.Object, v *view, f *Field, r *row, x value) {
	j.Name(f.Name)
	if !f.compound() {
		x.json(j)
		return
	}
	from, some := len(j.Bytes), false
	j.Open()
	for i := range v.object.Fields {
		part := &v.object.Fields[i]
		if part.CompoundFieldName == nil || *part.CompoundFieldName != f.Name || part == f {
			continue
		}
		x := v.value(r, part.Name)
		some = some || x.kind != null
		j.Name(partName(f.Name, part.Name))
		x.json(j)
	}
	j.Close()
	if !some {
		j.Bytes = append(j.Bytes[:from], "null"...)
	}
}

// partName returns what a part is called inside a compound field: street for
// BillingStreet of BillingAddress, latitude for Site__Latitude__s of Site__c.
func partName(compound, part string) string {
	name := strings.TrimPrefix(part, strings.TrimSuffix(compound, "Address"))
	name = strings.TrimPrefix(strings.TrimSuffix(name, "__s"), strings.TrimSuffix(compound, "__c")+"__")
	return strings.ToLower(name[:1]) + name[1:]
}
