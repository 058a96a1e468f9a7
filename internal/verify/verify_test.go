package verify

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/schema"
)

// A side is a table in memory: rows of texts, the first of which is the key.
type side struct {
	rows    map[string][]string
	changed map[string]bool
	place   func(key string) int64 // a key's hash
	first   bool                   // the first column is not asked for
	queries []schema.DigestQuery
}

const null = "NULL"

func hash(text string) int64 {
	sum := md5.Sum([]byte(text))
	return int64(binary.BigEndian.Uint32(sum[:]))
}

func (s *side) digest(q schema.DigestQuery, yield func(schema.Digest) error) error {
	s.queries = append(s.queries, q)
	keyed := len(q.Table.Key()) > 0
	parts := map[int64]schema.Digest{}
	for key, row := range s.rows {
		h := s.place(key)
		inside := func(r schema.HashRange) bool { return r.Lo <= h && h < r.Hi }
		if q.Within != nil && !slices.ContainsFunc(q.Within, inside) {
			continue
		}
		d := schema.Digest{Rows: 1}
		if s.changed[key] {
			d.Changed = 1
		}
		if s.first {
			row = row[1:]
		}
		for i := range q.Table.Columns {
			d.Columns = append(d.Columns, schema.ColumnDigest{Values: 1, Sum: hash(row[i])})
			if row[i] == null {
				d.Columns[i] = schema.ColumnDigest{}
			}
		}
		if q.Whole {
			d.Columns = []schema.ColumnDigest{{Values: 1, Sum: hash(strings.Join(row, "|"))}}
		}
		if q.Parts == 0 {
			d.Key = []string{key}
			if err := yield(d); err != nil {
				return err
			}
			continue
		}
		part := int64(0)
		if keyed {
			part = h * q.Parts / schema.KeyHashes
		}
		parts[part] = total(map[int64]schema.Digest{0: parts[part], 1: d})
	}
	for i, d := range parts {
		d.Part = i
		if err := yield(d); err != nil {
			return err
		}
	}
	return nil
}

type source struct{ side }

func (s *source) Digest(_ context.Context, state json.RawMessage, q schema.DigestQuery, yield func(schema.Digest) error) error {
	return s.digest(q, func(d schema.Digest) error {
		if state == nil {
			d.Changed = 0
		}
		return yield(d)
	})
}

type target struct{ side }

func (s *target) Digest(_ context.Context, q schema.DigestQuery, yield func(schema.Digest) error) error {
	return s.digest(q, yield)
}

// sides returns two tables of n equal rows.
func sides(n int) (*source, *target) {
	a := &source{side{rows: map[string][]string{}, changed: map[string]bool{}, place: hash}}
	b := &target{side{rows: map[string][]string{}, place: hash}}
	for i := range n {
		k := fmt.Sprint(i)
		a.rows[k], b.rows[k] = []string{k, "v" + k}, []string{k, "v" + k}
	}
	return a, b
}

func pairOf(keyed bool) Pair {
	text := schema.Type{Kind: schema.String}
	return Pair{
		Source:      schema.Table{Name: schema.Name{Table: "t"}, Columns: []schema.Column{{Name: "ID", Type: text, Key: keyed}, {Name: "V", Type: text}}},
		Destination: schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{{Name: "v", Type: text}, {Name: "id", Type: text, Key: keyed}}},
		Columns:     map[string]string{"ID": "id", "V": "v"},
	}
}

