package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock-data/penstock/internal/web"
)

// What follows shows on a terminal what the pages show, from a server's API.

// table returns a writer of a table with its columns' names.
func table(columns ...string) *tabwriter.Writer {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	return w
}

// clean returns text of others without what would do something to a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

type connectionsCmd struct {
	client
	Search string `env:"-" help:"Only those whose name, service or id has this text."`
	State  string `env:"-" help:"Only those that are so: broken, incomplete, failing, delayed, syncing, waiting, paused, fine."`
	JSON   bool   `name:"json" help:"Print JSON, as the API has it."`
}

type connectionRow struct {
	ID, Service, Schema, State string
	Problem                    *string
	SucceededAt                *time.Time `json:"succeeded_at"`
	NextSyncAt                 *time.Time `json:"next_sync_at"`
	Delay                      int64
	Runs                       []runRow
}

func (c *connectionsCmd) Run(ctx context.Context) error {
	items, err := c.list(ctx, "/v1/penstock/connections", url.Values{"search": {c.Search}, "state": {c.State}}, 0)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(items)
	}
	rows, err := decoded[connectionRow](items)
	if err != nil {
		return err
	}
	w, now := table("CONNECTION", "ID", "SERVICE", "STATE", "LAST SUCCESS", "NEXT SYNC", "ROWS", "DELAY", "PROBLEM"), time.Now()
	for _, r := range rows {
		last, next, moved, late, problem := "never", "none", "", "", ""
		if r.SucceededAt != nil {
			last = web.Ago(*r.SucceededAt, now)
		}
		if r.NextSyncAt != nil {
			next = web.Ago(*r.NextSyncAt, now)
		}
		if len(r.Runs) > 0 {
			moved = web.Number(r.Runs[0].Rows)
		}
		if r.Delay >= 60 {
			late = web.Span(time.Duration(r.Delay) * time.Second)
		}
		if r.Problem != nil {
			problem = clean(*r.Problem)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clean(r.Schema), r.ID, r.Service, r.State, last, next, moved, late, problem)
	}
	return w.Flush()
}

type syncsCmd struct {
	client
	Connection string `arg:"" help:"Name or id."`
	Limit      int    `default:"20" env:"-" help:"How many, the latest first."`
	JSON       bool   `name:"json" help:"Print JSON, as the API has it."`
}

type runRow struct {
	ID        string
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Outcome   *string
	Reason    *string
	Rows      int64
}

func (c *syncsCmd) Run(ctx context.Context) error {
	if c.Limit < 1 {
		return errors.New("--limit is at least 1")
	}
	path, err := c.connection(ctx, c.Connection)
	if err != nil {
		return err
	}
	items, err := c.list(ctx, path+"/runs", url.Values{"order": {"desc"}}, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(items)
	}
	rows, err := decoded[runRow](items)
	if err != nil {
		return err
	}
	w := table("BEGAN (UTC)", "SYNC", "RESULT", "TOOK", "ROWS", "REASON")
	for _, r := range rows {
		result, reason, end := "syncing", "", time.Now()
		if r.Outcome != nil {
			result = *r.Outcome
		}
		if r.Reason != nil {
			reason = clean(*r.Reason)
		}
		if r.EndedAt != nil {
			end = *r.EndedAt
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.StartedAt.UTC().Format(time.DateTime), r.ID, result, web.Span(end.Sub(r.StartedAt)), web.Number(r.Rows), reason)
	}
	return w.Flush()
}

type logsCmd struct {
	client
	Connection string `arg:"" help:"Name or id."`
	Sync       string `arg:"" optional:"" help:"Id of a sync; by default the latest."`
	Follow     bool   `short:"f" help:"Go on until the sync has ended."`
	Level      string `default:"INFO" enum:"INFO,WARNING,SEVERE" env:"-" help:"Only what is at least as grave: INFO, WARNING or SEVERE."`
	JSON       bool   `name:"json" help:"Print a line of JSON for each, as the API has it."`
}

type logLine struct {
	At      time.Time `json:"created_at"`
	Level   string
	Message string
}

