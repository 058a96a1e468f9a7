package schema

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// A Kind is a family of column types. The names in its String are those of
// the vendor-neutral type set that Fivetran's SDKs publish (proto DataType).
type Kind uint8

// The kinds. Each comment gives the Arrow type that carries its values.
const (
	Unspecified Kind = iota // no value seen yet; utf8 of nulls
	Boolean                 // bool
	Short                   // int16
	Int                     // int32
	Long                    // int64
	Decimal                 // decimal128(p, s) up to 38 digits; utf8 beyond, see [Type]
	Float                   // float32
	Double                  // float64
	Date                    // date32, days since 1970-01-01; see [DateInfinity]
	Datetime                // timestamp[us] without a zone; see [TimeInfinity]
	Instant                 // timestamp[us, UTC]; see [TimeInfinity]
	Time                    // time64[us] of day, 24:00:00 included
	Binary                  // binary
	XML                     // utf8
	String                  // utf8
	JSON                    // utf8
)

var kindNames = [...]string{
	"UNSPECIFIED", "BOOLEAN", "SHORT", "INT", "LONG", "DECIMAL", "FLOAT", "DOUBLE", "NAIVE_DATE",
	"NAIVE_DATETIME", "UTC_DATETIME", "NAIVE_TIME", "BINARY", "XML", "STRING", "JSON",
}

func (k Kind) String() string { return kindNames[k] }

// Infinities of dates and timestamps, as PostgreSQL and DuckDB know them.
// The negative infinity is the negated value.
const (
	DateInfinity = math.MaxInt32
	TimeInfinity = math.MaxInt64
)

// MaxPrecision is the number of digits that a decimal128 holds.
const MaxPrecision = 38

// A Type is the type of a column. Types compare with ==.
type Type struct {
	Kind Kind

	// Precision and Scale are set for a Decimal: digits in all, and of them
	// after the point. Precision 0 stands for numbers of any size, NaN and
	// the infinities included ("NaN", "Infinity", "-Infinity"); they travel
	// as text in plain decimal notation.
	Precision, Scale int16

	// Length may be set for a String: values have at most so many bytes of
	// UTF-8. It is a power of two; 0 stands for any length.
	Length int32
}

// DecimalOf returns the type of numbers with precision digits in all, scale of
// them after the point, or of numbers of any size if that is over [MaxPrecision].
func DecimalOf(precision, scale int) Type {
	if precision > MaxPrecision || precision < 1 || scale < 0 || scale > precision {
		return Type{Kind: Decimal}
	}
	return Type{Kind: Decimal, Precision: int16(precision), Scale: int16(scale)}
}

// StringOf returns the type of texts of at most n bytes, or of any length if n
// is not positive or too large to be worth a limit. Lengths are rounded up to a
// power of two, as by Fivetran's SDKs (string_byte_length, read 2026-11), so
// that a source that widens a column often changes little.
func StringOf(n int) Type {
	const most = 1 << 16
	if n < 1 || n > most {
		return Type{Kind: String}
	}
	return Type{Kind: String, Length: 1 << bits.Len(uint(n-1))}
}

// AnyLength returns t without a length.
func (t Type) AnyLength() Type {
	t.Length = 0
	return t
}

// Unbounded reports whether t is the decimal of any size.
func (t Type) Unbounded() bool { return t.Kind == Decimal && t.Precision == 0 }

func (t Type) String() string {
	if t.Kind == Decimal && t.Precision > 0 {
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	}
	if t.Length > 0 {
		return fmt.Sprintf("%s(%d)", t.Kind, t.Length)
	}
	return t.Kind.String()
}

// ParseType is the inverse of [Type.String].
func ParseType(s string) (Type, error) {
	name, params, has := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	for k, n := range kindNames {
		if n != name {
			continue
		}
		if !has {
			return Type{Kind: Kind(k)}, nil
		}
		p, sc, two := strings.Cut(params, ",")
		pi, err1 := strconv.Atoi(p)
		if t := StringOf(pi); Kind(k) == String && !two && err1 == nil && pi > 0 && int(t.Length) == pi {
			return t, nil
		}
		si, err2 := strconv.Atoi(sc)
		if Kind(k) != Decimal || err1 != nil || err2 != nil {
			break
		}
		return DecimalOf(pi, si), nil
	}
	return Type{}, fmt.Errorf("unknown column type %q", s)
}

// MarshalText implements encoding.TextMarshaler with [Type.String].
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with [ParseType].
func (t *Type) UnmarshalText(b []byte) (err error) {
	*t, err = ParseType(string(b))
	return err
}

// Arrow returns the Arrow type that carries values of t.
func (t Type) Arrow() arrow.DataType {
	switch t.Kind {
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case Short:
		return arrow.PrimitiveTypes.Int16
	case Int:
		return arrow.PrimitiveTypes.Int32
	case Long:
		return arrow.PrimitiveTypes.Int64
	case Decimal:
		if t.Precision > 0 {
			return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
		}
	case Float:
		return arrow.PrimitiveTypes.Float32
	case Double:
		return arrow.PrimitiveTypes.Float64
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Datetime:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case Instant:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case Time:
		return arrow.FixedWidthTypes.Time64us
	case Binary:
		return arrow.BinaryTypes.Binary
	}
	return arrow.BinaryTypes.String
}

// Join returns the narrowest type that holds every value of a and of b
// exactly. It is commutative, associative and idempotent, and [Unspecified]
// is its identity. A String holds everything, as text.
func Join(a, b Type) Type {
	switch {
	case a == b || b.Kind == Unspecified:
		return a
	case a.Kind == Unspecified:
		return b
	case a.numeric() && b.numeric():
		return joinNumbers(a, b)
	case a.Length > 0 && b.Length > 0:
		return Type{Kind: String, Length: max(a.Length, b.Length)}
	case a.Kind == Date && b.Kind == Datetime:
		return b
	case a.Kind == Datetime && b.Kind == Date:
		return a
	}
	return Type{Kind: String}
}

func (t Type) numeric() bool { return Short <= t.Kind && t.Kind <= Double }

// digits returns how many digits t has before and after the point.
func (t Type) digits() (before, after int) {
	switch t.Kind {
	case Short:
		return 5, 0
	case Int:
		return 10, 0
	case Long:
		return 19, 0
	}
	return int(t.Precision - t.Scale), int(t.Scale)
}

func joinNumbers(a, b Type) Type {
	if a.Kind > b.Kind {
		a, b = b, a
	}
	switch {
	case a.Unbounded() || b.Unbounded():
		return Type{Kind: Decimal}
	case b.Kind <= Long: // both are integers, and b is the wider
		return b
	case b.Kind == Decimal:
		ab, aa := a.digits()
		bb, ba := b.digits()
		return DecimalOf(max(ab, bb)+max(aa, ba), max(aa, ba))
	case a.Kind == Decimal || a.Kind == Long: // with a Float or Double
		return Type{Kind: Decimal}
	case a.Kind == Int: // 32 bits do not fit a float32's 24
		return Type{Kind: Double}
	}
	return b // Short or Float with Float or Double
}
