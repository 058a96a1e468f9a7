package rest

import (
	"bytes"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/schema"
)

// A column gathers the values of one column of a batch. One of the builders
// is set, by the type.
type column struct {
	typ    schema.Type
	free   bool // nobody declared the type
	near   bool // a double takes the nearest
	filled bool // has had a value since the batch began
	bytes  int  // of the values, about
	buf    []byte

	builder  array.Builder
	bools    *array.BooleanBuilder
	shorts   *array.Int16Builder
	ints     *array.Int32Builder
	longs    *array.Int64Builder
	doubles  *array.Float64Builder
	decimals *array.Decimal128Builder
	dates    *array.Date32Builder
	times    *array.TimestampBuilder
	strings  *array.StringBuilder
}

// setType makes the column an empty one of type t. Types that JSON has no
// values of are kept as text.
func (c *column) setType(t schema.Type) {
	*c = column{typ: t, free: c.free || t.Kind == schema.Unspecified, near: c.near, buf: c.buf}
	c.builder = array.NewBuilder(memory.DefaultAllocator, t.Arrow())
	switch b := c.builder.(type) {
	case *array.BooleanBuilder:
		c.bools = b
	case *array.Int16Builder:
		c.shorts = b
	case *array.Int32Builder:
		c.ints = b
	case *array.Int64Builder:
		c.longs = b
	case *array.Float64Builder:
		c.doubles = b
	case *array.Decimal128Builder:
		c.decimals = b
	case *array.Date32Builder:
		c.dates = b
	case *array.TimestampBuilder:
		c.times = b
	case *array.StringBuilder:
		c.strings = b
	default:
		panic("rest: no values of type " + t.String() + " are made from JSON")
	}
}

// finish returns the column's values and empties it.
func (c *column) finish() arrow.Array {
	c.filled, c.bytes = false, 0
	return c.builder.NewArray()
}

func (c *column) null() { c.builder.AppendNull() }

// appendInt appends a value that is no JSON.
func (c *column) appendInt(n int64) bool {
	switch {
	case c.longs != nil:
		c.longs.Append(n)
	case c.ints != nil && int64(int32(n)) == n:
		c.ints.Append(int32(n))
	default:
		return false
	}
	c.filled = true
	c.bytes += 8
	return true
}

// append appends v, of which only what cut leaves of its text if that is set.
// It appends nothing and returns false if the type does not hold v.
func (c *column) append(v *fastjson.Value, cut func(string) string) bool {
	if c.typ.Kind == schema.JSON { // first of all: asking for the type unescapes a string
		c.buf = v.MarshalTo(c.buf[:0])
		if string(c.buf) == "null" {
			c.null()
			return true
		}
		return c.appendText(c.buf)
	}
	typ := v.Type()
	if typ == fastjson.TypeNull {
		c.null()
		return true
	}
	if typ == fastjson.TypeString && cut != nil {
		return c.appendString(append(c.buf[:0], cut(string(v.GetStringBytes()))...))
	}
	switch typ {
	case fastjson.TypeString:
		return c.appendString(v.GetStringBytes())
	case fastjson.TypeNumber:
		c.buf = v.MarshalTo(c.buf[:0])
		return c.appendNumber(c.buf)
	case fastjson.TypeTrue, fastjson.TypeFalse:
		if c.bools != nil {
			c.bools.Append(typ == fastjson.TypeTrue)
			c.filled = true
			c.bytes++
			return true
		}
	}
	if !c.isText() {
		return false
	}
	c.buf = v.MarshalTo(c.buf[:0])
	return c.appendText(c.buf)
}

// isText reports whether the column holds any text, and so anything.
func (c *column) isText() bool {
	return c.typ.Kind == schema.String || c.typ.Kind == schema.XML
}

func (c *column) appendText(s []byte) bool {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, []byte("\uFFFD"))
	}
	if c.typ.Length > 0 && len(s) > int(c.typ.Length) {
		return false
	}
	c.filled = true
	c.bytes += len(s) + 4
	c.strings.BinaryBuilder.Append(s)
	return true
}

func (c *column) appendString(s []byte) bool {
	switch {
	case c.isText():
		return c.appendText(s)
	case c.typ.Kind == schema.Unspecified:
		return false
	case len(s) == 0:
		c.null() // how many APIs write that a date or a number is missing
		return true
	case c.dates != nil:
		if v, ok := parseDate(s); ok {
			c.dates.Append(arrow.Date32(v))
			return c.fixed()
		}
		return false
	case c.times != nil:
		v, zoned, ok := parseTime(s)
		if !ok || zoned && c.typ.Kind == schema.Datetime {
			return false
		}
		c.times.Append(arrow.Timestamp(v))
		return c.fixed()
	case c.longs != nil || c.ints != nil || c.shorts != nil:
		return wholeNumber(s) && c.appendNumber(s)
	}
	return false
}

