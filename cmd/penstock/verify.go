package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/verify"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

type verifyCmd struct {
	Source      string   `arg:"" env:"PENSTOCK_SOURCE" help:"URL of the source, as for sync."`
	Destination string   `arg:"" env:"PENSTOCK_DESTINATION" help:"URL of the destination, as for sync."`
	Table       []string `help:"Only this table (schema.table; * matches); may be repeated." placeholder:"TABLE"`
	Block       []string `help:"Do not compare this column (schema.table.column; * matches), because syncs block or hash it; may be repeated." placeholder:"COLUMN"`
	Schema      string   `help:"Destination schema, as for sync."`
	State       string   `help:"State file of the syncs: rows written since the last one are late and not lost, and rows that are gone since are no loss. Without it every difference is one." placeholder:"FILE"`
	List        int      `default:"20" help:"How many differing rows of a table are listed."`
	JSON        bool     `help:"Print the results as JSON."`
}

func (c *verifyCmd) Run(ctx context.Context) error {
	results, err := c.compare(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(map[string][]verify.Result{"tables": results})
	} else {
		printResults(os.Stdout, results)
	}
	bad := 0
	for _, r := range results {
		if c.lost(&r) {
			bad++
		}
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of %d tables lost something on their way, or could not be compared", bad, len(results))
	}
	return err
}

// lost reports whether something is wrong that the next sync may not mend.
func (c *verifyCmd) lost(r *verify.Result) bool {
	if c.State == "" {
		return !r.Equal()
	}
	return r.Error != "" || r.Lost > 0 || r.Unexamined > 0 || len(r.AbsentColumns) > 0
}

func (c *verifyCmd) compare(ctx context.Context) ([]verify.Result, error) {
	src, service, err := openSource(c.Source, connector.Env{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	dst, kind, err := openDestination(c.Destination)
	if err != nil {
		return nil, err
	}
	from, ok := src.(connector.Digester)
	if !ok {
		return nil, fmt.Errorf("the source %s cannot make checksums of its rows", service.ID)
	}
	to, ok := dst.(destination.Digester)
	if !ok {
		return nil, fmt.Errorf("the destination %s cannot make checksums of its rows", kind.ID)
	}
	state, err := (&fileLedger{c.State}).State(ctx)
	if err != nil {
		return nil, err
	}
	offered, err := src.Tables(ctx, func(w setup.Warning) { fmt.Fprintln(os.Stderr, "warning:", w.Message) })
	if err != nil {
		return nil, err
	}
	w, err := dst.Writer(ctx, destination.Options{Synced: time.Now()})
	if err != nil {
		return nil, err
	}
	defer w.Close()
	s := syncCmd{Table: c.Table, Schema: c.Schema}
	names := s.schemaNames(service)
	comparison := verify.Comparison{Source: from, Destination: to, State: state, List: c.List}
	var results []verify.Result
	for _, t := range offered {
		if !s.wants(t.Name) {
			continue
		}
		name := schema.Name{Schema: schema.Shorten(names(t.Schema), kind.MaxName), Table: schema.Shorten(service.Naming.Table(t.Table), kind.MaxName)}
		pair := verify.Pair{Source: t, Destination: schema.Table{Name: name}, Columns: map[string]string{}}
		pair.Source.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(col schema.Column) bool {
			return col.IsStart() || !col.Key && matches(c.Block, t.Schema+"."+t.Table+"."+col.Name)
		})
		for _, col := range t.Columns {
			pair.Columns[col.Name] = schema.Shorten(service.Naming.Column(col.Name), kind.MaxName)
		}
		have, err := w.Table(ctx, name)
		if have != nil {
			pair.Destination = *have
		}
		var r verify.Result
		if err == nil {
			r, err = comparison.Table(ctx, pair)
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			r.Source, r.Destination, r.Error = t.Name.String(), name.String(), err.Error()
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return nil, errors.New("there is no such table in the source")
	}
	return results, nil
}

func printResults(w io.Writer, results []verify.Result) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "TABLE\tDESTINATION\tROWS\tTHERE\tLOST\tLATE\tEXTRA\t")
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", r.Source, r.Destination, r.SourceRows, r.DestinationRows, r.Lost, r.Late, r.Extra, remarks(&r))
	}
	tw.Flush()
	for _, r := range results {
		for _, d := range r.Differences {
			late := ""
			if d.Late {
				late = " (written since the last sync)"
			}
			fmt.Fprintf(w, "%s %q: %s %s%s\n", r.Source, d.Key, d.What, strings.Join(d.Columns, ", "), late)
		}
	}
}

// remarks says what the numbers do not.
func remarks(r *verify.Result) string {
	var all []string
	if r.Error != "" {
		all = append(all, r.Error)
	}
	if r.AbsentTable {
		all = append(all, "the destination has no such table")
	}
	if len(r.AbsentColumns) > 0 {
		all = append(all, "the destination lacks "+strings.Join(r.AbsentColumns, ", ")+" (--block leaves a column out)")
	}
	if len(r.DifferentColumns) > 0 {
		all = append(all, "different: "+strings.Join(r.DifferentColumns, ", "))
	}
	if r.Unexamined > 0 {
		all = append(all, fmt.Sprintf("up to %d more rows were not looked at", r.Unexamined))
	}
	return strings.Join(all, "; ")
}
