package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/schema"
)

// Object ids of built-in types; they are the same in every database
// (PostgreSQL source, src/include/catalog/pg_type.dat).
const (
	oidBool        = 16
	oidBytea       = 17
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidXML         = 142
	oidFloat4      = 700
	oidFloat8      = 701
	oidMoney       = 790
	oidInet        = 869
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// A pgType is a row of pg_type, as far as it matters here.
type pgType struct {
	OID       uint32
	Name      string
	Kind      string // typtype: b base, c composite, d domain, e enum, r and m ranges
	Base      uint32 // of a domain
	Typmod    int32  // of a domain
	Category  string
	Element   uint32 // of an array
	Extension string // that brought the type; "" for the others
	ExtSchema string // where the extension's functions are
	Cast      bool   // a function casts it to text
}

// A column says how one column is read.
type column struct {
	Name   string
	Num    int16 // attnum
	Filled bool  // rows older than the column have a value for it that no row holds
	Type   schema.Type

	expr   string // what to select for decode
	decode decodeFunc
	raw    string // what to select for a Postgres destination

	// logged decodes the type's text form, as the log has it; nil: the value
	// can only be had by selecting expr.
	logged decodeFunc
	// exact is set if equal values have one text form.
	exact bool
	oid   uint32 // atttypid
}

// dialect is what a database's types look like in its sessions.
type dialect struct {
	types      map[uint32]pgType
	moneyScale int
	asciiOnly  bool // encoding SQL_ASCII: text may hold any bytes
	utf8       bool // encoding UTF-8
}

// resolve says how a column of the type is read.
//
// Character(n) loses its trailing blanks, as in every conversion that
// PostgreSQL itself makes: they carry no meaning, and 'AIR' would not equal
// itself in the destination with them.
func (d *dialect) resolve(name string, oid uint32, typmod int32) (column, error) {
	declared := oid
	t, ok := d.types[oid]
	for ok && t.Kind == "d" {
		if t.Typmod >= 0 {
			typmod = t.Typmod
		}
		oid = t.Base
		t, ok = d.types[oid]
	}
	if !ok {
		return column{}, fmt.Errorf("column %s has a type that does not exist (%d)", name, oid)
	}
	id := pgx.Identifier{name}.Sanitize()
	c := column{Name: name, expr: id, raw: id, oid: declared}
	set := func(kind schema.Kind, binary, text decodeFunc) column {
		c.Type, c.decode, c.logged = schema.Type{Kind: kind}, binary, text
		return c
	}
	plain := func(kind schema.Kind, binary, text decodeFunc) column {
		c.exact = true
		return set(kind, binary, text)
	}
	text := decodeText
	if d.asciiOnly {
		text = decodeUnchecked
	}
	asText := func(kind schema.Kind, expr string, logged decodeFunc) column {
		c.expr, c.raw = expr, expr
		return set(kind, text, logged)
	}
	asJSON := func(expr string) column {
		c.expr, c.raw = expr+"::text", expr
		return set(schema.JSON, text, nil)
	}
	switch oid {
	case oidBool:
		return plain(schema.Boolean, decodeBool, boolText), nil
	case oidInt2:
		return plain(schema.Short, decodeInt2, int2Text), nil
	case oidInt4:
		return plain(schema.Int, decodeInt4, int4Text), nil
	case oidInt8:
		return plain(schema.Long, decodeInt8, int8Text), nil
	case oidOID:
		c.raw += "::int8"
		return plain(schema.Long, decodeOID, int8Text), nil
	case oidFloat4:
		return set(schema.Float, decodeFloat4, float4Text), nil
	case oidFloat8:
		return set(schema.Double, decodeFloat8, float8Text), nil
	case oidNumeric:
		c.Type, c.decode, c.logged = numericType(typmod), decodeNumeric, numericText
		if c.Type.Unbounded() {
			c.decode, c.logged = decodeNumericText, decodeText
		}
		c.exact = !c.Type.Unbounded()
		return c, nil
	case oidMoney:
		c.raw += fmt.Sprintf("::numeric(19,%d)", d.moneyScale)
		c.Type, c.decode = schema.DecimalOf(19, d.moneyScale), decodeMoney
		return c, nil
	case oidDate:
		return plain(schema.Date, decodeDate, dateText), nil
	case oidTimestamp:
		return plain(schema.Datetime, decodeTimestamp, timestampText), nil
	case oidTimestamptz:
		return plain(schema.Instant, decodeTimestamp, timestampText), nil
	case oidTime:
		return plain(schema.Time, decodeInt8, timeText), nil
	case oidBytea:
		return plain(schema.Binary, decodeText, byteaText), nil
	case oidUUID:
		c.raw += "::text"
		return limited(plain(schema.String, decodeUUID, decodeText), 36), nil
	case oidText:
		return plain(schema.String, text, text), nil
	case oidVarchar:
		return limited(plain(schema.String, text, text), characters(typmod)), nil
	case oidBpchar:
		c.raw += "::text"
		if d.asciiOnly {
			return limited(asText(schema.String, c.raw, nil), characters(typmod)), nil
		}
		c = limited(plain(schema.String, decodeBlankPadded, decodeBlankPadded), characters(typmod))
		c.exact = typmod >= 0 // else blanks at the end are as they were written
		return c, nil
	case oidJSON:
		return set(schema.JSON, text, text), nil
	case oidJSONB:
		c.raw += "::json"
		return set(schema.JSON, decodeJSONB, text), nil
	case oidXML:
		return asText(schema.XML, id+"::text", nil), nil
	case oidInet:
		// inet::text adds a mask that the value's own text has not.
		return asText(schema.String, "abbrev("+id+")", text), nil
	}
	switch {
	case t.Kind == "e":
		c.raw += "::text"
		if d.utf8 {
			return limited(plain(schema.String, text, text), maxName), nil
		}
		return limited(plain(schema.String, text, text), 4*maxName), nil // what is a byte there may be more in UTF-8
	case t.Category == "A" && t.Element != 0 && t.Name != "int2vector" && t.Name != "oidvector":
		c := asJSON("to_json(" + id + ")")
		if !d.asciiOnly {
			c.logged = arrayText(d.base(t.Element))
		}
		return c, nil
	case t.Extension == "hstore" && t.Name == "hstore":
		return asJSON(id + "::json"), nil
	case t.Extension == "postgis" && (t.Name == "geometry" || t.Name == "geography"):
		// Coordinates are doubles; the function counts digits after the
		// point, of which the smallest that PostGIS writes without an
		// exponent, 1e-8, needs 25.
		return asText(schema.String, fmt.Sprintf("%s.st_astext(%s, 25)", pgx.Identifier{t.ExtSchema}.Sanitize(), id), nil), nil
	}
	if t.Cast && oid >= firstUserOID {
		return asText(schema.String, id+"::text", nil), nil
	}
	return asText(schema.String, id+"::text", text), nil // the cast is the type's output function
}

// base returns the type that a domain is made of, or the type itself.
func (d *dialect) base(oid uint32) uint32 {
	for t := d.types[oid]; t.Kind == "d"; t = d.types[oid] {
		oid = t.Base
	}
	return oid
}

// firstUserOID is the first object id that is not one of the system's own,
// whose casts to text give what their output functions give (PostgreSQL
// source, src/include/access/transam.h).
const firstUserOID = 16384

// maxName is the most bytes of a name and of an enum's label, in the server's
// encoding (NAMEDATALEN less one, PostgreSQL source,
// src/include/pg_config_manual.h, version 15).
const maxName = 63

// limited returns a column of text that has at most so many bytes; 0: any.
func limited(c column, bytes int) column {
	c.Type = schema.StringOf(bytes)
	return c
}

// characters returns the most bytes of a varchar or character with this type
// modifier: its characters, of up to four bytes, and four more; 0: any.
func characters(typmod int32) int { return max(int(typmod)-4, 0) * 4 }

// numericType returns the type of a numeric with this type modifier
// (src/backend/utils/adt/numeric.c, make_numeric_typmod, version 15: the
// scale has 11 bits and a sign; earlier versions stay within them).
func numericType(typmod int32) schema.Type {
	if typmod < 4 {
		return schema.Type{Kind: schema.Decimal}
	}
	precision := int(typmod-4) >> 16 & 0xffff
	scale := int((typmod-4)&0x7ff^1024) - 1024
	if scale < 0 {
		return schema.DecimalOf(precision-scale, 0)
	}
	return schema.DecimalOf(max(precision, scale), scale)
}
