package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// A bulkReader reads a stream of which much is still to come. PostgreSQL sends
// pieces of 8 KiB, and being woken for each of them costs this process more
// than all the rest that it does with the rows. So once a stream has shown
// that it is a long one, the kernel is asked to wake us only for many of them
// (SO_RCVLOWAT), and we look ourselves if we have slept for a while: if next to
// nothing has come, that is the end of the stream, or a slow one.
type bulkReader struct {
	ctx  context.Context
	conn net.Conn
	tcp  *net.TCPConn // beneath conn; nil: the kernel cannot be asked

	total int64 // bytes since the last look of our own
	bulk  bool
}

const (
	bulkBytes = 256 << 10 // worth waking up for
	bulkAfter = 1 << 20
	bulkLeast = 8 << 10 // that must have come in bulkWait
	bulkWait  = 10 * time.Millisecond
)

func newBulkReader(ctx context.Context, conn net.Conn) *bulkReader {
	r := &bulkReader{ctx: ctx, conn: conn}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	r.tcp, _ = conn.(*net.TCPConn)
	return r
}

func (r *bulkReader) Read(p []byte) (int, error) {
	if !r.bulk && r.total >= bulkAfter {
		r.bulk = r.lowWater(bulkBytes)
		r.total = 0
	}
	n, err := r.read(p)
	if r.bulk && dry(n, err) {
		if n, err = r.read(p); n < bulkLeast {
			r.end()
		}
		if dry(n, err) {
			n, err = r.read(p)
		}
	}
	r.total += int64(n)
	return n, err
}

// dry reports whether the kernel has not woken us for a while.
func dry(n int, err error) bool { return n == 0 && errors.Is(err, os.ErrDeadlineExceeded) }

func (r *bulkReader) read(p []byte) (int, error) {
	if r.bulk {
		r.conn.SetReadDeadline(time.Now().Add(bulkWait))
	}
	// A deadline set here or in end may have replaced the one that the end
	// of the context sets. If that is still to come, it will be the later.
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.conn.Read(p)
}

// end makes the connection as it was.
func (r *bulkReader) end() {
	if r.bulk {
		r.bulk, r.total = false, 0
		r.lowWater(1)
		r.conn.SetReadDeadline(time.Time{})
	}
}

// lowWater sets how many bytes must be there for the reader to be woken.
func (r *bulkReader) lowWater(n int) bool {
	if r.tcp == nil {
		return false
	}
	raw, err := r.tcp.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = setLowWater(fd, n) })
	return err == nil && failed == nil
}
