package sqlsource_test

import (
	"errors"
	"maps"
	"slices"
)

// A script makes choices. Behind its end all are 0, which is always the choice
// of letting things take their course.
type script []byte

func (s *script) choose(n int) int {
	if len(*s) == 0 {
		return 0
	}
	c := int((*s)[0]) % n
	*s = (*s)[1:]
	return c
}

// A world is a database in memory that others are changing all the time.
type world struct {
	script
	rows    map[place]version // as everybody sees them
	locks   map[place]*txn
	open    []*txn // that are running
	hidden  []*txn // that have committed, which is not seen yet
	log     []*txn // in the order of their commits
	gone    lsn    // what is before has been confirmed, and forgotten
	ended   map[uint64]bool
	last    uint64 // id that was given out
	writes  int
	written map[int]lsn // where the log was behind each of them
	running bool        // others are at work
}

type place struct {
	table string
	key   int
}

type row struct{ v, w int }

type version struct {
	row
	by uint64
}

// A txn is a transaction, as the log has it.
type txn struct {
	id      uint64
	changes []change
	after   map[place]*row // what it leaves; nil: it is gone
}

func (tx *txn) writes(table string) bool {
	return slices.ContainsFunc(tx.changes, func(c change) bool { return c.table == table })
}

type change struct {
	place
	kind kind
	row  row
}

type kind int

const (
	whole   kind = iota // the row is in the log
	partial             // w is not
	unknown             // neither is
	removed
)

var tableNames = []string{"a", "b", "c"}

const keys = 6

func newWorld(s script) *world {
	w := &world{script: s, rows: map[place]version{}, locks: map[place]*txn{}, ended: map[uint64]bool{}, written: map[int]lsn{}, last: 1, running: true}
	for _, t := range tableNames {
		for k := range keys {
			w.rows[place{t, k}] = version{row{w: k}, 1}
		}
	}
	w.ended[1] = true
	return w
}

// tick lets others do something.
func (w *world) tick() {
	if !w.running {
		return
	}
	switch w.choose(8) {
	case 1, 2:
		if len(w.open) < 3 {
			w.last++
			w.open = append(w.open, &txn{id: w.last, after: map[place]*row{}})
		}
		w.change(w.open[w.choose(len(w.open))])
	case 3, 4:
		if len(w.open) > 0 {
			w.change(w.open[w.choose(len(w.open))])
		}
	case 5, 6:
		if len(w.open) > 0 {
			w.end(w.choose(len(w.open)), w.choose(5) != 1)
		}
	case 7:
		w.show(1)
	}
}

// change has a transaction write a row that no other has written.
func (w *world) change(tx *txn) {
	p := place{tableNames[w.choose(len(tableNames))], w.choose(keys)}
	if l := w.locks[p]; l != nil && l != tx {
		return
	}
	w.locks[p] = tx
	was, there := tx.after[p]
	if v, ok := w.rows[p]; !there && ok {
		was = &v.row
	}
	w.writes++
	c := change{place: p, kind: whole, row: row{w.writes, w.writes}}
	if was != nil {
		if c.kind = kind(w.choose(4)); c.kind == partial {
			c.row.w = was.w
		}
	}
	tx.after[p] = &c.row
	if c.kind == removed {
		tx.after[p] = nil
	}
	tx.changes = append(tx.changes, c)
}

// end commits a transaction, which the log knows before others do, or not.
func (w *world) end(i int, commit bool) {
	tx := w.open[i]
	w.open = slices.Delete(w.open, i, i+1)
	if commit {
		w.log = append(w.log, tx)
		for _, c := range tx.changes {
			w.written[c.row.v] = lsn(len(w.log))
		}
		w.hidden = append(w.hidden, tx)
		return
	}
	w.finish(tx)
}

func (w *world) finish(tx *txn) {
	w.ended[tx.id] = true
	maps.DeleteFunc(w.locks, func(_ place, l *txn) bool { return l == tx })
}

// show makes commits visible.
func (w *world) show(n int) {
	for ; n > 0 && len(w.hidden) > 0; n-- {
		tx := w.hidden[0]
		w.hidden = w.hidden[1:]
		w.finish(tx)
		for p, r := range tx.after {
			if delete(w.rows, p); r != nil {
				w.rows[p] = version{*r, tx.id}
			}
		}
	}
}

// rest ends what others are doing.
func (w *world) rest() {
	for len(w.open) > 0 {
		w.end(0, true)
	}
	w.show(len(w.hidden))
	w.running = false
}

// A picture is what a snapshot sees.
type picture struct {
	rows map[place]version
	seen seen
	xmin uint64 // all transactions below have ended
	end  lsn    // of the log
}

func (w *world) look() picture {
	p := picture{rows: maps.Clone(w.rows), seen: seen{}, xmin: w.last + 1, end: lsn(len(w.log))}
	for id := uint64(1); id <= w.last; id++ {
		if w.ended[id] {
			p.seen = append(p.seen, id)
		} else {
			p.xmin = min(p.xmin, id)
		}
	}
	return p
}

// at returns the rows of a table as they were when the log ended at a position.
func (w *world) at(table string, end lsn) map[int]row {
	rows := map[int]row{}
	for k := range keys {
		rows[k] = row{w: k}
	}
	for _, tx := range w.log[:end] {
		for p, r := range tx.after {
			if p.table != table {
				continue
			}
			if delete(rows, p.key); r != nil {
				rows[p.key] = *r
			}
		}
	}
	return rows
}

// errCrash ends a sync as if the process had died.
var errCrash = errors.New("the process has died")
