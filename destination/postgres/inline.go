package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// Inline sends all statements at once. Each has its rows as parameters, an array
// for each column: a temporary table would be more work for the server than the
// rows are.
func (s *session) Inline(ctx context.Context, parts []sqlwriter.Inline) error {
	all := []inlined{{sql: "BEGIN"}}
	for _, p := range parts {
		arrays, err := s.arrays(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		rows := rowsOf(p.Shape)
		for _, r := range p.Statements {
			all = append(all, inlined{p.Name, rows + r.SQL, arrays})
		}
	}
	err := s.pipeline(ctx, append(all, inlined{sql: "COMMIT"}))
	if err != nil && !s.IsClosed() {
		s.PgConn.Exec(context.WithoutCancel(ctx), "ROLLBACK").ReadAll()
	}
	return err
}

// An inlined is a statement with binary parameters; name is the table that it is
// about, if it is about one.
type inlined struct {
	name   schema.Name
	sql    string
	params [][]byte
}

var binaryFormat = []int16{1}

func (s *session) pipeline(ctx context.Context, all []inlined) error {
	p := s.StartPipeline(ctx)
	for _, one := range all {
		p.SendQueryParams(one.sql, one.params, nil, binaryFormat, nil)
	}
	err := p.Sync()
	for i := 0; err == nil && i < len(all); i++ {
		if _, err = closed(p.GetResults()); err != nil {
			err = s.w.explain(ctx, err)
			if all[i].name != (schema.Name{}) {
				err = fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
	}
	if e := p.Close(); err == nil {
		err = s.w.explain(ctx, e)
	}
	return err
}

// closed reads the results of a statement of a pipeline.
func closed(results any, err error) (pgconn.CommandTag, error) {
	if r, ok := results.(*pgconn.ResultReader); ok && err == nil {
		return r.Close()
	}
	return pgconn.CommandTag{}, err
}

// rowsOf returns what makes a statement's parameters the table of its rows.
func rowsOf(shape *schema.Table) string {
	names, values := []string{}, []string{}
	for i, c := range shape.Columns {
		names = append(names, quote(c.Name))
		values = append(values, fmt.Sprintf("$%d::%s[]", i+1, types.Name(c.Type)))
	}
	return fmt.Sprintf("WITH %s AS (SELECT * FROM unnest(%s) AS r (%s)) ", quote(sqlwriter.Rows), strings.Join(values, ", "), strings.Join(names, ", "))
}

// arrays returns the columns of a part's rows as arrays in binary form, the
// elements of which are the fields of COPY's tuples.
func (s *session) arrays(ctx context.Context, p sqlwriter.Inline) ([][]byte, error) {
	st := &stream{load: sqlwriter.Load{Name: p.Name, Shape: p.Shape}, notes: sqlwriter.Notes{Table: p.Name, Warn: s.d.warn}}
	if err := st.writeRecord(ctx, schema.Batch{Table: p.Shape, Record: p.Rows}, 0); err != nil {
		return nil, err
	}
	st.notes.End()
	arrays := make([][]byte, len(p.Shape.Columns))
	for i, c := range p.Shape.Columns {
		arrays[i] = make([]byte, 0, 20+2*len(st.chunk)/len(arrays))
		// One dimension, with NULLs, of an element's type; so many from 1 on.
		for _, word := range []uint32{1, 1, oids[types.Stored(c.Type).Kind], uint32(p.Rows.NumRows()), 1} {
			arrays[i] = binary.BigEndian.AppendUint32(arrays[i], word)
		}
	}
	for data := st.chunk; len(data) > 0; {
		data = data[2:] // the number of fields
		for i := range arrays {
			size := 4
			if n := int32(binary.BigEndian.Uint32(data)); n > 0 {
				size += int(n)
			}
			arrays[i] = append(arrays[i], data[:size]...)
			data = data[size:]
		}
	}
	return arrays, nil
}

// oids are those of the types that columns have, by what they hold
// (PostgreSQL's pg_type.dat; they are the same in all versions).
var oids = map[schema.Kind]uint32{
	schema.Boolean: 16, schema.Short: 21, schema.Int: 23, schema.Long: 20, schema.Decimal: 1700, schema.Float: 700,
	schema.Double: 701, schema.Date: 1082, schema.Datetime: 1114, schema.Instant: 1184, schema.Time: 1083,
	schema.Binary: 17, schema.String: 25, schema.JSON: 114,
}
