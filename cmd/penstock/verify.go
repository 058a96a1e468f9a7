package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/verify"
)

type verifyCmd struct {
	Source      string   `arg:"" env:"PENSTOCK_SOURCE" help:"URL of the source, as for sync."`
	Destination string   `arg:"" env:"PENSTOCK_DESTINATION" help:"URL of the destination, as for sync."`
	Table       []string `help:"Only this table (schema.table; * matches); may be repeated." placeholder:"TABLE"`
	Block       []string `help:"Do not compare this column (schema.table.column; * matches), because syncs block it; may be repeated." placeholder:"COLUMN"`
	Hash        []string `help:"Do not compare this column (schema.table.column; * matches), because syncs hash it: its values cannot be. May be repeated; no secret is needed." placeholder:"COLUMN"`
	Filter      []string `sep:"none" help:"Compare only rows that meet a condition, because syncs copy no others, as for sync." placeholder:"TABLE: CONDITION"`
	Schema      string   `help:"Destination schema, as for sync."`
	State       string   `help:"State file of the syncs: rows written since the last one, and tables that the next one reads whole, are late and not lost, and rows that are gone since are no loss. Without it every difference is one." placeholder:"FILE"`
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
	return r.Bad()
}

func (c *verifyCmd) compare(ctx context.Context) ([]verify.Result, error) {
	l, err := openLook(c.Source, c.Destination)
	if err != nil {
		return nil, err
	}
	defer l.src.Close()
	from, ok := l.src.(connector.Digester)
	if !ok {
		return nil, fmt.Errorf("the source %s cannot make checksums of its rows", l.service.ID)
	}
	to, ok := l.dst.(destination.Digester)
	if !ok {
		return nil, fmt.Errorf("the destination %s cannot make checksums of its rows", l.kind.ID)
	}
	const unused = "a look hashes nothing"
	out, err := l.look(ctx, &selection{Table: c.Table, Block: c.Block, Hash: c.Hash, HashKey: unused, Filter: c.Filter, Schema: c.Schema, State: c.State})
	if err != nil {
		return nil, err
	}
	if c.State != "" {
		if err := out.Foretell(ctx, l.src); err != nil {
			return nil, err
		}
	}
	comparison := verify.Comparison{Source: from, Destination: to, State: out.State, List: c.List}
	var results []verify.Result
	for i := range out.Tables {
		r, err := comparison.Outlook(ctx, &out.Tables[i])
		if err != nil {
			return nil, err
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
			if len(d.Null) > 0 {
				late = " (NULL in the destination: " + strings.Join(d.Null, ", ") + ")"
			}
			if d.Late {
				late += " (written since the last sync)"
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
	if r.Anew {
		all = append(all, "the next sync reads all of it")
	}
	if len(r.MaskedColumns) > 0 {
		all = append(all, "not compared, because masked: "+strings.Join(r.MaskedColumns, ", "))
	}
	if len(r.DifferentColumns) > 0 {
		all = append(all, "different: "+strings.Join(r.DifferentColumns, ", "))
	}
	if r.Unexamined > 0 {
		all = append(all, fmt.Sprintf("up to %d more rows were not looked at", r.Unexamined))
	}
	return strings.Join(all, "; ")
}
