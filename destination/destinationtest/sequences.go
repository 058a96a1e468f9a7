package destinationtest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// A sequence is some syncs of one table. What it does is chosen beforehand, so
// that a sync can be broken off and repeated.
type sequence []syncPlan

type syncPlan struct {
	mode  schema.Mode
	steps []step

	// crash is after how many steps the sync is broken off the first time,
	// to be repeated as a whole; negative: it is not.
	crash int
}

// A step is a line of a script, with the type that the column n has by then.
type step struct {
	verb, columns string
	words         []string
	n             schema.Type
}

func (s step) String() string {
	verb := s.verb
	if s.columns != "" {
		verb += "." + s.columns
	}
	return strings.TrimSpace(verb + " " + strings.Join(s.words, " "))
}

const maxSyncs = 3

// numbers are the types that the column n goes through.
var numbers = []schema.Type{{Kind: schema.Short}, {Kind: schema.Int}, {Kind: schema.Long}, {Kind: schema.String}}

var allModes = []schema.Mode{schema.SoftDelete, schema.Live, schema.History}

// sequences generates sequences. All of them begin with the columns a and n; b
// may be added.
func sequences() *rapid.Generator[sequence] {
	return rapid.Custom(func(r *rapid.T) sequence {
		var out sequence
		mode, wide, columns, minute := Pick(r, "mode", allModes...), 0, "an", 0
		for sync := range rapid.IntRange(1, maxSyncs).Draw(r, "syncs") {
			if sync > 0 && Pick(r, "switch", false, false, true) {
				mode = Pick(r, "mode", allModes...)
			}
			p, sent := syncPlan{mode: mode, crash: -1}, map[int]bool{}
			minute = max(minute, sync*60) + 1                                    // in the sync before
			if strings.HasSuffix(columns, "b") && rapid.Bool().Draw(r, "drop") { // as syncs do before all else
				columns = "an"
				p.steps = append(p.steps, step{verb: "drop", words: []string{"b"}, n: numbers[wide]})
			}
			for range rapid.IntRange(1, 5).Draw(r, "steps") {
				verbs := []string{"upsert", "upsert", "upsert", "update", "update", "delete", "delete", "fresh", "present", "sweep", "truncate", "flush", "live", "widen", "add"}
				if mode == schema.History {
					verbs = append(verbs, "version")
				}
				s := step{verb: Pick(r, "verb", verbs...)}
				switch s.verb {
				case "widen":
					s.verb, wide = "columns", min(wide+1, len(numbers)-1)
				case "add":
					s.verb, columns = "columns", "anb"
				}
				s.n = numbers[wide]
				switch s.verb {
				case "columns":
					s.columns = columns
				case "upsert", "fresh":
					s.columns = Pick(r, "columns", columns, columns, "a", "n")
				case "update":
					s.columns = Pick(r, "columns", "a", "n", columns)
				case "version":
					if s.verb, s.columns = Pick(r, "op", "upsert", "update", "delete"), "s"+columns; s.verb == "delete" {
						s.columns = "s"
					}
				case "truncate":
					s.words = []string{strconv.Itoa(rapid.IntRange(0, sync+1).Draw(r, "before"))}
				}
				switch s.verb {
				case "upsert", "fresh", "update", "delete", "present":
					var keys []int
					for _, k := range rapid.SliceOfN(rapid.IntRange(1, 9), 1, 8).Draw(r, "keys") {
						if s.verb != "fresh" || !sent[k] {
							keys = append(keys, k)
							sent[k] = sent[k] || s.verb != "present"
						}
					}
					for _, k := range keys {
						s.words = append(s.words, word(r, s, k, &minute))
					}
					if keys == nil {
						continue
					}
				}
				p.steps = append(p.steps, s)
			}
			if Pick(r, "crashes", false, false, true) {
				p.crash = rapid.IntRange(0, len(p.steps)).Draw(r, "after")
			}
			out = append(out, p)
		}
		return out
	})
}

// word returns a row of a step's batch. Versions come in the order of their
// beginning.
func word(r *rapid.T, s step, key int, minute *int) string {
	w := strconv.Itoa(key)
	for _, c := range s.columns {
		switch c {
		case 's':
			*minute++
			at := *minute
			if s.verb == "delete" { // it may not be known better than by the sync's start
				at = Pick(r, "at", at, at/60*60)
			}
			w += "," + strconv.Itoa(at)
		case 'n':
			w += "," + Pick(r, "number", "-", "1", "2")
		default:
			w += "," + Pick(r, "value", "-", "x", "y")
		}
	}
	return w
}

func (q sequence) String() string {
	var b strings.Builder
	for i, p := range q {
		if p.crash >= 0 {
			fmt.Fprintf(&b, "sync %d %s\n", i+1, p.mode)
			for _, s := range p.steps[:p.crash] {
				fmt.Fprintln(&b, s)
			}
			fmt.Fprintln(&b, "crash")
		}
		fmt.Fprintf(&b, "sync %d %s\n", i+1, p.mode)
		for _, s := range p.steps {
			fmt.Fprintln(&b, s)
		}
	}
	return b.String()
}

