package pipe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

func kind(k schema.Kind) schema.Type { return schema.Type{Kind: k} }

// column makes an Arrow column of texts as Arrow writes them; "-" is NULL.
func column(t testing.TB, typ schema.Type, values ...string) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, typ.Arrow())
	defer b.Release()
	for _, v := range values {
		if v == "-" {
			b.AppendNull()
		} else if err := b.AppendValueFromString(v); err != nil {
			t.Fatalf("%s as %s: %v", v, typ, err)
		}
	}
	return b.NewArray()
}

func textOf(c arrow.Array) string {
	var out []string
	for i := range c.Len() {
		if c.IsNull(i) {
			out = append(out, "-")
		} else {
			out = append(out, c.ValueStr(i))
		}
	}
	return strings.Join(out, " ")
}

// One value has one text in every type that holds it.
func TestTexts(t *testing.T) {
	for _, tt := range []struct {
		want  string
		value string
		types []schema.Type
	}{
		{"5", "5", []schema.Type{kind(schema.Short), kind(schema.Int), kind(schema.Long), kind(schema.Float), kind(schema.Double),
			schema.DecimalOf(5, 2), schema.DecimalOf(38, 0), {Kind: schema.Decimal}, kind(schema.String)}},
		{"-0.25", "-0.25", []schema.Type{kind(schema.Float), kind(schema.Double), schema.DecimalOf(5, 2), schema.DecimalOf(38, 10), {Kind: schema.Decimal}}},
		{"0.1", "0.1", []schema.Type{kind(schema.Float), kind(schema.Double), schema.DecimalOf(3, 1), schema.DecimalOf(30, 20)}},
		{"0", "0", []schema.Type{kind(schema.Int), kind(schema.Double), schema.DecimalOf(10, 4), {Kind: schema.Decimal}}},
		{"0", "-0", []schema.Type{kind(schema.Float), kind(schema.Double)}},
		{"1200", "1200", []schema.Type{kind(schema.Int), kind(schema.Double), schema.DecimalOf(10, 3)}},
		{"12345678901234567890123.5", "12345678901234567890123.5", []schema.Type{schema.DecimalOf(38, 5), schema.DecimalOf(24, 1), {Kind: schema.Decimal}}},
		{"true", "true", []schema.Type{kind(schema.Boolean), kind(schema.String)}},
		{"2026-11-23", "2026-11-23", []schema.Type{kind(schema.Date), kind(schema.Datetime), kind(schema.String)}},
		{"2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", []schema.Type{kind(schema.Instant)}},
		{"1969-12-31T23:59:59.5", "1969-12-31 23:59:59.5", []schema.Type{kind(schema.Datetime)}},
		{"1960-01-01", "1960-01-01", []schema.Type{kind(schema.Date), kind(schema.Datetime)}},
		{"08:00:00.25", "08:00:00.25", []schema.Type{kind(schema.Time)}},
		{"616263", "YWJj", []schema.Type{kind(schema.Binary)}},
		{`{"a": 1.0}`, `{"a": 1.0}`, []schema.Type{kind(schema.JSON)}},
	} {
		for _, typ := range tt.types {
			if got := string(texts(column(t, typ, tt.value), typ)(nil, 0)); got != tt.want {
				t.Errorf("%s as %s: got %q, want %q", tt.value, typ, got, tt.want)
			}
		}
	}
}

