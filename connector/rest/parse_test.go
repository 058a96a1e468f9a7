package rest

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/schema"
)

func TestParseTime(t *testing.T) {
	first, last := time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", rapid.IntRange(-14*60, 14*60).Draw(t, "zone")*60)
		want := time.UnixMicro(rapid.Int64Range(first.UnixMicro(), last.UnixMicro()).Draw(t, "micros")).In(zone)
		layout := rapid.SampledFrom([]string{"2006-01-02T15:04:05.999999Z07:00", "2006-01-02 15:04:05.000000-0700", "2006-01-02T15:04:05.000000000Z07:00"}).Draw(t, "layout")
		got, zoned, ok := parseTime([]byte(want.Format(layout)))
		if !ok || !zoned || got != want.UnixMicro() {
			t.Errorf("%s: got %d, %v, %v; want %d", want.Format(layout), got, zoned, ok, want.UnixMicro())
		}
		y, m, day := want.Date()
		d, ok := parseDate([]byte(want.Format(time.DateOnly)))
		if midnight := time.Date(y, m, day, 0, 0, 0, 0, time.UTC); !ok || int64(d)*86400 != midnight.Unix() {
			t.Errorf("%s: got day %d, %v", want.Format(time.DateOnly), d, ok)
		}
	})
	for _, s := range []string{
		"", "2026", "2026-01-01", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
		"2026-01-01T00:00:60Z", "2026-01-01T00:00:00X", "2026-01-01T00:00:00+1", "2026-01-01T00:00:00+24:00", "2026-01-01x00:00:00Z", "2026-01-01T00:00:00.0000001Z",
	} {
		if _, _, ok := parseTime([]byte(s)); ok {
			t.Errorf("%q was taken for a time", s)
		}
	}
}

func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,45})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("big.Rat does not know %s", text)
		}
		n, ok := parseNumber([]byte(text), nil)
		if !ok {
			t.Fatalf("%s was refused", text)
		}
		same := func(what, s string) {
			got, ok := new(big.Rat).SetString(s)
			if !ok || got.Cmp(want) != 0 || strings.ContainsAny(s, "eE") {
				t.Errorf("%s of %s is %s", what, text, s)
			}
		}
		same("text", string(n.append(nil)))
		typ := n.typ()
		switch {
		case typ.Kind == schema.Int, typ.Kind == schema.Long:
			v, _ := n.int64()
			same("integer", fmt.Sprint(v))
		case !typ.Unbounded():
			v, ok := n.decimal(typ)
			if !ok {
				t.Fatalf("%s does not fit its own type %v", text, typ)
			}
			same("decimal", v.ToString(int32(typ.Scale)))
		}
		if f, ok := n.float64([]byte(text)); ok {
			shortest, _ := new(big.Rat).SetString(fmt.Sprint(f))
			if shortest.Cmp(want) != 0 {
				t.Errorf("%s became the double %v", text, f)
			}
		}
	})
}
