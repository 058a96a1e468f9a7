package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

var _ destination.Digester = (*warehouse)(nil)

// within has the hash in it once, because it is made once for each time.
func within(hash string, bounds []string) string {
	return "width_bucket(" + hash + ", ARRAY[" + strings.Join(bounds, ", ") + "]::bigint[]) % 2 = 1"
}

// Digest implements [destination.Digester].
func (w *warehouse) Digest(ctx context.Context, q schema.DigestQuery, yield func(schema.Digest) error) error {
	c, err := w.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	// The server's other users keep its other cores.
	if _, err := c.Exec(ctx, "SET default_transaction_read_only = on; SET max_parallel_workers_per_gather = 0").ReadAll(); err != nil {
		return w.explain(ctx, err)
	}
	hash := func(text string) string {
		if c.ParameterStatus("server_encoding") != "UTF8" {
			return fmt.Sprintf("('x' || substr(md5(convert_to(%s, 'UTF8')), 1, 8))::bit(32)::bigint", text)
		}
		return fmt.Sprintf("('x' || substr(md5(%s), 1, 8))::bit(32)::bigint", text)
	}
	hashing := sqlwriter.Hashing{Hash: hash, Joined: sqlwriter.ConcatWS(64), Within: within, Div: "/", Integer: "BIGINT"}
	rows := c.ExecParams(ctx, dialect.Digests(&q, hashing), nil, nil, nil, nil)
	for rows.NextRow() {
		values := make([]string, len(rows.Values()))
		for i, v := range rows.Values() {
			values[i] = string(v)
		}
		digest, err := sqlwriter.ParseDigest(&q, values)
		if err == nil {
			err = yield(digest)
		}
		if err != nil {
			return err
		}
	}
	_, err = rows.Close()
	return w.explain(ctx, err)
}