func TestTable(t *testing.T) {
	state := json.RawMessage(`{}`)
	tests := []struct {
		name    string
		keyless bool
		state   json.RawMessage
		change  func(*source, *target)
		want    Result
	}{
		{"equal", false, state, func(*source, *target) {}, Result{SourceRows: 5000, DestinationRows: 5000}},
		{"empty destination", false, nil, func(_ *source, b *target) { clear(b.rows) },
			Result{SourceRows: 5000, DestinationRows: 0, Lost: 5000}},
		{"lost among the late", false, state, func(a *source, b *target) {
			for i := range 50 {
				delete(b.rows, fmt.Sprint(i))
				a.changed[fmt.Sprint(i)] = true
			}
			delete(b.rows, "4000")
		}, Result{SourceRows: 5000, DestinationRows: 4949, Lost: 1, Late: 50}},
		{"nothing is late without a state", false, nil, func(a *source, b *target) {
			delete(b.rows, "7")
			a.changed["7"] = true
		}, Result{SourceRows: 5000, DestinationRows: 4999, Lost: 1}},
		{"different and extra", false, state, func(a *source, b *target) {
			b.rows["8"] = []string{"8", "x"}
			b.rows["9"], a.changed["9"] = []string{"9", "x"}, true
			delete(a.rows, "10")
		}, Result{SourceRows: 4999, DestinationRows: 5000, DifferentColumns: []string{"V"}, Lost: 1, Late: 1, Extra: 1}},
		{"no value in the destination", false, state, func(_ *source, b *target) { b.rows["8"] = []string{"8", null} },
			Result{SourceRows: 5000, DestinationRows: 5000, DifferentColumns: []string{"V"}, Lost: 1}},
		{"values changed places", false, state, func(_ *source, b *target) { b.rows["8"], b.rows["9"] = []string{"8", "v9"}, []string{"9", "v8"} },
			Result{SourceRows: 5000, DestinationRows: 5000, DifferentColumns: []string{"V"}, Lost: 2}},
		{"keyless, equal", true, state, func(*source, *target) {}, Result{SourceRows: 5000, DestinationRows: 5000}},
		{"keyless, lost", true, state, func(_ *source, b *target) { delete(b.rows, "8") },
			Result{SourceRows: 5000, DestinationRows: 4999, DifferentColumns: []string{"ID", "V"}, Lost: 1}},
		{"keyless, late", true, state, func(a *source, b *target) { delete(b.rows, "8"); a.changed["8"] = true },
			Result{SourceRows: 5000, DestinationRows: 4999, DifferentColumns: []string{"ID", "V"}, Late: 1, Unexamined: 4999}},
		{"keyless, lost behind a late one", true, state, func(a *source, b *target) { delete(b.rows, "8"); delete(b.rows, "9"); a.changed["9"] = true },
			Result{SourceRows: 5000, DestinationRows: 4998, DifferentColumns: []string{"ID", "V"}, Lost: 1, Late: 1, Unexamined: 4998}},
		{"keyless, different behind a late one", true, state, func(a *source, b *target) { b.rows["8"] = []string{"8", "x"}; a.changed["9"] = true },
			Result{SourceRows: 5000, DestinationRows: 5000, DifferentColumns: []string{"V"}, Late: 1, Unexamined: 4999}},
		{"keyless, different", true, state, func(_ *source, b *target) { b.rows["8"] = []string{"8", "x"} },
			Result{SourceRows: 5000, DestinationRows: 5000, DifferentColumns: []string{"V"}, Lost: 1}},
		{"keyless, extra", true, state, func(a *source, _ *target) { delete(a.rows, "8") },
			Result{SourceRows: 4999, DestinationRows: 5000, DifferentColumns: []string{"ID", "V"}, Extra: 1, Unexamined: 4999}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := sides(5000)
			tt.change(a, b)
			c := Comparison{Source: a, Destination: b, State: tt.state, List: 2}
			got, err := c.Table(t.Context(), pairOf(!tt.keyless))
			if err != nil {
				t.Fatal(err)
			}
			if n := got.Lost + got.Late + got.Extra; !tt.keyless && int64(len(got.Differences)) != min(n, 2) {
				t.Errorf("%d rows are listed of %d", len(got.Differences), n)
			}
			if tt.want.Lost > 0 && !tt.keyless && (got.Differences[0].Late || got.Differences[0].What == "extra") {
				t.Errorf("what is lost is not listed first: %+v", got.Differences)
			}
			got.Differences = nil
			tt.want.Source, tt.want.Destination = "t", "s.t"
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}

// TestFewRowsAreAsked has one row of many lost: no more than a few are looked at.
func TestFewRowsAreAsked(t *testing.T) {
	a, b := sides(5000)
	place := func(key string) int64 { // all in one part of the first look
		n, _ := strconv.ParseInt(key, 10, 64)
		return 5*schema.KeyHashes/firstParts + n*800
	}
	a.place, b.place = place, place
	delete(b.rows, "4321")
	c := Comparison{Source: a, Destination: b, List: 10}
	got, err := c.Table(t.Context(), pairOf(true))
	if err != nil || got.Lost != 1 || len(got.Differences) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := len(a.queries); n != 3 || len(b.queries) != n {
		t.Errorf("the source was asked %d times, the destination %d", len(a.queries), len(b.queries))
	}
	last := a.queries[len(a.queries)-1]
	if r := last.Within; last.Parts != 0 || len(r) != 1 || r[0].Hi-r[0].Lo > schema.KeyHashes/firstParts/finer+1 {
		t.Errorf("the last look was at %+v", last)
	}
}

// TestMuchDiffers has more rows different than are looked at.
func TestMuchDiffers(t *testing.T) {
	differ := make([]part, firstParts)
	for i := range differ {
		differ[i] = part{HashRange: schema.HashRange{Lo: int64(i), Hi: int64(i) + 1}, rows: batchRows / 2}
	}
	a, b := sides(0)
	tb := &table{Comparison: &Comparison{Source: a, Destination: b}, out: &Result{}, source: schema.Table{Columns: make([]schema.Column, 2)}}
	if err := tb.examine(t.Context(), differ); err != nil || len(a.queries) != batches {
		t.Fatalf("%d queries, %v", len(a.queries), err)
	}
	if want := int64(batchRows/2) * (firstParts - 2*batches); tb.out.Unexamined != want || tb.out.Equal() {
		t.Errorf("%d rows are not examined, want %d", tb.out.Unexamined, want)
	}
}

// A huge is a table of 2³⁰ rows, one at every fourth hash, which are made as
// they are asked for.
type huge struct {
	lost map[int64]bool // hashes of the rows that are not there
	most int64          // rows and parts of one answer
	asks int
}

func (h *huge) digest(q schema.DigestQuery, yield func(schema.Digest) error) error {
	h.asks++
	if q.Within == nil {
		q.Within = []schema.HashRange{{Hi: schema.KeyHashes}}
	}
	size := int64(4) // of a part
	if q.Parts > 0 {
		size = schema.KeyHashes / q.Parts
	}
	answers := int64(0)
	for _, r := range q.Within {
		for lo := r.Lo; lo < r.Hi; lo += size {
			d := schema.Digest{Part: lo / size, Rows: size / 4}
			if q.Parts == 0 {
				d.Key = []string{fmt.Sprint(lo)}
			}
			for at := range h.lost {
				if lo <= at && at < lo+size {
					d.Rows--
				}
			}
			if d.Rows == 0 {
				continue
			}
			d.Columns = slices.Repeat([]schema.ColumnDigest{{Values: d.Rows, Sum: d.Rows}}, len(q.Table.Columns))
			answers++
			if err := yield(d); err != nil {
				return err
			}
		}
	}
	h.most = max(h.most, answers)
	return nil
}

type hugeSource struct{ huge }

func (h *hugeSource) Digest(_ context.Context, _ json.RawMessage, q schema.DigestQuery, yield func(schema.Digest) error) error {
	return h.digest(q, yield)
}

type hugeTarget struct{ huge }

func (h *hugeTarget) Digest(_ context.Context, q schema.DigestQuery, yield func(schema.Digest) error) error {
	return h.digest(q, yield)
}

// TestFewOfManyRows has some rows of many lost, far from each other: they are
// found, and no answer is large.
func TestFewOfManyRows(t *testing.T) {
	a, b := &hugeSource{}, &hugeTarget{huge{lost: map[int64]bool{}}}
	for i := range int64(100) {
		b.lost[i*schema.KeyHashes/100/4*4] = true
	}
	c := Comparison{Source: a, Destination: b, List: 10}
	got, err := c.Table(t.Context(), pairOf(true))
	if err != nil || got.SourceRows != 1<<30 || got.Lost != 100 || got.Unexamined != 0 || len(got.Differences) != 10 {
		t.Errorf("%+v, %v", got, err)
	}
	if a.most > batchRows || a.asks > 1+2*2+batches {
		t.Errorf("%d rows or parts in one of %d answers", a.most, a.asks)
	}
}

// TestLargeParts leaves out a part that has more rows than may be looked at.
func TestLargeParts(t *testing.T) {
	a, b := sides(0)
	tb := &table{Comparison: &Comparison{Source: a, Destination: b}, out: &Result{}, source: schema.Table{Columns: make([]schema.Column, 2)}}
	parts := []part{{HashRange: schema.HashRange{Lo: 0, Hi: 1}, rows: batchRows + 1}, {HashRange: schema.HashRange{Lo: 1, Hi: 2}, rows: batchRows}}
	if err := tb.examine(t.Context(), parts); err != nil || len(a.queries) != 1 || tb.out.Unexamined != batchRows+1 {
		t.Errorf("%d queries, %d rows were left out, %v", len(a.queries), tb.out.Unexamined, err)
	}
}

// TestFarTooManyParts: the queries of a look at everything that differs are
// bounded.
func TestFarTooManyParts(t *testing.T) {
	a, b := sides(1)
	tb := &table{Comparison: &Comparison{Source: a, Destination: b}, out: &Result{}, source: schema.Table{Columns: make([]schema.Column, 2)}}
	differ := make([]part, firstParts)
	for i := range differ {
		differ[i] = part{HashRange: schema.HashRange{Lo: int64(i) << 22, Hi: int64(i+1) << 22}, rows: 1 << 20}
	}
	left, err := tb.refine(t.Context(), differ, firstParts)
	if err != nil || len(a.queries) != groups || len(left) != firstParts-groups*maxRanges {
		t.Errorf("%d queries, %d parts are left, %v", len(a.queries), len(left), err)
	}
	for _, q := range a.queries {
		if len(q.Within) > maxRanges {
			t.Errorf("%d ranges in a query", len(q.Within))
		}
	}
}

// TestAnew has tables that the next sync reads from their beginning.
func TestAnew(t *testing.T) {
	for _, tt := range []struct {
		name  string
		keyed bool
		lose  func(b *target, p *Pair)
		want  Result
	}{
		{"rows", true, func(b *target, _ *Pair) { delete(b.rows, "8") }, Result{SourceRows: 100, DestinationRows: 99, Late: 1}},
		{"keyless", false, func(b *target, _ *Pair) { delete(b.rows, "8") },
			Result{SourceRows: 100, DestinationRows: 99, Late: 1, DifferentColumns: []string{"ID", "V"}}},
		{"the table", true, func(_ *target, p *Pair) { p.Destination.Columns = nil }, Result{SourceRows: 100, Late: 100, AbsentTable: true, DestinationRows: 0}},
		{"a column", true, func(_ *target, p *Pair) { p.Destination.Columns = p.Destination.Columns[1:] },
			Result{SourceRows: 100, DestinationRows: 100, AbsentColumns: []string{"V"}}},
	} {
		a, b := sides(100)
		p := pairOf(tt.keyed)
		p.Anew = true
		tt.lose(b, &p)
		c := Comparison{Source: a, Destination: b, State: json.RawMessage(`{}`)}
		got, err := c.Table(t.Context(), p)
		tt.want.Source, tt.want.Destination, tt.want.Anew, got.Differences = "t", "s.t", true, nil
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" || got.Bad() || got.Equal() {
			t.Errorf("%s: bad %v, %v (-want +got)\n%s", tt.name, got.Bad(), err, diff)
		}
	}
}

func TestColumns(t *testing.T) {
	a, b := sides(10)
	p := pairOf(true)
	p.Destination.Columns = p.Destination.Columns[1:]
	c := Comparison{Source: a, Destination: b}
	if got, err := c.Table(t.Context(), p); err != nil || !slices.Equal(got.AbsentColumns, []string{"V"}) || got.Lost != 0 || got.Equal() {
		t.Errorf("%+v, %v", got, err)
	}
	p.Destination.Columns = pairOf(true).Destination.Columns[:1]
	if _, err := c.Table(t.Context(), p); err == nil {
		t.Error("a table without its key was compared")
	}
	p.Destination.Columns = nil
	if got, err := c.Table(t.Context(), p); err != nil || !got.AbsentTable || got.Lost != 10 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestMasked has columns whose values are other ones in the destination.
func TestMasked(t *testing.T) {
	lose := func(_ *source, b *target) { delete(b.rows, "8") }
	change := func(_ *source, b *target) { b.rows["8"] = []string{"8", "x"} }
	tests := []struct {
		name   string
		masked string
		keyed  bool
		change func(*source, *target)
		want   string // of Lost, DifferentColumns, and the listed rows
	}{
		{"a value", "V", true, change, "0 [] []"},
		{"a value, lost", "V", true, lose, "1 [] [{[8] missing [] [] false}]"},
		{"the key", "ID", true, change, "1 [V] []"}, // which row it is, nobody may know
		{"the key, lost", "ID", true, lose, "1 [V] []"},
		{"all", "ID V", true, change, "0 [] []"},
		{"all, lost", "ID V", true, lose, "1 [] []"},
		{"all, keyless", "ID V", false, change, "0 [] []"},
	}
	for _, tt := range tests {
		a, b := sides(100)
		tt.change(a, b)
		p := pairOf(tt.keyed)
		p.Masked = map[string]bool{}
		for _, c := range strings.Fields(tt.masked) {
			p.Masked[c] = true
		}
		a.first, b.first = p.Masked["ID"] && !p.Masked["V"], p.Masked["ID"] && !p.Masked["V"]
		c := Comparison{Source: a, Destination: b, List: 5}
		got, err := c.Table(t.Context(), p)
		if s := fmt.Sprint(got.Lost, " ", got.DifferentColumns, " ", got.Differences); err != nil || s != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.name, s, err, tt.want)
		}
		if !slices.Equal(got.MaskedColumns, strings.Fields(tt.masked)) {
			t.Errorf("%s: masked are %v", tt.name, got.MaskedColumns)
		}
	}
}

