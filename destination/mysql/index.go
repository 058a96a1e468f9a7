package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// keyIndex is the name of the index on the key; each table has names of its
// own for its indexes.
const keyIndex = "penstock_key"

// What an index may have: so many columns, and bytes together and of one
// column (documentation of MySQL 8.0, "InnoDB Limits", for the pages of 16 KiB
// that both servers have by default).
const (
	maxIndexColumns = 16
	maxIndexBytes   = 3072
)

// indexed returns the columns of an index on a key. Of text, and of bytes, only
// the beginning is indexed: the server finds by it what may be equal.
func indexed(key []schema.Column) string {
	if len(key) > maxIndexColumns {
		key = key[:maxIndexColumns]
	}
	left, long := maxIndexBytes, 0
	for _, c := range key {
		if unlimited(c.Type) {
			long++
		} else {
			left -= 20 // the longest, a decimal, has 17 bytes, and one for NULL
		}
	}
	parts := make([]string, len(key))
	for i, c := range key {
		parts[i] = quote(c.Name)
		switch {
		case !unlimited(c.Type):
		case types.Stored(c.Type).Kind == schema.Binary:
			parts[i] += fmt.Sprintf("(%d)", left/long-8)
		default:
			parts[i] += fmt.Sprintf("(%d)", (left/long-8)/4)
		}
	}
	return strings.Join(parts, ", ")
}

func unlimited(t schema.Type) bool {
	k := types.Stored(t).Kind
	return k == schema.String || k == schema.Binary
}

// An index is what is known of a table's indexes.
type index struct {
	key    string // the key, as it is indexed
	unique bool   // a key's row can be replaced where it stands
}

var _ sqlwriter.Indexer = (*session)(nil)

// Index makes an index on the key where there is none. A table is loaded
// without: sorting all keys once is far cheaper than adding them one by one. It
// is no primary key, because a source's key may have columns that were NULL in
// rows of an earlier one.
//
// The index is unique if it can be: not for text, of which it holds only the
// beginning, nor for keys that somebody's own rows repeat. Where it cannot be
// made at all, as in a table of somebody else's, merges do without it.
func (s *session) Index(ctx context.Context, t *schema.Table) (bool, error) {
	var key []schema.Column
	for _, c := range t.Columns {
		if c.Key {
			key = append(key, c)
		}
	}
	want := indexed(key)
	if known, ok := s.d.index(t.Name); ok && known.key == want {
		return known.unique, nil
	}
	unique, err := s.makeIndex(ctx, t.Name, key, want)
	if err != nil {
		return false, err
	}
	s.d.setIndex(t.Name, key, index{want, unique})
	return unique, nil
}

func (s *session) makeIndex(ctx context.Context, name schema.Name, key []schema.Column, want string) (bool, error) {
	rows, err := s.rows(ctx, fmt.Sprintf(`
		SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY INDEX_NAME, SEQ_IN_INDEX`, quoteText(name.Schema), quoteText(name.Table)))
	if err != nil {
		return false, err
	}
	var have []string
	haveUnique, others := false, false
	for _, r := range rows {
		if r[0] != keyIndex {
			others = others || r[1] == "0"
			continue
		}
		part := quote(r[2])
		if r[3] != "" {
			part += "(" + r[3] + ")"
		}
		have, haveUnique = append(have, part), r[1] == "0"
	}
	// With another unique index beside it, a row could replace one that has a
	// different key.
	unique := !others && len(key) <= maxIndexColumns && !slices.ContainsFunc(key, func(c schema.Column) bool { return unlimited(c.Type) })
	if strings.Join(have, ", ") == want {
		return unique && haveUnique, nil
	}
	drop := ""
	if have != nil { // of an earlier key, which no longer is one
		drop = "DROP INDEX " + quote(keyIndex) + ", "
	}
	table := "ALTER TABLE " + quote(name.Schema) + "." + quote(name.Table) + " " + drop
	if unique {
		err := s.run(ctx, table+"ADD UNIQUE INDEX "+quote(keyIndex)+" ("+want+")")
		if err == nil || number(err) != errDuplicate {
			return err == nil, passed(err)
		}
	}
	return false, passed(s.run(ctx, table+"ADD INDEX "+quote(keyIndex)+" ("+want+")"))
}

const errDuplicate = 1062

// passed returns an error that merges cannot do without an answer to; an index
// that may not or cannot be made is none.
func passed(err error) error {
	var said *serverError
	switch p := setup.AsProblem(err); {
	case p != nil && p.Code == "permission_denied":
		return nil
	case errors.As(err, &said) && (said.said.Number == 1071 || said.said.Number == 1709 || said.said.Number == 1069):
		return nil
	}
	return err
}
