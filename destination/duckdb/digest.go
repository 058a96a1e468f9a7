package duckdb

import (
	"context"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

var _ destination.Digester = (*duck)(nil)

// digestMemory is what DuckDB may take for a digest; more goes to disk.
const digestMemory = 256 << 20

func hashText(text string) string { return "CAST('0x' || substr(md5(" + text + "), 1, 8) AS BIGINT)" }

// Digest implements [destination.Digester].
func (k *duck) Digest(ctx context.Context, q schema.DigestQuery, yield func(schema.Digest) error) (err error) {
	f, err := acquire(ctx, k.path, digestMemory, k.threads)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.release(digestMemory); err == nil {
			err = e
		}
	}()
	d := dialect
	d.Catalog = f.catalog
	rows, err := f.db.QueryContext(ctx, d.Digests(&q, hashText, "//"))
	if err != nil {
		return explain(k.path, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]string, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		digest, err := sqlwriter.ParseDigest(&q, append([]string(nil), values...))
		if err == nil {
			err = yield(digest)
		}
		if err != nil {
			return err
		}
	}
	return explain(k.path, rows.Err())
}
