package formula

import (
	"fmt"
	"time"
)

// times are the functions of dates and times.
var times = map[string]*function{
	"ADDMONTHS":     {"dN", func(c *compiler, a []value) (value, error) { return addMonths(a[0], a[1]), nil }},
	"DATE":          {"NNN", func(c *compiler, a []value) (value, error) { return makeDate(a), nil }},
	"DATEVALUE":     {"*", func(c *compiler, a []value) (value, error) { return c.toDate(a[0]) }},
	"DATETIMEVALUE": {"*", func(c *compiler, a []value) (value, error) { return toDatetime(a[0]) }},
	"TIMEVALUE":     {"*", func(c *compiler, a []value) (value, error) { return toClock(a[0]) }},
	"YEAR":          part("D", "YEAR"),
	"MONTH":         part("D", "MONTH"),
	"DAY":           part("D", "DAY"),
	"DAYOFYEAR":     part("d", "DOY"),
	"ISOWEEK":       part("d", "WEEK"),
	"ISOYEAR":       part("d", "ISOYEAR"),
	"WEEKDAY": {"D", func(c *compiler, a []value) (value, error) {
		return count(a, "(EXTRACT(DOW FROM %s) + 1)", a[0].sql), nil
	}},
	"HOUR":        {"C", func(c *compiler, a []value) (value, error) { return clockPart(a, 3_600_000, 24), nil }},
	"MINUTE":      {"C", func(c *compiler, a []value) (value, error) { return clockPart(a, 60_000, 60), nil }},
	"SECOND":      {"C", func(c *compiler, a []value) (value, error) { return clockPart(a, 1000, 60), nil }},
	"MILLISECOND": {"C", func(c *compiler, a []value) (value, error) { return clockPart(a, 1, 1000), nil }},
	"TODAY":       {"", func(c *compiler, a []value) (value, error) { return c.today() }},
	"NOW": {"", func(c *compiler, a []value) (value, error) {
		return value{kind: datetime, sql: now, strict: true, short: true, never: true}, nil
	}},
	"TIMENOW": {"", func(c *compiler, a []value) (value, error) {
		return toClock(value{kind: datetime, sql: now, strict: true, short: true, never: true})
	}},
	"UNIXTIMESTAMP": {"*", func(c *compiler, a []value) (value, error) { return toUnix(a) }},
	"FROMUNIXTIME": {"N", func(c *compiler, a []value) (value, error) {
		return of(datetime, a, "(TIMESTAMP '1970-01-01 00:00:00' + INTERVAL '1 second' * %s)", seconds(a[0], 1)).nullable(), nil
	}},
	"FORMATDURATION": {"*?*", func(c *compiler, a []value) (value, error) { return duration(a) }},
}

const now = "(DATE_TRUNC('second', CURRENT_TIMESTAMP) AT TIME ZONE 'UTC')"

func part(takes, field string) *function {
	return &function{takes, func(c *compiler, a []value) (value, error) {
		return count(a, "EXTRACT("+field+" FROM %s)", a[0].sql), nil
	}}
}

func clockPart(a []value, unit, of int) value {
	return count(a, "MOD(%s, %d)", a[0].wholeQuotient(unit), of)
}

// wholeQuotient returns the SQL of a number divided by another, as an integer.
func (v value) wholeQuotient(by int) string {
	return fmt.Sprintf("CAST(FLOOR(%s / %d) AS BIGINT)", v.within(18), by)
}

// zone returns the SQL of the user's time zone.
func (c *compiler) zone() (string, error) {
	if c.view.org.Zone == "" {
		return "", reason(UnknownTimeZone, "The formula depends on the time zone of the user as whom this connection logs in, which Salesforce does not tell.")
	}
	return quote(c.view.org.Zone), nil
}

func (c *compiler) today() (value, error) {
	zone, err := c.zone()
	return value{kind: date, sql: "CAST(CURRENT_TIMESTAMP AT TIME ZONE " + zone + " AS DATE)", strict: true, short: true, never: true}, err
}

// seconds returns the SQL of a number of days, or of seconds if there is 1 in
// a unit, as whole seconds.
func seconds(v value, unit int) string {
	if unit == 1 {
		return "FLOOR(" + value{sql: v.inDouble()}.within(10) + ")"
	}
	return fmt.Sprintf("FLOOR(%s * %d + 0.5)", between("-9e5", v.inDouble(), "9e5"), unit)
}

