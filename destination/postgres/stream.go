package postgres

import (
	"context"
	"fmt"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// A stream is one COPY FROM STDIN in binary format. Rows are made into chunks
// by whoever writes them, while another goroutine sends the chunks before.
type stream struct {
	s      *session
	load   sqlwriter.Load
	suffix []byte // of each row: the fields that are the same in all of them
	notes  sqlwriter.Notes

	chunks *sqlwriter.Chunks
	chunk  []byte // being filled
}

var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

func (s *session) Load(ctx context.Context, l sqlwriter.Load) (sqlwriter.Stream, error) {
	columns := list(l.Shape.Columns)
	st := &stream{s: s, load: l, notes: sqlwriter.Notes{Table: l.Name, Warn: s.d.warn}}
	if l.Stage {
		columns += ", " + quote(sqlwriter.Seq)
	} else {
		for _, c := range l.Constants {
			columns += ", " + quote(c.Column)
			st.suffix = appendConstant(st.suffix, c)
		}
	}
	st.chunks = sqlwriter.Feed(ctx, func(ctx context.Context, rows *sqlwriter.Chunks) error {
		_, err := s.CopyFrom(ctx, rows, fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", l.Into, columns))
		return s.w.explain(ctx, err)
	})
	st.chunk = append(st.chunks.Empty(), copyHeader...)
	return st, nil
}

func (st *stream) Write(ctx context.Context, b schema.Batch, seq int64) error {
	defer b.Release()
	if b.Encoded != nil {
		if b.Encoded.Format != schema.PostgresBinary {
			return fmt.Errorf("rows in the format %s", b.Encoded.Format)
		}
		return st.writeTuples(ctx, b.Encoded, seq)
	}
	return st.writeRecord(ctx, b, seq)
}

// send hands the chunk over and begins another. Where nobody takes it, it grows.
func (st *stream) send(ctx context.Context) error {
	if st.chunks == nil {
		return nil
	}
	err := st.chunks.Send(ctx, st.chunk)
	st.chunk = st.chunks.Empty()
	return err
}

func (st *stream) End(ctx context.Context) error {
	err := st.chunks.End(ctx, append(st.chunk, copyTrailer...))
	st.notes.End()
	return err
}

func (st *stream) Abort() { st.chunks.Abort() }
