package sqlwriter

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// Digests returns a query for the digests that q asks for. hash makes the
// hash of a text, a bigint. Each row of the result is for [ParseDigest].
//
// div divides integers. The functions chr, rtrim and strpos are PostgreSQL's.
func (d *Dialect) Digests(q *schema.DigestQuery, hash func(text string) string, div string) string {
	var texts, keys, key []string
	for i, c := range q.Table.Columns {
		texts = append(texts, fmt.Sprintf("%s AS c%d", d.canonical(c, q.As[i]), i))
		if c.Key {
			keys = append(keys, fmt.Sprintf("c%d", i))
			key = append(key, fmt.Sprintf("coalesce(c%d, '')", i))
		}
	}
	live := map[schema.Mode]string{
		schema.SoftDelete: " WHERE " + d.Quote(schema.Deleted) + " IS NOT TRUE",
		schema.History:    " WHERE " + d.Quote(schema.Active) + " IS TRUE",
	}[q.Table.Mode]
	distinct, place, where := "", hash(strings.Join(key, " || chr(31) || ")), ""
	if len(key) == 0 {
		distinct, place = "DISTINCT ", "0"
	}
	for i, r := range q.Within {
		where += fmt.Sprintf("%s h >= %d AND h < %d", []string{" WHERE", " OR"}[min(i, 1)], r.Lo, r.Hi)
	}
	from := fmt.Sprintf(" FROM (SELECT %s AS h, a.* FROM (SELECT %s%s FROM %s%s) AS a) AS b%s",
		place, distinct, strings.Join(texts, ", "), d.Table(q.Table.Name), live, where)
	if q.Parts == 0 {
		list := keys
		for i := range q.Table.Columns {
			c := fmt.Sprintf("c%d", i)
			list = append(list, fmt.Sprintf("CASE WHEN %s IS NULL THEN 0 ELSE 1 END, coalesce(%s, 0)", c, hash(c)))
		}
		return "SELECT " + strings.Join(list, ", ") + from
	}
	list := []string{fmt.Sprintf("h * %d %s %d, count(*)", q.Parts, div, int64(schema.KeyHashes))}
	for i := range q.Table.Columns {
		c := fmt.Sprintf("c%d", i)
		list = append(list, fmt.Sprintf("count(%s), CAST(coalesce(sum(%s), 0) AS BIGINT)", c, hash(c)))
	}
	return "SELECT " + strings.Join(list, ", ") + from + " GROUP BY 1"
}

// canonical returns the text of a column as [schema.DigestQuery] has it.
func (d *Dialect) canonical(c schema.Column, as schema.Type) string {
	expr, from := d.Quote(c.Name), d.Stored(c.Type)
	if as.Kind == schema.Double && from.Kind == schema.Float || as.Kind == schema.Datetime && from.Kind == schema.Date {
		expr, from = d.Convert(expr, from, as), as
	}
	text := d.Convert(expr, from, schema.Type{Kind: schema.String})
	if as.Unbounded() {
		text = fmt.Sprintf("CASE WHEN strpos(%s, '.') > 0 THEN rtrim(rtrim(%s, '0'), '.') ELSE %s END", text, text, text)
	}
	return text
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
