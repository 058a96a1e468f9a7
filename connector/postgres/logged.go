package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector/sqlsource"
)

// readLogged adds to a catalog what matters for the log: of all relations
// that can be in it the replica identity, and which columns are generated.
func (c *catalog) readLogged(ctx context.Context, conn *pgx.Conn, version int) error {
	rows, err := conn.Query(ctx, `
		select c.oid, c.relpersistence::text, c.relreplident::text, coalesce((
			select array_agg(attname::text) from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
			where i.indrelid = c.oid and i.indisreplident), '{}')
		from pg_class c where c.relkind in ('r', 'p')`)
	if err != nil {
		return err
	}
	c.logged = map[uint32]bool{}
	var oid uint32
	var persistence, identity string
	var index []string
	_, err = pgx.ForEachRow(rows, []any{&oid, &persistence, &identity, &index}, func() error {
		c.logged[oid] = true
		if r := c.byOID[oid]; r != nil {
			r.permanent, r.identity, r.identityIndex = persistence == "p", identity, index
		}
		return nil
	})
	if err != nil || version < 120000 {
		return err
	}
	rows, err = conn.Query(ctx, `select attrelid, attnum from pg_attribute where attgenerated <> '' and attnum > 0`)
	if err != nil {
		return err
	}
	var num int16
	_, err = pgx.ForEachRow(rows, []any{&oid, &num}, func() error {
		if r := c.byOID[oid]; r != nil {
			for i := range r.columns {
				if r.columns[i].Num == num {
					r.columns[i].logged = nil
				}
			}
		}
		return nil
	})
	return err
}

// unidentified says why changed and deleted rows cannot be told from the log,
// or "".
func (r *relation) unidentified(key []string) string {
	alter := func(how string) string {
		return fmt.Sprintf("; run: ALTER TABLE %s REPLICA IDENTITY %s", r.sql(), how)
	}
	switch {
	case !r.permanent:
		return "it is not logged"
	case r.identity == "n":
		return "its replica identity is nothing" + alter("DEFAULT")
	case r.identity == "i" && slices.ContainsFunc(key, func(k string) bool { return !slices.Contains(r.identityIndex, k) }):
		return "its replica identity is an index without the primary key" + alter("DEFAULT")
	}
	return ""
}

// unlogged says why the changes of a table cannot be taken from the log, or "",
// with the mark of what is published of it. Where nobody would expect them to
// be, expected is false.
func (t *reading) unlogged(pub *publication) (mark, why string, expected bool) {
	switch {
	case t.rel.Kind != "r" && t.rel.Kind != "p":
		return "", "it is no table", false
	case t.mode == blind:
		return "", "the role cannot read all of it", true
	case !t.keyed:
		return "", "it has no primary key, or not all of it is read", true
	case slices.ContainsFunc(t.parts, func(p *part) bool { return p.oid == 0 }):
		return "", "the role has no SELECT on its partitions", true
	}
	var key []string
	for i, c := range t.cols {
		if t.table.Columns[i].Key {
			if key = append(key, c.Name); c.logged == nil {
				return "", "its primary key has a type that the log does not have as it is read", true
			}
		}
	}
	for _, r := range t.rel.holders() {
		if why := r.unidentified(key); why != "" {
			return "", why, true
		}
	}
	mark, why = pub.publishes(t.rel, t.cols)
	return mark, why, true
}

// has reports whether there is a column of that name, readable or not.
func (r *relation) has(name string) bool {
	return slices.Contains(r.hidden, name) || slices.ContainsFunc(r.columns, func(c column) bool { return c.Name == name })
}

// holders are the relations that rows of r are in.
func (r *relation) holders() []*relation {
	if r.Kind == "p" {
		return r.leaves
	}
	return []*relation{r}
}

// logged is a table whose changes are taken from the log.
type logged struct {
	*reading
	follower *follower
	window   *sqlsource.Window[row]

	catalog    visibility // what the snapshot of the table's description saw
	key        []int      // indexes of the key's columns
	everything []int      // indexes of all columns
	exact      bool       // equal keys have one text form
	converted  bool       // rows have values that only the source can make
	scratch    []byte     // for Key
}

func (f *follower) logged(t *reading) *logged {
	l := &logged{reading: t, follower: f, catalog: t.snap.seen, exact: true}
	for i, c := range t.cols {
		l.everything = append(l.everything, i)
		l.converted = l.converted || c.logged == nil
		if t.table.Columns[i].Key {
			l.key = append(l.key, i)
			l.exact = l.exact && c.exact
		}
	}
	l.window = sqlsource.NewWindow(f.Follower, l, l.exact)
	return l
}

// Point implements sqlsource.Logged.
func (l *logged) Point() sqlsource.Point[position] { return l.st.Log }

// Window implements sqlsource.Logged.
func (l *logged) Window() sqlsource.Gathered { return l.window }
