package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
)

type planCmd struct {
	Source      string   `arg:"" env:"PENSTOCK_SOURCE" help:"URL of the source, as for sync."`
	Destination string   `arg:"" env:"PENSTOCK_DESTINATION" help:"URL of the destination, as for sync."`
	Table       []string `help:"Only this table (schema.table; * matches); may be repeated." placeholder:"TABLE"`
	Block       []string `help:"Leave out this column, as for sync." placeholder:"COLUMN"`
	Drop        []string `help:"Drop this column, as for sync." placeholder:"COLUMN"`
	Hash        []string `help:"Hash this column, as for sync." placeholder:"COLUMN"`
	HashKey     string   `env:"PENSTOCK_HASH_KEY" help:"Secret under which columns are hashed." placeholder:"SECRET"`
	Schema      string   `help:"Destination schema, as for sync."`
	State       string   `help:"File that remembers how far the last sync got." placeholder:"FILE"`
	JSON        bool     `help:"Print the plan as JSON."`
}

// A tablePlan is what the next sync would do with a table.
type tablePlan struct {
	Source      string       `json:"source"`
	Destination string       `json:"destination"`
	Create      bool         `json:"create"`
	Columns     []columnPlan `json:"columns,omitempty"` // those of a new table, else those that are added, widened or dropped
	Load        string       `json:"load"`              // "historical", "incremental", "" if the table cannot be synced
	Rows        *int64       `json:"rows"`              // that are expected; null: not known
	Error       string       `json:"error,omitempty"`
}

type columnPlan struct {
	Name string `json:"name"`
	Was  string `json:"was,omitempty"`  // the type that is there; "": the column is added
	Type string `json:"type,omitempty"` // "": the column is dropped
}

func (c *planCmd) Run(ctx context.Context) error {
	plans, err := c.plan(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(map[string][]tablePlan{"tables": plans})
	}
	printPlans(os.Stdout, plans)
	return nil
}

