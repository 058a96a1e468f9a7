package mysql

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/penstock-data/penstock/destination/sqlwriter"
)

// A stream is one transaction that fills a table, by one LOAD DATA or by an
// INSERT for each chunk. Rows are made into chunks by whoever writes them,
// while another goroutine sends the chunks before.
type stream struct {
	s      *session
	load   sqlwriter.Load
	form   *form
	suffix []byte // of each row: the fields that are the same in all of them
	notes  sqlwriter.Notes

	chunks *sqlwriter.Chunks
	chunk  []byte // being filled
	rows   int64  // written
	sent   int64  // rows that the server has taken, when the transaction has ended
}

// readers numbers what LOAD DATA statements read: the driver knows readers by
// names that are the whole process's.
var readers atomic.Int64

func (s *session) Load(ctx context.Context, l sqlwriter.Load) (sqlwriter.Stream, error) {
	st := &stream{s: s, load: l, form: &tsv, notes: sqlwriter.Notes{Table: l.Name, Warn: s.d.warn}}
	if !s.infile {
		st.form = &values
	}
	var columns []string
	for _, c := range l.Shape.Columns {
		columns = append(columns, quote(c.Name))
	}
	if l.Stage {
		columns = append(columns, quote(sqlwriter.Seq))
	} else {
		for _, c := range l.Constants {
			columns = append(columns, quote(c.Column))
			st.suffix = append(st.suffix, st.form.between...)
			st.suffix = st.form.constant(st.suffix, c.Value)
		}
	}
	st.chunks = sqlwriter.Feed(ctx, func(ctx context.Context, rows *sqlwriter.Chunks) error {
		if err := s.run(ctx, "START TRANSACTION"); err != nil {
			return err
		}
		fill := st.insert
		if s.infile {
			fill = st.infile
		}
		var err error
		if st.sent, err = fill(ctx, rows, l.Into, strings.Join(columns, ", ")); err != nil {
			return err
		}
		return s.run(ctx, "COMMIT")
	})
	st.chunk = st.chunks.Empty()
	return st, nil
}

// infile runs a LOAD DATA over all chunks. Its bytes are taken as they are,
// whatever the columns' character sets.
func (st *stream) infile(ctx context.Context, chunks *sqlwriter.Chunks, into, columns string) (int64, error) {
	name := "penstock-" + strconv.FormatInt(readers.Add(1), 10)
	mysql.RegisterReaderHandler(name, func() io.Reader { return chunks })
	defer mysql.DeregisterReaderHandler(name)
	r, err := st.s.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' INTO TABLE "+into+
		` CHARACTER SET binary FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' (`+columns+")")
	if err != nil {
		return 0, st.s.w.explain(ctx, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, err
	}
	// With LOCAL the server goes on after a bad value or a duplicate, whatever
	// the sql_mode, and only warns of it.
	warnings, err := st.s.rows(ctx, "SHOW WARNINGS LIMIT 1")
	if err != nil {
		return 0, err
	}
	if len(warnings) > 0 {
		return 0, &notTakenError{fmt.Sprintf("the server %s did not take all values as they are: %s", st.s.w.server(), warnings[0][2])}
	}
	return n, nil
}

// insert runs an INSERT for each chunk.
func (st *stream) insert(ctx context.Context, chunks *sqlwriter.Chunks, into, columns string) (rows int64, err error) {
	statement := []byte("INSERT INTO " + into + " (" + columns + ") VALUES ")
	begins := len(statement)
	for {
		chunk, err := chunks.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		statement = append(statement[:begins], chunk[:len(chunk)-1]...) // without the last comma
		r, err := st.s.ExecContext(ctx, string(statement))
		if err != nil {
			return rows, st.s.w.explain(ctx, err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return rows, err
		}
		rows += n
	}
}

// row ends the row that begins at start of the chunk. A chunk that is full is
// sent without it.
func (st *stream) row(ctx context.Context, start int) error {
	st.rows++
	if len(st.chunk) <= sqlwriter.ChunkSize || start == 0 {
		return nil
	}
	next := append(st.chunks.Empty(), st.chunk[start:]...)
	full := st.chunk[:start]
	st.chunk = next
	return st.chunks.Send(ctx, full)
}

func (st *stream) End(ctx context.Context) error {
	err := st.chunks.End(ctx, st.chunk)
	st.notes.End()
	if err == nil && st.sent != st.rows {
		return fmt.Errorf("the server %s took %d of %d rows", st.s.w.server(), st.sent, st.rows)
	}
	return err
}

func (st *stream) Abort() { st.chunks.Abort() }
