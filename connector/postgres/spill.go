package postgres

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
)

var _ connector.Spiller = (*source)(nil)

// A spill is what the log had from a position on, in files, so that the server
// need not keep it. A sync applies them before it goes on with the slot.
//
// Each file is a part, which begins between two transactions, where the part
// before ends, and describes the relations that it has rows of. It is a row of
// frames: the length and the CRC-32C of what follows, of four bytes each, and
// then a kind with
//
//	'h'  whose log it is, as JSON; the first frame
//	'w'  a message of pgoutput
//	'k'  a position, between two transactions, up to which all has been said
//
// A part has its beginning as its name while it is being written, and its end
// as well once all of it is on disk. Of one that was left by a crash, what is
// behind its last 'k' does not count: the slot is not told of more.
type spill struct {
	dir   string
	of    spillOf
	parts []spillPart // in the order of the log
}

// spillOf is whose log it is.
type spillOf struct {
	Slot   string `json:"slot"`
	Origin string `json:"origin"`
}

type spillPart struct {
	path     string
	from, to position
	size     int64
}

const (
	spillHead     = 'h'
	spillMessage  = 'w'
	spillBoundary = 'k'

	spillFree = 1 << 30  // bytes that the disk is to have left
	spillMost = 16 << 30 // see [connector.Env.FolderBytes]
	spillLook = 8 << 20  // after which the disk is looked at
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	// errTorn says that a frame is not as it was written.
	errTorn = errors.New("a file of changes is damaged")
)

// openSpill returns what is in a folder. What a crash has left is brought in
// order. Its zero parts say that there is nothing.
func openSpill(dir string, of spillOf) (*spill, error) {
	s := &spill{dir: dir, of: of}
	entries, err := os.ReadDir(dir)
	if dir == "" || errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		p := spillPart{path: filepath.Join(dir, e.Name())}
		switch n, _ := fmt.Sscanf(e.Name(), "%016X-%016X.log", &p.from, &p.to); {
		case n == 2:
		case strings.HasSuffix(e.Name(), ".part"):
			if p, err = s.mend(p.path); err != nil {
				return nil, err
			}
		}
		if info, err := os.Stat(p.path); err == nil && p.to > p.from {
			p.size = info.Size()
			s.parts = append(s.parts, p)
		}
	}
	slices.SortFunc(s.parts, func(a, b spillPart) int { return int(min(max(int64(a.from)-int64(b.from), -1), 1)) })
	return s, nil
}

// mend ends a part that a crash has left at its last boundary.
func (s *spill) mend(path string) (p spillPart, err error) {
	if _, err := fmt.Sscanf(filepath.Base(path), "%016X.part", &p.from); err != nil {
		return p, nil
	}
	good, to := s.scan(path)
	if to <= p.from {
		return p, os.Remove(path)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return p, err
	}
	p.path, p.to = path, to
	err = errors.Join(file.Truncate(good), file.Sync(), file.Close())
	return p, errors.Join(err, s.rename(&p))
}

// rename gives a part its end as a name.
func (s *spill) rename(p *spillPart) error {
	to := filepath.Join(s.dir, fmt.Sprintf("%016X-%016X.log", uint64(p.from), uint64(p.to)))
	if err := os.Rename(p.path, to); err != nil {
		return err
	}
	p.path = to
	return syncFolder(s.dir)
}

// scan reads a file as far as it is good, and returns the size of that and the
// last boundary in it; 0: none.
func (s *spill) scan(path string) (good int64, to position) {
	r := &spillReader{paths: []string{path}, of: s.of}
	defer r.close()
	for {
		_, at, err := r.next()
		if err != nil {
			return good, to
		}
		if at > 0 {
			good, to = r.at, at
		}
	}
}

// check leaves out what is behind a part that is not as it was written.
func (s *spill) check() {
	for i, p := range s.parts {
		if good, to := s.scan(p.path); to != p.to || good != p.size {
			s.parts = s.parts[:i]
			return
		}
	}
}