// Salesforce's years are 1700 to 4000. More days or months than are between
// them are never added.
const (
	mostDays   = 900_000
	mostMonths = 30_000
)

// inYears returns the SQL of a date or a time that is NULL outside of the years
// 1 to 9999, from which computations lead no database out of what it has.
func inYears(k kind, sql string) string {
	if k == date {
		return between("DATE '0001-01-01'", sql, "DATE '9999-12-31'")
	}
	return between("TIMESTAMP '0001-01-01 00:00:00'", sql, "TIMESTAMP '9999-12-31 00:00:00'")
}

// add is +.
func add(a, b value) (value, error) {
	switch {
	case a.kind == nothing && b.kind == nothing:
		return a.become(num), nil
	case a.kind == nothing:
		a = a.become(partner(b.kind))
	case b.kind == nothing:
		b = b.become(partner(a.kind))
	}
	both := []value{a, b}
	switch {
	case a.kind == num && b.kind == num:
		return calculate(a, "+", b), nil
	case a.kind == text && b.kind == text:
		return concatenate(a, b), nil
	case a.kind == num && (b.kind == date || b.kind == datetime || b.kind == clock):
		return add(b, a)
	case a.kind == date && b.kind == num:
		return of(date, both, "%s", inYears(date, a.sql+" + "+b.steps(mostDays))).nullable(), nil
	case a.kind == datetime && b.kind == num:
		return of(datetime, both, "%s", inYears(datetime, a.sql+" + INTERVAL '1 second' * "+seconds(b, 86400))).nullable(), nil
	case a.kind == clock && b.kind == num:
		return around(both, "+"), nil
	}
	return value{}, reason(UnsupportedArgument, "+ has a %s and a %s.", a.kind, b.kind)
}

// partner is what NULL is beside a value of another kind, in a sum.
func partner(k kind) kind {
	if k == text || k == multi {
		return text
	}
	return num
}

// subtract is -.
func subtract(a, b value) (value, error) {
	switch {
	case a.kind == nothing:
		a = a.become(b.kind).become(num)
	case b.kind == nothing:
		b = b.become(num)
	}
	both := []value{a, b}
	switch {
	case a.kind == num && b.kind == num:
		return calculate(a, "-", b), nil
	case a.kind == date && b.kind == date:
		return count(both, "(%s - %s)", a.sql, b.sql), nil
	case a.kind == datetime && b.kind == datetime:
		return of(num, both, "(CAST(EXTRACT(EPOCH FROM %s) - EXTRACT(EPOCH FROM %s) AS DOUBLE PRECISION) / 86400)", a.sql, b.sql), nil
	case a.kind == date && b.kind == num:
		return of(date, both, "%s", inYears(date, a.sql+" - "+b.steps(mostDays))).nullable(), nil
	case a.kind == datetime && b.kind == num:
		return of(datetime, both, "%s", inYears(datetime, a.sql+" - INTERVAL '1 second' * "+seconds(b, 86400))).nullable(), nil
	case a.kind == clock && (b.kind == num || b.kind == clock):
		v := around(both, "-")
		v.kind = map[kind]kind{num: clock, clock: num}[b.kind]
		return v, nil
	}
	return value{}, reason(UnsupportedArgument, "- has a %s and a %s.", a.kind, b.kind)
}

// around adds milliseconds to a time of day, which goes round.
func around(both []value, op string) value {
	const day = "86400000"
	v := of(clock, both, "CAST(MOD(MOD(CAST(%s AS BIGINT) %s %s, %[4]s) + %[4]s, %[4]s) AS DOUBLE PRECISION)",
		both[0].within(18), op, value{sql: "TRUNC(" + both[1].sharp() + ")"}.integer(), day)
	return v.as(true, true).nullable()
}