// A game is a sequence that is being played, and what its table is like by now.
type game struct {
	name    schema.Name
	q       sequence
	columns string
	n       schema.Type
}

func newGame(name schema.Name, q sequence) *game {
	return &game{name: name, q: q, columns: "an", n: numbers[0]}
}

func (g *game) table(columns string, n schema.Type, mode schema.Mode) *schema.Table {
	t := scriptTable("", columns)
	t.Name, t.Mode = g.name, mode
	for i := range t.Columns {
		if t.Columns[i].Name == "n" {
			t.Columns[i].Type = n
		}
	}
	return t
}

// play plays one sync of g, or as much of it as there is before it is broken
// off, and returns how many rows were found to be live, each time that it looked.
func (g *game) play(ctx context.Context, w destination.Writer, sync int, broken bool) (live []int64, _ error) {
	p := g.q[sync-1]
	steps := p.steps
	if broken {
		steps = p.steps[:p.crash]
	}
	if err := w.Migrate(ctx, g.table(g.columns, g.n, p.mode)); err != nil {
		return nil, err
	}
	for _, s := range steps {
		var err error
		switch s.verb {
		case "columns":
			g.columns, g.n = s.columns, s.n
			err = w.Migrate(ctx, g.table(g.columns, g.n, p.mode))
		case "drop":
			g.columns = "an"
			err = w.Drop(ctx, g.name, s.words[0])
		case "flush":
			err = w.Flush(ctx)
		case "live":
			var n int64
			n, err = w.Live(ctx, g.name)
			live = append(live, n)
		default:
			var b schema.Batch
			if b, err = batchOf(g.table(s.columns, s.n, p.mode), s.verb, s.words); err == nil {
				err = w.Write(ctx, b)
			}
		}
		if err != nil {
			return live, fmt.Errorf("%s: %w", s, err)
		}
	}
	return live, nil
}

// perDestination is after how many rounds a destination is left for an empty
// one: to open one, and to find out what tables it has, can take longer than
// the rest.
const perDestination = 10

// testSequences compares what a destination does with what [Memory] does.
func testSequences(t *testing.T, s Subject) {
	count := s.Sequences
	if count == 0 {
		count = 100
	}
	play, leave := player(t, s)
	defer leave()
	Check(t, sequences(), count, play)
}

// player returns a function that plays sequences in a destination of its own,
// and one that lets go of it.
func player(t *testing.T, s Subject) (play func([]sequence) []error, leave func()) {
	var d destination.Destination
	var keep destination.Writer // holds the destination open between syncs
	round := 0
	play = func(all []sequence) []error {
		if round%perDestination == 0 {
			if keep != nil {
				must(t, keep.Close())
			}
			d = s.Open(t)
			keep = open(t, d, 0, nil)
		}
		round++
		m := &Memory{}
		errs := make([]error, len(all))
		games, models := make([]*game, len(all)), make([]*game, len(all))
		for i, q := range all {
			name := schema.Name{Schema: fmt.Sprintf("round_%d", round), Table: fmt.Sprintf("t%d", i)}
			games[i], models[i] = newGame(name, q), newGame(name, q)
		}
		for sync := 1; sync <= maxSyncs; sync++ {
			playSync(t, d, m, sync, games, models, errs)
		}
		for i, g := range games {
			if errs[i] != nil {
				continue
			}
			table := g.table(g.columns, g.n, g.q[len(g.q)-1].mode)
			got, want := Rows(t, s, d, table), Rows(t, MemorySubject, m, table)
			if !slices.Equal(got, want) {
				errs[i] = fmt.Errorf("got  %s\nwant %s", strings.Join(got, " "), strings.Join(want, " "))
			}
		}
		return errs
	}
	return play, func() {
		if keep != nil { // nil: the test was skipped before a destination was open
			must(t, keep.Close())
		}
	}
}

// playSync plays one sync of all games, first those that are broken off.
func playSync(t *testing.T, d destination.Destination, m *Memory, sync int, games, models []*game, errs []error) {
	for _, broken := range []bool{true, false} {
		w, model := open(t, d, sync, nil), open(t, m, sync, nil)
		var played []int
		for i, g := range games {
			if errs[i] != nil || len(g.q) < sync || broken && g.q[sync-1].crash < 0 {
				continue
			}
			played = append(played, i)
			got, err := g.play(t.Context(), w, sync, broken)
			if errs[i] = err; err != nil || broken {
				continue
			}
			want, err := models[i].play(t.Context(), model, sync, false)
			must(t, err)
			// Of a sync that was broken off there may be rows already.
			if !slices.Equal(got, want) && g.q[sync-1].crash < 0 {
				errs[i] = fmt.Errorf("live rows: got %v, want %v", got, want)
			}
		}
		if !broken {
			must(t, model.Flush(t.Context()))
			if err := w.Flush(t.Context()); err != nil {
				for _, i := range played {
					errs[i] = fmt.Errorf("sync %d: %w", sync, err)
				}
			}
		}
		must(t, model.Close())
		must(t, w.Close())
	}
}