// reach returns how far the parts go on from a position, which it is itself if
// they do not.
func (s *spill) reach(at position) position {
	for _, p := range s.parts {
		if p.from <= at {
			at = max(at, p.to)
		}
	}
	return at
}

func (s *spill) bytes() (n int64) {
	for _, p := range s.parts {
		n += p.size
	}
	return n
}

// reader reads what is behind a position; nil if that is nothing.
func (s *spill) reader(at position) *spillReader {
	r := &spillReader{of: s.of}
	for _, p := range s.parts {
		if p.to > at {
			r.paths = append(r.paths, p.path)
		}
	}
	if r.paths == nil {
		return nil
	}
	return r
}

// applied removes what is before a position. What cannot be removed now is
// when the next sync has applied something.
func (s *spill) applied(at position) {
	s.parts = slices.DeleteFunc(s.parts, func(p spillPart) bool { return p.to <= at && os.Remove(p.path) == nil })
}

// remove removes all of it.
func (s *spill) remove() error {
	s.parts = nil
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// A spillReader reads parts one after the other.
type spillReader struct {
	paths []string
	of    spillOf

	file *os.File
	r    *bufio.Reader
	at   int64 // in the file, behind the last frame
	size int64 // of the file
	buf  []byte
}

// next returns a message, or a boundary; io.EOF at the end of the last part. A
// message is valid until the call after.
func (r *spillReader) next() (msg []byte, at position, err error) {
	for {
		if r.file == nil {
			if err := r.open(); err != nil {
				return nil, 0, err
			}
		}
		if r.at == r.size {
			r.close()
			continue
		}
		payload, err := r.frame()
		if err != nil {
			return nil, 0, err
		}
		switch kind := payload[0]; {
		case kind == spillMessage && len(payload) > 1:
			return payload[1:], 0, nil
		case kind == spillBoundary && len(payload) == 9:
			return nil, position(binary.BigEndian.Uint64(payload[1:])), nil
		}
		return nil, 0, errTorn
	}
}

// open begins the next part.
func (r *spillReader) open() (err error) {
	if len(r.paths) == 0 {
		return io.EOF
	}
	if r.file, err = os.Open(r.paths[0]); err != nil {
		return err
	}
	r.paths, r.at, r.r = r.paths[1:], 0, bufio.NewReaderSize(r.file, 256<<10)
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	r.size = info.Size()
	head, err := r.frame()
	if err != nil {
		return err
	}
	var of spillOf
	if head[0] != spillHead || json.Unmarshal(head[1:], &of) != nil || of != r.of {
		return errTorn
	}
	return nil
}

func (r *spillReader) frame() ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, errTorn
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n == 0 || n > r.size-r.at-8 {
		return nil, errTorn
	}
	if int64(cap(r.buf)) < n || cap(r.buf) > bulkBytes && n <= bulkBytes {
		r.buf = make([]byte, max(n, bulkBytes))
	}
	payload := r.buf[:n]
	if _, err := io.ReadFull(r.r, payload); err != nil || crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, errTorn
	}
	r.at += 8 + n
	return payload, nil
}