// appendCSV appends what a text says, which may be a number or a boolean.
func (c *column) appendCSV(s []byte) bool {
	switch {
	case len(s) > 0 && c.bools != nil:
		if string(s) != "true" && string(s) != "false" {
			return false
		}
		c.bools.Append(string(s) == "true")
		return c.fixed()
	case len(s) > 0 && (c.longs != nil || c.ints != nil || c.shorts != nil || c.doubles != nil || c.decimals != nil || c.typ.Unbounded()):
		return c.appendNumber(s)
	case c.typ.Kind == schema.JSON && len(s) > 0:
		return fastjson.ValidateBytes(s) == nil && c.appendText(s)
	case c.typ.Kind == schema.JSON:
		c.null()
		return true
	}
	return c.appendString(s)
}

// typeOfText returns the type that holds a text which the column's type did
// not hold: that of a number, or text.
func typeOfText(s []byte) schema.Type {
	if n, ok := parseNumber(s, nil); ok {
		return n.typ()
	}
	return schema.Type{Kind: schema.String}
}

func (c *column) fixed() bool {
	c.filled = true
	c.bytes += 8
	return true
}

// wholeNumber reports whether s is an integer as it would be printed, so that
// it is the same text again.
func wholeNumber(s []byte) bool {
	d := s
	if d[0] == '-' {
		d = d[1:]
	}
	if len(d) == 0 || d[0] == '0' && len(s) > 1 {
		return false
	}
	_, ok := digits(d)
	return ok
}

func (c *column) appendNumber(s []byte) bool {
	if c.isText() {
		return c.appendText(s)
	}
	if c.longs != nil && len(s) <= 18 {
		if v, ok := shortInt(s); ok {
			c.longs.Append(v)
			return c.fixed()
		}
	}
	if c.ints != nil && len(s) <= 9 {
		if v, ok := shortInt(s); ok {
			c.ints.Append(int32(v))
			return c.fixed()
		}
	}
	if c.near && c.doubles != nil {
		v, ok := nearest(s)
		if !ok {
			return false
		}
		c.doubles.Append(v)
		return c.fixed()
	}
	var buf [64]byte
	n, ok := parseNumber(s, buf[:0])
	if !ok {
		return false
	}
	switch {
	case c.longs != nil || c.ints != nil || c.shorts != nil:
		v, ok := n.int64()
		switch {
		case !ok:
			return false
		case c.longs != nil:
			c.longs.Append(v)
		case c.ints != nil && int64(int32(v)) == v:
			c.ints.Append(int32(v))
		case c.shorts != nil && int64(int16(v)) == v:
			c.shorts.Append(int16(v))
		default:
			return false
		}
	case c.doubles != nil:
		v, ok := n.float64(s)
		if !ok {
			return false
		}
		c.doubles.Append(v)
	case c.decimals != nil:
		v, ok := n.decimal(c.typ)
		if !ok {
			return false
		}
		c.decimals.Append(v)
	case c.typ.Unbounded():
		return c.appendText(n.append(nil))
	default:
		return false
	}
	return c.fixed()
}

// shortInt reads an integer that cannot overflow.
func shortInt(s []byte) (int64, bool) {
	d := s
	if d[0] == '-' {
		d = d[1:]
	}
	n := int64(0)
	for _, c := range d {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(d) < len(s) {
		n = -n
	}
	return n, len(d) > 0
}

// wider returns the type that c needs to hold values of another type as well. A declared column that turns out to be narrower than
// its integers becomes a LONG at once.
func (c *column) wider(another schema.Type) schema.Type {
	if another.Kind == schema.Int && !c.free {
		another.Kind = schema.Long
	}
	if t := schema.Join(c.typ, another); t != c.typ {
		return t
	}
	return schema.Type{Kind: schema.String}
}

// typeOf returns the narrowest type that holds v.
func typeOf(v *fastjson.Value) schema.Type {
	switch v.Type() {
	case fastjson.TypeNull:
		return schema.Type{}
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return schema.Type{Kind: schema.Boolean}
	case fastjson.TypeObject, fastjson.TypeArray:
		return schema.Type{Kind: schema.JSON}
	case fastjson.TypeNumber:
		if n, ok := parseNumber(v.MarshalTo(nil), nil); ok {
			return n.typ()
		}
	}
	return schema.Type{Kind: schema.String}
}
