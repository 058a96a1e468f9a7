package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A relation is a row of pg_class, as a transaction's snapshot has it.
type relation struct {
	OID       uint32
	Schema    string
	Name      string
	Kind      string // relkind: r table, p partitioned, v view, m materialized view, f foreign
	File      uint32 // relfilenode: another one means that the contents were written anew
	Rows      float64
	Partition bool
	Usable    bool // the role may use the schema
	Whole     bool // the role may read all columns
	Some      bool // the role may read a column
	Populated bool
	Parent    uint32 // of a partition
	Key       []int16

	columns []column
	hidden  []string // columns that the role may not read
	newest  int16    // the greatest number of a column, of hidden ones too
	leaves  []*relation
	beneath []*relation // tables that a view reads
	between []*relation // partitioned tables between a root and its leaves

	// Set by readLogged.
	permanent     bool // changes are logged
	identity      string
	identityIndex []string // columns of the index that is the replica identity
}

func (r *relation) name() schema.Name { return schema.Name{Schema: r.Schema, Table: r.Name} }

func (r *relation) sql() string { return pgx.Identifier{r.Schema, r.Name}.Sanitize() }

// keyed reports whether rows can be told apart by a key that can be read.
func (r *relation) keyed() bool {
	return len(r.Key) > 0 && !slices.ContainsFunc(r.Key, func(num int16) bool {
		return !slices.ContainsFunc(r.columns, func(c column) bool { return c.Num == num })
	})
}

// table returns how the relation is offered.
func (r *relation) table() schema.Table {
	t := schema.Table{Name: r.name()}
	keyed := r.keyed()
	for _, c := range r.columns {
		t.Columns = append(t.Columns, schema.Column{
			Name: c.Name, Type: c.Type, Key: keyed && slices.Contains(r.Key, c.Num), ID: r.columnID(c.Num),
		})
	}
	return t
}

// begins reports whether the log tells since when rows hold.
func (r *relation) begins() bool {
	return (r.Kind == "r" || r.Kind == "p") && r.keyed() && !r.has(schema.Start)
}

// columnID returns what a column keeps when it is renamed. The relation is
// part of it: one that is made anew numbers its columns anew.
func (r *relation) columnID(num int16) string { return fmt.Sprintf("%d.%d", r.OID, num) }

// A catalog is what a database contains, for the role that reads it.
type catalog struct {
	dialect
	tables []*relation // with partitions below their root; in order of name
	byOID  map[uint32]*relation
	logged map[uint32]bool // the relations that rows can be logged of; set by readLogged
}

// Tables that an extension brought along belong to it, not to the database's
// owner.
const relationsQuery = `
	select c.oid, n.nspname, c.relname, c.relkind::text, c.relfilenode, c.reltuples::float8, c.relispartition,
		coalesce(has_schema_privilege(n.oid, 'usage'), false),
		coalesce(has_table_privilege(c.oid, 'select'), false),
		coalesce(has_any_column_privilege(c.oid, 'select'), false),
		c.relispopulated,
		coalesce((select min(inhparent) from pg_inherits where inhrelid = c.oid and c.relispartition), 0)::oid,
		coalesce((select indkey::int2[] from pg_index where indrelid = c.oid and indisprimary), '{}')
	from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
		and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
		and not exists (select from pg_depend
			where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
	order by n.nspname, c.relname`

const columnsQuery = `
	select a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, %s,
		not (a.attrelid = any($2::oid[])) or coalesce(has_column_privilege(a.attrelid, a.attnum, 'select'), false)
	from pg_attribute a
	where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
	order by a.attrelid, a.attnum`

const typesQuery = `
	with recursive used(id) as (
		select distinct atttypid from pg_attribute where attrelid = any($1::oid[]) and attnum > 0
		union
		select t.typbasetype from pg_type t join used on t.oid = used.id where t.typtype = 'd')
	select t.oid, t.typname, t.typtype::text, t.typbasetype, t.typtypmod, t.typcategory::text, t.typelem,
		coalesce(e.extname, ''), coalesce(n.nspname, ''),
		exists (select from pg_cast where castsource = t.oid and casttarget = 'text'::regtype and castmethod = 'f')
	from pg_type t join used on t.oid = used.id
	left join pg_depend d on d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
		and d.refclassid = 'pg_extension'::regclass
	left join pg_extension e on e.oid = d.refobjid
	left join pg_namespace n on n.oid = e.extnamespace`

// readCatalog reads the catalog with the connection's transaction. only, if
// not nil, says which tables matter.
func readCatalog(ctx context.Context, conn *pgx.Conn, version int, only func(schema.Name) bool) (*catalog, error) {
	rows, err := conn.Query(ctx, relationsQuery)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*relation, error) {
		r := new(relation)
		return r, row.Scan(&r.OID, &r.Schema, &r.Name, &r.Kind, &r.File, &r.Rows, &r.Partition,
			&r.Usable, &r.Whole, &r.Some, &r.Populated, &r.Parent, &r.Key)
	})
	if err != nil {
		return nil, err
	}
	cat := &catalog{dialect: dialect{types: make(map[uint32]pgType), utf8: conn.PgConn().ParameterStatus("server_encoding") == "UTF8"}}
	byOID := make(map[uint32]*relation, len(all))
	cat.byOID = byOID
	for _, r := range all {
		byOID[r.OID] = r
	}
	ids, partly := []uint32{}, []uint32{} // not nil, which would be NULL
	for _, r := range all {
		if r.Partition {
			switch root := rootOf(r, byOID); {
			case root == nil:
			case r.Kind == "p":
				root.between = append(root.between, r)
			default:
				root.leaves = append(root.leaves, r)
			}
			continue
		}
		if only != nil && !only(r.name()) {
			continue
		}
		cat.tables = append(cat.tables, r)
		ids = append(ids, r.OID)
		if !r.Whole {
			partly = append(partly, r.OID)
		}
	}
	if err := cat.readViews(ctx, conn); err != nil {
		return nil, err
	}
	if err := cat.readTypes(ctx, conn, ids); err != nil {
		return nil, err
	}
	return cat, cat.readColumns(ctx, conn, version, ids, partly, byOID)
}