// TestPause ends the comparison before any of its queries.
func TestPause(t *testing.T) {
	for n := range 4 {
		a, b := sides(100)
		delete(b.rows, "8")
		enough := errors.New("enough")
		calls := 0
		c := Comparison{Source: a, Destination: b, Pause: func(context.Context) error {
			if calls++; calls > n {
				return enough
			}
			return nil
		}}
		if _, err := c.Table(t.Context(), pairOf(true)); !errors.Is(err, enough) || len(a.queries)+len(b.queries) != n {
			t.Errorf("after %d queries: %v", len(a.queries)+len(b.queries), err)
		}
	}
}

func TestCommon(t *testing.T) {
	of := func(k schema.Kind) schema.Type { return schema.Type{Kind: k} }
	number := of(schema.Decimal)
	for _, tt := range []struct{ source, destination, want schema.Type }{
		{of(schema.Int), of(schema.Long), of(schema.Long)},
		{of(schema.Float), of(schema.Double), of(schema.Double)},
		{schema.DecimalOf(8, 2), schema.DecimalOf(8, 2), schema.DecimalOf(8, 2)},
		{schema.DecimalOf(8, 2), schema.DecimalOf(12, 4), number},
		{of(schema.Long), of(schema.Double), number},
		{schema.DecimalOf(8, 2), of(schema.String), number},
		{of(schema.Date), of(schema.Datetime), of(schema.Datetime)},
		{of(schema.Date), of(schema.String), of(schema.Date)},
		{of(schema.JSON), of(schema.String), of(schema.JSON)},
		{of(schema.Boolean), of(schema.String), of(schema.Boolean)},
	} {
		if got := common(tt.source, tt.destination); got != tt.want {
			t.Errorf("%s and %s are compared as %s, want %s", tt.source, tt.destination, got, tt.want)
		}
	}
}
