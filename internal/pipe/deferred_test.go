package pipe_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A replacing source sends a table anew and puts off what becomes of the rows
// from before.
type replacing struct {
	script
	at int // the step in which the truncate comes
}

type replaced struct {
	At       int
	Deferred connector.Deferred
}

func (r *replacing) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	var st replaced
	if req.State != nil {
		if err := json.Unmarshal(req.State, &st); err != nil {
			return err
		}
	}
	for ; st.At < len(r.steps); st.At++ {
		if err := r.event(); err != nil {
			return err
		}
		if st.At == r.at {
			st.Deferred.Add(person.Name, req.Start)
		}
		if err := r.steps[st.At](ctx, out, st.At); err != nil {
			return err
		}
		if st.At%2 == 1 {
			if err := out.Checkpoint(ctx, replaced{st.At + 1, st.Deferred}); err != nil {
				return err
			}
		}
	}
	if err := r.event(); err != nil {
		return err
	}
	if err := st.Deferred.Send(ctx, req, out); err != nil {
		return err
	}
	return out.Checkpoint(ctx, st)
}

var loaded, anew = []step{
	send(schema.Upsert, person, "1 ann 30", "2 bob 40"), send(schema.Upsert, person, "3 cyd 50"),
}, []step{
	send(schema.Upsert, person, "2 bobby 41"), send(schema.Upsert, person, "4 dee 60"),
	send(schema.Upsert, person, "5 eve 70"), send(schema.Upsert, person, "6 fay 80"),
}

// replace loads, and then sends anew, in the sync of the hour after, with one
// event broken; broken syncs are followed by others, an hour later each.
func replace(t *testing.T, arm func(*replacing, *store, *ledger), steps ...step) (*store, bool) {
	t.Helper()
	w, l := newStore(), &ledger{}
	hour := 0
	run := func(s *replacing) error {
		hour++
		p := plan(s, w, l)
		p.Start = start.Add(time.Duration(hour) * time.Hour)
		w.now = p.Start
		_, err := pipe.Run(t.Context(), p)
		return err
	}
	if err := run(&replacing{script: script{steps: loaded}, at: -1}); err != nil {
		t.Fatal(err)
	}
	l.state = nil
	first := &replacing{script: script{steps: steps}, at: 1}
	arm(first, w, l)
	broke := run(first)
	if broke == nil {
		return w, false
	}
	w.crash()
	l.breaker = breaker{}
	if got := w.content("person"); len(got) > 0 && w.durable[schema.Name{Schema: "shop_shop", Table: "person"}]["1"]["gone"] != "" && l.saves < 4 {
		t.Errorf("after %v row 1 is gone already:\n%s", broke, got)
	}
	if err := run(&replacing{script: script{steps: anew}, at: 1}); err != nil {
		t.Fatal(err)
	}
	return w, true
}

func TestDeferredTruncateBrokenEverywhere(t *testing.T) {
	undisturbed, _ := replace(t, func(*replacing, *store, *ledger) {}, anew...)
	want := "map[age:30 gone:yes id:1 name:ann]\nmap[age:41 id:2 name:bobby]\nmap[age:50 gone:yes id:3 name:cyd]\nmap[age:60 id:4 name:dee]\nmap[age:70 id:5 name:eve]\nmap[age:80 id:6 name:fay]"
	if d := cmp.Diff(want, undisturbed.content("person")); d != "" {
		t.Errorf("undisturbed: -want +got\n%s", d)
	}
	for place, arm := range map[string]func(at int) func(*replacing, *store, *ledger){
		"source": func(at int) func(*replacing, *store, *ledger) {
			return func(s *replacing, _ *store, _ *ledger) { s.breaker.at = at }
		},
		"destination": func(at int) func(*replacing, *store, *ledger) {
			return func(_ *replacing, w *store, _ *ledger) { w.at, w.events = at, 0 }
		},
		"ledger": func(at int) func(*replacing, *store, *ledger) {
			return func(_ *replacing, _ *store, l *ledger) { l.at, l.events = at, 0 }
		},
	} {
		for at := 1; ; at++ {
			w, broke := replace(t, arm(at), anew...)
			if d := cmp.Diff(want, w.content("person")); d != "" {
				t.Errorf("broken at event %d of the %s: -want +got\n%s", at, place, d)
			}
			if !broke {
				if at < 5 {
					t.Errorf("only %d events of the %s were broken", at-1, place)
				}
				break
			}
		}
	}
}

// A sync that stops for a while has not replaced anything.
func TestDeferredTruncateWaits(t *testing.T) {
	pause := func(context.Context, connector.Output, int) error {
		return &setup.Reschedule{Until: start, Reason: "quota"}
	}
	for _, last := range []step{pause, func(context.Context, connector.Output, int) error { return errors.New("away") }} {
		if _, broke := replace(t, func(*replacing, *store, *ledger) {}, anew[0], anew[1], last); !broke {
			t.Error("nothing broke")
		}
	}
}
