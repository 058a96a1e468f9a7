package modelcheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// A game is a script that is being played.
type game struct {
	script script // what is left of it
	name   schema.Name
	src    *source
	cfg    schemaconfig.Config
	cat    schemaconfig.Catalog
	ledger *ledger
	oracle *oracle
	spoil  func(*pipe.Plan)

	synced bool // the last sync went well, and read the table
	torn   bool // after a break it was uncertain what the destination kept
	err    error
}

// A ledger keeps the state of a connection.
type ledger struct {
	state  json.RawMessage
	broken bool
}

func (l *ledger) State(context.Context) (json.RawMessage, error) { return l.state, nil }

func (l *ledger) Note(ctx context.Context, state json.RawMessage) error {
	return l.SetState(ctx, state)
}

func (l *ledger) SetState(_ context.Context, state json.RawMessage) error {
	if l.broken {
		return errBroken
	}
	l.state = state
	return nil
}

func newGame(name schema.Name, s script) *game {
	g := &game{script: s, name: name, ledger: &ledger{}, oracle: newOracle(name)}
	kind := logged
	if k, ok := strings.CutPrefix(s[0], "source "); ok {
		kind, g.script = k, s[1:]
	}
	g.src = newSource(name, kind)
	g.src.ledger = g.ledger
	g.capture()
	return g
}

// next does the lines up to the next sync, and reports whether there is one.
func (g *game) next() bool {
	for len(g.script) > 0 && g.err == nil {
		f := strings.Fields(g.script[0])
		g.script = g.script[1:]
		if f[0] != "sync" {
			g.do(f[0], f[1:])
			continue
		}
		f = append(f, "", "")
		_, err := fmt.Sscan(f[1], &g.src.each)
		if g.src.breaks, g.src.after = f[2], 0; f[3] != "" {
			_, err = fmt.Sscan(f[3], &g.src.after)
		}
		g.err = err
		return err == nil
	}
	return false
}

// capture looks at the source, as people do before they choose.
func (g *game) capture() {
	first := !g.cat.Captured()
	g.cfg, g.cat = schemaconfig.Capture(g.cfg, g.cat, []schema.Table{g.src.table()}, time.Unix(1, 0))
	g.oracle.see(g.src.columns, first)
}

// do does a line that is no sync.
func (g *game) do(verb string, args []string) {
	switch verb {
	case "put", "set", "delete", "truncate", "add", "drop", "rename", "type":
		g.src.do(verb, args)
	case "resync":
		if g.ledger.state != nil {
			g.ledger.state, g.err = g.src.Forget(g.ledger.state, []schema.Name{g.name})
		}
	case "restart":
		g.ledger.state = nil
	default:
		g.capture()
		g.choose(verb, args)
	}
}

// choose does a line that is somebody's choice, and tells the oracle.
func (g *game) choose(verb string, args []string) {
	o, t := g.oracle, g.cfg.TableOf(&g.cat, g.name)
	switch verb {
	case "mode":
		m, _ := schema.ParseMode(args[0])
		t.Mode, o.mode = &m, m
	case "disable", "enable":
		t.Enabled, o.off = new(verb == "enable"), verb == "disable"
	case "pause", "resume":
		t.Paused = verb == "pause"
		o.paused = t.Paused
	case "key", "nokey":
		if g.src.kind == keyless {
			g.cfg.ColumnOf(&g.cat, g.name, "k").Key = new(verb == "key")
			o.ownKey = verb == "key"
		}
	case "carry", "nocarry":
		g.cfg.CarryRenames = verb == "carry"
		o.carry = g.cfg.CarryRenames
	case "lock", "nolock":
		g.cfg.TypeLocked = verb == "lock"
	case "handling":
		g.cfg.Handling, o.handling = schemaconfig.Handling(args[0]), args[0]
	default:
		g.chooseColumn(verb, args[0])
	}
}

func (g *game) chooseColumn(verb, name string) {
	o := g.oracle
	if g.src.column(name) == nil {
		return
	}
	choice := o.choices[name]
	switch verb {
	case "block", "unblock":
		g.cfg.ColumnOf(&g.cat, g.name, name).Enabled = new(verb == "unblock")
		choice.set, choice.blocked = true, verb == "block"
	case "hash", "unhash":
		g.cfg.ColumnOf(&g.cat, g.name, name).Hashed = verb == "hash"
		choice.hashed = verb == "hash"
	case "redact", "truncated":
		how := map[string]schemaconfig.Masked{"redact": schemaconfig.MaskRedact, "truncated": schemaconfig.MaskTruncate}[verb]
		g.cfg.Masks = append(g.cfg.Masks, schemaconfig.Mask{Pattern: "*." + g.name.Table + "." + name, How: how, Keep: 1})
		o.masks = append(o.masks, mask{name, verb})
		return
	case "unmask":
		g.cfg.Masks = slices.DeleteFunc(g.cfg.Masks, func(m schemaconfig.Mask) bool { return strings.HasSuffix(m.Pattern, "."+name) })
		o.masks = slices.DeleteFunc(o.masks, func(m mask) bool { return m.column == name })
		return
	}
	o.choices[name] = choice
}

// A member is a writer that the syncs of several games share. What one of them
// flushes waits until all are to be flushed; flushed is what came of it.
type member struct {
	destination.Writer
	wait    func()
	flushed *error
}

func (m member) Flush(context.Context) error {
	m.wait()
	return *m.flushed
}

// sync syncs the table, with pauses in which the writer is to be flushed.
func (g *game) sync(ctx context.Context, w destination.Writer, flushed *error, at time.Time) (resume func() bool) {
	next, _ := iter.Pull(func(yield func(struct{}) bool) {
		g.err = g.run(ctx, member{w, func() { yield(struct{}{}) }, flushed}, at)
	})
	return func() bool {
		_, paused := next()
		return paused
	}
}

func (g *game) run(ctx context.Context, w member, at time.Time) error {
	g.capture()
	o, s, columns := g.oracle, g.src, g.src.columns
	g.synced = o.wanted(columns) && !o.paused && s.breaks == ""
	var errs error
	note := func(err error) { errs = errors.Join(errs, err) }
	s.tears = func() { g.torn = true }
	note(o.begin(ctx, at, columns))
	o.resumed = s.anew()
	s.begins = func() { clear(o.stale); o.resumed = false }
	s.sent = func(b schema.Batch, row values) { note(o.take(ctx, b, row)) }
	s.saved = func() { note(o.w.Flush(ctx)) }
	s.wait = w.wait
	s.switches = o.switches
	plan := pipe.Plan{
		Source: s, Writer: w, Ledger: g.ledger, Naming: schema.SourceNaming, Schema: func(name string) string { return name },
		Choose: g.treat, Secret: secret, Start: at,
	}
	if g.spoil != nil {
		g.spoil(&plan)
	}
	out, err := pipe.Run(ctx, plan)
	g.ledger.broken = false
	if err == nil {
		note(o.w.Flush(ctx))
	} else if s.breaks == "" || !errors.Is(err, errBroken) {
		note(err)
	}
	for _, t := range out.Tables {
		note(t.Err)
	}
	return errs
}

func (g *game) treat(_ context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
	all := map[schema.Name]schemaconfig.Treatment{g.name: schemaconfig.Resolve(&g.cfg, &g.cat, offered[0])}
	var anew []schema.Name
	if g.cat, anew = schemaconfig.Rekey(g.cat, all); len(anew) > 0 {
		g.do("resync", nil)
	}
	return all, g.err
}
