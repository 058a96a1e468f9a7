package formula

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// A View is rows of one object, with formulas of them.
type View struct {
	org     *Org
	main    row
	joins   []join
	rows    map[string]row // by the way that formulas name them
	columns []string
}

// A row is one that a formula sees.
type row struct {
	object *Object
	alias  string // in SQL; "": columns stand alone
	path   string // how formulas name it; "": it is their own
}

type join struct{ table, alias, on string }

// NewView returns a view of an object's rows that has no formula yet. The
// object must have a table. alias is what the rows are called in the SQL; "":
// columns stand by themselves.
func NewView(org *Org, o *Object, alias string) *View {
	return &View{org: org, main: row{object: o, alias: alias}, rows: map[string]row{}}
}

// Add adds the formula of a field, as a column of a name, and returns its SQL,
// which has the type and the value that the field would have as a column. A
// formula that is refused, by a [Reason], leaves the view as it was.
func (v *View) Add(f *Field, column string) (string, error) {
	joins := len(v.joins)
	sql, err := v.result(f)
	if err != nil {
		for _, j := range v.joins[joins:] {
			for path, r := range v.rows {
				if r.alias == j.alias {
					delete(v.rows, path)
				}
			}
		}
		v.joins = v.joins[:joins]
		return "", err
	}
	v.columns = append(v.columns, sql+" as "+column)
	return sql, nil
}

// Alone reports whether the formulas are about columns of their own rows only.
func (v *View) Alone() bool { return len(v.joins) == 0 }

// Select returns the statement that selects some expressions and the formulas
// that were added.
func (v *View) Select(first ...string) string {
	var b strings.Builder
	b.WriteString("select " + strings.Join(append(first, v.columns...), ", ") + " from " + v.main.object.Table)
	if v.main.alias != "" {
		b.WriteString(" as " + v.main.alias)
	}
	for _, j := range v.joins {
		fmt.Fprintf(&b, " left join %s as %s on %s", j.table, j.alias, j.on)
	}
	return b.String()
}

// results are the kinds that fields of a type may have.
var results = map[string]kind{
	"boolean": boolean, "currency": num, "double": num, "int": num, "long": num, "percent": num,
	"date": date, "datetime": datetime, "time": clock,
}

// result returns the SQL of a field's value.
func (v *View) result(f *Field) (string, error) {
	val, err := v.formula(v.main, f, nil)
	if err != nil {
		return "", err
	}
	want, ok := results[f.Type]
	if !ok {
		want = text
	}
	if val = val.become(want); want == text && val.kind == multi {
		val.kind = text
	}
	if val.kind != want {
		return "", reason(UnsupportedArgument, "The formula comes to a %s, and its field is a %s.", val.kind, f.Type)
	}
	sql := val.finish(f)
	if val.fails != "" && (!val.strict || want == boolean) {
		sql = fmt.Sprintf("CASE WHEN %s THEN NULL ELSE %s END", val.fails, sql)
	}
	if len(sql) > maxSQL {
		return "", reason(TooLong, "The formula is more than %d bytes in SQL.", maxSQL)
	}
	return sql, nil
}

// finish gives a value the form that a field's column has.
func (v value) finish(f *Field) string {
	switch v.kind {
	case num:
		if f.Type == "percent" {
			v = of(num, []value{v}, "(%s * 100)", v.inDouble()).as(v.whole, false)
		}
		scale := min(max(f.Scale, 0), 18)
		switch {
		case f.Type == "currency":
			return fmt.Sprintf("ROUND(%s, %d)", v.decimal(scale), scale)
		case v.whole && (f.Type == "int" || f.Type == "long"):
			return v.integer()
		case f.Type == "int" || f.Type == "long":
			return "CAST(ROUND(" + v.decimal(0) + ", 0) AS BIGINT)"
		case v.whole:
			return v.inDouble()
		}
		return fmt.Sprintf("CAST(ROUND(%s, %d) AS DOUBLE PRECISION)", v.decimal(scale), scale)
	case text:
		return v.orNull()
	case boolean:
		return v.isTrue()
	case datetime:
		return "(" + v.sql + " AT TIME ZONE 'UTC')"
	case clock:
		return "(" + clockText(v) + " || 'Z')"
	}
	return v.sql
}