func (c *logsCmd) Run(ctx context.Context) error {
	path, err := c.connection(ctx, c.Connection)
	if err != nil {
		return err
	}
	if c.Sync == "" {
		items, err := c.list(ctx, path+"/runs", url.Values{"order": {"desc"}}, 1)
		if err != nil {
			return err
		}
		runs, err := decoded[runRow](items)
		if err != nil {
			return err
		}
		if len(runs) == 0 {
			return errors.New("connection " + c.Connection + " has not been synced yet")
		}
		c.Sync = runs[0].ID
	}
	path += "/runs/" + url.PathEscape(c.Sync) + "/log"
	if c.Follow {
		return c.follow(ctx, path)
	}
	items, err := c.list(ctx, path, nil, 0)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := c.print(item); err != nil {
			return err
		}
	}
	return nil
}

// print prints a line of a log, if it is grave enough.
func (c *logsCmd) print(raw json.RawMessage) error {
	var l logLine
	if err := json.Unmarshal(raw, &l); err != nil {
		return err
	}
	levels := []string{"INFO", "WARNING", "SEVERE"}
	switch {
	case slices.Index(levels, l.Level) < slices.Index(levels, c.Level):
		return nil
	case c.JSON:
		_, err := fmt.Printf("%s\n", raw)
		return err
	}
	_, err := fmt.Printf("%s  %-7s  %s\n", l.At.UTC().Format(time.DateTime), l.Level, clean(l.Message))
	return err
}

// followAgain is how long a log that was cut off is waited with before it is
// asked for again.
const followAgain = time.Second

// follow prints a log as it is written, and goes on after the last line that
// it has when it is cut off.
func (c *logsCmd) follow(ctx context.Context, path string) error {
	for last := ""; ; {
		ended, err := c.feed(ctx, path, &last)
		if ended || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(followAgain):
		}
	}
}

// feed prints what a feed of server-sent events says, and reports whether it
// said that it is all. last is the number of the last line.
func (c *logsCmd) feed(ctx context.Context, path string, last *string) (ended bool, err error) {
	req, err := c.request(ctx, "GET", path, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", *last)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	id := ""
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event" && value == "end":
			return true, nil
		case name == "id":
			id = value
		case name == "data":
			if err := c.print(json.RawMessage(value)); err != nil {
				return false, err
			}
			*last = cmp.Or(id, *last)
		}
	}
	return false, ctx.Err() // it was cut off, or nobody wants it any more
}

type schemaCmd struct {
	client
	Connection string `arg:"" help:"Name or id."`
	Search     string `env:"-" help:"Only tables whose name has this text."`
	JSON       bool   `name:"json" help:"Print JSON, as the API has it."`
}

func (c *schemaCmd) Run(ctx context.Context) error {
	path, err := c.connection(ctx, c.Connection)
	if err != nil {
		return err
	}
	path = strings.Replace(path, "/v1/penstock/", "/v1/", 1) + "/schemas"
	if c.JSON {
		var raw json.RawMessage
		if err := c.call(ctx, "GET", path, nil, &raw); err != nil {
			return err
		}
		return printJSON([]json.RawMessage{raw})
	}
	var config struct {
		Schemas map[string]struct {
			Enabled     bool
			Destination string `json:"name_in_destination"`
			Tables      map[string]struct {
				Enabled     bool
				Destination string `json:"name_in_destination"`
				Mode        string `json:"sync_mode"`
			}
		}
	}
	if err := c.call(ctx, "GET", path, nil, &config); err != nil {
		return err
	}
	var lines []string
	for name, set := range config.Schemas {
		for tableName, t := range set.Tables {
			source := clean(name + "." + tableName)
			if !strings.Contains(strings.ToLower(source), strings.ToLower(c.Search)) {
				continue
			}
			copied := "copied"
			if !t.Enabled || !set.Enabled {
				copied = "not copied"
			}
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s", source, copied, clean(set.Destination+"."+t.Destination), web.Kept(t.Mode)))
		}
	}
	slices.Sort(lines)
	w := table("TABLE", "COPY", "IN THE DESTINATION", "WHAT IS KEPT")
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	return w.Flush()
}
