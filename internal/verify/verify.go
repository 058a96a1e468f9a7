// Package verify compares a table of a source with what a destination has of
// it, without moving the rows: both make digests of parts of the rows, divided
// by hashes of their keys, and only rows of parts that differ are looked at
// one by one. Neither side is asked more than one query at a time.
//
// It tells lag from loss by what the source says: a row that the source wrote
// after the last sync is late, any other that is missing or different is lost.
package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// A Comparison compares tables.
type Comparison struct {
	Source      connector.Digester
	Destination destination.Digester

	// State is that of the last sync. nil: nothing is taken for late.
	State json.RawMessage

	// List is how many differing rows of a table are listed; those that are
	// lost come first.
	List int

	// Pause is called before each query to either side; its error ends the
	// comparison of the table. nil: nothing is.
	Pause func(context.Context) error
}

// A Pair is a table on both sides.
type Pair struct {
	Source      schema.Table
	Destination schema.Table      // without columns if there is none
	Columns     map[string]string // the destination's names by the source's
	Filter      *schema.Filter    // what the source's rows must meet to be compared; nil: nothing
	Masked      map[string]bool   // the source's columns whose values were replaced on their way: they are not compared
	Anew        bool              // the next sync reads all of it: what differs is late
}

// A Result says how a table of the source and the destination's differ.
//
// Of a table whose rows cannot be told apart, because it has no key or the key
// is masked, the counts are the least that is certain. Unexamined has the rows
// that may be lost besides, as soon as something is late or extra: which rows
// differ is not known then.
type Result struct {
	Source           string       `json:"source"`
	Destination      string       `json:"destination"`
	SourceRows       int64        `json:"source_rows"`      // equal rows of a table without a key count once
	DestinationRows  int64        `json:"destination_rows"` // those that are live
	AbsentTable      bool         `json:"absent_table,omitempty"`
	AbsentColumns    []string     `json:"absent_columns,omitempty"`    // that the destination lacks
	MaskedColumns    []string     `json:"masked_columns,omitempty"`    // that were not compared, because syncs hash or mask them
	DifferentColumns []string     `json:"different_columns,omitempty"` // that differ in rows which both have; of tables whose rows cannot be told apart, whose checksums do
	Lost             int64        `json:"lost"`                        // rows missing or different, not written since the last sync
	Late             int64        `json:"late"`                        // rows missing or different, written since or to be read again
	Extra            int64        `json:"extra"`                       // rows that the source has not, or no longer
	Unexamined       int64        `json:"unexamined"`                  // rows at most in parts that differ and were not looked into
	Anew             bool         `json:"anew,omitempty"`              // the next sync reads all of it: nothing is lost
	Differences      []Difference `json:"differences,omitempty"`       // the first of the rows that differ
	Error            string       `json:"error,omitempty"`
}

// Equal reports whether the tables do not differ.
func (r *Result) Equal() bool {
	return r.Error == "" && !r.AbsentTable && len(r.AbsentColumns)+len(r.DifferentColumns) == 0 && r.Lost+r.Late+r.Extra+r.Unexamined == 0
}

// Bad reports whether something is wrong that the next sync may not mend.
func (r *Result) Bad() bool {
	return r.Error != "" || !r.Anew && (r.Lost > 0 || r.Unexamined > 0 || len(r.AbsentColumns) > 0)
}

// A Difference is a row that the two sides do not have alike.
type Difference struct {
	Key     []string `json:"key"`
	What    string   `json:"what"`              // "missing", "different", "extra"
	Columns []string `json:"columns,omitempty"` // the source's, of what is different
	Null    []string `json:"null,omitempty"`    // those of Columns that have a value in the source alone
	Late    bool     `json:"late,omitempty"`
}

const (
	firstParts = 1 << 10
	finer      = 1 << 5 // times as many parts in each further look
	mostParts  = 1 << 25
	fewRows    = 1 << 12 // of a part that need no finer look
	batchRows  = 1 << 18 // looked at one by one at a time, held in memory
	batchCells = 1 << 22 // of these rows together
	batches    = 8       // of them at most
	maxRanges  = 64      // in one query
	groups     = 8       // of so many parts that are looked at more closely each time, at most
)

