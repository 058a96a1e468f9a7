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

// most is how many rows may be looked at one by one at a time.
func (t *table) most() int64 {
	return int64(min(batchRows, batchCells/max(1, len(t.source.Columns))))
}

// byChanged puts the parts first in which the source wrote the least since the
// last sync: what differs there is lost.
func byChanged(parts []part) {
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.changed, b.changed) })
}

// refine divides parts that differ, which are some of a division into so many,
// until those that still do have few rows. Where too many differ, the last of
// them stay as large as they are.
func (t *table) refine(ctx context.Context, differ []part, parts int64) ([]part, error) {
	few := min(fewRows, t.most()/2)
	var left []part
	for parts < mostParts && rowsOf(differ) > few*int64(len(differ)) {
		parts *= finer
		byChanged(differ)
		n := min(len(differ), groups*maxRanges)
		left = append(left, differ[n:]...)
		var closer []part
		for group := range slices.Chunk(differ[:n], maxRanges) {
			source, destination, err := t.digests(ctx, schema.DigestQuery{Within: within(group), Parts: parts, Whole: true})
			if err != nil {
				return nil, err
			}
			closer = append(closer, compareParts(source, destination, parts)...)
		}
		differ = closer
	}
	return append(differ, left...), nil
}

// examine looks at the rows of parts one by one.
func (t *table) examine(ctx context.Context, parts []part) error {
	byChanged(parts)
	most := t.most()
	parts = slices.DeleteFunc(parts, func(p part) bool {
		if p.rows > most {
			t.out.Unexamined += p.rows
		}
		return p.rows > most
	})
	for n := 0; len(parts) > 0; n++ {
		if n == batches {
			t.out.Unexamined += rowsOf(parts)
			break
		}
		size := fitting(parts, most)
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

// fitting returns how many of parts, one at least, have no more rows together
// and are no more ranges than one query may ask for.
func fitting(parts []part, rows int64) int {
	begins, ends, ranges := map[int64]bool{}, map[int64]bool{}, 0
	for i, p := range parts {
		rows -= p.rows
		ranges++
		for _, joined := range []bool{ends[p.Lo], begins[p.Hi]} {
			if joined {
				ranges--
			}
		}
		if i > 0 && (rows < 0 || ranges > maxRanges) {
			return i
		}
		begins[p.Lo], ends[p.Hi] = true, true
	}
	return len(parts)
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
