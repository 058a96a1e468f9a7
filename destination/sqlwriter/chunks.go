package sqlwriter

import (
	"context"
	"errors"
	"io"
)

// ChunkSize is about how many bytes a chunk has: a few times what the kernel
// takes at once. Chunks of long values are longer.
const ChunkSize = 256 << 10

// Chunks carry the rows of one load, as bytes, from whoever writes them to the
// statement that takes them, which runs meanwhile. They are the core of a
// [Stream].
type Chunks struct {
	full   chan []byte
	free   chan []byte // read, to be filled again
	stop   <-chan struct{}
	cancel context.CancelFunc

	done chan struct{} // closed when the statement has ended
	err  error         // why; set before done is closed

	whole []byte // the chunk that is being read, and
	rest  []byte // what is left of it
}

var (
	errStopped = errors.New("the load was given up")
	errEarly   = errors.New("the server ended the load early")
)

// Feed begins a load: load runs the statement, which reads its rows from the
// Chunks, until they end or its context does.
func Feed(ctx context.Context, load func(context.Context, *Chunks) error) *Chunks {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &Chunks{full: make(chan []byte, 4), free: make(chan []byte, 4), stop: run.Done(), cancel: cancel, done: make(chan struct{})}
	go func() {
		c.err = load(run, c)
		close(c.done)
	}()
	return c
}

// Empty returns a chunk to be filled.
func (c *Chunks) Empty() []byte {
	select {
	case b := <-c.free:
		return b[:0]
	default:
		return make([]byte, 0, ChunkSize+ChunkSize/8)
	}
}

// Send hands a chunk over. It blocks while those before wait.
func (c *Chunks) Send(ctx context.Context, chunk []byte) error {
	select {
	case c.full <- chunk:
		return nil
	case <-c.done:
		if c.err != nil {
			return c.err
		}
		return errEarly
	case <-ctx.Done():
		return ctx.Err()
	}
}

// End hands the last chunk over, if there is something in it, and returns when
// the statement has ended, with its error.
func (c *Chunks) End(ctx context.Context, last []byte) error {
	if len(last) > 0 {
		if err := c.Send(ctx, last); err != nil {
			c.Abort()
			return err
		}
	}
	close(c.full)
	select {
	case <-c.done:
		c.cancel()
		return c.err
	case <-ctx.Done():
		c.Abort()
		return ctx.Err()
	}
}

// Abort ends the statement, and returns when it has ended.
func (c *Chunks) Abort() {
	c.cancel()
	<-c.done
}

// Next returns the next chunk, which is good until the next call; [io.EOF]
// after the last.
func (c *Chunks) Next() ([]byte, error) {
	if c.whole != nil && cap(c.whole) <= 2*ChunkSize { // a long value's chunk is not kept
		select {
		case c.free <- c.whole:
		default:
		}
	}
	c.whole = nil
	select {
	case b, ok := <-c.full:
		if !ok {
			return nil, io.EOF
		}
		c.whole = b
		return b, nil
	case <-c.stop:
		return nil, errStopped
	}
}

// Read implements [io.Reader] over the chunks, one after the other.
func (c *Chunks) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		b, err := c.Next()
		if err != nil {
			return 0, err
		}
		c.rest = b
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