// addMonths keeps to the last day of the month.
func addMonths(d, n value) value {
	both := []value{d, n}
	months := fmt.Sprintf("INTERVAL '1 month' * %s", n.steps(mostMonths))
	day := d.sql
	if d.kind == datetime {
		day = "CAST(" + d.sql + " AS DATE)"
	}
	last := fmt.Sprintf("(DATE_TRUNC('month', %s + %s) + INTERVAL '1 month' - INTERVAL '1 day')", day, months)
	if d.kind == datetime {
		last = fmt.Sprintf("(%s + (%s - DATE_TRUNC('day', %s)))", last, d.sql, d.sql)
	}
	v := of(d.kind, both, "CASE WHEN EXTRACT(DAY FROM %s + 1) = 1 THEN %s ELSE %s + %s END", day, last, d.sql, months).nullable()
	if d.kind == date {
		v.sql = "CAST(" + v.sql + " AS DATE)"
	}
	v.sql = inYears(d.kind, v.sql)
	return v
}

// makeDate is DATE.
func makeDate(a []value) value {
	y, ok1 := a[0].literalInt()
	m, ok2 := a[1].literalInt()
	d, ok3 := a[2].literalInt()
	if ok1 && ok2 && ok3 && y >= 1 && y <= 9999 {
		if t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC); int(t.Month()) == m && t.Day() == d {
			return value{kind: date, sql: t.Format("DATE '2006-01-02'"), strict: true, short: true, never: true}
		}
	}
	given := fmt.Sprintf("%s IS NOT NULL AND %s IS NOT NULL AND %s IS NOT NULL", a[0].sql, a[1].sql, a[2].sql)
	sql := dateOf(a[0].sharp(), a[1].sharp(), a[2].sharp())
	v := of(date, a, "%s", sql)
	return v.failing("(%s AND %s IS NULL)", given, sql)
}

// dateOf returns the SQL of a date made of three numbers, NULL if there is
// none.
func dateOf(y, m, d string) string {
	limit := func(s string, most int) string {
		return fmt.Sprintf("CAST(NULLIF(NULLIF(LEAST(GREATEST(FLOOR(%s), 0), %d), %d), 0) AS INTEGER)", s, most+1, most+1)
	}
	month, day := limit(m, 12), limit(d, 31)
	sum := fmt.Sprintf("(MAKE_DATE(%s, %s, 1) + %s - 1)", limit(y, 9999), month, day)
	return fmt.Sprintf("CASE WHEN EXTRACT(MONTH FROM %[1]s) = %[2]s THEN %[1]s END", sum, month)
}

const (
	datePattern  = `^[0-9]{4}-(0?[1-9]|1[012])-(0?[1-9]|[12][0-9]|3[01])$`
	stampPattern = `^[0-9]{4}-(0?[1-9]|1[012])-(0?[1-9]|[12][0-9]|3[01]) ([01]?[0-9]|2[0-3]):[0-5]?[0-9]:[0-5]?[0-9]$`
	clockPattern = `^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{3}$`
)

// split returns the SQL of a number that is the nth part of a text.
func split(s, at string, n int) string {
	return fmt.Sprintf("CAST(SPLIT_PART(%s, '%s', %d) AS INTEGER)", s, at, n)
}

// dateIn returns the SQL of the date that a text is.
func dateIn(s string) string { return dateOf(split(s, "-", 1), split(s, "-", 2), split(s, "-", 3)) }

// toDate is DATEVALUE: of a date and time, in the user's time zone.
func (c *compiler) toDate(a value) (value, error) {
	switch a.kind {
	case nothing:
		return a.become(date), nil
	case date:
		return a, nil
	case datetime:
		zone, err := c.zone()
		if err != nil {
			return value{}, err
		}
		return of(date, []value{a}, "CAST((%s AT TIME ZONE 'UTC') AT TIME ZONE %s AS DATE)", a.sql, zone), nil
	case text:
		t := a.orNull()
		return parsed(date, a, datePattern, t, dateIn(t)), nil
	}
	return value{}, reason(UnsupportedArgument, "DATEVALUE has a %s as its argument.", a.kind)
}

// parsed reads a text, blank or of a pattern; anything else is an error.
func parsed(k kind, a value, pattern, t, sql string) value {
	v := of(k, []value{a}, "CASE WHEN %s ~ %s THEN %s END", t, quote(pattern), sql)
	return v.failing("(%s <> '' AND CASE WHEN %s ~ %s THEN %s END IS NULL)", a.blank(), t, quote(pattern), sql)
}

