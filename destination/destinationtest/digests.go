package destinationtest

import (
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// testDigests compares digests of values of all types, in tables of each mode,
// with those made of their texts here.
func testDigests(t *testing.T, s Subject) {
	d := s.Open(t)
	digester, ok := d.(destination.Digester)
	if !ok {
		t.Skip("the destination makes no digests")
	}
	rows := 0
	for _, x := range samples {
		rows = max(rows, len(x.values))
	}
	for _, mode := range []schema.Mode{schema.SoftDelete, schema.Live, schema.History} {
		table := allTypes("digests_" + strings.ToLower(mode.String()))
		table.Mode = mode
		last := make([]int, rows) // the samples that the row with the index as its key has
		for i := range last {
			last[i] = i
		}
		var warnings []setup.Warning
		w := open(t, d, 1, &warnings)
		must(t, w.Migrate(t.Context(), table))
		must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: sampleRows(table, last), Fresh: true}))
		must(t, w.Flush(t.Context()))
		must(t, w.Close())
		w = open(t, d, 2, &warnings)
		must(t, w.Migrate(t.Context(), table))
		last[1] = 2
		keys := &schema.Table{Name: table.Name, Columns: table.Columns[:1], Mode: mode}
		must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: sampleRows(table, last[:2])}))
		must(t, w.Write(t.Context(), schema.Batch{Op: schema.Delete, Table: keys, Record: sampleRows(keys, last[:1])}))
		must(t, w.Flush(t.Context()))
		must(t, w.Close())
		var live [][]string
		for k, i := range last {
			if k > 0 {
				live = append(live, sampleTexts(s, k, i))
			}
		}
		half := []schema.HashRange{{Lo: 1 << 20, Hi: 1 << 31}, {Lo: 3 << 30, Hi: 7 << 29}}
		for _, q := range []schema.DigestQuery{
			{Parts: 0}, {Parts: 1}, {Parts: 4}, {Parts: 1 << 31}, {Parts: 4, Whole: true},
			{Parts: 0, Within: half}, {Parts: 1 << 10, Within: half}, {Parts: 1 << 10, Within: half, Whole: true},
		} {
			q.Table = *table
			compareDigests(t, digester, q, live)
		}
		keyless := schema.Table{Name: table.Name, Mode: mode, Columns: slices.Clone(table.Columns[1:4])} // with equal rows
		for _, q := range []schema.DigestQuery{{Parts: 1}, {Parts: 1, Whole: true}} {
			q.Table = keyless
			var texts [][]string
			for _, row := range live {
				texts = append(texts, row[1:4])
			}
			slices.SortFunc(texts, slices.Compare)
			compareDigests(t, digester, q, slices.CompactFunc(texts, slices.Equal))
		}
	}
}

// sampleRows returns rows with the keys 0, 1, … and so many samples.
func sampleRows(t *schema.Table, rows []int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for k, i := range rows {
		appendValue(b.Field(0), keyColumn.Type, k)
		for j, x := range samples[:len(t.Columns)-1] {
			appendValue(b.Field(j+1), x.t, x.values[i%len(x.values)])
		}
	}
	return b.NewRecordBatch()
}

// sampleTexts returns the canonical texts of a row.
func sampleTexts(s Subject, k, i int) []string {
	row := []string{strconv.Itoa(k)}
	for _, x := range samples {
		v := text(x.values[i%len(x.values)], x.t, x.t)
		switch {
		case !s.Keeps(x.t, v):
			v = Null
		case x.t.Unbounded() && strings.Contains(v, "."):
			v = strings.TrimRight(strings.TrimRight(v, "0"), ".")
		}
		row = append(row, v)
	}
	return row
}

func compareDigests(t *testing.T, d destination.Digester, q schema.DigestQuery, rows [][]string) {
	t.Helper()
	for _, c := range q.Table.Columns {
		q.As = append(q.As, c.Type)
	}
	var got []schema.Digest
	must(t, d.Digest(t.Context(), q, func(d schema.Digest) error {
		got = append(got, d)
		return nil
	}))
	want := digestsOf(&q, rows)
	order := func(a, b schema.Digest) int { return cmp.Or(cmp.Compare(a.Part, b.Part), slices.Compare(a.Key, b.Key)) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if len(got) != len(want) {
		t.Fatalf("%s, %d parts: %d digests, want %d", q.Table.Name, q.Parts, len(got), len(want))
	}
	for i, g := range got {
		if g.Part != want[i].Part || !slices.Equal(g.Key, want[i].Key) || g.Rows != want[i].Rows {
			t.Fatalf("%s, %d parts: got %+v, want %+v", q.Table.Name, q.Parts, g, want[i])
		}
		for j := range max(len(g.Columns), len(want[i].Columns)) {
			if j >= len(g.Columns) || j >= len(want[i].Columns) || g.Columns[j] != want[i].Columns[j] {
				t.Errorf("%s, %d parts, whole %v: column %s differs in the part %d, key %q", q.Table.Name, q.Parts, q.Whole, q.Table.Columns[j].Name, g.Part, g.Key)
			}
		}
	}
}

// digestsOf makes the digests that q asks for.
func digestsOf(q *schema.DigestQuery, rows [][]string) (out []schema.Digest) {
	parts := map[int64]*schema.Digest{}
	for _, row := range rows {
		var key []string
		for i, c := range q.Table.Columns {
			if c.Key {
				key = append(key, row[i])
			}
		}
		place := int64(0)
		if key != nil {
			place = hashOf(joined(key))
		}
		if q.Within != nil && !slices.ContainsFunc(q.Within, func(r schema.HashRange) bool { return r.Lo <= place && place < r.Hi }) {
			continue
		}
		one := schema.Digest{Key: key}
		d := &one
		if q.Parts > 0 {
			if i := place * q.Parts / schema.KeyHashes; parts[i] == nil {
				parts[i] = &schema.Digest{Part: i}
			}
			d = parts[place*q.Parts/schema.KeyHashes]
		}
		d.Rows++
		texts := row
		if q.Whole {
			texts = []string{joined(row)}
		}
		for i, text := range texts {
			if i == len(d.Columns) {
				d.Columns = append(d.Columns, schema.ColumnDigest{})
			}
			if text != Null {
				d.Columns[i].Values++
				d.Columns[i].Sum += hashOf(text)
			}
		}
		if q.Parts == 0 {
			out = append(out, one)
		}
	}
	for _, d := range parts {
		out = append(out, *d)
	}
	return out
}

func joined(texts []string) string {
	return strings.ReplaceAll(strings.Join(texts, "\x1f"), Null, "\x1e")
}

func hashOf(text string) int64 {
	sum := md5.Sum([]byte(text))
	return int64(binary.BigEndian.Uint32(sum[:]))
}
