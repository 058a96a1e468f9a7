package postgres

import (
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// TestValuesNotHeld writes what PostgreSQL cannot hold.
func TestValuesNotHeld(t *testing.T) {
	table := &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true},
		{Name: "date", Type: schema.Type{Kind: schema.Date}},
		{Name: "datetime", Type: schema.Type{Kind: schema.Datetime}},
		{Name: "instant", Type: schema.Type{Kind: schema.Instant}},
		{Name: "time", Type: schema.Type{Kind: schema.Time}},
		{Name: "number", Type: schema.Type{Kind: schema.Decimal}},
		{Name: "json", Type: schema.Type{Kind: schema.JSON}},
		{Name: "nul", Type: schema.Type{Kind: schema.String}},
		{Name: "text", Type: schema.Type{Kind: schema.String}},
	}}
	type row struct {
		date            int32
		at, of          int64
		number, json    string
		nul, textColumn string
	}
	rows := []row{ // the lowest and the highest, and those beyond
		{minDate, minTime, 0, "-" + strings.Repeat("9", 1000) + "." + strings.Repeat("9", 1000), "{}", "n", "t"},
		{maxDate - 1, schema.TimeInfinity - 1, 86_400_000_000, "0", " 1 ", "n", "t"},
		{minDate - 1, minTime - 1, -1, "1e5", "{", "a\x00b\x00", "a\xffb"},
		{maxDate, -schema.TimeInfinity - 1, 86_400_000_001, "0." + strings.Repeat("1", maxScale+1), "", "\x00", "\xc3"},
	}
	record := func() arrow.RecordBatch {
		b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
		defer b.Release()
		for id, r := range rows {
			b.Field(0).(*array.Int64Builder).Append(int64(id))
			b.Field(1).(*array.Date32Builder).Append(arrow.Date32(r.date))
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(r.at))
			b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(r.at))
			b.Field(4).(*array.Time64Builder).Append(arrow.Time64(r.of))
			for i, s := range []string{r.number, r.json, r.nul, r.textColumn} {
				b.Field(i + 5).(*array.StringBuilder).Append(s)
			}
		}
		return b.NewRecordBatch()
	}
	d := openAt(t, pgtest.Database(t))
	var warnings []string
	w, err := d.Writer(t.Context(), destination.Options{Warn: func(w setup.Warning) { warnings = append(warnings, w.Message) }})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Migrate(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record(), Fresh: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range table.Columns[1:] {
		if n := len(slices.DeleteFunc(slices.Clone(warnings), func(s string) bool { return !strings.Contains(s, "table s.t, column "+c.Name+":") })); n != 2 {
			t.Errorf("%d warnings name column %s, want 2: %.200q", n, c.Name, warnings)
		}
	}
	null := destinationtest.Null
	want := [][]string{
		{"0", "4714-11-24 BC", "4714-11-24T00:00:00 BC", "4714-11-24T00:00:00Z BC", "00:00:00", rows[0].number, "{}", "n", "t"},
		{"1", "5874897-12-31", "294247-01-10T04:00:54.775806", "294247-01-10T04:00:54.775806Z", "24:00:00", "0", " 1 ", "n", "t"},
		{"2", null, null, null, null, null, null, "ab", "a\ufffdb"},
		{"3", null, null, null, null, null, null, "", "\ufffd"},
	}
	got := selectText(t, d, table.Name, table.Columns)
	slices.SortFunc(got, slices.Compare)
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("got  %.300q\nwant %.300q", got[i], want[i])
		}
	}

	w, err = d.Writer(t.Context(), destination.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err = w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record()}); err == nil {
		err = w.Flush(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "table s.t, column date") {
		t.Errorf("without anybody to warn: %v", err)
	}

	w, err = d.Writer(t.Context(), destination.Options{Warn: func(setup.Warning) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	table.Columns[1].Key = true
	if err = w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record()}); err == nil {
		err = w.Flush(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "table s.t, column date") {
		t.Errorf("in a key: %v", err)
	}
}

// TestTextNotHeld writes text that is UTF-8 as a column and not by the value,
// and JSON that is not UTF-8.
func TestTextNotHeld(t *testing.T) {
	table := &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{
		{Name: "text", Type: schema.Type{Kind: schema.String}, Key: true}, {Name: "json", Type: schema.Type{Kind: schema.JSON}}}}
	d := openAt(t, pgtest.Database(t))
	warned := 0
	w, err := d.Writer(t.Context(), destination.Options{Warn: func(setup.Warning) { warned++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Migrate(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
	defer b.Release()
	for _, r := range [][2]string{{"a\xc3", `"x"`}, {"\xa9b", "\"x\xff\""}} {
		b.Field(0).(*array.StringBuilder).Append(r[0])
		b.Field(1).(*array.StringBuilder).Append(r[1])
	}
	if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: b.NewRecordBatch()}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := selectText(t, d, table.Name, table.Columns)
	slices.SortFunc(got, slices.Compare)
	if want := [][]string{{"a\ufffd", `"x"`}, {"\ufffdb", "\"x\ufffd\""}}; !slices.EqualFunc(got, want, slices.Equal) || warned != 3 {
		t.Errorf("got %q with %d warnings, want %q", got, warned, want)
	}
}

// numericText is the value of a numeric field in plain notation.
func numericText(field []byte) string {
	u := func(i int) int { return int(binary.BigEndian.Uint16(field[4+2*i:])) }
	n, weight, scale := u(0), int(int16(u(1))), u(3)
	value := new(big.Rat)
	for i := range n {
		group := new(big.Rat).SetInt64(int64(u(4 + i)))
		power := new(big.Int).Exp(big.NewInt(10_000), big.NewInt(int64(max(weight-i, i-weight))), nil)
		if weight >= i {
			group.Mul(group, new(big.Rat).SetInt(power))
		} else {
			group.Quo(group, new(big.Rat).SetInt(power))
		}
		value.Add(value, group)
	}
	if u(2) == negative {
		value.Neg(value)
	}
	return value.FloatString(scale)
}

func TestDecimals(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		scale := rapid.IntRange(0, 38).Draw(r, "scale")
		digits := rapid.StringMatching(`-?[0-9]{1,38}`).Draw(r, "digits")
		unscaled, _ := new(big.Int).SetString(digits, 10)
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		want := new(big.Rat).SetFrac(unscaled, unit).FloatString(scale)
		field := appendDecimal(nil, decimal128.FromBigInt(unscaled), scale)
		if got := numericText(field); got != want {
			r.Errorf("%s / 10^%d: got %s, want %s", digits, scale, got, want)
		}
		if int(binary.BigEndian.Uint32(field)) != len(field)-4 {
			r.Errorf("a field of %d bytes has the length %x", len(field)-4, field[:4])
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, s := range []string{"0", "1", "-1", "0.1", "-0.00010", "10000", "9999", "12345.6789", "100000000.000000001", "00012.50", "123456789012345678901234567890"} {
		field, ok := appendNumber(nil, s)
		want, _ := new(big.Rat).SetString(s)
		_, part, _ := strings.Cut(s, ".")
		if got := numericText(field); !ok || got != want.FloatString(len(part)) {
			t.Errorf("%s: got %s, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "-", ".", "1e5", "+1", "nan", " 1", "1.2.3", "٣"} {
		if _, ok := appendNumber(nil, s); ok {
			t.Errorf("%q passes for a number", s)
		}
	}
}
