// Package modelcheck plays scripts of what can happen to a connection (rows
// and columns that come, change and go, choices of people, syncs that break)
// through the pipe into a destination, and compares what is there then with
// what the rules say. [Run] is one more part of the suite that every
// destination passes; it is apart from destinationtest because it needs the
// pipe.
package modelcheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Run plays the scripts that once found a fault, and count random ones.
func Run(t *testing.T, s destinationtest.Subject, count int) {
	t.Run("Found", func(t *testing.T) {
		p := &player{t: t, subject: s}
		defer p.leave()
		var all []script
		for _, f := range found {
			all = append(all, parse(f))
		}
		for i, err := range p.play(all) {
			if err != nil {
				t.Errorf("\n%s%v", all[i], err)
			}
		}
	})
	t.Run("Random", func(t *testing.T) {
		p := &player{t: t, subject: s}
		defer p.leave()
		destinationtest.Check(t, scripts(), count, p.play)
	})
}

// A player plays scripts in a destination of its subject.
type player struct {
	t       *testing.T
	subject destinationtest.Subject
	d       destination.Destination
	keep    destination.Writer // holds the destination open between syncs
	rounds  int
	spoil   func(*pipe.Plan) // plants a fault; nil: none
}

// perDestination is after how many rounds a destination is left for an empty
// one: what tables there are must be found out in each sync.
const perDestination = 10

func (p *player) leave() {
	if p.keep != nil {
		p.keep.Close()
	}
}

// play plays scripts, all at a time, each with a table of its own.
func (p *player) play(all []script) []error {
	if p.rounds%perDestination == 0 {
		p.leave()
		p.d, p.keep = p.subject.Open(p.t), nil
		keep, err := p.open(0)
		if err != nil {
			p.t.Fatal(err)
		}
		p.keep = keep
	}
	p.rounds++
	games, errs := make([]*game, len(all)), make([]error, len(all))
	for i, s := range all {
		games[i] = newGame(schema.Name{Schema: fmt.Sprintf("round_%d", p.rounds), Table: fmt.Sprintf("t%d", i)}, s)
		games[i].spoil = p.spoil
	}
	for n, left := 1, games; len(left) > 0; n++ {
		left = slices.DeleteFunc(slices.Clone(left), func(g *game) bool { return !g.next() })
		p.sync(n, left)
	}
	w, err := p.open(0)
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Close()
	for i, g := range games {
		if errs[i] = g.err; g.err == nil {
			errs[i] = p.compare(g, w)
		}
	}
	return errs
}

func (p *player) open(sync int) (destination.Writer, error) {
	return p.d.Writer(p.t.Context(), destination.Options{Synced: destinationtest.SyncTime(sync), Memory: 64 << 20,
		Warn: func(w setup.Warning) { p.t.Errorf("warning %s: %s", w.Code, w.Message) }})
}

// sync has all games do a sync: together those that will lose something, and
// then the others.
func (p *player) sync(n int, games []*game) {
	for _, losing := range []bool{true, false} {
		now := slices.DeleteFunc(slices.Clone(games), func(g *game) bool { return (g.src.breaks == lost) != losing })
		if len(now) == 0 {
			continue
		}
		if err := p.session(n, now, losing); err != nil {
			for _, g := range now {
				if g.err == nil {
					g.err = fmt.Errorf("sync %d: %w", n, err)
				}
			}
		}
	}
}

// session has games sync with one writer. Syncs that will lose something pause
// once, to save what they will not.
func (p *player) session(n int, games []*game, losing bool) (err error) {
	ctx := p.t.Context()
	w, err := p.open(n)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := w.Close(); err == nil {
			err = cerr
		}
	}()
	var flushed error
	var running []func() bool
	for _, g := range games {
		running = append(running, g.sync(ctx, w, &flushed, destinationtest.SyncTime(n)))
	}
	for pauses := 0; ; pauses++ {
		running = slices.DeleteFunc(running, func(resume func() bool) bool { return !resume() })
		if len(running) == 0 {
			return nil
		}
		if losing && pauses == 1 {
			return fmt.Errorf("a sync that loses something paused twice")
		}
		if flushed == nil {
			flushed = w.Flush(ctx)
		}
	}
}

// compare compares a game's table with what it must contain.
func (p *player) compare(g *game, w destination.Writer) error {
	ctx := p.t.Context()
	is, err := w.Table(ctx, g.name)
	if err != nil {
		return err
	}
	must, err := g.oracle.end(ctx)
	switch {
	case err != nil || must == nil && is == nil:
		return err
	case must == nil: // of a sync that lost what it had done
		must = &schema.Table{Mode: schema.Live}
	case is == nil:
		return fmt.Errorf("there is no table")
	}
	is.Columns = slices.DeleteFunc(is.Columns, func(c schema.Column) bool { return c.Name == schema.RowID })
	slices.SortFunc(is.Columns, func(a, b schema.Column) int { return strings.Compare(a.Name, b.Name) })
	is.Name, is.Mode = g.name, must.Mode
	columns := ""
	for _, c := range is.Columns {
		columns += "," + c.Name
	}
	for _, c := range must.Columns {
		if c.Name != schema.RowID && is.Index(c.Name) < 0 {
			return fmt.Errorf("the table has no column %s, only %s", c.Name, columns[1:])
		}
	}
	got, want := destinationtest.Rows(p.t, p.subject, p.d, is), destinationtest.Rows(p.t, destinationtest.MemorySubject, g.oracle.memory, is)
	if g.torn {
		if !g.synced {
			return nil
		}
		got, want = living(got), living(want)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s\ngot  %s\nwant %s", columns[1:], strings.Join(got, " "), strings.Join(want, " "))
	}
	if g.synced {
		return g.oracle.holds(g.src, is.Columns, living(want))
	}
	return nil
}

// living returns the values of the rows that are in the source.
func living(rows []string) (out []string) {
	for _, row := range rows {
		values, system, _ := strings.Cut(row, "@")
		if !strings.Contains(system, "!") && (!strings.Contains(system, "[") || strings.Contains(system, "..]")) {
			out = append(out, values)
		}
	}
	slices.Sort(out)
	return out
}
