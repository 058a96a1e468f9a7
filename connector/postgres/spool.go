package postgres

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A spool keeps what large transactions have changed before they have ended:
// the server sends it as soon as its own memory for them is full. Each has a
// file, of which a transaction that is rolled back in part loses the end.
type spool struct {
	txns  map[uint32]*spooled
	bytes int64
}

// spooled is one transaction.
type spooled struct {
	file *os.File
	w    *bufio.Writer
	size int64

	// firsts are where each subtransaction begins. What comes behind is its
	// own and of those within it, as long as it has not ended.
	firsts map[uint32]int64

	// descriptions of relations hold for the whole transaction, also where
	// the part is rolled back that they came in.
	descriptions []description
}

type description struct {
	at  int64
	msg []byte
}

// maxSpool is how many bytes the files may take together. Beyond that the
// server is asked to keep changes until a transaction has ended.
const maxSpool = 16 << 30

// errSpool says that changes cannot be spooled.
var errSpool = errors.New("changes of transactions that have not ended cannot be kept")

// open returns the file of a transaction.
func (s *spool) open(xid uint32) (*spooled, error) {
	if t := s.txns[xid]; t != nil {
		return t, nil
	}
	file, err := os.CreateTemp("", "penstock-log-")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	os.Remove(file.Name()) // where that is possible, nothing is left after a crash
	if s.txns == nil {
		s.txns = map[uint32]*spooled{}
	}
	t := &spooled{file: file, w: bufio.NewWriterSize(file, 256<<10), firsts: map[uint32]int64{}}
	s.txns[xid] = t
	return t, nil
}

// add appends a message of a transaction, or of one within it. The message
// stands behind its kind and the transaction's id.
func (s *spool) add(t *spooled, msg []byte) error {
	if len(msg) < 5 {
		return errProtocol
	}
	xid := binary.BigEndian.Uint32(msg[1:])
	if _, ok := t.firsts[xid]; !ok {
		t.firsts[xid] = t.size
	}
	if msg[0] == msgRelation {
		t.descriptions = append(t.descriptions, description{t.size, slices.Clone(msg)})
	}
	var head [5]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(msg)-4))
	head[4] = msg[0]
	t.w.Write(head[:]) // an error is met by the next
	if _, err := t.w.Write(msg[5:]); err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	n := int64(len(msg))
	t.size += n
	if s.bytes += n; s.bytes > maxSpool {
		return errSpool
	}
	return nil
}

// abort forgets a transaction, or the part of it that sub is.
func (s *spool) abort(xid, sub uint32) error {
	t := s.txns[xid]
	if t == nil {
		return nil
	}
	if xid == sub {
		s.forget(xid)
		return nil
	}
	at, ok := t.firsts[sub]
	if !ok {
		return nil
	}
	for x, first := range t.firsts {
		if first >= at {
			delete(t.firsts, x)
		}
	}
	err := t.w.Flush()
	if err == nil {
		err = t.file.Truncate(at)
	}
	if err == nil {
		_, err = t.file.Seek(at, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	s.bytes -= t.size - at
	t.size = at
	i := slices.IndexFunc(t.descriptions, func(d description) bool { return d.at >= at })
	if i < 0 {
		return nil
	}
	lost := slices.Clone(t.descriptions[i:])
	t.descriptions = t.descriptions[:i]
	for _, d := range lost {
		binary.BigEndian.PutUint32(d.msg[1:], xid)
		if err := s.add(t, d.msg); err != nil {
			return err
		}
	}
	return nil
}

// replay gives the messages of a transaction, as they are of one that was sent
// when it had ended, and forgets it.
func (s *spool) replay(xid uint32, do func(msg []byte) error) error {
	t := s.txns[xid]
	if t == nil {
		return nil
	}
	defer s.forget(xid)
	err := t.w.Flush()
	if err == nil {
		_, err = t.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	r := bufio.NewReaderSize(t.file, 256<<10)
	var head [4]byte
	var msg []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if cap(msg) < n {
			msg = make([]byte, n+n/4)
		}
		if _, err := io.ReadFull(r, msg[:n]); err != nil {
			return err
		}
		if err := do(msg[:n]); err != nil {
			return err
		}
	}
}

func (s *spool) forget(xid uint32) {
	t := s.txns[xid]
	s.bytes -= t.size
	t.file.Close()
	os.Remove(t.file.Name())
	delete(s.txns, xid)
}

// clear forgets all transactions.
func (s *spool) clear() {
	for xid := range s.txns {
		s.forget(xid)
	}
}
