package sqlwriter

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// A Hashing is what differs between the SQL of digests.
type Hashing struct {
	Hash    func(text string) string // the hash of a text, an integer of 64 bits
	Joined  func(texts []string) string
	Within  func(hash string, bounds []string) string // the condition of [schema.Bounds]
	Div     string                                    // divides integers
	Integer string                                    // the name of 64 bits in a CAST
}

// ConcatWS is Joined for databases that know CONCAT_WS, with at most so many
// arguments.
func ConcatWS(most int) func(texts []string) string {
	return func(texts []string) string { return schema.ConcatWS(texts, most, "'\x1f'", "'\x1e'") }
}

// Digests returns a query for the digests that q asks for. Each row of the
// result is for [ParseDigest].
func (d *Dialect) Digests(q *schema.DigestQuery, by Hashing) string {
	var texts, columns, keys []string
	for i, c := range q.Table.Columns {
		name := fmt.Sprintf("c%d", i)
		columns = append(columns, name)
		texts = append(texts, d.canonical(c, q.As[i])+" AS "+name)
		if c.Key {
			keys = append(keys, name)
		}
	}
	live := map[schema.Mode]string{
		schema.SoftDelete: " WHERE " + d.Quote(schema.Deleted) + " IS NOT TRUE",
		schema.History:    " WHERE " + d.Quote(schema.Active) + " IS TRUE",
	}[q.Table.Mode]
	distinct, place, where := "DISTINCT ", "0", ""
	if len(keys) > 0 {
		distinct, place = "", by.Hash(by.Joined(keys))
	}
	if q.Within != nil {
		where = " WHERE " + by.Within("h", schema.Bounds(q.Within))
	}
	from := fmt.Sprintf(" FROM (SELECT %s AS h, a.* FROM (SELECT %s%s FROM %s%s) AS a) AS b%s",
		place, distinct, strings.Join(texts, ", "), d.Table(q.Table.Name), live, where)
	if q.Parts == 0 {
		list := keys
		for _, c := range columns {
			list = append(list, fmt.Sprintf("CASE WHEN %s IS NULL THEN 0 ELSE 1 END, coalesce(%s, 0)", c, by.Hash(c)))
		}
		return "SELECT " + strings.Join(list, ", ") + from
	}
	list := []string{fmt.Sprintf("h * %d %s %d, count(*)", q.Parts, by.Div, int64(schema.KeyHashes))}
	sum := func(values, text string) {
		list = append(list, fmt.Sprintf("count(%s), CAST(coalesce(sum(%s), 0) AS %s)", values, by.Hash(text), by.Integer))
	}
	if q.Whole {
		sum("*", by.Joined(columns))
		columns = nil
	}
	for _, c := range columns {
		sum(c, c)
	}
	return "SELECT " + strings.Join(list, ", ") + from + " GROUP BY 1"
}

// canonical returns the text of a column as [schema.DigestQuery] has it.
func (d *Dialect) canonical(c schema.Column, as schema.Type) string {
	expr, from := d.Quote(c.Name), c.Type
	if as.Kind == schema.Double && from.Kind == schema.Float || as.Kind == schema.Datetime && from.Kind == schema.Date {
		expr, from = d.Convert(expr, from, as), as
	}
	text := d.Convert(expr, from, schema.Type{Kind: schema.String})
	if as.Unbounded() {
		text = fmt.Sprintf("CASE WHEN %[1]s LIKE '%%.%%' THEN TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM %[1]s)) ELSE %[1]s END", text)
	}
	return text
}

// ReadDigests gives the digests that a query of [Dialect.Digests] has found to
// yield, and closes rows. explain is told the database's errors.
func ReadDigests(rows *sql.Rows, q *schema.DigestQuery, explain func(error) error, yield func(schema.Digest) error) error {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return explain(err)
	}
	values, into := make([]string, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return explain(err)
		}
		digest, err := ParseDigest(q, slices.Clone(values))
		if err == nil {
			err = yield(digest)
		}
		if err != nil {
			return err
		}
	}
	return explain(rows.Err())
}

// ParseDigest makes a digest of a row that a query of [Dialect.Digests] gave.
func ParseDigest(q *schema.DigestQuery, row []string) (schema.Digest, error) {
	out := schema.Digest{Rows: 1}
	numbers := row
	if q.Parts == 0 {
		keys := len(q.Table.Key())
		out.Key, numbers = row[:keys:keys], row[keys:]
	}
	ints := make([]int64, len(numbers))
	for i, s := range numbers {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return out, err
		}
		ints[i] = n
	}
	if q.Parts > 0 {
		out.Part, out.Rows, ints = ints[0], ints[1], ints[2:]
	}
	for i := 0; i < len(ints); i += 2 {
		out.Columns = append(out.Columns, schema.ColumnDigest{Values: ints[i], Sum: ints[i+1]})
	}
	return out, nil
}