// viewsQuery finds the tables that views read, through other views,
// partitions and children.
const viewsQuery = `
	with recursive beneath(view, id) as (
		select v, v from unnest($1::oid[]) v
		union
		select b.view, n.id
		from beneath b
		cross join lateral (
			select d.refobjid from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
			where r.ev_class = b.id and d.refclassid = 'pg_class'::regclass
			union all
			select inhrelid from pg_inherits where inhparent = b.id) n(id))
	select b.view, c.oid, c.relfilenode from beneath b join pg_class c on c.oid = b.id
	where c.relkind in ('r', 'm')`

func (c *catalog) readViews(ctx context.Context, conn *pgx.Conn) error {
	views := make(map[uint32]*relation)
	var ids []uint32
	for _, r := range c.tables {
		if r.Kind == "v" {
			views[r.OID] = r
			ids = append(ids, r.OID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := conn.Query(ctx, viewsQuery, ids)
	if err != nil {
		return err
	}
	var view, oid, file uint32
	_, err = pgx.ForEachRow(rows, []any{&view, &oid, &file}, func() error {
		v := views[view]
		v.beneath = append(v.beneath, &relation{OID: oid, File: file})
		return nil
	})
	return err
}

func rootOf(r *relation, byOID map[uint32]*relation) *relation {
	for r != nil && r.Partition {
		r = byOID[r.Parent]
	}
	return r
}

func (c *catalog) readTypes(ctx context.Context, conn *pgx.Conn, ids []uint32) error {
	rows, err := conn.Query(ctx, typesQuery, ids)
	if err != nil {
		return err
	}
	var t pgType
	_, err = pgx.ForEachRow(rows, []any{&t.OID, &t.Name, &t.Kind, &t.Base, &t.Typmod, &t.Category, &t.Element, &t.Extension, &t.ExtSchema, &t.Cast}, func() error {
		c.types[t.OID] = t
		return nil
	})
	if err != nil {
		return err
	}
	return conn.QueryRow(ctx, `select scale(1::money::numeric), current_setting('server_encoding') = 'SQL_ASCII'`).
		Scan(&c.moneyScale, &c.asciiOnly)
}

func (c *catalog) readColumns(ctx context.Context, conn *pgx.Conn, version int, ids, partly []uint32, byOID map[uint32]*relation) error {
	missing := "a.atthasmissing"
	if version < 110000 {
		missing = "false"
	}
	rows, err := conn.Query(ctx, fmt.Sprintf(columnsQuery, missing), ids, partly)
	if err != nil {
		return err
	}
	var (
		rel, typ       uint32
		num            int16
		name           string
		typmod         int32
		filled, usable bool
	)
	_, err = pgx.ForEachRow(rows, []any{&rel, &num, &name, &typ, &typmod, &filled, &usable}, func() error {
		r := byOID[rel]
		r.newest = max(r.newest, num)
		if !usable {
			r.hidden = append(r.hidden, name)
			return nil
		}
		col, err := c.resolve(name, typ, typmod)
		if err != nil {
			return fmt.Errorf("table %s: %w", r.name(), err)
		}
		col.Num, col.Filled = num, filled
		r.columns = append(r.columns, col)
		return nil
	})
	return err
}

// unreadable says why the relation cannot be read, or "".
func (r *relation) unreadable() string {
	switch {
	case !r.Usable:
		return fmt.Sprintf("the role has no USAGE on schema %s", r.Schema)
	case !r.Some:
		return "the role has no SELECT on it"
	case !r.Populated:
		return "the materialized view has never been refreshed"
	case len(r.columns) == 0:
		return "it has no columns"
	}
	return ""
}

// Tables implements connector.Source.
func (s *source) Tables(ctx context.Context, warn func(setup.Warning)) ([]schema.Table, error) {
	if p := s.usable(); p != nil {
		return nil, p
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := serverVersion(ctx, conn)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	cat, err := readCatalog(ctx, conn, version, nil)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	var tables []schema.Table
	for _, r := range cat.tables {
		if why := r.unreadable(); why != "" {
			warn(setup.Warning{Code: "table_skipped", Message: fmt.Sprintf("table %s is left out: %s", r.name(), why)})
			continue
		}
		if len(r.hidden) > 0 {
			warn(setup.Warning{Code: "column_skipped", Message: fmt.Sprintf("table %s is read without %s: the role has no SELECT on them",
				r.name(), strings.Join(r.hidden, ", "))})
		}
		t := r.table()
		if s.UpdateMethod == byLog && r.begins() {
			t.Columns = append(t.Columns, startColumn)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func serverVersion(ctx context.Context, conn *pgx.Conn) (version int, err error) {
	err = conn.QueryRow(ctx, `select current_setting('server_version_num')::int4`).Scan(&version)
	return version, err
}

var _ connector.Source = (*source)(nil)
