package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

var _ connector.Digester = (*source)(nil)

// Digest implements connector.Digester.
func (s *source) Digest(ctx context.Context, raw json.RawMessage, q schema.DigestQuery, yield func(schema.Digest) error) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := serverVersion(ctx, conn)
	if err != nil {
		return err
	}
	now := snapshot{origin: origin(ctx, conn)}
	// The server's other users keep its other cores.
	if _, err := conn.PgConn().Exec(ctx, "set max_parallel_workers_per_gather = 0; "+readOnly).ReadAll(); err != nil {
		return err
	}
	cat, err := readCatalog(ctx, conn, version, func(n schema.Name) bool { return n == q.Table.Name })
	if err != nil {
		return err
	}
	if len(cat.tables) == 0 {
		return fmt.Errorf("table %s does not exist any more", q.Table.Name)
	}
	changed := "false"
	if raw != nil {
		st, err := parseState(raw)
		if err != nil {
			return err
		}
		var xmin, xmax int64
		if err := conn.QueryRow(ctx, `select txid_snapshot_xmin(s), txid_snapshot_xmax(s) from txid_current_snapshot() as s`).Scan(&xmin, &xmax); err != nil {
			return err
		}
		now.xmin, now.xmax = uint64(xmin), uint64(xmax)
		changed = changedSince(cat.tables[0], st, &now)
	}
	where, err := cat.tables[0].where(q.Filter, cat.asciiOnly, cat.utf8)
	if err != nil {
		return fmt.Errorf("table %s: %w", q.Table.Name, err)
	}
	sql, err := digests(cat.tables[0], &q, changed, where, cat.utf8)
	if err != nil {
		return err
	}
	rows := conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil)
	for rows.NextRow() {
		digest, err := parseDigest(&q, rows.Values())
		if err == nil {
			err = yield(digest)
		}
		if err != nil {
			return err
		}
	}
	_, err = rows.Close()
	return err
}

// changedSince returns the condition that a sync with the state may send a
// row: "true" if nothing is known of rows written since. Of now, only the
// origin and the transactions are asked.
func changedSince(rel *relation, st *state, now *snapshot) string {
	t := st.Table(rel.name())
	if t == nil || st.Origin != now.origin || rel.Kind == "v" || rel.Kind == "f" || !rel.Whole {
		return "true"
	}
	unchanged := []string{"false"}
	for oids, part := range t.Parts {
		if !part.Loaded || !now.reaches(part.Horizon) {
			continue
		}
		for oid := range strings.SplitSeq(oids, "+") {
			if _, err := strconv.ParseUint(oid, 10, 32); err != nil {
				return "true" // all is read again in every sync
			}
			unchanged = append(unchanged, fmt.Sprintf("tableoid = %s and not (%s)", oid, since(part.Horizon)))
		}
	}
	return "not (" + strings.Join(unchanged, " or ") + ")"
}

