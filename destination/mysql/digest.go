package mysql

import (
	"context"
	"strings"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

var _ destination.Digester = (*warehouse)(nil)

var hashing = sqlwriter.Hashing{
	Hash:   func(text string) string { return "CAST(CONV(LEFT(MD5(" + text + "), 8), 16, 10) AS SIGNED)" },
	Joined: sqlwriter.ConcatWS(1 << 10),
	Within: func(hash string, bounds []string) string {
		return "INTERVAL(" + hash + ", " + strings.Join(bounds, ", ") + ") % 2 = 1"
	},
	Div:     "DIV",
	Integer: "SIGNED",
}

// Digest implements [destination.Digester].
func (w *warehouse) Digest(ctx context.Context, q schema.DigestQuery, yield func(schema.Digest) error) error {
	c, err := w.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.run(ctx, "SET SESSION TRANSACTION READ ONLY"); err != nil {
		return err
	}
	rows, err := c.QueryContext(ctx, newDatabase(w, c, nil).d.Digests(&q, hashing))
	if err != nil {
		return w.explain(ctx, err)
	}
	return sqlwriter.ReadDigests(rows, &q, func(err error) error { return w.explain(ctx, err) }, yield)
}
