package formula

import (
	"fmt"
	"math"
)

// arithmetic are operators, which are about texts, dates and times too, and
// the functions of numbers.
var arithmetic = map[string]*function{
	"0-": {"N", func(c *compiler, a []value) (value, error) {
		return of(num, a, "(-%s)", a[0].inDouble()).as(a[0].whole, a[0].exact).sized(a[0].size), nil
	}},
	"0+": {"N", func(c *compiler, a []value) (value, error) { return a[0], nil }},
	"+":  {"**", func(c *compiler, a []value) (value, error) { return add(a[0], a[1]) }},
	"-":  {"**", func(c *compiler, a []value) (value, error) { return subtract(a[0], a[1]) }},
	"*":  {"NN", func(c *compiler, a []value) (value, error) { return calculate(a[0], "*", a[1]), nil }},
	"/":  {"NN", func(c *compiler, a []value) (value, error) { return divide(a[0], a[1]), nil }},
	"^":  {"NN", func(c *compiler, a []value) (value, error) { return power(a[0], a[1]), nil }},

	"ABS": {"N", func(c *compiler, a []value) (value, error) {
		return of(num, a, "ABS(%s)", a[0].inDouble()).as(a[0].whole, a[0].exact).sized(a[0].size), nil
	}},
	"CEILING":  {"N", func(c *compiler, a []value) (value, error) { return round(a[0], "SIGN(%[1]s) * CEIL(ABS(%[1]s))"), nil }},
	"FLOOR":    {"N", func(c *compiler, a []value) (value, error) { return round(a[0], "TRUNC(%s)"), nil }},
	"MCEILING": {"N", func(c *compiler, a []value) (value, error) { return round(a[0], "CEIL(%s)"), nil }},
	"MFLOOR":   {"N", func(c *compiler, a []value) (value, error) { return round(a[0], "FLOOR(%s)"), nil }},
	"ROUND":    {"NN", func(c *compiler, a []value) (value, error) { return roundTo(a[0], a[1], "ROUND(%s, 0)"), nil }},
	"TRUNC": {"N?N", func(c *compiler, a []value) (value, error) {
		return roundTo(a[0], append(a, literalNumber(&node{text: "0"}))[1], "TRUNC(%s)"), nil
	}},
	"MOD":  {"NN", func(c *compiler, a []value) (value, error) { return modulo(a[0], a[1]), nil }},
	"MAX":  {"N+N", func(c *compiler, a []value) (value, error) { return extreme(a, "GREATEST"), nil }},
	"MIN":  {"N+N", func(c *compiler, a []value) (value, error) { return extreme(a, "LEAST"), nil }},
	"EXP":  {"N", func(c *compiler, a []value) (value, error) { return exponential(a[0]), nil }},
	"LN":   {"N", func(c *compiler, a []value) (value, error) { return logarithm(a[0], "LN"), nil }},
	"LOG":  {"N", func(c *compiler, a []value) (value, error) { return logarithm(a[0], "LOG"), nil }},
	"SQRT": {"N", func(c *compiler, a []value) (value, error) { return root(a[0]), nil }},
	"PI":   {"", func(c *compiler, a []value) (value, error) { return of(num, a, "PI()"), nil }},
	"SIN":  trig("SIN"),
	"COS":  trig("COS"),
	"TAN":  trig("TAN"),
	"ATAN": trig("ATAN"),
	"ASIN": arc("ASIN"),
	"ACOS": arc("ACOS"),
	"ATAN2": {"NN", func(c *compiler, a []value) (value, error) {
		return of(num, a, "ATAN2(%s, %s)", a[0].inDouble(), a[1].inDouble()), nil
	}},

	"GEOLOCATION": {"NN", func(c *compiler, a []value) (value, error) {
		return value{kind: place, sql: a[0].sql, to: a, fails: or(a[0].fails, a[1].fails), strict: a[0].strict && a[1].strict}, nil
	}},
	"DISTANCE": {"PPT", func(c *compiler, a []value) (value, error) { return distance(a) }},
}

