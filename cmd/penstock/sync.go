package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

type syncCmd struct {
	Source      string   `arg:"" env:"PENSTOCK_SOURCE" help:"URL of the source: postgres://user@host/database, 15five:?api_key=$${KEY}. $${NAME} stands for an environment variable, which keeps secrets out of the process list."`
	Destination string   `arg:"" env:"PENSTOCK_DESTINATION" help:"URL of the destination: duckdb:FILE, FILE.duckdb, postgres://user@host/database, mysql://user@host/database, mariadb://user@host/database."`
	Table       []string `help:"Only this table (schema.table; * matches); may be repeated." placeholder:"TABLE"`
	Block       []string `help:"Leave out this column (schema.table.column; * matches); may be repeated. Key columns cannot be." placeholder:"COLUMN"`
	Drop        []string `help:"Leave out this column, and drop it from the destination (schema.table.column; * matches); may be repeated." placeholder:"COLUMN"`
	Hash        []string `help:"Hash this column (schema.table.column; * matches) before it leaves this program; may be repeated." placeholder:"COLUMN"`
	HashKey     string   `env:"PENSTOCK_HASH_KEY" help:"Secret under which columns are hashed: the same values have the same hashes under it." placeholder:"SECRET"`
	Filter      []string `sep:"none" help:"Copy only rows that meet a condition: schema.table: region = 'EU' AND created_at >= '2025-01-01'; may be repeated." placeholder:"TABLE: CONDITION"`
	Schema      string   `help:"Destination schema. Default: the source's own schema names, or the service's id."`
	State       string   `help:"File that remembers how far the sync got: the next one with it reads only what changed." placeholder:"FILE"`
	Memory      byteSize `default:"512MiB" help:"What the sync may take of memory, the destination's engine included."`
	Connections int      `help:"How many connections to a database source may read tables at a time. Default: as many as the source thinks fit." placeholder:"N"`
	Endpoint    string   `help:"Read the vendor's API at this address instead of the vendor's own." placeholder:"URL"`
	JSON        bool     `help:"Print the summary as JSON."`
	Profile     string   `hidden:"" help:"Write a CPU profile to this file."`
}

func (c *syncCmd) Run(ctx context.Context) error {
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if err := needsKey(c.Hash, c.HashKey); err != nil {
		return err
	}
	began := time.Now()
	share := pipe.Memory(int64(c.Memory))
	debug.SetMemoryLimit(share.Heap)
	rows, err := parseFilters(c.Filter)
	if err != nil {
		return err
	}
	src, service, err := openSource(c.Source, connector.Env{Endpoint: c.Endpoint, Memory: share.Source, Connections: c.Connections})
	if err != nil {
		return err
	}
	defer src.Close()
	dst, kind, err := openDestination(c.Destination)
	if err != nil {
		return err
	}
	start := began.UTC().Truncate(time.Microsecond)
	var show progress
	show.begin(os.Stderr)
	out, err := c.run(ctx, src, dst, pipe.Plan{
		Source: src, Naming: service.Naming, MaxName: kind.MaxName, Start: start,
		Schema: c.schemaNames(service), Choose: c.choose(service, rows), Secret: []byte(c.HashKey), Ledger: &fileLedger{c.State, src, rows}, Observe: show.observe,
	}, share)
	show.end()
	summary := summarise(out, time.Since(began), err)
	if c.JSON {
		if jerr := json.NewEncoder(os.Stdout).Encode(summary); jerr != nil {
			return jerr
		}
	} else {
		summary.print(os.Stdout)
	}
	if err == nil && summary.Failed > 0 {
		err = fmt.Errorf("%d of %d tables were not synced", summary.Failed, len(out.Tables))
	}
	return err
}

