package mysql

import (
	"context"
	"errors"
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

	chunks chan []byte
	chunk  []byte      // being filled
	free   chan []byte // sent, to be filled again
	rows   int64       // written
	cancel context.CancelFunc

	done chan struct{} // closed when the transaction has ended
	sent int64         // rows that the server has taken; set before done is closed, as is
	err  error         // why it ended
}

// chunkSize is a few times what the kernel takes at once.
const chunkSize = 256 << 10

// readers numbers what LOAD DATA statements read: the driver knows readers by
// names that are the whole process's.
var readers atomic.Int64

func (s *session) Load(ctx context.Context, l sqlwriter.Load) (sqlwriter.Stream, error) {
	st := &stream{s: s, load: l, form: &tsv, notes: sqlwriter.Notes{Table: l.Name, Warn: s.d.warn},
		chunks: make(chan []byte, 4), free: make(chan []byte, 4), done: make(chan struct{})}
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
	into := l.Into
	st.chunk = st.empty()
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	st.cancel = cancel
	go func() {
		defer close(st.done)
		if st.err = s.run(run, "START TRANSACTION"); st.err != nil {
			return
		}
		if list := strings.Join(columns, ", "); s.infile {
			st.sent, st.err = st.infile(run, into, list)
		} else {
			st.sent, st.err = st.insert(run, into, list)
		}
		if st.err == nil {
			st.err = s.run(run, "COMMIT")
		}
	}()
	return st, nil
}

// infile runs a LOAD DATA over all chunks. Its bytes are taken as they are,
// whatever the columns' character sets.
func (st *stream) infile(ctx context.Context, into, columns string) (int64, error) {
	name := "penstock-" + strconv.FormatInt(readers.Add(1), 10)
	reader := &chunkReader{in: st.chunks, free: st.free, stop: ctx.Done()}
	mysql.RegisterReaderHandler(name, func() io.Reader { return reader })
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
		return 0, fmt.Errorf("the server %s did not take all values as they are: %s", st.s.w.server(), warnings[0][2])
	}
	return n, nil
}

// insert runs an INSERT for each chunk.
func (st *stream) insert(ctx context.Context, into, columns string) (rows int64, err error) {
	statement := []byte("INSERT INTO " + into + " (" + columns + ") VALUES ")
	begins := len(statement)
	for {
		select {
		case chunk, ok := <-st.chunks:
			if !ok {
				return rows, nil
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
			st.reuse(chunk)
		case <-ctx.Done():
			return rows, ctx.Err()
		}
	}
}

// send hands a chunk over.
func (st *stream) send(ctx context.Context, chunk []byte) error {
	select {
	case st.chunks <- chunk:
		return nil
	case <-st.done:
		return st.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// row ends the row that begins at start of the chunk. A chunk that is full is
// sent without it.
func (st *stream) row(ctx context.Context, start int) error {
	st.rows++
	if len(st.chunk) <= chunkSize || start == 0 {
		return nil
	}
	next := append(st.empty(), st.chunk[start:]...)
	full := st.chunk[:start]
	st.chunk = next
	return st.send(ctx, full)
}

// empty returns a chunk to be filled.
func (st *stream) empty() []byte {
	select {
	case c := <-st.free:
		return c[:0]
	default:
		return make([]byte, 0, chunkSize+chunkSize/8)
	}
}

// reuse keeps a chunk to be filled again; not that of a long value.
func (st *stream) reuse(chunk []byte) {
	if cap(chunk) > 2*chunkSize {
		return
	}
	select {
	case st.free <- chunk:
	default:
	}
}

// ended says why a load ended that was to go on.
func (st *stream) ended() error {
	if st.err != nil {
		return st.err
	}
	return fmt.Errorf("the server %s ended the load early", st.s.w.server())
}

func (st *stream) End(ctx context.Context) error {
	if len(st.chunk) > 0 {
		if err := st.send(ctx, st.chunk); err != nil {
			st.Abort()
			return err
		}
	}
	close(st.chunks)
	select {
	case <-st.done:
	case <-ctx.Done():
		st.Abort()
		return ctx.Err()
	}
	st.cancel()
	st.notes.End()
	if st.err == nil && st.sent != st.rows {
		return fmt.Errorf("the server %s took %d of %d rows", st.s.w.server(), st.sent, st.rows)
	}
	return st.err
}

func (st *stream) Abort() {
	st.cancel()
	<-st.done
}

var errStopped = errors.New("the load was given up")

// A chunkReader reads chunks one after the other.
type chunkReader struct {
	in    <-chan []byte
	free  chan<- []byte
	stop  <-chan struct{}
	whole []byte // the chunk that is being read, and
	rest  []byte // what is left of it
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.whole != nil && cap(r.whole) <= 2*chunkSize { // a long value's chunk is not kept
			select {
			case r.free <- r.whole:
			default:
			}
		}
		r.whole = nil
		select {
		case c, ok := <-r.in:
			if !ok {
				return 0, io.EOF
			}
			r.whole, r.rest = c, c
		case <-r.stop:
			return 0, errStopped
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
