package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// A TablePlan is what the next sync would do with a table.
type TablePlan struct {
	Source, Destination schema.Name // Destination is zero for a table that would not be read
	Create              bool
	Columns             []ColumnPlan // those of a new table, else those that change
	Mode                schema.Mode
	Switch              *schema.Mode // the mode that the table has now, if it would get another
	Load                string       // pipe.LoadAll, …
	Rows                *int64       // that are expected; nil: not known
	Why                 string       // WhyNew, …; "": it goes on from where it is
	Error               string
}

// Reads reports whether the sync would read the table.
func (p *TablePlan) Reads() bool { return p.Load != pipe.LoadNone }

// A ColumnPlan is what becomes of a column of the destination's table.
type ColumnPlan = pipe.ColumnChange

// Why a table would be read from its beginning, or not at all.
const (
	WhyNew     = "new"         // the source did not have it before, or nothing was synced yet
	WhyEnabled = "enabled"     // it was known and not synced
	WhyResync  = "resync"      // somebody asked for it
	WhyKey     = "key_changed" // its key is another one, or is hashed now or no longer
	WhyColumns = "columns"     // columns were enabled, or have another type
	WhyAlways  = "always"      // it is read whole in every sync, such as a view
	WhyBlocked = "blocked"
	WhyPaused  = "paused"
)

// ErrPlanTime says that a plan could not be made in time.
var ErrPlanTime = errors.New("the source and the destination did not answer in time")

// Plan returns what the next sync of a connection would do if change, which
// may be nil, had been made to what is chosen. Nothing is kept. An error of
// change comes through; those of the source and the destination are
// [ServiceError]s.
func (r *Runner) Plan(ctx context.Context, connectionID string, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) ([]TablePlan, error) {
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	plans, err := timed(limited, func(ctx context.Context) ([]TablePlan, error) {
		return r.planned(ctx, connectionID, change)
	}, r.Log.With("connection", connectionID))
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w (%v)", ErrPlanTime, r.Timeout)
	}
	return plans, err
}

func (r *Runner) planned(ctx context.Context, connectionID string, change func(*schemaconfig.Config, *schemaconfig.Catalog) error) ([]TablePlan, error) {
	l, err := r.openLook(ctx, connectionID)
	if err != nil {
		return nil, err
	}
	defer l.close()
	p := &planning{look: l, countUntil: time.Now().Add(r.Timeout / 2)}
	if p.out, err = l.ahead(ctx, change); err != nil {
		return nil, err
	}
	return p.tables(ctx)
}

// planning is a plan while it is made.
type planning struct {
	*look
	out        pipe.Outlook
	countUntil time.Time // rows are counted
}

func (p *planning) tables(ctx context.Context) ([]TablePlan, error) {
	var plans []TablePlan
	for i := range p.out.Tables {
		t, err := p.table(ctx, &p.out.Tables[i])
		if err != nil {
			return nil, err
		}
		plans = append(plans, t)
	}
	for _, n := range p.out.Paused {
		plans = append(plans, TablePlan{Source: n, Load: pipe.LoadNone, Why: WhyPaused})
	}
	for _, n := range p.out.Unwanted {
		plans = append(plans, TablePlan{Source: n, Load: pipe.LoadNone, Why: WhyBlocked})
	}
	slices.SortFunc(plans, func(a, b TablePlan) int {
		return cmp.Or(strings.Compare(a.Source.Schema, b.Source.Schema), strings.Compare(a.Source.Table, b.Source.Table))
	})
	return plans, ctx.Err()
}

func (p *planning) table(ctx context.Context, t *pipe.TableOutlook) (out TablePlan, err error) {
	out = TablePlan{Source: t.Source.Name, Destination: t.Destination, Create: t.Create()}
	out.Load = t.Load
	if t.Err != nil {
		out.Error = t.Err.Error()
		return out, nil
	}
	out.Columns = t.Changes()
	if t.Want != nil {
		out.Mode = t.Want.Mode
		if t.Have != nil && t.Have.Mode != t.Want.Mode {
			out.Switch = &t.Have.Mode
		}
	}
	if out.Load == pipe.LoadAll {
		out.Why = p.why(t)
	}
	if time.Now().Before(p.countUntil) {
		counting, cancel := context.WithDeadline(ctx, p.countUntil)
		defer cancel()
		out.Rows, err = t.Expect(counting, p.src.Source, p.out.State)
		if err != nil && counting.Err() == nil {
			out.Error = p.explain(ctx, err).Error()
		}
	}
	return out, ctx.Err()
}

// why says why a table is read from its beginning.
func (p *planning) why(t *pipe.TableOutlook) string {
	n := t.Source.Name
	switch {
	case p.last != nil && (p.c.Reset || slices.Contains(p.asked, n)):
		return WhyResync
	case p.last == nil || p.before.Table(n) == nil:
		return WhyNew
	case t.Rekeyed() || t.Have != nil && slices.Contains(p.rekeyed, n):
		return WhyKey
	case t.Anew == connector.AnewColumns:
		return WhyColumns
	case t.Anew == connector.AnewAlways:
		return WhyAlways
	}
	return WhyEnabled
}
