package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Messages of PostgreSQL's output plugin pgoutput (manual of version 15,
// chapter "Logical Replication Message Formats").
const (
	msgBegin    = 'B'
	msgCommit   = 'C'
	msgRelation = 'R'
	msgInsert   = 'I'
	msgUpdate   = 'U'
	msgDelete   = 'D'
	msgTruncate = 'T'
	msgOrigin   = 'O'
	msgType     = 'Y'
	msgLogical  = 'M'

	// Of transactions that are sent before they have ended (protocol version 2).
	msgStreamStart  = 'S'
	msgStreamStop   = 'E'
	msgStreamCommit = 'c'
	msgStreamAbort  = 'A'
)

var errProtocol = errors.New("the server sent changes that are not as pgoutput describes them")

// A cursor takes values off the front of a message. After a read beyond its
// end, bad is set and what is read is zero.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) bytes(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad = true
		c.b = nil
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) uint8() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text takes a text that ends in a zero byte.
func (c *cursor) text() string {
	n := bytes.IndexByte(c.b, 0)
	if n < 0 {
		c.bad = true
		return ""
	}
	s := string(c.b[:n])
	c.b = c.b[n+1:]
	return s
}

// done returns an error if the message was not exactly what was read.
func (c *cursor) done() error {
	if c.bad || len(c.b) > 0 {
		return errProtocol
	}
	return nil
}

// A begin opens a transaction.
type begin struct {
	commit position // of the commit record
	time   int64    // of the commit, in microseconds since 2000
	xid    uint32
}

func (c *cursor) begin() (begin, error) {
	b := begin{commit: position(c.uint64()), time: int64(c.uint64()), xid: c.uint32()}
	return b, c.done()
}

// commitEnd takes a commit and returns the position behind its record.
func (c *cursor) commitEnd() (position, error) {
	c.uint8()
	c.uint64()
	end := position(c.uint64())
	c.uint64()
	return end, c.done()
}

// streamCommit takes the end of a transaction that was sent in parts.
func (c *cursor) streamCommit() (begin, position, error) {
	b := begin{xid: c.uint32()}
	c.uint8()
	b.commit = position(c.uint64())
	end := position(c.uint64())
	b.time = int64(c.uint64())
	return b, end, c.done()
}

// A described is what the log says of a relation before its rows.
type described struct {
	oid      uint32
	schema   string
	name     string
	identity byte // relreplident: d default, n nothing, f full, i index
	columns  []describedColumn
}

type describedColumn struct {
	identity bool // part of what old rows are sent with
	name     string
	typ      uint32
}

func (c *cursor) relation() (described, error) {
	d := described{oid: c.uint32(), schema: c.text(), name: c.text()}
	if d.schema == "" { // as the log writes pg_catalog
		d.schema = "pg_catalog"
	}
	d.identity = c.uint8()
	for range c.uint16() {
		col := describedColumn{identity: c.uint8()&1 != 0, name: c.text(), typ: c.uint32()}
		c.uint32()
		if c.bad {
			break
		}
		d.columns = append(d.columns, col)
	}
	return d, c.done()
}

// A datum is a value as pgoutput sends it.
type datum struct {
	kind byte // one of the next
	data []byte
}

const (
	isNull      = 'n'
	isUnchanged = 'u' // a large value that an update did not touch, and that is not sent
	isText      = 't'
	isBinary    = 'b'
)

// tuple takes a row. The values are valid as long as the message is; into is
// used again.
func (c *cursor) tuple(into []datum) ([]datum, error) {
	n := int(c.uint16())
	b := c.b
	for range n {
		if len(b) == 0 {
			return into, errProtocol
		}
		kind := b[0]
		b = b[1:]
		switch kind {
		case isNull, isUnchanged:
			into = append(into, datum{kind: kind})
			continue
		case isText, isBinary:
		default:
			return into, errProtocol
		}
		if len(b) < 4 {
			return into, errProtocol
		}
		size := binary.BigEndian.Uint32(b)
		b = b[4:]
		if uint64(size) > uint64(len(b)) {
			return into, errProtocol
		}
		into = append(into, datum{kind, b[:size:size]})
		b = b[size:]
	}
	c.b = b
	return into, nil
}

// A change is an insert, an update or a delete.
type change struct {
	oid uint32

	// old is the row before, or what identifies it; nil: the identity has
	// not changed. whole says that all of its values are there. now is the
	// row after; nil for a delete.
	old, now []datum
	whole    bool

	room []datum // for old
}

// change takes a change of the kind given. What into has room for is used again.
func (c *cursor) change(kind byte, into *change) error {
	if into.old != nil {
		into.room = into.old
	}
	*into = change{oid: c.uint32(), room: into.room[:0], now: into.now[:0]}
	part := c.uint8()
	var err error
	if kind != msgInsert && (part == 'K' || part == 'O') {
		into.whole = part == 'O'
		if into.old, err = c.tuple(into.room); err != nil {
			return err
		}
		if kind == msgDelete {
			return c.done()
		}
		part = c.uint8()
	}
	if part != 'N' {
		return errProtocol
	}
	if into.now, err = c.tuple(into.now); err != nil {
		return err
	}
	return c.done()
}

// truncate takes the relations that are emptied.
func (c *cursor) truncate() ([]uint32, error) {
	n := int(c.uint32())
	c.uint8()
	var oids []uint32
	for range n {
		oids = append(oids, c.uint32())
		if c.bad {
			break
		}
	}
	return oids, c.done()
}