// Table compares the tables of p.
func (c *Comparison) Table(ctx context.Context, p Pair) (Result, error) {
	out := Result{Source: p.Source.Name.String(), Destination: p.Destination.Name.String()}
	t, err := c.match(&p, &out)
	if err != nil {
		return out, err
	}
	parts := int64(firstParts)
	if !t.paired {
		parts = 1
	}
	source, destination, err := t.digests(ctx, schema.DigestQuery{Parts: parts, Whole: true})
	if err != nil {
		return out, err
	}
	all := total(source)
	have := total(destination)
	out.SourceRows, out.DestinationRows = all.Rows, have.Rows
	if out.AbsentTable {
		out.Late, out.Lost = all.Changed, all.Rows-all.Changed
		return out, nil
	}
	differ := compareParts(source, destination, parts)
	if !t.paired {
		return out, t.keyless(ctx, all, have, len(differ) > 0)
	}
	if differ, err = t.refine(ctx, differ, parts); err != nil {
		return out, err
	}
	return out, t.examine(ctx, differ)
}

// A table is a comparison of one pair.
type table struct {
	*Comparison
	out         *Result
	source      schema.Table // what is compared
	destination schema.Table
	filter      *schema.Filter // of the source's rows
	as          []schema.Type
	paired      bool // rows can be told apart by their keys
	blind       bool // there is nothing to compare but the number of rows
	anew        bool // nothing that was sent counts
	different   map[string]bool
}

// match finds the columns that both sides have and that can be compared.
func (c *Comparison) match(p *Pair, out *Result) (*table, error) {
	t := &table{Comparison: c, out: out, filter: p.Filter, anew: p.Anew, source: schema.Table{Name: p.Source.Name}, destination: schema.Table{Name: p.Destination.Name, Mode: p.Destination.Mode}}
	out.AbsentTable, out.Anew = len(p.Destination.Columns) == 0, p.Anew
	t.paired, t.different = len(p.Source.Key()) > 0, map[string]bool{}
	each := t.paired
	for _, col := range p.Source.Columns {
		if p.Masked[col.Name] {
			out.MaskedColumns = append(out.MaskedColumns, col.Name)
			t.paired = t.paired && !col.Key
		}
	}
	t.blind = len(out.MaskedColumns) == len(p.Source.Columns)
	for _, col := range p.Source.Columns {
		if p.Masked[col.Name] && !t.blind {
			continue
		}
		as := col.Type
		if !out.AbsentTable {
			i := p.Destination.Index(p.Columns[col.Name])
			if i < 0 && col.Key && t.paired {
				return nil, fmt.Errorf("%s lacks the key column %s", p.Destination.Name, col.Name)
			}
			if i < 0 {
				out.AbsentColumns = append(out.AbsentColumns, col.Name)
				continue
			}
			to := p.Destination.Columns[i]
			// Each row counts, even if its key cannot be compared. Without
			// anything to compare, so do those of a table without a key: equal
			// rows are one there already, but masked ones are equal too often.
			to.Key = each || t.blind
			if t.paired {
				to.Key = col.Key
			}
			as = common(col.Type, to.Type)
			t.destination.Columns = append(t.destination.Columns, to)
		}
		if !t.paired {
			col.Key = each
		}
		t.source.Columns = append(t.source.Columns, col)
		t.as = append(t.as, as)
	}
	if len(t.source.Columns) == 0 {
		return nil, fmt.Errorf("%s has none of the columns of %s", p.Destination.Name, p.Source.Name)
	}
	return t, nil
}

// common returns the type that a column is compared as.
func common(source, destination schema.Type) schema.Type {
	as := schema.Join(source, destination)
	switch numeric := schema.Short <= source.Kind && source.Kind <= schema.Double; {
	case source == destination:
		return source
	case numeric && as.Kind == schema.String, as.Kind == schema.Decimal:
		return schema.Type{Kind: schema.Decimal} // 1.5 is 1.50
	case as.Kind == schema.String:
		return source // it is its text
	}
	return as
}

// digests asks both sides for digests of parts.
func (t *table) digests(ctx context.Context, q schema.DigestQuery) (source, destination map[int64]schema.Digest, err error) {
	source, destination = map[int64]schema.Digest{}, map[int64]schema.Digest{}
	into := func(m map[int64]schema.Digest) func(schema.Digest) error {
		return func(d schema.Digest) error { m[d.Part] = d; return nil }
	}
	if err = t.ask(ctx, q, into(source), into(destination)); err != nil {
		return nil, nil, err
	}
	return source, destination, nil
}

