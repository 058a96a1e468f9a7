package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/setup"
)

type syncCmd struct {
	selection
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
	if err := c.needsKey(); err != nil {
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
