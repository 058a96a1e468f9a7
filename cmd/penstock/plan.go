package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
)

type planCmd struct {
	selection
	JSON bool `help:"Print the plan as JSON."`
}

// A tablePlan is what the next sync would do with a table.
type tablePlan struct {
	Source      string              `json:"source"`
	Destination string              `json:"destination"`
	Create      bool                `json:"create"`
	Columns     []pipe.ColumnChange `json:"columns,omitempty"` // those of a new table, else those that are added, widened or dropped
	Load        string              `json:"load"`              // "historical", "incremental", "" if the table cannot be synced
	Rows        *int64              `json:"rows"`              // that are expected; null: not known
	Error       string              `json:"error,omitempty"`
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
	if err := c.needsKey(); err != nil {
		return nil, err
	}
	l, err := openLook(c.Source, c.Destination)
	if err != nil {
		return nil, err
	}
	defer l.src.Close()
	out, err := l.look(ctx, &c.selection)
	if err != nil {
		return nil, err
	}
	if err := out.Foretell(ctx, l.src); err != nil {
		return nil, err
	}
	var plans []tablePlan
	for i := range out.Tables {
		t := &out.Tables[i]
		p := tablePlan{Source: t.Source.Name.String(), Destination: t.Destination.String()}
		if t.Err != nil {
			p.Error = t.Err.Error()
			plans = append(plans, p)
			continue
		}
		p.Create, p.Columns, p.Load = t.Create(), t.Changes(), t.Load
		if p.Rows, err = t.Expect(ctx, l.src, out.State); err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// A look is a source and a destination that are opened to be looked at.
type look struct {
	src     connector.Source
	service *connector.Service
	dst     destination.Destination
	kind    *destination.Service
}

func openLook(source, target string) (l look, err error) {
	if l.src, l.service, err = openSource(source, connector.Env{}); err != nil {
		return l, err
	}
	if l.dst, l.kind, err = openDestination(target); err != nil {
		l.src.Close()
	}
	return l, err
}

// look returns what a sync with the options would do.
func (l *look) look(ctx context.Context, s *selection) (pipe.Outlook, error) {
	rows, err := parseFilters(s.Filter)
	if err != nil {
		return pipe.Outlook{}, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	w, err := l.dst.Writer(ctx, destination.Options{Synced: now})
	if err != nil {
		return pipe.Outlook{}, err
	}
	defer w.Close()
	out, err := pipe.Look(ctx, pipe.Plan{
		Source: l.src, Writer: w, Ledger: &fileLedger{s.State, l.src, rows}, Naming: l.service.Naming, MaxName: l.kind.MaxName, Start: now,
		Schema: s.schemaNames(l.service), Choose: s.choose(l.service, rows), Secret: []byte(s.HashKey),
	})
	for _, w := range out.Warnings {
		fmt.Fprintln(os.Stderr, "warning:", w.Message)
	}
	return out, err
}

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
