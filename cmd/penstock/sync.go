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
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

type syncCmd struct {
	Source      string   `arg:"" env:"PENSTOCK_SOURCE" help:"URL of the source: postgres://user@host/database, 15five:?api_key=$${KEY}. $${NAME} stands for an environment variable, which keeps secrets out of the process list."`
	Destination string   `arg:"" env:"PENSTOCK_DESTINATION" help:"URL of the destination: duckdb:FILE, FILE.duckdb, postgres://user@host/database."`
	Table       []string `help:"Only this table (schema.table; * matches); may be repeated." placeholder:"TABLE"`
	Schema      string   `help:"Destination schema. Default: the source's own schema names, or the service's id."`
	State       string   `help:"File that remembers how far the sync got: the next one with it reads only what changed." placeholder:"FILE"`
	Memory      byteSize `default:"512MiB" help:"What the sync may take of memory, the destination's engine included."`
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
	began := time.Now()
	share := pipe.Memory(int64(c.Memory))
	debug.SetMemoryLimit(share.Heap)
	src, service, err := openSource(c.Source, connector.Env{Endpoint: c.Endpoint, Memory: share.Source})
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
		Schema: c.schemaNames(service), Wants: c.wants(), Ledger: &fileLedger{path: c.State}, Observe: show.observe,
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

func (c *syncCmd) wants() func(schema.Name) bool {
	if len(c.Table) == 0 {
		return nil
	}
	return func(n schema.Name) bool {
		for _, pattern := range c.Table {
			whole, _ := path.Match(pattern, n.String())
			short, _ := path.Match(pattern, n.Table)
			if whole || short {
				return true
			}
		}
		return false
	}
}

// A fileLedger keeps the state of a sync without a server in a file, or
// nowhere if it has no path.
type fileLedger struct {
	path string
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
	return b, err
}

func (l *fileLedger) SetState(_ context.Context, state json.RawMessage) error {
	if l.path == "" {
		return nil
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
