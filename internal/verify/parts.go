package verify

import (
	"cmp"
	"context"
	"slices"

	"github.com/penstock-data/penstock/schema"
)

// A part is a range of hashes whose digests differ.
type part struct {
	schema.HashRange
	rows    int64 // of the side that has more
	changed int64
}

// compareParts returns the parts that differ, in order.
func compareParts(source, destination map[int64]schema.Digest, parts int64) (differ []part) {
	add := func(i int64) {
		a, b := source[i], destination[i]
		if a.Rows == b.Rows && slices.Equal(a.Columns, b.Columns) {
			return
		}
		// The i-th part begins at the first hash of which hash·parts/KeyHashes is i.
		bound := func(i int64) int64 { return (i*schema.KeyHashes + parts - 1) / parts }
		differ = append(differ, part{schema.HashRange{Lo: bound(i), Hi: bound(i + 1)}, max(a.Rows, b.Rows), a.Changed})
	}
	for i := range source {
		add(i)
	}
	for i := range destination {
		if _, both := source[i]; !both {
			add(i)
		}
	}
	slices.SortFunc(differ, func(a, b part) int { return cmp.Compare(a.Lo, b.Lo) })
	return differ
}

func rowsOf(parts []part) (n int64) {
	for _, p := range parts {
		n += p.rows
	}
	return n
}

// within returns the hashes of parts, neighbours joined.
func within(parts []part) (ranges []schema.HashRange) {
	sorted := slices.SortedFunc(slices.Values(parts), func(a, b part) int { return cmp.Compare(a.Lo, b.Lo) })
	for _, p := range sorted {
		if n := len(ranges); n > 0 && ranges[n-1].Hi == p.Lo {
			ranges[n-1].Hi = p.Hi
			continue
		}
		ranges = append(ranges, p.HashRange)
	}
	return ranges
}

// examine looks at the rows of parts one by one, first of those in which the
// source wrote the least since the last sync: what differs there is lost.
func (t *table) examine(ctx context.Context, parts []part) error {
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.changed, b.changed) })
	for n := 0; len(parts) > 0; n++ {
		if n == batches {
			t.out.Unexamined = rowsOf(parts)
			break
		}
		size := 1
		most := int64(min(batchRows, batchCells/max(1, len(t.source.Columns))))
		for size < len(parts) && rowsOf(parts[:size+1]) <= most && len(within(parts[:size+1])) <= maxRanges {
			size++
		}
		if err := t.rows(ctx, within(parts[:size])); err != nil {
			return err
		}
		parts = parts[size:]
	}
	t.trim()
	for _, c := range t.source.Columns {
		if t.different[c.Name] {
			t.out.DifferentColumns = append(t.out.DifferentColumns, c.Name)
		}
	}
	return nil
}

// rows compares the rows whose keys' hashes are in ranges.
func (t *table) rows(ctx context.Context, ranges []schema.HashRange) error {
	source := map[string]schema.Digest{}
	err := t.ask(ctx, schema.DigestQuery{Within: ranges}, func(d schema.Digest) error {
		source[keyText(d.Key)] = d
		return nil
	}, func(d schema.Digest) error {
		key := keyText(d.Key)
		is, ok := source[key]
		delete(source, key)
		if !ok {
			t.note(Difference{Key: d.Key, What: "extra"})
		} else if columns := t.differing(is.Columns, d.Columns); columns != nil {
			t.note(Difference{Key: d.Key, What: "different", Columns: columns, Null: t.nulled(is.Columns, d.Columns), Late: is.Changed > 0})
			for _, c := range columns {
				t.different[c] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range source {
		t.note(Difference{Key: d.Key, What: "missing", Late: d.Changed > 0})
	}
	return nil
}

// nulled names the columns that only the source has a value of.
func (t *table) nulled(source, destination []schema.ColumnDigest) (names []string) {
	for i, c := range t.source.Columns {
		if source[i].Values > destination[i].Values {
			names = append(names, c.Name)
		}
	}
	return names
}
