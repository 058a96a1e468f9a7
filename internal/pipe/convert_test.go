package pipe

import (
	"strings"
	"testing"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Each line: a source's type, the locked type, and values with what they
// become; "-" is NULL.
const conversions = `
STRING INT 5=5 -7=-7 5.0=5 1e3=1000 5.5=- abc=- 3000000000=- true=1 +4=4 007=7 0x10=- 1_000=- 1.2.3=- .=- --1=-
STRING SHORT 32767=32767 32768=- -32768=-32768
STRING LONG 9223372036854775807=9223372036854775807 9223372036854775808=-
LONG INT 5=5 3000000000=-
DOUBLE INT 2=2 2.5=- -0=0 NaN=- +Inf=-
DOUBLE LONG 1e15=1000000000000000
DECIMAL(10,2) INT 5.00=5 5.25=-
BOOLEAN INT true=1 false=0
INT BOOLEAN 1=true 0=false 2=-
STRING BOOLEAN true=true F=false 1=true yes=-
STRING DECIMAL(5,2) 1.5=1.5 -123.45=-123.45 1234.5=- 1.234=- 0.10=0.1 x=-
DOUBLE DECIMAL(5,2) 1.25=1.25 0.001=-
LONG FLOAT 16777217=1.6777216e+07
STRING DOUBLE 0.1=0.1 NaN=NaN x=- 1e400=- 1e-400=- 0e-400=0
STRING FLOAT 1e-40=1e-40 1e-50=- 0.00000000000000000000000000000000000000000000000001=-
DECIMAL DOUBLE 12345678901234567890123=1.2345678901234568e+22
STRING DECIMAL 1.50=1.5 1.23456789012345678901e5=123456.789012345678901 -2.5E-3=-0.0025 1e-400=- 1e-999999999=- NaN=NaN x=- 123456789012345678901234567890123456789012=123456789012345678901234567890123456789012
STRING NAIVE_DATE 2026-11-23=2026-11-23 2026-11-23T10:00:00=2026-11-23 1969-12-31T10:00:00=1969-12-31 23.11.2026=- infinity=5881580-07-11
UTC_DATETIME NAIVE_DATE 2026-11-23T23:59:59Z=2026-11-23
STRING NAIVE_DATETIME 2026-11-23T10:00:00.5=2026-11-23T10:00:00.5 2026-11-23=2026-11-23T00:00:00 10:00:00=-
STRING UTC_DATETIME 2026-11-23T10:00:00+02:00=2026-11-23T08:00:00Z 2026-11-23T10:00:00=2026-11-23T10:00:00Z x=-
NAIVE_DATE UTC_DATETIME 2026-11-23=2026-11-23T00:00:00Z
NAIVE_TIME UTC_DATETIME 10:00:00=-
UTC_DATETIME NAIVE_TIME 2026-11-23T10:00:00.25Z=10:00:00.250000
STRING NAIVE_TIME 10:00:00=10:00:00.000000 25:00:00=-
LONG NAIVE_DATE 5=-
LONG UTC_DATETIME 5=-
JSON LONG 5=-
NAIVE_DATE LONG 2026-11-23=-
LONG JSON 5=5
STRING JSON {"a":1}={"a":1} abc="abc" 5=5
NAIVE_DATE JSON 2026-11-23="2026-11-23"
STRING XML <a/>=-
STRING BINARY abc=-
BINARY STRING YWJj=616263
`

func TestConvert(t *testing.T) {
	for line := range strings.Lines(strings.TrimSpace(conversions)) {
		f := strings.Fields(line)
		from, err1 := schema.ParseType(f[0])
		to, err2 := schema.ParseType(f[1])
		if err1 != nil || err2 != nil {
			t.Fatal(line)
		}
		in, want := []string{"-"}, []string{"-"}
		nulls := int64(0)
		for _, pair := range f[2:] {
			i := strings.LastIndex(pair, "=")
			in, want = append(in, pair[:i]), append(want, pair[i+1:])
			if pair[i+1:] == "-" {
				nulls++
			}
		}
		lost := &loss{column: "c", locked: to}
		got := convert(column(t, from, in...), from, to, lost)
		if g, w := textOf(got), strings.Join(want, " "); g != w {
			t.Errorf("%s to %s:\ngot  %s\nwant %s", from, to, g, w)
		}
		if lost.values != nulls {
			t.Errorf("%s to %s: %d values lost, want %d", from, to, lost.values, nulls)
		}
	}
}

func TestLossIsToldOnce(t *testing.T) {
	to := kind(schema.Int)
	lost := &loss{column: "age", locked: to}
	convert(column(t, kind(schema.String), "abc", "5", "def"), kind(schema.String), to, lost)
	var got []setup.Warning
	warn := func(w setup.Warning) { got = append(got, w) }
	lost.tell(schema.Name{Schema: "shop", Table: "person"}, warn)
	(&loss{}).tell(schema.Name{}, warn)
	want := `Table shop.person, column age is locked to INT, which does not hold 2 of its values; they became NULL. The first is "abc".`
	if len(got) != 1 || got[0].Message != want {
		t.Errorf("got %v", got)
	}
}
