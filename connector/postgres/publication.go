package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/setup"
)

// A publication is what a publication says, as a transaction's snapshot has it.
type publication struct {
	name  string
	mark  string // another one if it was altered
	all   bool   // all tables, those to come included
	every bool   // all kinds of changes
	mine  bool   // the role may add tables to it

	entries map[uint32]entry  // by the oid of a table that was added by name
	schemas map[string]string // marks of schemas that were added, by name
	covers  map[uint32]bool   // relations whose changes are published, under their own oid
}

// An entry is a table of a publication.
type entry struct {
	mark    string
	filter  bool
	columns []int16 // nil: all
}

// readPublication returns nil if there is no publication of that name.
func readPublication(ctx context.Context, conn *pgx.Conn, version int, name string) (*publication, error) {
	p := &publication{name: name, entries: map[uint32]entry{}, schemas: map[string]string{}, covers: map[uint32]bool{}}
	truncates := "pubtruncate"
	if version < 110000 {
		truncates = "true"
	}
	var oid uint32
	err := conn.QueryRow(ctx, fmt.Sprintf(`
		select oid, oid || '.' || xmin, puballtables, pubinsert and pubupdate and pubdelete and %s, pg_has_role(pubowner, 'usage')
		from pg_publication where pubname = $1`, truncates), name).Scan(&oid, &p.mark, &p.all, &p.every, &p.mine)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	columns := "false, null::int2[]"
	if version >= 150000 {
		columns = "prqual is not null, prattrs::int2[]"
	}
	rows, err := conn.Query(ctx, "select prrelid, oid || '.' || xmin, "+columns+" from pg_publication_rel where prpubid = $1", oid)
	if err != nil {
		return nil, err
	}
	var rel uint32
	var e entry
	if _, err = pgx.ForEachRow(rows, []any{&rel, &e.mark, &e.filter, &e.columns}, func() error {
		p.entries[rel] = e
		return nil
	}); err != nil {
		return nil, err
	}
	if version >= 150000 {
		if rows, err = conn.Query(ctx, `
			select nspname, x.oid || '.' || x.xmin from pg_publication_namespace x join pg_namespace n on n.oid = pnnspid
			where pnpubid = $1`, oid); err != nil {
			return nil, err
		}
		var schema, mark string
		if _, err = pgx.ForEachRow(rows, []any{&schema, &mark}, func() error { p.schemas[schema] = mark; return nil }); err != nil {
			return nil, err
		}
	}
	if rows, err = conn.Query(ctx, `
		select c.oid from pg_publication_tables p join pg_namespace n on n.nspname = schemaname
		join pg_class c on c.relnamespace = n.oid and c.relname = tablename where pubname = $1`, name); err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&rel}, func() error { p.covers[rel] = true; return nil })
	return p, err
}

// publishes returns a mark that is another one if what is published of a
// table was altered, or says why its changes cannot be had.
func (p *publication) publishes(rel *relation, wanted []column) (mark, why string) {
	if !p.every {
		return "", fmt.Sprintf("the publication does not publish all kinds of changes; run: ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')", pgx.Identifier{p.name}.Sanitize())
	}
	covered := func(r *relation) bool { return p.covers[r.OID] }
	if !covered(rel) && (len(rel.leaves) == 0 || !all(rel.leaves, covered)) {
		return "", fmt.Sprintf("it is not in the publication; run: ALTER PUBLICATION %s ADD TABLE %s", pgx.Identifier{p.name}.Sanitize(), rel.sql())
	}
	marks := []string{p.mark}
	for _, r := range slices.Concat([]*relation{rel}, rel.leaves, rel.between) {
		if m, ok := p.schemas[r.Schema]; ok {
			marks = append(marks, m)
		}
		e, ok := p.entries[r.OID]
		if !ok {
			continue
		}
		marks = append(marks, e.mark)
		if e.filter {
			return "", "the publication has a row filter for it"
		}
		if e.columns != nil && (len(rel.leaves) > 0 || slices.ContainsFunc(wanted, func(c column) bool { return !slices.Contains(e.columns, c.Num) })) {
			return "", "the publication leaves out columns of it"
		}
	}
	slices.Sort(marks)
	return strings.Join(slices.Compact(marks), " "), ""
}

func all(rels []*relation, ok func(*relation) bool) bool {
	return !slices.ContainsFunc(rels, func(r *relation) bool { return !ok(r) })
}

// publish sees to it that the publication exists and has the tables, as far
// as the role may. It makes none of all tables: the server would then refuse
// to change rows of tables that have no replica identity.
func (s *source) publish(ctx context.Context, conn *pgx.Conn, p *publication, tables []*relation) error {
	name := pgx.Identifier{s.Publication}.Sanitize()
	if p == nil {
		return s.makePublication(ctx, conn, tables)
	}
	if !p.mine || p.all {
		return nil
	}
	for _, r := range tables {
		if p.covers[r.OID] || len(r.leaves) > 0 && all(r.leaves, func(l *relation) bool { return p.covers[l.OID] }) {
			continue
		}
		// That it has been added or dropped meanwhile will be seen.
		_, err := conn.Exec(ctx, "alter publication "+name+" add table "+alone(r))
		if err != nil && !refused(err) && !hasCode(err, "42710", "42P01") {
			return err
		}
	}
	return nil
}

// alone names a table without those that inherit from it.
func alone(r *relation) string {
	if r.Kind == "p" {
		return r.sql()
	}
	return "only " + r.sql()
}

func (s *source) makePublication(ctx context.Context, conn *pgx.Conn, tables []*relation) error {
	sql := "create publication " + pgx.Identifier{s.Publication}.Sanitize()
	if len(tables) > 0 {
		sql += " for table " + strings.Join(publishableNames(tables), ", ")
	}
	_, err := conn.Exec(ctx, sql)
	if !refused(err) {
		return err
	}
	return s.publicationMissing(tables)
}

func publishableNames(tables []*relation) []string {
	names := make([]string, len(tables))
	for i, r := range tables {
		names[i] = alone(r)
	}
	return names
}

func (s *source) publicationMissing(tables []*relation) *setup.Problem {
	names := publishableNames(tables)
	if len(names) > 20 {
		names = append(names[:20], "…")
	}
	return &setup.Problem{Code: "publication_missing", Message: fmt.Sprintf(
		"there is no publication %s, and the role may not make it; the tables' owner or a superuser can run: CREATE PUBLICATION %s FOR TABLE %s",
		s.Publication, pgx.Identifier{s.Publication}.Sanitize(), strings.Join(names, ", "))}
}

// refused reports whether the server does not let the role do something.
func refused(err error) bool { return hasCode(err, "42501", "25006") }

func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains(codes, pg.Code)
}