// calculate is + - or * of two numbers.
func calculate(a value, op string, b value) value {
	left := a.sql
	if !a.double && !b.double {
		left = a.inDouble()
	}
	whole, size := a.whole && b.whole, 0
	switch {
	case a.size == 0 || b.size == 0:
	case op == "*":
		size = a.size + b.size
	default:
		size = max(a.size, b.size) + 1
	}
	return of(num, []value{a, b}, "(%s %s %s)", left, op, b.sql).as(whole, whole && a.exact && b.exact).sized(size)
}

func divide(a, b value) value {
	left := a.sql
	if !a.double && !b.double {
		left = a.inDouble()
	}
	if f, ok := b.number(); ok && f != 0 {
		size := a.size
		if math.Abs(f) < 1 {
			size = 0
		}
		return of(num, []value{a}, "(%s / %s)", left, b.sql).sized(size)
	}
	v := of(num, []value{a, b}, "(%s / NULLIF(%s, 0))", left, b.sql)
	if !b.exact {
		v = v.failing("(ABS(%s) < 1e-15)", b.sql)
		v.strict = false
		return v
	}
	return v.failing("(%s = 0)", b.sql)
}

// power raises to whole powers only: others are an error to Salesforce. It
// leaves out what has no end.
func power(a, b value) value {
	both := []value{a, b}
	if n, ok := b.literalInt(); ok && n >= 0 && n <= 10 && a.short {
		return of(num, both, "POWER(%s, %d)", a.inDouble(), n).as(a.whole, false)
	}
	x, y := a.inDouble(), b.inDouble()
	digits := fmt.Sprintf("%[2]s * LN(GREATEST(ABS(%[1]s), 1e-300))", x, y)
	wrong := fmt.Sprintf("((%[1]s = 0 AND %[2]s < 0) OR %[3]s > 690)", x, y, digits)
	if !b.whole {
		wrong = or(wrong, fmt.Sprintf("ABS(%[1]s - ROUND(%[1]s)) > 1e-12", y))
		y = "ROUND(" + y + ")"
	}
	v := of(num, both, "CASE WHEN %s OR %s IS NULL THEN NULL WHEN %s < -690 THEN 0 ELSE POWER(%s, %s) END", wrong, a.sql, digits, x, y)
	return v.failing("%s", wrong)
}

// round makes a number whole.
func round(a value, format string) value {
	if a.whole {
		return a
	}
	if a.exact {
		return of(num, []value{a}, "("+format+")", a.inDouble()).as(true, true).sized(a.size)
	}
	return of(num, []value{a}, "CAST("+format+" AS DOUBLE PRECISION)", a.decimal(0)).as(true, true).sized(a.size).nullable()
}

// roundTo keeps some digits behind the point, or in front of it.
func roundTo(a, digits value, format string) value {
	both := []value{a, digits}
	n, ok := digits.literalInt()
	switch {
	case ok && n <= 0 && a.whole && n == 0:
		return a
	case ok && n > 0 && n <= 10 && format == "ROUND(%s, 0)":
		return of(num, both, "CAST(ROUND(%s, %d) AS DOUBLE PRECISION)", a.decimal(n), n).as(false, true).sized(a.size).nullable()
	case ok && n == 0:
		return of(num, both, "CAST("+format+" AS DOUBLE PRECISION)", a.decimal(0)).as(true, true).sized(a.size).nullable()
	}
	if ok && n > 10 { // more than there are
		return a
	}
	factor := digits
	factor.sql = fmt.Sprintf("POWER(CAST(10 AS DOUBLE PRECISION), TRUNC(LEAST(GREATEST(%s, -18), 10)))", digits.sql)
	if ok {
		factor.sql = fmt.Sprintf("1e%d", max(n, -18))
	}
	shifted := value{kind: num, sql: "(" + a.inDouble() + " * " + factor.sql + ")"}
	v := of(num, both, "(CAST("+format+" AS DOUBLE PRECISION) / %s)", shifted.decimal(0), factor.sql).as(ok && n <= 0, ok && n <= 0)
	if !digits.never { // GREATEST and LEAST pass over it
		v.sql = fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN %s END", digits.sql, v.sql)
	}
	return v.nullable()
}

