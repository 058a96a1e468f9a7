package sqlsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A destination is maps, of which a crash leaves what was checkpointed, and
// sometimes more. It implements connector.Output.
type destination struct {
	game    *game
	rows    map[place]row
	present map[place]bool
	refused map[string]bool // tables that it takes no more rows of in this sync
	failed  map[string]bool
	dead    bool

	durable map[place]row
	state   json.RawMessage
	mark    lsn // of the state
	known   known
}

func (d *destination) Write(_ context.Context, b schema.Batch) error {
	table := b.Table.Table
	if b.Record != nil {
		defer b.Release()
	}
	if d.dead {
		return d.game.breached("the sync goes on after it has failed, with %s", table)
	}
	d.game.tick()
	switch d.game.choose(40) {
	case 1:
		return d.crash()
	case 2:
		d.refused[table] = true
	}
	if d.refused[table] {
		return &connector.TableError{Table: b.Table.Name, Err: errors.New("it is refused")}
	}
	if b.Op == schema.Sweep {
		maps.DeleteFunc(d.rows, func(p place, _ row) bool { return p.table == table && !d.present[p] })
		clear(d.present)
		return nil
	}
	value := func(column string, i int) int {
		return int(b.Record.Column(b.Table.Index(column)).(*array.Int64).Value(i))
	}
	for i := range int(b.Record.NumRows()) {
		p := place{table, value("id", i)}
		switch b.Op {
		case schema.Upsert:
			if n := d.game.written[value("v", i)]; n > d.mark {
				return d.game.breached("%v is sent, of transaction %d, and the mark is %d", p, n, d.mark)
			}
			d.rows[p] = row{value("v", i), value("w", i)}
		case schema.Update:
			if r, ok := d.rows[p]; ok {
				d.rows[p] = row{value("v", i), r.w}
			}
		case schema.Delete:
			delete(d.rows, p)
		case schema.Present:
			d.present[p] = true
		}
	}
	return nil
}

func (d *destination) Checkpoint(_ context.Context, state any) error {
	raw := state.(json.RawMessage)
	if d.dead {
		return d.game.breached("the sync goes on after it has failed, with a checkpoint")
	}
	position, err := d.game.judge(raw)
	if err != nil {
		return err
	}
	d.game.tick()
	how := d.game.choose(20)
	if how == 1 {
		return d.crash()
	}
	d.mark = d.game.marked(raw)
	d.durable, d.state, d.known = maps.Clone(d.rows), raw, d.game.known.at(d.game.log, position)
	if how == 2 {
		return d.crash()
	}
	return nil
}

func (d *destination) Note(_ context.Context, state any) error {
	if d.dead {
		return d.game.breached("the sync goes on after it has failed, with a note")
	}
	if d.game.choose(20) == 1 {
		return d.crash()
	}
	d.state = state.(json.RawMessage)
	d.mark = d.game.marked(d.state)
	return nil
}

// crash loses what is not durable, or only the state.
func (d *destination) crash() error {
	d.dead = true
	if d.game.choose(2) == 0 {
		d.rows = maps.Clone(d.durable)
	} else {
		d.durable = maps.Clone(d.rows)
	}
	return errCrash
}

func (d *destination) Live(_ context.Context, table schema.Name) (n int64, err error) {
	for p := range d.rows {
		if p.table == table.Table {
			n++
		}
	}
	return n, nil
}

func (d *destination) Fail(table schema.Name, _ error) { d.failed[table.Table] = true }
func (d *destination) Warn(setup.Warning)              {}
func (d *destination) Progress(schema.Name, int64)     {}
func (d *destination) Passes(context.Context, *schema.Table, schema.Format) (bool, error) {
	return false, nil
}
