package pipe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// choosy is a store that takes no person who is called bad, as long as it is
// restricted, and says so when such a row comes, or only in a Flush.
type choosy struct {
	*store
	restricted, late bool
	refused, untold  bool
}

var (
	people  = schema.Name{Schema: "shop_shop", Table: "person"}
	refusal = &destination.Refusal{Tables: map[schema.Name]error{people: errors.New("no bad names")}}
)

func (c *choosy) Write(ctx context.Context, b schema.Batch) error {
	if !c.restricted || b.Table.Name != people {
		return c.store.Write(ctx, b)
	}
	if !c.refused && strings.Contains(fmt.Sprint(b.Record), "bad") {
		c.refused, c.untold = true, true
		c.pending[people] = c.durable.clone()[people]
	}
	if !c.refused {
		return c.store.Write(ctx, b)
	}
	b.Release()
	if c.late && c.untold {
		return nil
	}
	return refusal
}

func (c *choosy) Flush(ctx context.Context) error {
	if err := c.store.Flush(ctx); err != nil || !c.untold {
		return err
	}
	c.untold = false
	return refusal
}

// apart is a source that keeps how far it has read each of its tables, and goes
// on with the others when one is refused.
type apart struct {
	script
	of map[string][]string // lines of rows, by table
}

func (a *apart) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	read := map[string]int{}
	if req.State != nil {
		if err := json.Unmarshal(req.State, &read); err != nil {
			return err
		}
	}
	failed := map[string]bool{}
	for more := true; more; {
		more = false
		for _, t := range req.Tables {
			lines, n := a.of[t.Name.Table], read[t.Name.Table]
			if n == len(lines) || failed[t.Name.Table] {
				continue
			}
			if err := a.event(); err != nil {
				return err
			}
			err := send(schema.Upsert, t, lines[n])(ctx, out, 0)
			var own *connector.TableError
			if errors.As(err, &own) {
				out.Fail(t.Name, err)
				failed[t.Name.Table] = true
				continue
			}
			if err != nil {
				return err
			}
			read[t.Name.Table], more = n+1, true
		}
		if err := out.Checkpoint(ctx, read); err != nil {
			return err
		}
	}
	return nil
}

// forgets is apart with states that can do without a table.
type forgets struct{ *apart }

func (forgets) Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	read := map[string]int{}
	if err := json.Unmarshal(state, &read); err != nil {
		return nil, err
	}
	for _, t := range tables {
		delete(read, t.Table)
	}
	return json.Marshal(read)
}

// TestRefusedTableIsReadAgain has a destination refuse a table in the middle of a
// sync, which breaks at any point and is run again: the other table is read to
// its end and its place is kept, and all is there once the table is taken.
func TestRefusedTableIsReadAgain(t *testing.T) {
	lines := map[string][]string{"Person": {"1 ann 30", "2 bad 40", "3 cyd 50", "4 dee 60"}, "Visit": {"1 a", "1 b", "2 c", "3 d"}}
	for _, late := range []bool{false, true} {
		for at := 0; ; at++ {
			src, l := &apart{of: lines}, &ledger{}
			w := &choosy{store: newStore(), restricted: true, late: late}
			w.at = at
			out, err := pipe.Run(t.Context(), plan(forgets{src}, w, l))
			broke := err != nil
			if broke { // the process is started again
				w.crash()
				w.refused, w.untold = false, false
				out, err = pipe.Run(t.Context(), plan(forgets{src}, w, l))
			}
			if err != nil {
				t.Fatalf("late %v, broken at %d: %v", late, at, err)
			}
			var failed []string
			for _, table := range out.Tables {
				if table.Err != nil {
					failed = append(failed, table.Err.Error())
				}
			}
			if len(failed) != 1 || failed[0] != "the destination does not take its rows, all of which the next sync reads again: no bad names" ||
				len(out.Warnings) != 1 || out.Warnings[0].Code != "table_failed" {
				t.Errorf("late %v, broken at %d: failed %q, warnings %v", late, at, failed, out.Warnings)
			}
			if got := len(w.durable[schema.Name{Schema: "shop_shop", Table: "visit"}]); got != 4 {
				t.Errorf("late %v, broken at %d: %d of 4 visits are there", late, at, got)
			}
			if got := string(l.state); got != `{"Visit":4}` {
				t.Errorf("late %v, broken at %d: the state is %s", late, at, got)
			}
			w.crash()
			w.restricted, w.refused, w.untold = false, false, false
			if _, err := pipe.Run(t.Context(), plan(forgets{src}, w, l)); err != nil {
				t.Fatal(err)
			}
			if got := w.content("person"); strings.Count(got, "map[") != 4 || !strings.Contains(got, "bad") {
				t.Errorf("late %v, broken at %d: got\n%s", late, at, got)
			}
			if at > 0 && !broke {
				break
			}
		}
	}

	// Of a source that cannot read one table again no state is saved.
	l := &ledger{}
	_, err := pipe.Run(t.Context(), plan(&apart{of: lines}, &choosy{store: newStore(), restricted: true}, l))
	if err == nil || setup.AsProblem(err) != nil || string(l.state) != `{"Person":1,"Visit":1}` {
		t.Errorf("without a Forgetter: %v, state %s", err, l.state)
	}
}