// digests returns a query for what q asks of the relation's rows that meet
// filter, if there is one. Its rows are for parseDigest.
func digests(rel *relation, q *schema.DigestQuery, changed, filter string, utf8 bool) (string, error) {
	hash := func(text string) string {
		if !utf8 {
			text = "convert_to(" + text + ", 'UTF8')"
		}
		return "('x' || substr(md5(" + text + "), 1, 8))::bit(32)::int8"
	}
	var texts, columns, keys []string
	for i, c := range q.Table.Columns {
		text := ""
		for _, have := range rel.columns {
			if have.Name == c.Name {
				text = have.canonical(q.As[i])
			}
		}
		if text == "" {
			return "", fmt.Errorf("table %s has no column %s any more", q.Table.Name, c.Name)
		}
		name := fmt.Sprintf("c%d", i)
		columns = append(columns, name)
		texts = append(texts, text+" as "+name)
		if c.Key {
			keys = append(keys, name)
		}
	}
	from := "only " + rel.sql()
	if rel.Kind == "p" || rel.Kind == "v" || rel.Kind == "f" {
		from = rel.sql()
	}
	from = fmt.Sprintf("select %s, (%s)::int as changed from %s", strings.Join(texts, ", "), changed, from)
	if filter != "" {
		from += " where " + filter
	}
	place, where := hash(joined(keys)), ""
	if q.Within != nil { // the hash is made once for each row this way, and not once for each bound
		where = fmt.Sprintf(" where width_bucket(h, array[%s]::int8[]) %% 2 = 1", strings.Join(schema.Bounds(q.Within), ","))
	}
	if len(keys) == 0 {
		place = "0"
		list := strings.Join(columns, ", ")
		from = fmt.Sprintf("select %s, max(changed) as changed from (%s) as r group by %s", list, from, list)
	}
	from = fmt.Sprintf(" from (select %s::int8 as h, a.* from (%s) as a) as b%s", place, from, where)
	if q.Parts == 0 {
		list := append(keys, "changed")
		for _, c := range columns {
			list = append(list, fmt.Sprintf("(%s is not null)::int, coalesce(%s, 0)", c, hash(c)))
		}
		return "select " + strings.Join(list, ", ") + from, nil
	}
	list := []string{fmt.Sprintf("h * %d / %d, count(*), coalesce(sum(changed), 0)", q.Parts, int64(schema.KeyHashes))}
	if q.Whole {
		list = append(list, fmt.Sprintf("count(*), coalesce(sum(%s), 0)::int8", hash(joined(columns))))
		columns = nil
	}
	for _, c := range columns {
		list = append(list, fmt.Sprintf("count(%s), coalesce(sum(%s), 0)::int8", c, hash(c)))
	}
	return "select " + strings.Join(list, ", ") + from + " group by 1", nil
}

// joined returns the joined text of columns of text. A function takes no more
// than 100 arguments.
func joined(columns []string) string {
	return schema.ConcatWS(columns, 64, "chr(31)", "chr(30)")
}

// canonical returns the text of a column as [schema.DigestQuery] has it.
func (c *column) canonical(as schema.Type) string {
	expr, kind := "("+c.raw+")", c.Type.Kind
	switch {
	case kind == schema.Float && as.Kind == schema.Double:
		expr, kind = expr+"::float8", schema.Double
	case kind == schema.Date && as.Kind == schema.Datetime:
		expr, kind = expr+"::timestamp", schema.Datetime
	}
	text := expr + "::text"
	switch kind {
	case schema.Float, schema.Double: // without an exponent
		text = fmt.Sprintf("case when %[1]s like '%%Inf%%' then %[1]s else %[1]s::numeric::text end", text)
	case schema.Datetime:
		text = "regexp_replace(" + text + ", ' ', 'T')"
	case schema.Instant:
		text = "replace(regexp_replace(" + text + ", ' ', 'T'), '+00', 'Z')"
	case schema.Binary:
		text = "encode(" + expr + ", 'hex')"
	}
	if as.Unbounded() {
		text = fmt.Sprintf("case when strpos(%[1]s, '.') > 0 then rtrim(rtrim(%[1]s, '0'), '.') else %[1]s end", text)
	}
	return text
}

func parseDigest(q *schema.DigestQuery, row [][]byte) (schema.Digest, error) {
	out := schema.Digest{Rows: 1}
	if q.Parts == 0 {
		for range q.Table.Key() {
			out.Key = append(out.Key, string(row[0]))
			row = row[1:]
		}
	}
	numbers := make([]int64, len(row))
	for i, v := range row {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return out, err
		}
		numbers[i] = n
	}
	if q.Parts > 0 {
		out.Part, out.Rows, numbers = numbers[0], numbers[1], numbers[2:]
	}
	out.Changed, numbers = numbers[0], numbers[1:]
	for i := 0; i < len(numbers); i += 2 {
		out.Columns = append(out.Columns, schema.ColumnDigest{Values: numbers[i], Sum: numbers[i+1]})
	}
	return out, nil
}
