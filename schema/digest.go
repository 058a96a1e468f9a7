package schema

import (
	"slices"
	"strconv"
	"strings"
)

// A DigestQuery asks a database for digests of a table's live rows, so that
// two databases can be compared without moving the rows. Both compute the same
// for equal rows:
//
//   - A value's canonical text is what the value is as a String when a column
//     is widened to one. In a column compared as an unbounded decimal, zeros
//     at the end of the part after the point are left out.
//   - The hash of a text is the first 32 bits of the MD5 of its UTF-8.
//   - The joined text of columns is their texts with U+001F between them, and
//     U+001E for a NULL.
//   - The hash of a key is that of its columns' joined text.
//   - A table without a key is a set: equal rows count once.
type DigestQuery struct {
	// Table has the names that the asked database knows, in the same order
	// on both sides, and says which columns tell rows apart.
	Table Table

	// As are the types that the columns are compared as: where the two
	// databases have different ones, one that holds both.
	As []Type

	// Filter is what the asked database's rows must meet to count. nil: all
	// do. A destination is asked without one: it has no others.
	Filter *Filter

	// Within are the ranges that the hashes of keys are in, apart and in
	// order. nil: any. It must be nil for a table without a key.
	Within []HashRange

	// Parts is into how many equal parts, at most 2³¹, the hashes are divided,
	// each with a digest of its own; those without rows get none, and all rows
	// of a table without a key are in part 0. 0: each row gets its own digest,
	// which has its key.
	Parts int64

	// Whole asks for one [ColumnDigest], of the joined texts of all columns,
	// instead of one of each: hashing is most of what a digest costs. It
	// needs Parts.
	Whole bool
}

// A HashRange is the hashes from Lo up to but without Hi.
type HashRange struct{ Lo, Hi int64 }

// ConcatWS returns the joined text of columns of text for databases that know
// CONCAT_WS, with at most so many arguments. separator and null are SQL for the
// characters U+001F and U+001E.
func ConcatWS(columns []string, most int, separator, null string) string {
	var groups []string
	for group := range slices.Chunk(columns, most) {
		groups = append(groups, "concat_ws("+separator+", coalesce("+strings.Join(group, ", "+null+"), coalesce(")+", "+null+"))")
	}
	if len(groups) < 2 {
		return strings.Join(groups, "")
	}
	return "concat_ws(" + separator + ", " + strings.Join(groups, ", ") + ")"
}

// Bounds returns the bounds of ranges, in order, in decimal: a hash with an odd
// number of bounds at it or below is within them.
func Bounds(ranges []HashRange) []string {
	var bounds []string
	for _, r := range ranges {
		bounds = append(bounds, strconv.FormatInt(r.Lo, 10), strconv.FormatInt(r.Hi, 10))
	}
	return bounds
}

// KeyHashes is the number of hashes that a key may have.
const KeyHashes = 1 << 32

// A Digest is what is compared of some rows, or of one.
type Digest struct {
	Part    int64    // of the query's parts
	Key     []string // the key's canonical texts, if the digest is of one row
	Rows    int64
	Changed int64          // rows that the source wrote since its state
	Columns []ColumnDigest // one if the query is Whole
}

// A ColumnDigest is what is compared of one column.
type ColumnDigest struct {
	Values int64 // that are not null
	Sum    int64 // of the hashes of their texts
}
