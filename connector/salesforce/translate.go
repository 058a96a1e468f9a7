package salesforce

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/salesforce/formula"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// formulaField reads what formulas need of a field's describe.
func formulaField(f *fastjson.Value) formula.Field {
	text := func(name string) string { return string(f.GetStringBytes(name)) }
	field := formula.Field{
		Name: text("name"), Type: text("type"), Scale: f.GetInt("scale"), Relation: text("relationshipName"),
		Formula: text("calculatedFormula"), Zero: f.GetBool("formulaTreatNullNumberAsZero"),
	}
	for _, to := range f.GetArray("referenceTo") {
		field.To = append(field.To, string(to.GetStringBytes()))
	}
	return field
}

// A translation is the rows of the tables about formulas, each as names and
// values in turn.
type translation struct {
	formulas, models, failures [][]string

	tried, failed int    // formulas of tables that are synced
	first         string // that failed, and why; "": none did
	zone          bool   // one that failed needs the user's time zone
}

// translate translates all formulas. The user's time zone is asked for when one
// needs it.
func (r *run) translate(ctx context.Context) (*translation, error) {
	now := r.now()
	if now.Format(time.DateOnly) == r.state.Zoned.Format(time.DateOnly) {
		return r.translateWith(r.org(r.state.Zone)), nil
	}
	t := r.translateWith(r.org(""))
	if !t.zone {
		return t, nil
	}
	if err := r.api.identify(ctx); ctx.Err() != nil || setup.AsProblem(err) != nil {
		return nil, vendor(err)
	}
	if r.api.zone != "" {
		r.state.Zone = r.api.zone
	}
	r.state.Zoned = now
	return r.translateWith(r.org(r.state.Zone)), nil
}

func (r *run) translateWith(org *formula.Org) *translation {
	t := &translation{}
	for _, name := range slices.Sorted(maps.Keys(r.objects)) {
		o := org.Object(name)
		if slices.ContainsFunc(o.Fields, func(f formula.Field) bool { return f.Formula != "" }) {
			r.translateObject(t, org, o)
		}
	}
	return t
}

// translateObject translates the formulas of an object. Its model has those
// that are no columns already.
func (r *run) translateObject(t *translation, org *formula.Org, o *formula.Object) {
	to, called := r.named(tableName(o.Name))
	alias := ident(schema.Shorten(to.Table+"__table", 60))
	model := formula.NewView(org, o, alias)
	for i := range o.Fields {
		f := &o.Fields[i]
		if f.Formula == "" {
			continue
		}
		field := called(f.Name)
		sql, view, err := translateField(org, o, f, ident(field))
		t.formulas = append(t.formulas, []string{"object", to.Table, "field", field, "formula", f.Formula, "sql", sql, "view_sql", view})
		if o.Table != "" {
			t.tried++
		}
		var why *formula.Reason
		if errors.As(err, &why) {
			t.failures = append(t.failures, []string{"object", to.Table, "field", field, "failure_reason", string(why.Code), "message", why.Message})
			t.zone = t.zone || why.Code == formula.UnknownTimeZone
			if o.Table != "" {
				t.failed++
			}
			if o.Table != "" && t.first == "" {
				t.first = o.Name + "." + f.Name + " (" + strings.TrimSuffix(why.Message, ".") + ")"
			}
		} else if f.Column == "" {
			model.Add(f, ident(field))
		}
	}
	if o.Table != "" {
		t.models = append(t.models, []string{"object", to.Table, "model", model.Select(alias + ".*")})
	}
}

// translateField returns the SQL of a formula: of columns of its own table, or
// a statement that selects it for each id.
func translateField(org *formula.Org, o *formula.Object, f *formula.Field, column string) (sql, view string, err error) {
	if o.Table == "" {
		return "", "", &formula.Reason{Code: formula.TableNotSynced, Message: "Table " + o.Name + " is not synced."}
	}
	alone := formula.NewView(org, o, "")
	sql, err = alone.Add(f, column)
	if err != nil || alone.Alone() {
		return sql, "", err
	}
	i := slices.IndexFunc(o.Fields, func(f formula.Field) bool { return f.Name == "Id" && f.Column != "" })
	if i < 0 {
		return "", "", &formula.Reason{Code: formula.FieldNotSynced, Message: "The formula is about other tables, and " + o.Name + " has no key that is synced."}
	}
	const alias = "main__table"
	joined := formula.NewView(org, o, alias)
	if _, err = joined.Add(f, column); err != nil {
		return "", "", err
	}
	return "", joined.Select(alias + "." + o.Fields[i].Column), nil
}

// named says what a table is called in the destination, and its columns.
func (r *run) named(table schema.Name) (schema.Name, func(string) string) {
	if r.req.Called != nil {
		return r.req.Called(table)
	}
	return schema.Name{Schema: r.config.Schema, Table: schema.ApplicationNaming.Table(table.Table)}, schema.ApplicationNaming.Column
}

// org returns what formulas may refer to, as far as it is synced, for a user in
// a time zone.
func (r *run) org(zone string) *formula.Org {
	org := &formula.Org{User: r.api.user(), ID: r.api.organization(), Zone: zone}
	names := map[string]string{}
	for name := range r.objects {
		names[strings.ToLower(name)] = name
	}
	made := map[string]*formula.Object{}
	org.Object = func(name string) *formula.Object {
		name = names[strings.ToLower(name)]
		if made[name] == nil && name != "" {
			made[name] = r.formulaObject(r.objects[name])
		}
		return made[name]
	}
	return org
}

// formulaObject returns an object with the names that it has in the
// destination.
func (r *run) formulaObject(o *object) *formula.Object {
	f := &formula.Object{Name: o.name, Fields: slices.Clone(o.all)}
	table := r.wanted(o.name)
	if table == nil && slices.Contains(r.req.Paused, tableName(o.name)) {
		whole := o.table()
		table = &whole
	}
	if table == nil {
		return f
	}
	to, called := r.named(table.Name)
	f.Table = ident(to.Schema) + "." + ident(to.Table)
	for _, c := range table.Columns {
		f.History = f.History || c.IsStart()
		i := slices.IndexFunc(f.Fields, func(f formula.Field) bool { return f.Name == c.Name })
		if i < 0 {
			continue
		}
		f.Fields[i].Column = ident(called(c.Name))
		f.Fields[i].Hidden = r.req.Hidden != nil && r.req.Hidden(table.Name, c.Name)
	}
	return f
}

var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// ident returns a name as SQL has it, in quotes if it needs them.
func ident(name string) string {
	if plain.MatchString(name) && !slices.Contains(reserved, name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// reserved are the words that PostgreSQL or DuckDB keep for themselves.
var reserved = strings.Fields(`all analyse analyze and any array as asc asof asymmetric authorization between binary both case cast check collate
	collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp
	current_user default deferrable desc describe distinct do else end except exists extract false fetch for foreign freeze from full glob grant group
	having ilike in initially inner intersect into is isnull join lambda lateral leading left like limit localtime localtimestamp natural not notnull null
	offset on only or order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning right row select semi
	anti session_user show similar some summarize symmetric system_user table tablesample then to trailing true try_cast union unique unpivot user
	using variadic verbose when where window with`)