func (r *spillReader) close() {
	if r != nil && r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// A spillWriter adds to a spill.
type spillWriter struct {
	spill *spill
	most  int64    // bytes that all may take
	whole int64    // bytes of a part, about
	step  int64    // bytes that wait to be put on disk, about
	to    position // up to which all is on disk

	file    *os.File // the part; nil: not begun
	w       *bufio.Writer
	part    spillPart
	good    int64 // bytes of the part up to its last boundary on disk
	new     bool  // the part has no transaction yet
	checked int64 // size of the part when the disk was last looked at
	moved   int64 // on disk

	// relations are how those of this stream were described last.
	relations map[uint32][]byte
}

func (s *source) spillWriter(to *spill, from position) *spillWriter {
	most := s.env.FolderBytes
	if most == 0 {
		most = spillMost
	}
	return &spillWriter{spill: to, most: most, whole: s.spillPart, step: s.spillStep, to: from, relations: map[uint32][]byte{}}
}

// begin begins a part.
func (w *spillWriter) begin() (err error) {
	if err := os.MkdirAll(w.spill.dir, 0o700); err != nil {
		return err
	}
	w.part = spillPart{path: filepath.Join(w.spill.dir, fmt.Sprintf("%016X.part", uint64(w.to))), from: w.to}
	if w.file, err = os.OpenFile(w.part.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return err
	}
	w.w, w.good, w.new, w.checked = bufio.NewWriterSize(w.file, 256<<10), 0, true, 0
	head, err := json.Marshal(w.spill.of)
	if err != nil {
		return err
	}
	return errors.Join(w.room(), w.frame(spillHead, head), syncFolder(w.spill.dir))
}

// message adds a message of pgoutput.
func (w *spillWriter) message(msg []byte) error {
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if err := w.frame(spillMessage, msg); err != nil {
		return err
	}
	switch {
	case msg[0] == msgRelation && len(msg) >= 5:
		w.relations[binary.BigEndian.Uint32(msg[1:])] = bytes.Clone(msg)
	case msg[0] == msgBegin && w.new: // the server describes them once only
		w.new = false
		for _, r := range w.relations {
			if err := w.frame(spillMessage, r); err != nil {
				return err
			}
		}
	}
	if w.part.size-w.checked < spillLook {
		return nil
	}
	w.checked = w.part.size
	return w.room()
}

func (w *spillWriter) frame(kind byte, data []byte) error {
	sum := crc32.Update(crc32.Checksum([]byte{kind}, castagnoli), castagnoli, data)
	var head [9]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(data)+1))
	binary.BigEndian.PutUint32(head[4:], sum)
	head[8] = kind
	w.w.Write(head[:]) // an error is met by the next
	_, err := w.w.Write(data)
	w.part.size += int64(len(head) + len(data))
	return err
}

// room returns an error if there is to be no more.
func (w *spillWriter) room() error {
	if w.spill.bytes()+w.part.size >= w.most {
		return fmt.Errorf("the files of its changes in %s may take no more than %d bytes", w.spill.dir, w.most)
	}
	if free, ok := freeBytes(w.spill.dir); ok && free < spillFree {
		return fmt.Errorf("the disk of %s has less than 1 GiB left", w.spill.dir)
	}
	return nil
}

// full reports whether enough waits to be put on disk.
func (w *spillWriter) full() bool { return w.file != nil && w.part.size-w.good >= w.step }

// settle puts what was added on disk, which is all up to a position between
// two transactions.
func (w *spillWriter) settle(at position) error {
	if at <= w.to {
		return nil
	}
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if err := w.frame(spillBoundary, binary.BigEndian.AppendUint64(nil, uint64(at))); err != nil {
		return err
	}
	if err := errors.Join(w.w.Flush(), w.file.Sync()); err != nil {
		return err
	}
	w.moved += w.part.size - w.good
	w.good, w.to = w.part.size, at
	if w.good < w.whole {
		return nil
	}
	return w.end()
}

// end ends the part at its last boundary.
func (w *spillWriter) end() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file = nil
	if w.good == 0 {
		return errors.Join(file.Close(), os.Remove(w.part.path))
	}
	w.part.to, w.part.size = w.to, w.good
	err := errors.Join(file.Truncate(w.good), file.Sync(), file.Close())
	if err == nil {
		err = w.spill.rename(&w.part)
	}
	w.spill.parts = append(w.spill.parts, w.part)
	return err
}

// syncFolder puts the names in a folder on disk, where that can be asked for.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrPermission) && !errors.Is(err, os.ErrInvalid) {
		return err
	}
	return nil
}

