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

// numbers are the types that the column n goes through.
var numbers = []schema.Type{{Kind: schema.Short}, {Kind: schema.Int}, {Kind: schema.Long}, {Kind: schema.String}}

var allModes = []schema.Mode{schema.SoftDelete, schema.Live, schema.History}

// sequences generates sequences. All of them begin with the columns a and n; b
// may be added.
func sequences() *rapid.Generator[sequence] {
	return rapid.Custom(func(r *rapid.T) sequence {
		var out sequence
		mode, wide, columns, minute := rapid.SampledFrom(allModes).Draw(r, "mode"), 0, "an", 0
		for sync := range rapid.IntRange(1, 3).Draw(r, "syncs") {
			if sync > 0 && rapid.IntRange(0, 2).Draw(r, "switch") == 0 {
				mode = rapid.SampledFrom(allModes).Draw(r, "mode")
			}
			p, sent := syncPlan{mode: mode, crash: -1}, map[int]bool{}
			minute = max(minute, sync*60) + 1 // in the sync before
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
					for _, k := range rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(r, "keys") {
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

// table returns the table of a sequence as one of its batches has it.
func sequenceTable(name schema.Name, columns string, n schema.Type, mode schema.Mode) *schema.Table {
	t := scriptTable("", columns)
	t.Name, t.Mode = name, mode
	for i := range t.Columns {
		if t.Columns[i].Name == "n" {
			t.Columns[i].Type = n
		}
	}
	return t
}

// play has d do what q says with a table, and m too. It returns what the table
// is like in the end.
func play(ctx context.Context, t testing.TB, d destination.Destination, name schema.Name, q sequence, m *model) (*schema.Table, error) {
	columns, n := m.columns, numbers[0]
	for i, p := range q {
		if p.crash >= 0 {
			if err := attempt(ctx, t, d, name, i+1, p, p.steps[:p.crash], nil, &columns, &n); err != nil {
				return nil, err
			}
		}
		if err := attempt(ctx, t, d, name, i+1, p, p.steps, m, &columns, &n); err != nil {
			return nil, err
		}
	}
	return sequenceTable(name, columns, n, q[len(q)-1].mode), nil
}

// attempt is one sync, which is broken off at its end if there is no model.
func attempt(ctx context.Context, t testing.TB, d destination.Destination, name schema.Name, sync int, p syncPlan, steps []step, m *model, columns *string, n *schema.Type) error {
	w := open(t, d, sync, nil)
	defer w.Close()
	if err := w.Migrate(ctx, sequenceTable(name, *columns, *n, p.mode)); err != nil {
		return err
	}
	if m != nil {
		m.begin(sync, p.mode)
	}
	for _, s := range steps {
		switch s.verb {
		case "columns":
			*columns, *n = s.columns, s.n
			if err := w.Migrate(ctx, sequenceTable(name, *columns, *n, p.mode)); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
			if m != nil && strings.Contains(s.columns, "b") {
				m.add('b')
			}
		case "flush":
			if err := w.Flush(ctx); err != nil {
				return err
			}
		case "live":
			got, err := w.Live(ctx, name)
			if err != nil {
				return err
			}
			// What was written before a crash may be there, or not.
			if m != nil && p.crash < 0 && got != m.live() {
				return fmt.Errorf("live: got %d, want %d", got, m.live())
			}
		default:
			b, err := batchOf(sequenceTable(name, s.columns, s.n, p.mode), s.verb, s.words)
			if err != nil {
				return err
			}
			if err := w.Write(ctx, b); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
			if m != nil {
				m.do(s.verb, s.columns, s.words)
			}
		}
	}
	if m == nil {
		return nil
	}
	return w.Flush(ctx)
}

// perDestination is after how many sequences a destination is left for an empty
// one: some take longer to describe a table the more tables they have.
const perDestination = 60

// testSequences compares what a destination does with what a model does, and
// shows the shortest sequence that it finds for which they differ.
func testSequences(t *testing.T, s Subject) {
	count := s.Sequences
	if count == 0 {
		count = 100
	}
	must(t, flag.Set("rapid.checks", strconv.Itoa(count)))
	var d destination.Destination
	var keep destination.Writer // holds the destination open between syncs
	played := 0
	defer func() {
		if keep != nil {
			keep.Close()
		}
	}()
	rapid.Check(t, func(r *rapid.T) {
		if played%perDestination == 0 {
			if keep != nil {
				keep.Close()
			}
			d = s.Open(t)
			keep = open(t, d, 0, nil)
		}
		played++
		q := sequences().Draw(r, "sequence")
		name := schema.Name{Schema: fmt.Sprintf("sequence_%d", played), Table: "t"}
		m := newModel("an")
		table, err := play(t.Context(), t, d, name, q, m)
		if err != nil {
			r.Fatalf("%s%v", q, err)
		}
		if got, want := tableRows(t, s, d, table), m.lines(); !slices.Equal(got, want) {
			r.Fatalf("%s\ngot  %s\nwant %s", q, strings.Join(got, " "), strings.Join(want, " "))
		}
	})
}