func (c *syncCmd) run(ctx context.Context, src connector.Source, dst destination.Destination, p pipe.Plan, share pipe.Share) (out pipe.Outcome, err error) {
	var lost []setup.Warning
	w, err := dst.Writer(ctx, destination.Options{
		Synced: p.Start, Memory: share.Writer, Warn: func(w setup.Warning) { lost = append(lost, w) },
	})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	p.Writer = w
	out, err = pipe.Run(ctx, p)
	out.Warnings = append(out.Warnings, lost...)
	return out, err
}

func (c *syncCmd) schemaNames(s *connector.Service) func(string) string {
	return func(source string) string {
		switch {
		case c.Schema != "" && s.SchemaFormat == connector.FormatSchemaPrefix:
			return c.Schema + "_" + s.Naming.Schema(source)
		case c.Schema != "":
			return c.Schema
		case source == "":
			return s.Naming.Schema("_" + s.ID)
		}
		return s.Naming.Schema(source)
	}
}

// needsKey refuses to hash without a secret.
func needsKey(hash []string, key string) error {
	if len(hash) > 0 && key == "" {
		return errors.New("--hash needs a secret: set PENSTOCK_HASH_KEY")
	}
	return nil
}

// choose returns what pipe.Plan.Choose is by the options.
func (c *syncCmd) choose(service *connector.Service, rows filters) func(context.Context, []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
	return func(_ context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
		config := &schemaconfig.Config{}
		for _, p := range c.Hash {
			config.Masks = append(config.Masks, schemaconfig.Mask{Pattern: p, How: schemaconfig.MaskHash})
		}
		if err := errors.Join(config.Check(), rows.check(offered)); err != nil {
			return nil, err
		}
		out := map[schema.Name]schemaconfig.Treatment{}
		cat := &schemaconfig.Catalog{Unnamed: service.ID}
		for _, t := range offered {
			if !c.wants(t.Name) {
				continue
			}
			full := func(column string) string { return cat.Schema(t.Schema) + "." + t.Table + "." + column }
			blocked := func(column string) bool { return matches(c.Block, full(column)) || matches(c.Drop, full(column)) }
			for _, col := range t.Columns {
				if blocked(col.Name) {
					choice := config.ColumnOf(cat, t.Name, col.Name)
					choice.Enabled, choice.Drop = new(false), matches(c.Drop, full(col.Name))
				}
			}
			if f := rows[t.Name]; f != nil {
				config.TableOf(cat, t.Name).Filter = f.String()
			}
			treat := schemaconfig.Resolve(config, cat, t)
			other := treat.Other
			treat.Other = func(column string) schemaconfig.ColumnTreatment {
				how := other(column)
				how.Blocked = blocked(column)
				return how
			}
			out[t.Name] = treat
		}
		return out, nil
	}
}

func matches(patterns []string, column string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return schemaconfig.Mask{Pattern: p}.Matches(column) })
}

func (c *syncCmd) wants(n schema.Name) bool {
	if len(c.Table) == 0 {
		return true
	}
	for _, pattern := range c.Table {
		whole, _ := path.Match(pattern, n.String())
		short, _ := path.Match(pattern, n.Table)
		if whole || short {
			return true
		}
	}
	return false
}

// A fileLedger keeps the state of a sync without a server in a file, or
// nowhere if it has no path.
type fileLedger struct {
	path   string
	source connector.Source
	rows   filters
}

func (l *fileLedger) State(context.Context) (json.RawMessage, error) {
	if l.path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !json.Valid(b) {
		err = fmt.Errorf("%s is no state file", l.path)
	}
	if err != nil {
		return nil, err
	}
	return l.rows.unwrap(b, l.source)
}

func (l *fileLedger) Note(ctx context.Context, state json.RawMessage) error {
	return l.SetState(ctx, state)
}

func (l *fileLedger) SetState(_ context.Context, state json.RawMessage) error {
	if l.path == "" {
		return nil
	}
	state, err := l.rows.wrap(state)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, state, "", " "); err != nil {
		return err
	}
	return replaceFile(l.path, pretty.Bytes())
}

// replaceFile writes a file so that a crash leaves the old one or the new one.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