func (c *planCmd) plan(ctx context.Context) ([]tablePlan, error) {
	src, service, err := openSource(c.Source, connector.Env{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	dst, kind, err := openDestination(c.Destination)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	real, err := dst.Writer(ctx, destination.Options{Synced: now})
	if err != nil {
		return nil, err
	}
	defer real.Close()
	s := syncCmd{Table: c.Table, Block: c.Block, Drop: c.Drop, Hash: c.Hash, HashKey: c.HashKey, Schema: c.Schema}
	ledger := &fileLedger{path: c.State}
	source, writer := &quietSource{Source: src}, &notingWriter{Writer: real, wanted: map[schema.Name]*schema.Table{}, unwanted: map[schema.Name][]string{}}
	out, err := pipe.Run(ctx, pipe.Plan{
		Source: source, Writer: writer, Ledger: ledger, Naming: service.Naming, MaxName: kind.MaxName, Start: now,
		Schema: s.schemaNames(service), Choose: s.choose(service), Secret: []byte(c.HashKey),
	})
	if err != nil {
		return nil, err
	}
	asked := map[schema.Name]schema.Table{}
	for _, t := range source.asked.Tables {
		asked[t.Name] = t
	}
	var plans []tablePlan
	for _, t := range out.Tables {
		p := tablePlan{Source: t.Source.String(), Destination: t.Destination.String()}
		if t.Err != nil {
			p.Error = t.Err.Error()
			plans = append(plans, p)
			continue
		}
		have, err := real.Table(ctx, t.Destination)
		if err != nil {
			return nil, err
		}
		p.Create = have == nil
		p.Columns = changes(have, writer.wanted[t.Destination], writer.unwanted[t.Destination])
		state := source.asked.State
		if f, ok := src.(connector.Forgetter); ok && p.Create && state != nil { // as a sync does
			if state, err = f.Forget(state, []schema.Name{t.Source}); err != nil {
				return nil, err
			}
		}
		if p.Load, p.Rows, err = expected(ctx, src, state, asked[t.Source]); err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// changes returns what is to be done to the columns of have, nil if there is
// no table yet, for it to hold want and lose drop.
func changes(have, want *schema.Table, drop []string) (out []columnPlan) {
	if want == nil {
		return nil
	}
	for _, name := range drop {
		if have != nil && have.Index(name) >= 0 {
			out = append(out, columnPlan{Name: name, Was: have.Columns[have.Index(name)].Type.String()})
		}
	}
	for _, c := range want.Columns {
		i := -1
		if have != nil {
			i = have.Index(c.Name)
		}
		switch {
		case i < 0:
			out = append(out, columnPlan{Name: c.Name, Type: c.Type.String()})
		case have.Columns[i].Type != c.Type:
			out = append(out, columnPlan{c.Name, have.Columns[i].Type.String(), c.Type.String()})
		}
	}
	return out
}

// expected says how a table would be read, and how many rows of it would be
// sent if the source can count them where they are.
func expected(ctx context.Context, src connector.Source, state json.RawMessage, t schema.Table) (load string, rows *int64, err error) {
	load = "historical"
	if f, ok := src.(connector.Forgetter); ok && state != nil {
		// A state that never knew the table stays as it is.
		without, err := f.Forget(state, []schema.Name{t.Name})
		if err != nil {
			return "", nil, err
		}
		if !bytes.Equal(without, state) {
			load = "incremental"
		}
	} else if state != nil {
		load = "incremental"
	}
	d, ok := src.(connector.Digester)
	if !ok {
		return load, nil, nil
	}
	// One column is enough to count, and as a key it counts equal rows too.
	t.Columns = []schema.Column{{Name: t.Columns[0].Name, Type: t.Columns[0].Type, Key: true}}
	q := schema.DigestQuery{Table: t, As: []schema.Type{t.Columns[0].Type}, Parts: 1}
	rows = new(int64)
	err = d.Digest(ctx, state, q, func(d schema.Digest) error {
		*rows = d.Rows
		if load == "incremental" {
			*rows = d.Changed
		}
		return nil
	})
	return load, rows, err
}

// A quietSource sends nothing, and remembers what it was asked.
type quietSource struct {
	connector.Source
	asked connector.Request
}

func (s *quietSource) Sync(_ context.Context, req connector.Request, _ connector.Output) error {
	s.asked = req
	return nil
}

// A notingWriter defines nothing, and remembers which tables it should, and
// what it should drop of them.
type notingWriter struct {
	destination.Writer
	mu       sync.Mutex
	wanted   map[schema.Name]*schema.Table
	unwanted map[schema.Name][]string
}

func (w *notingWriter) Drop(_ context.Context, n schema.Name, column string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unwanted[n] = append(w.unwanted[n], column)
	return nil
}

func (w *notingWriter) Migrate(_ context.Context, t *schema.Table) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted[t.Name] = t
	return nil
}

func (w *notingWriter) Write(_ context.Context, b schema.Batch) error {
	b.Release()
	return errors.New("a plan writes nothing")
}

func (w *notingWriter) Flush(context.Context) error { return nil }

func printPlans(w io.Writer, plans []tablePlan) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "TABLE\tDESTINATION\tLOAD\tROWS\tCHANGES\t")
	for _, p := range plans {
		rows, done := "?", p.Error
		if p.Rows != nil {
			rows = fmt.Sprint(*p.Rows)
		}
		if p.Create {
			done = fmt.Sprintf("create it with %d columns", len(p.Columns))
		} else if len(p.Columns) > 0 {
			var all []string
			for _, c := range p.Columns {
				switch {
				case c.Type == "":
					all = append(all, "drop "+c.Name)
				case c.Was == "":
					all = append(all, "add "+c.Name+" "+c.Type)
				default:
					all = append(all, "widen "+c.Name+" from "+c.Was+" to "+c.Type)
				}
			}
			done = strings.Join(all, ", ")
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t\n", p.Source, p.Destination, p.Load, rows, done)
	}
	tw.Flush()
}