// toDatetime is DATETIMEVALUE, of texts in UTC.
func toDatetime(a value) (value, error) {
	switch a.kind {
	case nothing:
		return a.become(datetime), nil
	case datetime:
		return a, nil
	case date:
		return of(datetime, []value{a}, "CAST(%s AS TIMESTAMP)", a.sql), nil
	case text:
		t := "TRIM(BOTH ' ' FROM " + a.orNull() + ")"
		at := fmt.Sprintf("SPLIT_PART(%s, ' ', 2)", t)
		sql := fmt.Sprintf("(CAST(%s AS TIMESTAMP) + INTERVAL '1 second' * (%s * 3600 + %s * 60 + %s))",
			dateIn(fmt.Sprintf("SPLIT_PART(%s, ' ', 1)", t)), split(at, ":", 1), split(at, ":", 2), split(at, ":", 3))
		return parsed(datetime, a, stampPattern, t, sql), nil
	}
	return value{}, reason(UnsupportedArgument, "DATETIMEVALUE has a %s as its argument.", a.kind)
}

// toClock is TIMEVALUE, of dates and times in UTC.
func toClock(a value) (value, error) {
	switch a.kind {
	case nothing:
		return a.become(clock), nil
	case clock:
		return a, nil
	case datetime:
		v := of(clock, []value{a}, "CAST(FLOOR(EXTRACT(EPOCH FROM CAST(%s AS TIME)) * 1000 + 0.5) AS DOUBLE PRECISION)", a.sql)
		return v.as(true, true), nil
	case text:
		t := a.orNull()
		return parsed(clock, a, clockPattern, t, clockIn(t)).as(true, true), nil
	}
	return value{}, reason(UnsupportedArgument, "TIMEVALUE has a %s as its argument.", a.kind)
}

// clockIn returns the SQL of the milliseconds of a text such as 17:30:00.000.
func clockIn(t string) string {
	// PostgreSQL reads a literal as a time before it looks at any condition.
	return fmt.Sprintf("CAST(FLOOR(EXTRACT(EPOCH FROM CAST(CAST(%s AS TEXT) AS TIME)) * 1000 + 0.5) AS DOUBLE PRECISION)", t)
}

func toUnix(a []value) (value, error) {
	switch a[0].kind {
	case date, datetime:
		return count(a, "FLOOR(EXTRACT(EPOCH FROM %s))", a[0].sql), nil
	case clock:
		return of(num, a, "FLOOR(%s / 1000)", a[0].sql).as(true, true), nil
	}
	return value{}, reason(UnsupportedArgument, "UNIXTIMESTAMP has a %s as its argument.", a[0].kind)
}

// duration is FORMATDURATION: of seconds, with days or without, or between two
// times, with days if these are dates.
func duration(a []value) (value, error) {
	elapsed := func(format string, sql ...any) value {
		return of(num, a, "TRUNC(ABS("+format+"))", sql...).as(true, true)
	}
	switch {
	case a[0].kind == num && len(a) == 1:
		return durationText(elapsed("%s", a[0].inDouble()), false), nil
	case a[0].kind == num && a[1].kind == boolean:
		s := elapsed("%s", a[0].inDouble())
		return choose([]value{a[1], durationText(s, true), durationText(s, false)})
	case len(a) == 2 && a[0].kind == clock && a[1].kind == clock:
		return durationText(elapsed("(%s - %s) / 1000", a[0].sql, a[1].sql), false), nil
	case len(a) == 2 && a[0].kind == datetime && a[1].kind == datetime:
		return durationText(elapsed("EXTRACT(EPOCH FROM %s) - EXTRACT(EPOCH FROM %s)", a[0].sql, a[1].sql), true), nil
	}
	return value{}, reason(UnsupportedArgument, "FORMATDURATION has a %s as its first argument.", a[0].kind)
}

func durationText(s value, days bool) value {
	number := func(by, of int) string {
		n := s.wholeQuotient(by)
		if of > 0 {
			n = fmt.Sprintf("MOD(%s, %d)", n, of)
		}
		return "CAST(" + n + " AS TEXT)"
	}
	two := func(n string) string {
		return fmt.Sprintf("LPAD(%s, CAST(GREATEST(LENGTH(%[1]s), 2) AS INTEGER), '0')", n)
	}
	hours := two(number(3600, 0))
	if days {
		hours = number(86400, 0) + " || ':' || " + two(number(3600, 24))
	}
	return of(text, []value{s}, "(%s || ':' || %s || ':' || %s)", hours, two(number(60, 60)), two(number(1, 60))).full()
}
