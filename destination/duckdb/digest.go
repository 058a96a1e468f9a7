package duckdb

import (
	"context"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

var _ destination.Digester = (*duck)(nil)

// digestMemory is what DuckDB may take for a digest; more goes to disk.
const digestMemory = 256 << 20

var hashing = sqlwriter.Hashing{
	Hash:   func(text string) string { return "CAST('0x' || substr(md5(" + text + "), 1, 8) AS BIGINT)" },
	Joined: sqlwriter.ConcatWS(1 << 10),
	Within: func(hash string, bounds []string) string {
		var any []string
		for b := range slices.Chunk(bounds, 2) {
			any = append(any, hash+" >= "+b[0]+" AND "+hash+" < "+b[1])
		}
		return "(" + strings.Join(any, " OR ") + ")"
	},
	Div:     "//",
	Integer: "BIGINT",
}

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
	rows, err := f.db.QueryContext(ctx, d.Digests(&q, hashing))
	if err != nil {
		return explain(k.path, err)
	}
	return sqlwriter.ReadDigests(rows, &q, func(err error) error { return explain(k.path, err) }, yield)
}
