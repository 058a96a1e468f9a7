package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// TestRunLog is what the log of a run says, and when it says it.
func TestRunLog(t *testing.T) {
	for name, tt := range map[string]struct {
		fails error
		after string // what follows what was told while the sync ran
	}{
		"success": {nil, `
			warning {"message":"odd","type":"odd_value"}
			records_modified {"count":2,"operationType":"REPLACED_OR_INSERTED","schema":"app","table":"person"}
			write_to_table_end {"schema":"app","table":"person"}
			extract_summary {"total_rows":9}
			sync_stats {"extract_volume_mb":`},
		// The last two rows were not made durable.
		"failure": {errors.New("no route to host"), `
			warning {"message":"odd","type":"odd_value"}
			extract_summary {"total_rows":9}
			sync_stats {"extract_volume_mb":`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				defer f.store.Close()
				f.writer = func(opt destination.Options) (destination.Writer, error) {
					opt.Made("app")
					opt.Made("app")
					return writer{f}, nil
				}
				var live []string
				f.sync = func(ctx context.Context, req connector.Request, out connector.Output) error {
					write := func(n int) {
						f.ok(out.Write(ctx, schema.Batch{Table: &req.Tables[0], Record: people(&req.Tables[0], n)}))
					}
					write(3)
					f.ok(out.Checkpoint(ctx, 1)) // too soon to tell
					write(4)
					time.Sleep(rowsEvery)
					f.ok(out.Checkpoint(ctx, 2))
					time.Sleep(2 * tellEvery)
					live = runLog(f)
					out.Warn(setup.Warning{Code: "odd_value", Message: "odd"})
					write(2)
					return tt.fails
				}
				f.run(ctx, Watch{})
				want := lines(`
					sync_start 
					create_schema {"schema":"app"}
					create_table {"columns":["id"],"name":"person","schema":"app"}
					write_to_table_start {"schema":"app","table":"person"}
					records_modified {"count":7,"operationType":"REPLACED_OR_INSERTED","schema":"app","table":"person"}
					write_to_table_end {"schema":"app","table":"person"}`)
				if d := cmp.Diff(want, live); d != "" {
					t.Errorf("while it ran: %s", d)
				}
				rest := runLog(f)[len(live):]
				after := lines(tt.after)
				after = append(after[:1:1], append([]string{`write_to_table_start {"schema":"app","table":"person"}`}, after[1:]...)...)
				if len(rest) != len(after)+1 || !strings.HasPrefix(rest[len(rest)-1], "sync_end ") {
					t.Fatalf("at the end:\n%s", strings.Join(rest, "\n"))
				}
				for i, line := range after {
					if !strings.HasPrefix(rest[i], line) {
						t.Errorf("got  %s\nwant %s", rest[i], line)
					}
				}
			})
		})
	}
}

func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimLeft(strings.TrimRight(line, "\n"), "\t"); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// runLog returns the log of the latest run of "c".
func runLog(f *fixture) (all []string) {
	f.t.Helper()
	runs, err := f.store.Runs(ctx, "c", 1)
	f.ok(err)
	events, err := f.store.RunEvents(ctx, runs[0].ID, 0, 1000)
	f.ok(err)
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s", e.Kind, e.Data))
	}
	return all
}

// TestJournalIsBounded: thousands of tables say what they have to say once a
// minute, and a store that takes nothing does not fill the memory.
func TestJournalIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	j := newJournal(func() time.Time { return now })
	sent := int64(0)
	for range 120 { // checkpoints, a second apart
		sent++
		for i := range 5000 {
			n := schema.Name{Schema: "s", Table: fmt.Sprint("t", i)}
			j.observe(pipe.Progress{Table: n, Destination: n, Rows: sent, Upserted: sent})
		}
		now = now.Add(time.Second)
		j.durable()
	}
	if n := len(j.events) + j.lost; n != 2*5000*3 {
		t.Errorf("%d events", n)
	}
	if len(j.events) > journalRoom {
		t.Errorf("%d events wait", len(j.events))
	}
	events := j.take()
	if last := events[len(events)-1]; last.Kind != store.Warned || !strings.Contains(string(last.Data), "log_incomplete") {
		t.Errorf("the last is %s %s", last.Kind, last.Data)
	}
}

// TestStoreTakesNothing has a store that fails each time while events come.
func TestStoreTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store.Close()
		j := newJournal(time.Now)
		stop := j.tell(f.store, store.Token{}, f.runner.Log)
		for round := range 10 {
			for i := range journalRoom / 2 {
				j.made(fmt.Sprint(round, " ", i))
			}
			time.Sleep(tellEvery)
			synctest.Wait()
			if len(j.events) > journalRoom {
				t.Fatalf("%d events wait in round %d", len(j.events), round)
			}
		}
		stop()
		events := j.take()
		if n := len(events); n != journalRoom+1 || string(events[0].Data) != `{"schema":"0 0"}` || events[n-1].Kind != store.Warned {
			t.Errorf("%d events, from %s to %s", n, events[0].Data, events[n-1].Data)
		}
	})
}
