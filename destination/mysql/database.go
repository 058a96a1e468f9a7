package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A database is one writer's access to the server.
type database struct {
	w      *warehouse
	server server
	warn   func(setup.Warning)
	types  *sqlwriter.Types
	d      *sqlwriter.Dialect

	meta    sync.Mutex // held while catalog is used
	catalog *conn      // for questions and definitions; nil: broken

	mu      sync.Mutex
	indexes map[schema.Name]index
	extras  map[schema.Name]extra
}

// extra is what a table has that the kit does not know of.
type extra struct {
	key       []string // columns of the index on the key
	leftovers []string // columns that a widening which broke off has left
}

var (
	_ sqlwriter.Database = (*database)(nil)
	_ sqlwriter.Session  = (*session)(nil)
	_ sqlwriter.Stream   = (*stream)(nil)
)

func newDatabase(w *warehouse, c *conn, warn func(setup.Warning)) *database {
	d := &database{w: w, server: c.server, types: typesOf(c.server), warn: warn, catalog: c,
		indexes: map[schema.Name]index{}, extras: map[schema.Name]extra{}}
	d.d = d.dialect()
	return d
}

// take returns what is known of a table that is about to be altered. Of that
// the leftovers are not known any longer, and its index is to be looked at.
func (d *database) take(name schema.Name) extra {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.extras[name]
	d.extras[name] = extra{key: e.key}
	delete(d.indexes, name)
	return e
}

func (d *database) index(name schema.Name) (index, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x, ok := d.indexes[name]
	return x, ok
}

func (d *database) setIndex(name schema.Name, key []schema.Column, x index) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.indexes[name] = x
	e := d.extras[name]
	e.key = nil
	for _, c := range key {
		e.key = append(e.key, c.Name)
	}
	d.extras[name] = e
}

// ask calls f with the connection for questions and definitions, which one
// caller has at a time. One that may be broken is replaced.
func (d *database) ask(ctx context.Context, f func(*conn) error) error {
	d.meta.Lock()
	defer d.meta.Unlock()
	if d.catalog == nil {
		c, err := d.w.connect(ctx)
		if err != nil {
			return err
		}
		d.catalog = c
	}
	err := f(d.catalog)
	if err != nil && number(err) == 0 && setup.AsProblem(err) == nil {
		d.catalog.Close()
		d.catalog = nil
	}
	return err
}

func (d *database) Close() error {
	d.meta.Lock()
	defer d.meta.Unlock()
	if d.catalog == nil {
		return nil
	}
	err := d.catalog.Close()
	d.catalog = nil
	return err
}

// checkNames refuses a statement with a name that the server would write with a
// question mark in it.
func (d *database) checkNames(statement string) error {
	i := strings.IndexFunc(statement, func(r rune) bool { return r > 0xffff })
	if i < 0 {
		return nil
	}
	name, _, _ := strings.Cut(statement[strings.LastIndexByte(statement[:i], '`')+1:], "`")
	return &setup.Problem{Code: "name_not_allowed", Message: fmt.Sprintf("The name %q has a character beyond U+FFFF, which names on the server %s cannot have. Rename it at the source, or choose Fivetran's naming.", name, d.w.server())}
}

func (d *database) Describe(ctx context.Context, name schema.Name) (r sqlwriter.Relation, err error) {
	if err := d.checkNames(d.d.Table(name)); err != nil {
		return r, err
	}
	err = d.ask(ctx, func(c *conn) error {
		r, err = d.describe(ctx, c, name)
		return err
	})
	return r, err
}

func (d *database) describe(ctx context.Context, c *conn, name schema.Name) (r sqlwriter.Relation, err error) {
	where := " WHERE TABLE_SCHEMA = " + quoteText(name.Schema) + " AND TABLE_NAME = " + quoteText(name.Table)
	tables, err := c.rows(ctx, "SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES"+where)
	if err != nil {
		return r, err
	}
	if len(tables) == 0 {
		schemas, err := c.rows(ctx, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "+quoteText(name.Schema))
		r.Schema = slices.ContainsFunc(schemas, func(s []string) bool { return s[0] == name.Schema || d.server.folds })
		return r, err
	}
	switch kind, engine := tables[0][0], tables[0][1]; {
	case kind != "BASE TABLE":
		return r, &setup.Problem{Code: "table_name_taken", Message: fmt.Sprintf("The name %s, which a table is to have, is that of something else on the server %s (%s). Rename or drop it.", name, d.w.server(), strings.ToLower(kind))}
	case engine != "InnoDB":
		return r, &setup.Problem{Code: "table_engine", Message: fmt.Sprintf("Table %s has the engine %s, in which a merge that breaks off would leave its half. Run: ALTER TABLE %s ENGINE = InnoDB", name, engine, d.d.Table(name))}
	}
	if err := d.dropOld(ctx, c, name); err != nil {
		return r, err
	}
	columns, err := c.rows(ctx, "SELECT COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, EXTRA, COLUMN_COMMENT FROM information_schema.COLUMNS"+where+" ORDER BY ORDINAL_POSITION")
	if err != nil {
		return r, err
	}
	keys, err := c.rows(ctx, "SELECT COLUMN_NAME FROM information_schema.STATISTICS"+where+" AND INDEX_NAME = "+quoteText(keyIndex))
	if err != nil {
		return r, err
	}
	var e extra
	for _, k := range keys {
		e.key = append(e.key, k[0])
	}
	r.Schema, r.Table = true, &schema.Table{Name: name}
	for _, f := range columns {
		column, typ, collation, more, comment := f[0], f[1], f[2], f[3], f[4]
		switch {
		case strings.HasPrefix(column, wider):
			e.leftovers = append(e.leftovers, column)
			continue
		case strings.Contains(strings.ToUpper(more), "INVISIBLE"): // a key that the server has made for itself
			continue
		case typ == types.Names[schema.String] && collation != d.server.collation:
			return r, &setup.Problem{Code: "column_collation", Message: fmt.Sprintf(
				"Column %s of table %s has the collation %s, by which different values may count as equal. Change it to %s, or drop the table to have it made again.", column, name, collation, d.types.Text)}
		}
		if err := d.types.Found(&r, d.d, column, unpadded(typ), comment); err != nil {
			return r, err
		}
	}
	d.mu.Lock()
	d.extras[name] = e
	d.mu.Unlock()
	return r, nil
}

// dropOld drops what a change of mode that broke off at its very end has left
// of a table as it was before.
func (d *database) dropOld(ctx context.Context, c *conn, name schema.Name) error {
	old := sibling("_penstock_old_", name)
	found, err := c.rows(ctx, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = "+quoteText(old.Schema)+" AND TABLE_NAME = "+quoteText(old.Table))
	if err != nil || len(found) == 0 {
		return err
	}
	return c.run(ctx, "DROP TABLE "+d.d.Table(old))
}

// Define runs one statement after the other: there is no transaction around
// them.
func (d *database) Define(ctx context.Context, statements []string) error {
	return d.ask(ctx, func(c *conn) error {
		for _, s := range statements {
			if err := d.checkNames(s); err != nil {
				return err
			}
			if err := c.run(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *database) Session(ctx context.Context) (sqlwriter.Session, error) {
	c, err := d.w.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &session{d: d, conn: c}, nil
}

type session struct {
	d *database
	*conn
}

func (s *session) Exec(ctx context.Context, statements ...string) error {
	return s.exec(ctx, statements...)
}

func (s *session) Count(ctx context.Context, query string) (int64, error) {
	rows, err := s.rows(ctx, query)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(rows[0][0], 10, 64)
}
