package simulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A snapshot is all tables at one moment.
type snapshot struct {
	now      time.Time
	byName   map[string]*view // in lower case
	byPrefix map[string]*view
}

// A query is a statement whose names are resolved against a snapshot.
type query struct {
	*statement
	deleted bool // queryAll
	sn      *snapshot
	view    *view
	columns []column
	keep    func(r *row) bool // nil: all
	order   []column
}

// A column is a field, or one of a row that a reference leads to.
type column struct {
	steps    []*Field // references
	field    *Field
	name     string // Owner.Name
	gen      generator
	function string // of an aggregate
	alias    string
}

// resolve checks a statement against what is there.
func (sn *snapshot) resolve(s *statement, deleted bool) (*query, *apiError) {
	v := sn.byName[strings.ToLower(s.from)]
	if v == nil {
		return nil, pointed(s.text, s.fromAt, "INVALID_TYPE", "sObject type '%s' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.", s.from)
	}
	if !yes(v.object.Queryable) {
		return nil, &apiError{http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", "entity type " + v.object.Name + " does not support query"}
	}
	q := &query{statement: s, deleted: deleted, sn: sn, view: v}
	if err := q.resolveColumns(); err != nil {
		return nil, err
	}
	for _, o := range s.order {
		c, err := q.column(o.path, o.at)
		if err != nil {
			return nil, err
		}
		if !c.field.sortable {
			return nil, pointed(s.text, o.at, "MALFORMED_QUERY", "field '%s' can not be sorted in a query call", c.name)
		}
		q.order = append(q.order, c)
	}
	if s.where != nil {
		keep, err := q.compile(s.where)
		if err != nil {
			return nil, err
		}
		q.keep = keep
	}
	return q, nil
}

func (q *query) resolveColumns() *apiError {
	seen := map[string]bool{}
	for _, s := range q.selected {
		if s.function == "FIELDS" {
			if err := q.fields(s); err != nil {
				return err
			}
			continue
		}
		c, err := q.column(s.path, s.at)
		if err != nil {
			return err
		}
		if seen[c.name] && s.function == "" {
			return &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "duplicate field selected: " + c.name}
		}
		seen[c.name] = true
		c.function, c.alias = s.function, s.alias
		if q.aggregates && s.function == "" {
			return pointed(q.text, s.at, "MALFORMED_QUERY", "Field must be grouped or aggregated: %s", c.name)
		}
		q.columns = append(q.columns, c)
	}
	return nil
}

// fields adds those that FIELDS() stands for.
func (q *query) fields(s selected) *apiError {
	which := strings.ToUpper(s.path)
	if which != "STANDARD" && (q.limit < 0 || q.limit > 200) {
		return &apiError{http.StatusBadRequest, "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"}
	}
	for i := range q.view.object.Fields {
		f := &q.view.object.Fields[i]
		if which == "ALL" || which == "STANDARD" && !f.Custom || which == "CUSTOM" && f.Custom {
			q.columns = append(q.columns, column{field: f, name: f.Name, gen: q.view.gens[f.Name]})
		}
	}
	return nil
}

// column resolves a path of names.
func (q *query) column(path string, at int) (column, *apiError) {
	names := strings.Split(path, ".")
	if len(names) > 1 && (strings.EqualFold(names[0], q.alias) || strings.EqualFold(names[0], q.view.object.Name)) {
		names = names[1:]
	}
	var c column
	v := q.view
	for i, name := range names {
		if i < len(names)-1 {
			f := relation(v.object, name)
			if f == nil || len(f.ReferenceTo) == 0 || i == 5 {
				return c, pointed(q.text, at, "INVALID_FIELD", "Didn't understand relationship '%s' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", name)
			}
			c.steps = append(c.steps, f)
			c.name += *f.RelationshipName + "."
			if v = q.sn.byName[strings.ToLower(f.ReferenceTo[0])]; v == nil {
				return c, pointed(q.text, at, "INVALID_TYPE", "sObject type '%s' is not supported.", f.ReferenceTo[0])
			}
			continue
		}
		if c.field = v.object.field(name); c.field == nil {
			return c, pointed(q.text, at, "INVALID_FIELD", "No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", name, v.object.Name)
		}
	}
	c.name += c.field.Name
	if len(c.steps) == 0 {
		c.gen = v.gens[c.field.Name]
	}
	return c, nil
}

