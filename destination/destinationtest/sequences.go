package destinationtest

import (
	"context"
	"flag"
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
		mode, wide, columns, minute := rapid.SampledFrom(allModes).Draw(r, "mode"), 0, "an", 0
		for sync := range rapid.IntRange(1, maxSyncs).Draw(r, "syncs") {
			if sync > 0 && rapid.IntRange(0, 2).Draw(r, "switch") == 0 {
				mode = rapid.SampledFrom(allModes).Draw(r, "mode")
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
				s := step{verb: rapid.SampledFrom(verbs).Draw(r, "verb")}
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
					s.columns = rapid.SampledFrom([]string{columns, columns, "a", "n"}).Draw(r, "columns")
				case "update":
					s.columns = rapid.SampledFrom([]string{"a", "n", columns}).Draw(r, "columns")
				case "version":
					s.verb, s.columns = rapid.SampledFrom([]string{"upsert", "update"}).Draw(r, "op"), "s"+columns
				case "truncate":
					s.words = []string{strconv.Itoa(rapid.IntRange(0, sync+1).Draw(r, "before"))}
				}
				switch s.verb {
				case "upsert", "fresh", "update", "delete", "present":
					var keys []int
					for _, k := range rapid.SliceOfN(rapid.IntRange(1, 9), 1, 8).Draw(r, "keys") {
						if s.verb != "fresh" || !sent[k] {
							keys = append(keys, k)
							sent[k] = s.verb != "present"
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
			if rapid.IntRange(0, 2).Draw(r, "crashes") == 0 {
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
			w += "," + strconv.Itoa(*minute)
		case 'n':
			w += "," + rapid.SampledFrom([]string{"-", "1", "2"}).Draw(r, "number")
		default:
			w += "," + rapid.SampledFrom([]string{"-", "x", "y"}).Draw(r, "value")
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

// A game is a sequence that is being played, with the model of what it should
// come to, and what its table is like by now.
type game struct {
	name    schema.Name
	q       sequence
	m       *model
	columns string
	n       schema.Type
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
// off; the model knows nothing of that.
func (g *game) play(ctx context.Context, w destination.Writer, sync int, broken bool) error {
	p := g.q[sync-1]
	steps, m := p.steps, g.m
	if broken {
		steps, m = p.steps[:p.crash], newModel("")
	} else {
		m.begin(sync, p.mode)
	}
	if err := w.Migrate(ctx, g.table(g.columns, g.n, p.mode)); err != nil {
		return err
	}
	for _, s := range steps {
		var err error
		switch s.verb {
		case "columns":
			g.columns, g.n = s.columns, s.n
			err = w.Migrate(ctx, g.table(g.columns, g.n, p.mode))
			if strings.Contains(s.columns, "b") {
				m.add('b')
			}
		case "drop":
			g.columns = "an"
			err = w.Drop(ctx, g.name, s.words[0])
			m.drop('b')
		case "flush":
			err = w.Flush(ctx)
		case "live":
			var got int64
			// Of a sync that was broken off there may be rows already.
			if got, err = w.Live(ctx, g.name); got != m.live() && p.crash < 0 {
				err = fmt.Errorf("got %d, want %d", got, m.live())
			}
		default:
			var b schema.Batch
			if b, err = batchOf(g.table(s.columns, s.n, p.mode), s.verb, s.words); err == nil {
				err = w.Write(ctx, b)
			}
			if !broken {
				m.do(s.verb, s.columns, s.words)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// together is how many sequences are played at a time, in the same syncs, each
// with a table of its own, and perDestination after how many such rounds a
// destination is left for an empty one: to open a destination, and to find out
// what tables it has, can take longer than the rest.
const together, perDestination = 20, 10

// testSequences compares what a destination does with what a model does, and
// shows the shortest sequence that it finds for which they differ.
func testSequences(t *testing.T, s Subject) {
	count := s.Sequences
	if count == 0 {
		count = 100
	}
	must(t, flag.Set("rapid.checks", strconv.Itoa((count+together-1)/together)))
	// The same sequences in every run, so that what a change breaks is told
	// from what the dice find; -rapid.seed=N plays others.
	if f := flag.Lookup("rapid.seed"); f.Value.String() == "0" {
		must(t, f.Value.Set("1"))
		defer f.Value.Set("0")
	}
	var d destination.Destination
	var keep destination.Writer // holds the destination open between syncs
	rounds := 0
	defer func() {
		if keep != nil {
			keep.Close()
		}
	}()
	rapid.Check(t, func(r *rapid.T) {
		if rounds%perDestination == 0 {
			if keep != nil {
				keep.Close()
			}
			d = s.Open(t)
			keep = open(t, d, 0, nil)
		}
		rounds++
		var games []*game
		for i := range together {
			games = append(games, &game{name: schema.Name{Schema: fmt.Sprintf("round_%d", rounds), Table: fmt.Sprintf("t%d", i)},
				q: sequences().Draw(r, "sequence"), m: newModel("an"), columns: "an", n: numbers[0]})
		}
		for sync := 1; sync <= maxSyncs; sync++ {
			for _, broken := range []bool{true, false} {
				w := open(t, d, sync, nil)
				for _, g := range games {
					if len(g.q) < sync || broken && g.q[sync-1].crash < 0 {
						continue
					}
					if err := g.play(t.Context(), w, sync, broken); err != nil {
						w.Close()
						r.Fatalf("%s%v", g.q, err)
					}
				}
				if !broken {
					if err := w.Flush(t.Context()); err != nil {
						r.Fatalf("sync %d: %v", sync, err)
					}
				}
				must(t, w.Close())
			}
		}
		for _, g := range games {
			got, want := tableRows(t, s, d, g.table(g.columns, g.n, g.m.mode)), g.m.lines()
			if !slices.Equal(got, want) {
				r.Fatalf("%sgot  %s\nwant %s", g.q, strings.Join(got, " "), strings.Join(want, " "))
			}
		}
	})
}