// follow returns the row that one of r's references leads to.
func (v *View) follow(r row, relation string) (row, error) {
	path := strings.ToLower(strings.TrimPrefix(r.path+"."+relation, "."))
	if to, ok := v.rows[path]; ok {
		return to, nil
	}
	called, kind, _ := strings.Cut(relation, ":") // Owner:User, where there may be others
	f := r.object.relation(called)
	if f == nil {
		return row{}, reason(UnsupportedReference, "%s has no relationship %s that is known.", r.object.Name, called)
	}
	target, err := f.target(r.object, kind)
	if err != nil {
		return row{}, err
	}
	o := v.org.Object(target)
	from, err := r.column(f)
	if err != nil {
		return row{}, err
	}
	return v.join(path, o, target, func(alias, key string) string { return from + " = " + alias + "." + key })
}

// target returns the object that a field refers to, of those of a kind.
func (f *Field) target(o *Object, kind string) (string, error) {
	if strings.EqualFold(kind, "Queue") {
		kind = "Group"
	}
	if kind == "" && len(f.To) == 1 {
		return f.To[0], nil
	}
	i := slices.IndexFunc(f.To, func(to string) bool { return strings.EqualFold(to, kind) })
	if i < 0 {
		return "", reason(UnsupportedReference, "%s of %s may be of several objects (%s), and the formula does not say of which.", f.Relation, o.Name, strings.Join(f.To, ", "))
	}
	return f.To[i], nil
}

// join adds the table of another object. Rows that are deleted count as none.
func (v *View) join(path string, o *Object, name string, on func(alias, key string) string) (row, error) {
	if o == nil || o.Table == "" {
		return row{}, reason(LookupFieldNotSynced, "The formula is about %s, which is not synced: include that table.", name)
	}
	key := o.field("Id")
	if key == nil || key.Column == "" {
		return row{}, reason(LookupFieldNotSynced, "The formula is about %s, whose key is not synced.", name)
	}
	alias := v.alias(path)
	condition := on(alias, key.Column)
	if o.History {
		condition += " and " + alias + "." + schema.Active
	}
	if f := o.field("IsDeleted"); f != nil && f.Column != "" && !f.Hidden {
		condition += " and " + alias + "." + f.Column + " is not true"
	}
	v.joins = append(v.joins, join{o.Table, alias, condition})
	v.rows[path] = row{o, alias, path}
	return v.rows[path], nil
}

// alias makes a name for a joined table.
func (v *View) alias(path string) string {
	path = strings.NewReplacer("__r", "", ":", "_", ".", "_", "$", "").Replace(path)
	alias := schema.Shorten(path+"__alias", 60)
	for n := 2; slices.ContainsFunc(v.joins, func(j join) bool { return j.alias == alias }); n++ {
		alias = schema.Shorten(fmt.Sprintf("%s_%d__alias", path, n), 60)
	}
	return alias
}

// column returns the SQL of a field's column.
func (r row) column(f *Field) (string, error) {
	switch {
	case f.Hidden:
		return "", reason(FieldNotSynced, "The formula is about %s.%s, of which the column has hashes or masks.", r.object.Name, f.Name)
	case f.Column != "" && r.alias != "":
		return r.alias + "." + f.Column, nil
	case f.Column != "":
		return f.Column, nil
	case r.path != "":
		return "", reason(LookupFieldNotSynced, "The formula is about %s.%s, which is not synced: include that column.", r.object.Name, f.Name)
	}
	return "", reason(FieldNotSynced, "The formula is about %s, which is not synced: include that column.", f.Name)
}
