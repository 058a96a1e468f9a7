package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// copyOut runs a COPY … TO STDOUT and gives the messages to out. buf is the
// read buffer; its size decides how often the kernel is asked.
//
// It reads the connection's frames itself: a message is a row, and nothing
// else is done per row. An error of the server leaves the connection usable;
// after any other error it is closed.
func copyOut(ctx context.Context, conn *pgconn.PgConn, sql string, buf []byte, out sink) error {
	if err := conn.SyncConn(ctx); err != nil {
		return err
	}
	nc := conn.Conn()
	query, err := (&pgproto3.Query{String: sql}).Encode(nil)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	r := newBulkReader(ctx, nc)
	f := frames{r: r, buf: buf}
	var said error
	_, err = nc.Write(query)
	for err == nil {
		var kind byte
		var body []byte
		if kind, body, err = f.next(); err != nil {
			break
		}
		switch kind {
		case 'd':
			err = out.message(body)
		case 'E':
			var msg pgproto3.ErrorResponse
			if err = msg.Decode(body); err == nil {
				said = pgconn.ErrorResponseToPgError(&msg)
			}
		case 'Z':
			r.end()
			if !stop() {
				err = context.Cause(ctx)
				break
			}
			if said != nil {
				return said
			}
			return out.flush()
		case 'H', 'c', 'C', 'N', 'S', 'A':
		default:
			err = fmt.Errorf("unexpected message %q during COPY", kind)
		}
	}
	nc.Close()
	conn.Close(context.WithoutCancel(ctx))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if said != nil { // the server's last words tell more than that it hung up
		return said
	}
	return err
}

// frames splits what a server sends into messages.
type frames struct {
	r          io.Reader
	buf        []byte
	usual      int // size of buf, but for large messages
	start, end int // what of buf is not yet read
}

const maxFrame = 1 << 30 // PostgreSQL's own limit of a message

// next returns the next message's type and its body, which is valid until the
// call after.
func (f *frames) next() (byte, []byte, error) {
	if err := f.fill(5); err != nil {
		return 0, nil, err
	}
	head := f.buf[f.start:]
	kind, size := head[0], int(binary.BigEndian.Uint32(head[1:]))-4
	if size < 0 || size > maxFrame {
		return 0, nil, errors.New("the server sent a message of impossible size")
	}
	f.start += 5
	if err := f.fill(size); err != nil {
		return 0, nil, err
	}
	body := f.buf[f.start : f.start+size]
	f.start += size
	return kind, body, nil
}

// fill sees to it that n bytes can be read. A message larger than the buffer
// gets a larger one until others have come that do not need it.
func (f *frames) fill(n int) error {
	if f.end-f.start >= n {
		return nil
	}
	if f.usual == 0 {
		f.usual = len(f.buf)
	}
	held := f.buf[f.start:f.end]
	switch {
	case n > len(f.buf) || len(f.buf) > f.usual && max(n, len(held)) <= f.usual:
		f.buf = make([]byte, max(n, f.usual))
		f.start, f.end = 0, copy(f.buf, held)
	case f.start+n > len(f.buf):
		f.start, f.end = 0, copy(f.buf, held)
	}
	got, err := io.ReadAtLeast(f.r, f.buf[f.end:], n-(f.end-f.start))
	f.end += got
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