// ask puts q to both sides, one after the other. All rows of a table that is
// read anew are as good as written since the last sync.
func (t *table) ask(ctx context.Context, q schema.DigestQuery, source, destination func(schema.Digest) error) error {
	if err := t.pause(ctx); err != nil {
		return err
	}
	q.Table, q.As, q.Filter = t.source, t.as, t.filter
	if err := t.Source.Digest(ctx, t.State, q, func(d schema.Digest) error {
		if t.anew {
			d.Changed = d.Rows
		}
		return source(d)
	}); err != nil {
		return fmt.Errorf("digest of %s in the source: %w", t.source.Name, err)
	}
	if t.out.AbsentTable {
		return nil
	}
	if err := t.pause(ctx); err != nil {
		return err
	}
	q.Table, q.Filter = t.destination, nil
	if err := t.Destination.Digest(ctx, q, destination); err != nil {
		return fmt.Errorf("digest of %s in the destination: %w", t.destination.Name, err)
	}
	return nil
}

func (t *table) pause(ctx context.Context) error {
	if t.Pause == nil {
		return nil
	}
	if err := t.Pause(ctx); err != nil {
		return &pauseError{err}
	}
	return nil
}

// differing names the columns whose digests differ.
func (t *table) differing(a, b []schema.ColumnDigest) (names []string) {
	for i, c := range t.source.Columns {
		if at(a, i) != at(b, i) {
			names = append(names, c.Name)
		}
	}
	return names
}

// at returns no values for a digest of no rows.
func at(columns []schema.ColumnDigest, i int) schema.ColumnDigest {
	if i < len(columns) {
		return columns[i]
	}
	return schema.ColumnDigest{}
}

// keyless judges a table whose rows cannot be told apart: by what the source
// wrote since, as a whole.
func (t *table) keyless(ctx context.Context, source, destination schema.Digest, differ bool) error {
	more := source.Rows - destination.Rows
	if t.blind {
		differ = more != 0
	} else if differ {
		a, b, err := t.digests(ctx, schema.DigestQuery{Parts: 1})
		if err != nil {
			return err
		}
		t.out.DifferentColumns = t.differing(total(a).Columns, total(b).Columns)
	}
	sent := source.Rows - source.Changed // the destination should have these
	switch {
	case !differ:
		return nil
	case more < 0:
		t.out.Extra = -more
	case source.Changed > 0:
		t.out.Lost = max(0, sent-destination.Rows)
		t.out.Late = max(1, more-t.out.Lost)
	default:
		t.out.Lost = max(1, more)
		return nil
	}
	t.out.Unexamined = sent - t.out.Lost
	return nil
}

func total(parts map[int64]schema.Digest) (sum schema.Digest) {
	for _, d := range parts {
		sum.Rows += d.Rows
		sum.Changed += d.Changed
		for i, c := range d.Columns {
			if i == len(sum.Columns) {
				sum.Columns = append(sum.Columns, schema.ColumnDigest{})
			}
			sum.Columns[i].Values += c.Values
			sum.Columns[i].Sum += c.Sum
		}
	}
	return sum
}

// keyText tells keys apart.
func keyText(key []string) string {
	var b strings.Builder
	for _, k := range key {
		fmt.Fprintf(&b, "%d:%s", len(k), k)
	}
	return b.String()
}

// note counts a row that differs, and lists it if there is room.
func (t *table) note(d Difference) {
	switch {
	case d.What == "extra":
		t.out.Extra++
	case d.Late:
		t.out.Late++
	default:
		t.out.Lost++
	}
	list := &t.out.Differences
	*list = append(*list, d)
	if len(*list) > 4*t.List+100 {
		t.trim()
	}
}

// trim leaves the listed rows that matter most, in order.
func (t *table) trim() {
	rank := func(d Difference) int {
		switch {
		case d.What == "extra":
			return 1
		case d.Late:
			return 2
		}
		return 0
	}
	slices.SortFunc(t.out.Differences, func(a, b Difference) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return slices.Compare(a.Key, b.Key)
	})
	t.out.Differences = t.out.Differences[:min(len(t.out.Differences), t.List)]
}
