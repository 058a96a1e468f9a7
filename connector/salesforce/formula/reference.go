package formula

import "strings"

// reference returns the value of a field that a formula names: Amount,
// Account.Owner.Name, Parent__r.Rank__c, $User.Title.
func (c *compiler) reference(path string) (value, error) {
	steps := strings.Split(path, ".")
	at := c.row
	var err error
	switch {
	case strings.HasPrefix(path, "$"):
		if strings.EqualFold(path, "$System.OriginDateTime") {
			return value{kind: datetime, sql: "TIMESTAMP '1900-01-01 00:00:00'", strict: true, short: true, never: true}, nil
		}
		at, steps, err = c.global(steps)
	case len(steps) > 1 && strings.EqualFold(steps[0], at.object.Name) && at.object.relation(steps[0]) == nil:
		steps = steps[1:]
	}
	for ; err == nil && len(steps) > 1; steps = steps[1:] {
		at, err = c.view.follow(at, steps[0])
	}
	if err != nil {
		return value{}, err
	}
	f := at.object.field(steps[0])
	if f == nil {
		return value{}, reason(UnsupportedReference, "%s has no field %s that the user of this connection may see.", at.object.Name, steps[0])
	}
	if f.Formula != "" {
		v, err := c.view.formula(at, f, c.under)
		if err == nil && c.zero && v.kind == num && !v.never {
			v.sql, v.never, v.strict = "COALESCE("+v.sql+", 0)", true, v.fails == ""
		}
		return v, err
	}
	return c.field(at, f)
}

// global returns the row that a global variable is, and the steps behind it.
func (c *compiler) global(steps []string) (row, []string, error) {
	v := c.view
	variable := strings.ToLower(steps[0])
	if len(steps) < 2 {
		return row{}, nil, reason(UnsupportedReference, "%s is not translated.", steps[0])
	}
	if to, ok := v.rows[variable]; ok {
		return to, steps[1:], nil
	}
	one := func(object, id string) (row, []string, error) {
		if id == "" {
			return row{}, nil, reason(UnsupportedReference, "%s is not known: Salesforce does not tell who is logged in.", steps[0])
		}
		r, err := v.join(variable, v.org.Object(object), object, func(alias, key string) string {
			return "LEFT(" + alias + "." + key + ", 15) = " + quote(id[:min(len(id), 15)])
		})
		return r, steps[1:], err
	}
	switch variable {
	case "$user":
		return one("User", v.org.User)
	case "$organization":
		return one("Organization", v.org.ID)
	case "$profile", "$userrole":
		user, _, err := c.global([]string{"$User", ""})
		if err != nil {
			return row{}, nil, err
		}
		r, err := v.follow(user, steps[0][1:])
		return r, steps[1:], err
	case "$custommetadata":
		return c.metadata(steps)
	}
	return row{}, nil, reason(UnsupportedReference, "%s is not translated: it is in no table.", steps[0])
}

// metadata returns the record of $CustomMetadata.Type__mdt.Record.Field__c.
func (c *compiler) metadata(steps []string) (row, []string, error) {
	v := c.view
	if len(steps) != 4 {
		return row{}, nil, reason(UnsupportedReference, "%s is not translated.", strings.Join(steps, "."))
	}
	path := strings.ToLower(strings.Join(steps[:3], "."))
	if to, ok := v.rows[path]; ok {
		return to, steps[3:], nil
	}
	o := v.org.Object(steps[1])
	var name *Field
	if o != nil {
		name = o.field("QualifiedApiName")
	}
	if name == nil || name.Column == "" || name.Hidden {
		return row{}, nil, reason(LookupFieldNotSynced, "The formula is about %s, which is not synced: include that table.", steps[1])
	}
	r, err := v.join(path, o, steps[1], func(alias, _ string) string { return alias + "." + name.Column + " = " + quote(steps[2]) })
	return r, steps[3:], err
}

// field returns the value of a field of a row, of the kind that formulas see.
func (c *compiler) field(r row, f *Field) (value, error) {
	if f.Type == "location" {
		return c.location(r, f)
	}
	column, err := r.column(f)
	if err != nil {
		return value{}, err
	}
	v := value{kind: text, sql: column, strict: true, short: true, solid: true, raw: column}
	one := []value{v}
	switch f.Type {
	case "id", "reference":
		v = of(text, one, "LEFT(%s, 15)", column)
		v.short, v.solid, v.id, v.raw = true, true, true, column
	case "boolean":
		v = loose(boolean, one, "COALESCE(%s, FALSE)", column)
		v.short = true
	case "int", "long", "double", "currency", "percent":
		if f.Type == "currency" && r.path != "" && r.object.field("CurrencyIsoCode") != nil {
			return value{}, reason(UnsupportedReference, "The formula is about %s.%s, an amount that Salesforce converts into the currency of the row.", r.object.Name, f.Name)
		}
		return c.number(v, f), nil
	case "date":
		v.kind = date
	case "datetime":
		v = of(datetime, one, "(%s AT TIME ZONE 'UTC')", column)
		v.short = true
	case "time":
		v = of(clock, one, "%s", clockIn("SUBSTR("+column+", 1, 12)")).as(true, true)
	case "multipicklist":
		v.kind = multi
	case "address", "base64", "anyType", "encryptedstring", "complexvalue", "json":
		return value{}, reason(UnsupportedReference, "The formula is about %s.%s, a field of the type %s.", r.object.Name, f.Name, f.Type)
	}
	return v, nil
}

// number returns the value of a number's column.
func (c *compiler) number(v value, f *Field) value {
	v.kind, v.exact, v.double, v.size = num, true, true, 18
	if f.Type == "int" {
		v.size = 10
	}
	if f.Type != "double" && f.Type != "percent" {
		v.sql = "CAST(" + v.sql + " AS DOUBLE PRECISION)"
	}
	v.whole = f.Type == "int" || f.Type == "long"
	if c.zero {
		v.sql, v.never = "COALESCE("+v.sql+", 0)", true
	}
	if f.Type == "percent" {
		v.sql = "(" + v.sql + " / 100)"
	}
	return v
}

// location returns the place that two columns have.
func (c *compiler) location(r row, f *Field) (value, error) {
	v := value{kind: place, strict: true}
	for _, part := range []string{"Latitude", "Longitude"} {
		name := strings.TrimSuffix(f.Name, "__c") + "__" + part + "__s"
		p := r.object.field(name)
		if p == nil {
			return v, reason(UnsupportedReference, "The formula is about %s.%s, of which no field has the %s.", r.object.Name, f.Name, strings.ToLower(part))
		}
		column, err := r.column(p)
		if err != nil {
			return v, err
		}
		v.to = append(v.to, c.number(value{kind: num, sql: column, strict: true, short: true}, p))
	}
	v.sql = v.to[0].sql
	return v, nil
}