func TestTextsOfUnusualValues(t *testing.T) {
	dates := array.NewDate32Builder(memory.DefaultAllocator)
	dates.AppendValues([]arrow.Date32{schema.DateInfinity, -schema.DateInfinity}, nil)
	times := array.NewTimestampBuilder(memory.DefaultAllocator, kind(schema.Instant).Arrow().(*arrow.TimestampType))
	times.AppendValues([]arrow.Timestamp{schema.TimeInfinity, -schema.TimeInfinity}, nil)
	clock := array.NewTime64Builder(memory.DefaultAllocator, arrow.FixedWidthTypes.Time64us.(*arrow.Time64Type))
	clock.AppendValues([]arrow.Time64{day * micros, 0}, nil)
	floats := array.NewFloat64Builder(memory.DefaultAllocator)
	floats.AppendValues([]float64{math.Inf(1), math.Inf(-1), math.NaN(), 1e22}, nil)
	large := array.NewDecimal128Builder(memory.DefaultAllocator, schema.DecimalOf(38, 0).Arrow().(*arrow.Decimal128Type))
	large.AppendValues([]decimal128.Num{decimal128.FromI64(math.MinInt64), decimal128.FromU64(math.MaxUint64), decimal128.FromI64(math.MaxInt64)}, nil)
	for _, tt := range []struct {
		typ  schema.Type
		c    arrow.Array
		want string
	}{
		{kind(schema.Date), dates.NewArray(), "infinity -infinity"},
		{kind(schema.Instant), times.NewArray(), "infinity -infinity"},
		{kind(schema.Time), clock.NewArray(), "24:00:00 00:00:00"},
		{kind(schema.Double), floats.NewArray(), "Infinity -Infinity NaN 10000000000000000000000"},
		{schema.DecimalOf(38, 0), large.NewArray(), "-9223372036854775808 18446744073709551615 9223372036854775807"},
		{schema.Type{Kind: schema.Decimal}, column(t, schema.Type{Kind: schema.Decimal}, "5.00", "-0.0", "NaN", "100", "1.50"), "5 0 NaN 100 1.5"},
	} {
		text := texts(tt.c, tt.typ)
		var got []string
		for i := range tt.c.Len() {
			got = append(got, string(text(nil, i)))
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("%s: got %s, want %s", tt.typ, g, tt.want)
		}
	}
}

func hashed(key, value string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(value))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func TestMask(t *testing.T) {
	text := kind(schema.String)
	long := strings.Repeat("long", 20)
	for _, tt := range []struct {
		name string
		mask schemaconfig.Mask
		typ  schema.Type
		in   []string
		want []string
	}{
		{"hash", schemaconfig.Mask{How: schemaconfig.MaskHash}, text, []string{"ann", "-", "bob", "ann", long}, []string{hashed("k", "ann"), "-", hashed("k", "bob"), hashed("k", "ann"), hashed("k", long)}},
		{"hash of a number", schemaconfig.Mask{How: schemaconfig.MaskHash}, schema.DecimalOf(10, 2), []string{"5.00", "-"}, []string{hashed("k", "5"), "-"}},
		{"redact", schemaconfig.Mask{How: schemaconfig.MaskRedact}, kind(schema.Long), []string{"5", "-", "123456789012"}, []string{"******", "-", "******"}},
		{"truncate", schemaconfig.Mask{How: schemaconfig.MaskTruncate, Keep: 2}, text, []string{"größe", "é", "-", "ab", "日本語"}, []string{"gr", "é", "-", "ab", "日本"}},
		{"truncate a number", schemaconfig.Mask{How: schemaconfig.MaskTruncate, Keep: 2}, kind(schema.Long), []string{"12345"}, []string{"12"}},
		{"keep the domain", schemaconfig.Mask{How: schemaconfig.MaskDomain}, text, []string{"ann@example.com", "-", "none", "a@b@c"},
			[]string{hashed("k", "ann@example.com") + "@example.com", "-", hashed("k", "none"), hashed("k", "a@b@c") + "@c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := column(t, tt.typ, append([]string{"1"}, tt.in...)...)
			slice := array.NewSlice(c, 1, int64(c.Len()))
			for _, c := range []arrow.Array{slice, column(t, tt.typ, tt.in...)} {
				got := mask(c, tt.typ, tt.mask, hashers([]byte("k")))
				if g, want := textOf(got), strings.Join(tt.want, " "); g != want {
					t.Errorf("got  %s\nwant %s", g, want)
				}
				if got.NullN() != c.NullN() || got.DataType().ID() != arrow.STRING {
					t.Errorf("%d nulls of %s", got.NullN(), got.DataType())
				}
			}
		})
	}
}

func TestHashesNeedTheKey(t *testing.T) {
	a, b := newHasher([]byte("one")), newHasher([]byte("two"))
	if x, y := string(a.append(nil, []byte("ann"))), string(b.append(nil, []byte("ann"))); x == y || len(x) != hashSize {
		t.Errorf("%s and %s", x, y)
	}
	if got := string(a.append(nil, nil)); got != hashed("one", "") {
		t.Errorf("the empty text: %s", got)
	}
}

// Whatever is remembered, a value has its hash.
func TestHashesOfManyValues(t *testing.T) {
	for _, distinct := range []int{7, 1500, 3 * trial} {
		h := newHasher([]byte("k"))
		for i := range 3 * trial {
			v := strconv.Itoa(i % distinct)
			if got := string(h.append(nil, []byte(v))); got != hashed("k", v) {
				t.Fatalf("%d values, the %d-th: %s", distinct, i, got)
			}
		}
	}
}