func relation(o *Object, name string) *Field {
	for i := range o.Fields {
		if r := o.Fields[i].RelationshipName; r != nil && strings.EqualFold(*r, name) {
			return &o.Fields[i]
		}
	}
	return nil
}

// value returns what a column holds for a row.
func (q *query) value(c *column, r *row) value {
	if len(c.steps) == 0 {
		if len(r.values) > 0 {
			if x, ok := r.values[c.field.Name]; ok {
				return x
			}
		}
		if c.gen == nil {
			return value{}
		}
		return c.gen(r)
	}
	v, at := q.follow(c, r)
	if v == nil {
		return value{}
	}
	return v.value(at, c.field.Name)
}

// follow returns the row that a column's references lead to; nil if to none.
func (q *query) follow(c *column, r *row) (*view, *row) {
	v := q.view
	for _, f := range c.steps {
		x := v.value(r, f.Name)
		if x.kind != id {
			return nil, nil
		}
		if v = q.sn.byPrefix[x.text]; v == nil {
			return nil, nil
		}
		next, ok := v.row(x.num)
		if !ok {
			return nil, nil
		}
		r = &next
	}
	return v, r
}

// rows returns the numbers of the rows that a query selects, in order.
func (q *query) rows() []int32 {
	var found []int32
	var keys []value
	for r := range q.view.rows(q.deleted) {
		if q.keep != nil && !q.keep(r) {
			continue
		}
		if len(q.order) == 0 && q.limit >= 0 && len(found) == q.offset+q.limit {
			break
		}
		found = append(found, int32(r.n))
		for i := range q.order {
			keys = append(keys, q.value(&q.order[i], r))
		}
	}
	if len(q.order) > 0 {
		found = q.sorted(found, keys)
	}
	found = found[min(q.offset, len(found)):]
	if q.limit >= 0 {
		found = found[:min(q.limit, len(found))]
	}
	return found
}

func (q *query) sorted(found []int32, keys []value) []int32 {
	k := len(q.order)
	index := make([]int32, len(found))
	for i := range index {
		index[i] = int32(i)
	}
	slices.SortStableFunc(index, func(a, b int32) int {
		for i := range k {
			x, y := keys[int(a)*k+i], keys[int(b)*k+i]
			o := q.statement.order[i]
			c := compare(x, y)
			if x.kind == null || y.kind == null {
				if o.nullsLast {
					c = -c
				}
			} else if o.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	for i, j := range index {
		index[i] = found[j]
	}
	return index
}

// aggregate returns the values of MIN, MAX and COUNT over all rows.
func (q *query) aggregate() []value {
	out := make([]value, len(q.columns))
	distinct := make([]map[string]bool, len(q.columns))
	for _, n := range q.rows() {
		r, _ := q.view.row(int64(n))
		for i := range q.columns {
			x, o := q.value(&q.columns[i], &r), &out[i]
			if x.kind == null {
				continue
			}
			switch f := q.columns[i].function; {
			case f == "COUNT":
				o.num++
			case f == "COUNT_DISTINCT":
				if distinct[i] == nil {
					distinct[i] = map[string]bool{}
				}
				distinct[i][x.String()] = true
				o.num = int64(len(distinct[i]))
			case o.kind == null, f == "MIN" && compare(x, *o) < 0, f == "MAX" && compare(x, *o) > 0:
				*o = x
			}
		}
	}
	for i := range out {
		if strings.HasPrefix(q.columns[i].function, "COUNT") {
			out[i].kind = integer
		}
	}
	return out
}