func modulo(a, b value) value {
	both := []value{a, b}
	if a.whole && b.whole {
		by := b.integer()
		if n, ok := b.literalInt(); !ok || n == 0 {
			by = "NULLIF(" + by + ", 0)"
			return of(num, both, "CAST(MOD(%s, %s) AS DOUBLE PRECISION)", a.integer(), by).as(true, true).failing("(%s = 0)", b.sql)
		}
		return of(num, both, "CAST(MOD(%s, %s) AS DOUBLE PRECISION)", a.integer(), by).as(true, true).nullable()
	}
	return of(num, both, "CAST(MOD(%s, NULLIF(%s, 0)) AS DOUBLE PRECISION)", a.decimal(0), b.decimal(0)).as(false, true).failing("(%s = 0)", b.sql)
}

// extreme is the largest or smallest number, NULL if one is.
func extreme(a []value, function string) value {
	list, null := "", ""
	for i, v := range a {
		if i > 0 {
			list += ", "
		}
		list += v.inDouble()
		if !v.never {
			null = or(null, v.sql+" IS NULL")
		}
	}
	v := of(num, a, "%s(%s)", function, list)
	if null != "" {
		v.sql = fmt.Sprintf("CASE WHEN NOT (%s) THEN %s END", null, v.sql)
	}
	all := v.like(a)
	v.whole, v.exact = all.whole, all.exact
	return v
}

func exponential(a value) value {
	v := of(num, []value{a}, "EXP(LEAST(GREATEST(%s, -690), 690))", a.inDouble())
	if !a.never { // GREATEST and LEAST pass over it
		v.sql = fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN %s END", a.sql, v.sql)
	}
	return v.failing("(%s > 690)", a.sql)
}

func logarithm(a value, function string) value {
	return of(num, []value{a}, "%s(NULLIF(GREATEST(%s, 0), 0))", function, a.inDouble()).failing("(%s <= 0)", a.sql)
}

func root(a value) value {
	if f, ok := a.number(); ok && f >= 0 {
		return of(num, []value{a}, "SQRT(%s)", a.inDouble())
	}
	return of(num, []value{a}, "SQRT(CASE WHEN %[1]s >= 0 THEN %[1]s END)", a.inDouble()).failing("(%s < 0)", a.sql)
}

func trig(name string) *function {
	return &function{"N", func(c *compiler, a []value) (value, error) { return of(num, a, name+"(%s)", a[0].inDouble()), nil }}
}

func arc(name string) *function {
	return &function{"N", func(c *compiler, a []value) (value, error) {
		return of(num, a, name+"(CASE WHEN ABS(%[1]s) <= 1 THEN %[1]s END)", a[0].inDouble()).failing("(ABS(%s) > 1)", a[0].sql), nil
	}}
}

// earth is the radius that Salesforce computes with, by unit.
var earth = map[string]float64{"mi": 3958.761, "km": 6371.009}

// distance is that between two places, on a sphere.
func distance(a []value) (value, error) {
	unit, _ := a[2].literalText()
	radius, ok := earth[unit]
	if !ok {
		return value{}, reason(UnsupportedArgument, "The unit of DISTANCE is no literal, or neither 'mi' nor 'km'.")
	}
	from, to := a[0].to, a[1].to
	all := []value{from[0], from[1], to[0], to[1]}
	outside, null := "", ""
	for i, v := range all {
		if f, ok := v.number(); ok && math.Abs(f) <= []float64{90, 180, 90, 180}[i] {
			continue
		}
		outside = or(outside, fmt.Sprintf("ABS(%s) > %d", v.sql, []int{90, 180, 90, 180}[i]))
		if !v.never {
			null = or(null, v.sql+" IS NULL")
		}
	}
	r := func(v value) string { return "RADIANS(" + v.inDouble() + ")" }
	v := of(num, all, "(%g * ACOS(LEAST(GREATEST(SIN(%[2]s) * SIN(%[4]s) + COS(%[2]s) * COS(%[4]s) * COS(%[3]s - %[5]s), -1), 1)))",
		radius, r(from[0]), r(from[1]), r(to[0]), r(to[1]))
	if outside != "" {
		v = v.failing("(%s)", outside)
	}
	if wrong := or(outside, null); wrong != "" { // LEAST and GREATEST pass over NULL
		v.sql = fmt.Sprintf("CASE WHEN NOT %s THEN %s END", "("+wrong+")", v.sql)
	}
	return v.nullable(), nil
}