// folderBytes returns the size of the files in a folder.
func folderBytes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir) // which is not there, or cannot be read now
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// Spill implements connector.Spiller.
func (s *source) Spill(ctx context.Context, raw json.RawMessage) (moved int64, err error) {
	st, err := parseState(raw)
	if err != nil {
		return 0, err
	}
	if s.env.Folder == "" {
		return 0, errors.New("there is no folder for files of changes")
	}
	if st.Log == nil || st.Log.Slot != s.ReplicationSlot {
		return 0, fmt.Errorf("replication slot %s has nothing that a sync would go on with", s.ReplicationSlot)
	}
	sp, err := openSpill(s.env.Folder, spillOf{st.Log.Slot, st.Origin})
	if err != nil {
		return 0, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := serverVersion(ctx, conn)
	if err != nil {
		return 0, s.readError(ctx, err)
	}
	if origin(ctx, conn) != st.Origin {
		return 0, fmt.Errorf("another server answers at %s than when the last sync read it", s.address())
	}
	slot, err := readSlot(ctx, conn, version, st.Log.Slot)
	if err != nil {
		return 0, s.readError(ctx, err)
	}
	from := sp.reach(st.Log.Position)
	if gap := slot.gapAfter(from); gap != "" {
		return 0, fmt.Errorf("replication slot %s %s", st.Log.Slot, gap)
	}
	if slot.confirmed <= st.Log.Position { // the server has all of it
		from = st.Log.Position
		if err := sp.remove(); err != nil {
			return 0, err
		}
	}
	target, err := flushPosition(ctx, conn)
	if err != nil {
		return 0, s.readError(ctx, err)
	}
	stream, err := s.streamOf(ctx, st.Log.Slot, streamOptions(s.Publication, false), from)
	if err != nil {
		return 0, s.slotError(ctx, st.Log.Slot, err)
	}
	defer stream.close()
	if err := s.unmoved(ctx, conn, version, st.Log.Slot, from); err != nil {
		return 0, err
	}
	w := s.spillWriter(sp, from)
	err = w.take(stream, target, func() (bool, error) { return stream.idle(ctx, conn) })
	err = errors.Join(err, w.end())
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("replication slot %s: %w", st.Log.Slot, err)
	}
	return w.moved, err
}

// unmoved returns an error if somebody has read a slot further than to a
// position before it was opened there: the server begins a stream behind that
// then, and says nothing of it.
func (s *source) unmoved(ctx context.Context, conn *pgx.Conn, version int, name string, at position) error {
	slot, err := readSlot(ctx, conn, version, name)
	if err != nil {
		return s.readError(ctx, err)
	}
	if gap := slot.gapAfter(at); gap != "" {
		return fmt.Errorf("replication slot %s %s", name, gap)
	}
	return nil
}

// take moves what a stream has up to a position. idle is that of sqlsource.Log.
func (w *spillWriter) take(s *stream, target position, idle func() (bool, error)) error {
	at, within, end := w.to, false, sqlsource.Ending[position]{Target: target}
	settle := func() error {
		if err := w.settle(at); err != nil {
			return err
		}
		return s.confirm(w.to)
	}
	s.ask(0)
	for {
		msg, sent, err := s.next()
		if err != nil {
			return err
		}
		event := sqlsource.Ended
		switch {
		case msg != nil:
			if err := w.message(msg); err != nil {
				return err
			}
			switch c := (cursor{b: msg}); c.uint8() {
			case msgBegin:
				within = true
				continue
			case msgCommit:
				if at, err = c.commitEnd(); err != nil {
					return err
				}
				within = false
			default:
				continue
			}
		case within:
			s.ask(sqlsource.AskAgain)
			continue
		default:
			at, event = max(at, sent), sqlsource.Quiet
		}
		done, err := end.Reached(at, event, idle)
		if err != nil {
			return err
		}
		if done && w.file == nil && at.Beyond(w.to) < sqlsource.KeepLog { // nothing of interest is there
			return nil
		}
		if done || w.full() {
			if err := settle(); err != nil || done {
				return err
			}
		}
		if msg == nil {
			s.ask(sqlsource.AskAgain)
		}
	}
}
