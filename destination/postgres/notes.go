package postgres

import (
	"fmt"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// notes report the values of one load that could not be kept as they were.
// A column's first few are named, the rest are counted.
type notes struct {
	table schema.Name
	warn  func(setup.Warning)
	seen  map[noteKey]int
	err   error // set if nobody is to be warned
}

type noteKey struct{ column, code string }

const named = 10

// lost makes a value NULL.
func (n *notes) lost(dst []byte, c schema.Column, value string) []byte {
	n.note(c, "value_not_kept", fmt.Sprintf("%s is out of the range of PostgreSQL's %s and became NULL", value, typeName(c.Type)))
	return append(dst, null...)
}

func (n *notes) note(c schema.Column, code, what string) {
	what = fmt.Sprintf("table %s, column %s: %s", n.table, c.Name, what)
	if n.warn == nil {
		if n.err == nil {
			n.err = fmt.Errorf("%s", what)
		}
		return
	}
	if n.seen == nil {
		n.seen = map[noteKey]int{}
	}
	k := noteKey{c.Name, code}
	n.seen[k]++
	if n.seen[k] <= named {
		n.warn(setup.Warning{Code: code, Message: what})
	}
}

// end reports how many more there were than those named.
func (n *notes) end() error {
	for k, count := range n.seen {
		if count > named {
			n.warn(setup.Warning{Code: k.code, Message: fmt.Sprintf("table %s, column %s: %d values more like those named", n.table, k.column, count-named)})
		}
	}
	return n.err
}
