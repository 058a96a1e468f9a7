package mysql

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// TestValues writes the extremes of what the server holds, and what it does
// not, by LOAD DATA and by INSERT.
func TestValues(t *testing.T) {
	kinds := []schema.Kind{schema.Long, schema.Date, schema.Datetime, schema.Instant, schema.Time, schema.Float, schema.Double, schema.Binary, schema.String}
	table := &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}}
	for i, k := range kinds {
		table.Columns = append(table.Columns, schema.Column{Name: strings.ToLower(k.String()), Type: schema.Type{Kind: k}, Key: i == 0})
	}
	var all []byte
	var text strings.Builder
	for i := range 256 {
		all = append(all, byte(i))
		text.WriteRune(rune(i))
	}
	all = append(all, all...)
	text.WriteString("\\N\t'\"`\\'\\\\n\\0NULL\r\n\x1a\x00%_")
	rows := []struct {
		date   int32
		at, of int64
		f      float64
		bin    []byte
		text   string
		want   []string // the dates and times as text; nil: NULL, as the numbers
	}{
		{minDate, minTime, 0, math.SmallestNonzeroFloat32, all, text.String(), []string{"0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "00:00:00"}},
		{endDate - 1, endTime - 1, day, -math.MaxFloat32, nil, `\N`, []string{"9999-12-31", "9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999Z", "24:00:00"}},
		{-1, -1, 1, 1e20, []byte{0}, "", []string{"1969-12-31", "1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999Z", "00:00:00.000001"}},
		{minDate - 1, minTime - 1, -1, math.NaN(), []byte("\t\\"), "a\xffb", nil},
		{endDate, endTime, day + 1, math.Inf(-1), []byte("\n'"), "\xc3", nil},
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
			b.Field(5).(*array.Float32Builder).Append(float32(r.f))
			b.Field(6).(*array.Float64Builder).Append(r.f)
			b.Field(7).(*array.BinaryBuilder).Append(r.bin)
			b.Field(8).(*array.StringBuilder).Append(r.text)
		}
		return b.NewRecordBatch()
	}
	var want [][]string
	for id, r := range rows {
		w := append([]string{fmt.Sprint(id)}, r.want...)
		if r.want == nil {
			w = append(w, slices.Repeat([]string{destinationtest.Null}, 6)...)
		} else {
			w = append(w, strconv.FormatFloat(float64(float32(r.f)), 'f', -1, 32), strconv.FormatFloat(r.f, 'f', -1, 64))
		}
		want = append(want, append(w, hex.EncodeToString(r.bin), strings.ToValidUTF8(r.text, "\ufffd")))
	}
	for _, infile := range []bool{true, false} {
		t.Run(fmt.Sprint(infile), func(t *testing.T) {
			o := openOwn(t).(own)
			var d destination.Destination = o
			if !infile {
				d = withoutInfile{o}
			}
			var warnings []string
			w, err := d.Writer(t.Context(), destination.Options{Warn: func(w setup.Warning) { warnings = append(warnings, w.Message) }})
			must(t, err)
			defer w.Close()
			must(t, w.Migrate(t.Context(), table))
			for _, fresh := range []bool{true, false} { // into the table, and by a stage
				must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record(), Fresh: fresh}))
				must(t, w.Flush(t.Context()))
			}
			for _, c := range table.Columns[1:] {
				n := len(slices.DeleteFunc(slices.Clone(warnings), func(s string) bool { return !strings.Contains(s, "s.t, column "+c.Name+":") }))
				if n != 4 && c.Type.Kind != schema.Binary {
					t.Errorf("%d warnings name column %s, want 4: %.200q", n, c.Name, warnings)
				}
			}
			got := selectText(t, o, table.Name, table.Columns)
			slices.SortFunc(got, slices.Compare)
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("got  %.300q\nwant %.300q", got[i], want[i])
				}
			}
			// Nobody is there to be warned.
			w, err = d.Writer(t.Context(), destination.Options{})
			must(t, err)
			defer w.Close()
			err = w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: record()})
			if err == nil || !strings.Contains(err.Error(), "s.t, column naive_date") {
				t.Errorf("without anybody to warn: %v", err)
			}
		})
	}
}

func TestDecimals(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		scale := rapid.IntRange(0, 38).Draw(r, "scale")
		digits := rapid.StringMatching(`-?[0-9]{1,38}`).Draw(r, "digits")
		unscaled, _ := new(big.Int).SetString(digits, 10)
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		want := new(big.Rat).SetFrac(unscaled, unit).FloatString(scale)
		if got := string(appendDecimal([]byte("x"), decimal128.FromBigInt(unscaled), scale)); got != "x"+want {
			r.Errorf("%s / 10^%d: got %s, want %s", digits, scale, got, want)
		}
	})
}

func TestTimes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		us := rapid.Int64Range(minTime, endTime-1).Draw(r, "us")
		days := us / day
		if us%day < 0 {
			days--
		}
		at := time.UnixMicro(us).UTC()
		if got, want := string(appendDate(nil, days)), at.Format("2006-01-02"); got != want {
			r.Errorf("got %s, want %s", got, want)
		}
		want := at.Format("15:04:05.000000")
		if at.Nanosecond() == 0 {
			want = at.Format("15:04:05")
		}
		if got := string(appendTime(nil, us-days*day)); got != want {
			r.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestEscape undoes what escape does, as the server does it.
func TestEscape(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		v := rapid.SliceOf(rapid.SampledFrom([]byte("\\\t\n\r\x00'\"tn0NZ\xff,"))).Draw(r, "v")
		e := escape(nil, v)
		if bytes.ContainsAny(e, "\t\n\x00") {
			r.Errorf("%q is left as %q", v, e)
		}
		var got []byte
		for i := 0; i < len(e); i++ {
			if e[i] == '\'' {
				r.Errorf("%q has a bare quote in %q", v, e)
			}
			if e[i] != '\\' {
				got = append(got, e[i])
				continue
			}
			i++
			switch e[i] {
			case 't':
				got = append(got, '\t')
			case 'n':
				got = append(got, '\n')
			case '0':
				got = append(got, 0)
			default:
				got = append(got, e[i])
			}
		}
		if !bytes.Equal(got, v) {
			r.Errorf("%q comes back as %q", v, got)
		}
	})
}
