package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A database is one writer's access to the server.
type database struct {
	w    *warehouse
	warn func(setup.Warning)

	mu      sync.Mutex
	catalog conn // for questions and definitions; opened when first needed
	indexed map[schema.Name]index
}

var (
	_ sqlwriter.Database = (*database)(nil)
	_ sqlwriter.Session  = (*session)(nil)
	_ sqlwriter.Indexer  = (*session)(nil)
	_ sqlwriter.Inliner  = (*session)(nil)
	_ sqlwriter.Stream   = (*stream)(nil)
)

// A conn runs statements that are text in and text out.
type conn struct {
	w *warehouse
	*pgconn.PgConn
}

// exec runs statements in one transaction. They go to the server together: of
// a small merge the ways there and back are the greater part.
func (c conn) exec(ctx context.Context, statements ...string) error {
	all := strings.Join(slices.Concat([]string{"BEGIN"}, statements, []string{"COMMIT"}), ";\n")
	_, err := c.Exec(ctx, all).ReadAll()
	if err == nil {
		return nil
	}
	err = c.w.explain(ctx, err)
	if !c.IsClosed() {
		c.Exec(context.WithoutCancel(ctx), "ROLLBACK").ReadAll()
	}
	return err
}

// rows returns the rows of a query.
func (c conn) rows(ctx context.Context, query string) ([][][]byte, error) {
	results, err := c.Exec(ctx, query).ReadAll()
	if err != nil {
		return nil, c.w.explain(ctx, err)
	}
	return results[0].Rows, nil
}

// meta calls f with the connection for questions and definitions, which one
// caller has at a time. A broken one is replaced.
func (d *database) meta(ctx context.Context, f func(conn) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.catalog.PgConn == nil || d.catalog.IsClosed() {
		c, err := d.w.connect(ctx)
		if err != nil {
			return err
		}
		d.catalog = conn{d.w, c}
	}
	return f(d.catalog)
}

func (d *database) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.catalog.PgConn == nil {
		return nil
	}
	return d.catalog.Close(context.Background())
}

func (d *database) Describe(ctx context.Context, name schema.Name) (r sqlwriter.Relation, err error) {
	err = d.meta(ctx, func(c conn) error {
		r, err = describe(ctx, c, name)
		return err
	})
	return r, err
}

func describe(ctx context.Context, c conn, name schema.Name) (r sqlwriter.Relation, err error) {
	rows, err := c.rows(ctx, `
		SELECT coalesce(c.relkind, ''), coalesce(a.attname, ''), coalesce(format_type(a.atttypid, a.atttypmod), ''), coalesce(col_description(c.oid, a.attnum), '')
		FROM pg_namespace n
		LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = `+quoteText(name.Table)+`
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE n.nspname = `+quoteText(name.Schema)+` ORDER BY a.attnum`)
	if err != nil {
		return r, err
	}
	for _, row := range rows {
		kind, column, typ, comment := string(row[0]), string(row[1]), string(row[2]), string(row[3])
		r.Schema = true
		switch kind {
		case "":
			return r, nil
		case "r", "p":
		default:
			return r, &setup.Problem{Code: "table_name_taken", Message: fmt.Sprintf("The name %s, which a table is to have, is that of something else in the database %q. Rename or drop it.", name, c.w.Database)}
		}
		if r.Table == nil {
			r.Table = &schema.Table{Name: name}
		}
		if column == "" {
			continue
		}
		if err := types.Found(&r, &dialect, column, typ, comment); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (d *database) Define(ctx context.Context, statements []string) error {
	return d.meta(ctx, func(c conn) error {
		err := c.exec(ctx, statements...)
		// Of two who create a schema at a time the later gets this error from
		// IF NOT EXISTS too; by then the schema is there.
		var said *serverError
		if errors.As(err, &said) && said.code == "23505" {
			return c.exec(ctx, statements...)
		}
		return err
	})
}

func (d *database) Session(ctx context.Context) (sqlwriter.Session, error) {
	c, err := d.w.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &session{d: d, conn: conn{d.w, c}}, nil
}

type session struct {
	d *database
	conn
}

func (s *session) Exec(ctx context.Context, statements ...string) error {
	return s.exec(ctx, statements...)
}

func (s *session) Count(ctx context.Context, query string) (int64, error) {
	rows, err := s.rows(ctx, query)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(rows[0][0]), 10, 64)
}

func (s *session) Close() error { return s.PgConn.Close(context.Background()) }

func list(columns []schema.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c.Name)
	}
	return strings.Join(names, ", ")
}
