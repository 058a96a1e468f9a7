package postgres

import (
	"context"
	"fmt"
	"io"

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

	chunks chan []byte
	chunk  []byte      // being filled
	free   chan []byte // sent, to be filled again
	cancel context.CancelFunc

	done chan struct{} // closed when the COPY has ended
	err  error         // why; set before done is closed
}

// chunkSize is a few times what the kernel takes at once.
const chunkSize = 256 << 10

var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

func (s *session) Load(ctx context.Context, l sqlwriter.Load) (sqlwriter.Stream, error) {
	columns := list(l.Shape.Columns)
	st := &stream{s: s, load: l, notes: sqlwriter.Notes{Table: l.Name, Warn: s.d.warn}, chunks: make(chan []byte, 4), free: make(chan []byte, 4), done: make(chan struct{})}
	if l.Stage {
		columns += ", " + quote(sqlwriter.Seq)
	} else {
		for _, c := range l.Constants {
			columns += ", " + quote(c.Column)
			st.suffix = appendConstant(st.suffix, c)
		}
	}
	st.chunk = append(st.empty(), copyHeader...)
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	st.cancel = cancel
	go func() {
		_, err := s.CopyFrom(run, &chunkReader{in: st.chunks, free: st.free, stop: run.Done()}, fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", l.Into, columns))
		st.err = s.w.explain(run, err)
		close(st.done)
	}()
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

// send hands the chunk over and begins another.
func (st *stream) send(ctx context.Context) error {
	select {
	case st.chunks <- st.chunk:
		st.chunk = st.empty()
		return nil
	case <-st.done:
		return st.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
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

// ended says why a COPY ended that was to go on.
func (st *stream) ended() error {
	if st.err != nil {
		return st.err
	}
	return fmt.Errorf("the server %s ended the load early", st.s.w.server())
}

func (st *stream) End(ctx context.Context) error {
	st.chunk = append(st.chunk, copyTrailer...)
	if err := st.send(ctx); err != nil {
		st.Abort()
		return err
	}
	close(st.chunks)
	select {
	case <-st.done:
		st.cancel()
		st.notes.End()
		return st.err
	case <-ctx.Done():
		st.Abort()
		return ctx.Err()
	}
}

func (st *stream) Abort() {
	st.cancel()
	<-st.done
}

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
			return 0, context.Canceled
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
