package rest

import (
	"bytes"
	"fmt"
	"io"
)

// A CSV reads the records of a CSV document (RFC 4180) from a stream, without
// a string per cell. Lines end in LF or CRLF.
type CSV struct {
	r     io.Reader
	buf   []byte // buf[at:end] has been read and not yet looked at
	at    int
	end   int
	cells [][]byte
	err   error // of r
	rows  int64
	width int // cells of the first record
}

// csvBuffer is how much is read at a time; records may be longer, up to
// longestRecord.
const (
	csvBuffer     = 256 << 10
	longestRecord = 32 << 20
)

// NewCSV returns a CSV for what r reads.
func NewCSV(r io.Reader) *CSV { return &CSV{r: r, buf: make([]byte, csvBuffer)} }

// Next returns the cells of the next record, which are good until the next
// call, and [io.EOF] after the last. A document that ends within a record is
// an [io.ErrUnexpectedEOF]; records of different lengths are an error.
func (c *CSV) Next() ([][]byte, error) {
	for {
		n, whole := c.scan(c.buf[c.at:c.end])
		if whole {
			c.at += n
			c.rows++
			if c.width == 0 {
				c.width = len(c.cells)
			}
			if len(c.cells) != c.width {
				return nil, fmt.Errorf("record %d of the CSV has %d cells instead of %d", c.rows, len(c.cells), c.width)
			}
			return c.cells, nil
		}
		if c.err != nil {
			return nil, c.over()
		}
		if c.end-c.at >= longestRecord {
			return nil, fmt.Errorf("record %d of the CSV has more than %d bytes", c.rows+1, longestRecord)
		}
		c.fill()
	}
}

// over returns the error of the end.
func (c *CSV) over() error {
	if c.err == io.EOF && c.at < c.end {
		return io.ErrUnexpectedEOF
	}
	return c.err
}

// fill reads on, behind what is left.
func (c *CSV) fill() {
	copy(c.buf, c.buf[c.at:c.end])
	c.at, c.end = 0, c.end-c.at
	if c.end == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	var n int
	n, c.err = c.r.Read(c.buf[c.end:])
	c.end += n
}

// scan puts the cells of the record at the beginning of b into c.cells and
// returns its length, if all of it is there.
func (c *CSV) scan(b []byte) (n int, whole bool) {
	c.cells = c.cells[:0]
	for i := 0; ; {
		var cell []byte
		if i < len(b) && b[i] == '"' {
			inner, n, ok := unquote(b[i:])
			if !ok {
				return 0, false
			}
			cell = inner
			i += n
		} else {
			n := bytes.IndexAny(b[i:], ",\n")
			if n < 0 {
				return 0, false
			}
			cell = b[i : i+n]
			if b[i+n] == '\n' {
				cell = bytes.TrimSuffix(cell, []byte("\r"))
			}
			i += n
		}
		c.cells = append(c.cells, cell)
		if i < len(b) && b[i] == '\r' {
			i++
		}
		switch {
		case i >= len(b):
			return 0, false
		case b[i] == '\n':
			return i + 1, true
		}
		i++
	}
}

// unquote returns what is between the quotes that b begins with, and the
// length with them. It is ok if the closing one is there and one more byte,
// so that it is not the first of two.
func unquote(b []byte) (inner []byte, n int, ok bool) {
	i := bytes.IndexByte(b[1:], '"') + 1
	if i == 0 || i+1 >= len(b) {
		return nil, 0, false
	}
	if b[i+1] != '"' {
		return b[1:i], i + 1, true
	}
	for {
		next := bytes.IndexByte(b[i+2:], '"')
		if next < 0 {
			return nil, 0, false
		}
		i += 2 + next
		if i+1 >= len(b) {
			return nil, 0, false
		}
		if b[i+1] != '"' {
			return bytes.ReplaceAll(b[1:i], []byte(`""`), []byte(`"`)), i + 1, true
		}
	}
}
