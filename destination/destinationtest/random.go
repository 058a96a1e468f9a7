package destinationtest

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A modelRow is a row as the promises of package schema have it.
type modelRow struct {
	a, b    string
	sync    int
	deleted bool
}

// testRandom compares random scripts with a model of what they do.
func testRandom(t *testing.T, s Subject) {
	must(t, flag.Set("rapid.checks", "40"))
	d := s.Open(t)
	example := 0
	rapid.Check(t, func(r *rapid.T) {
		example++
		table := fmt.Sprintf("t%d", example)
		var script []string
		model, gathered, sync := map[int]modelRow{}, map[int]bool{}, 0
		for range rapid.IntRange(1, 3).Draw(r, "syncs") {
			sync++
			script = append(script, fmt.Sprintf("sync %d", sync))
			w := open(t, d, sync, nil)
			must(t, w.Migrate(t.Context(), scriptTable(table, "ab")))
			for range rapid.IntRange(1, 8).Draw(r, "operations") {
				verb := rapid.SampledFrom([]string{"upsert", "upsert", "upsert.a", "update.a", "update.b", "delete", "present", "sweep", "truncate", "flush", "live"}).Draw(r, "verb")
				keys := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 6).Draw(r, "keys")
				words := randomWords(r, verb, keys, sync)
				script = append(script, verb+" "+strings.Join(words, " "))
				switch verb {
				case "flush":
					must(t, w.Flush(t.Context()))
				case "live":
					n, err := w.Live(t.Context(), scriptTable(table, "").Name)
					must(t, err)
					if want := live(model); n != want {
						r.Fatalf("%s: got %d, want %d", strings.Join(script, "\n"), n, want)
					}
				default:
					must(t, w.Write(t.Context(), scriptBatch(t, table, verb, words)))
					apply(model, gathered, verb, words, sync)
				}
			}
			must(t, w.Flush(t.Context()))
			must(t, w.Close())
			clear(gathered) // the set is the writer's
		}
		var want []string
		for _, k := range slices.Sorted(maps.Keys(model)) {
			m := model[k]
			row := fmt.Sprintf("%d,%s,%s@%d", k, m.a, m.b, m.sync)
			if m.deleted {
				row += "!"
			}
			want = append(want, row)
		}
		if got := scriptRows(t, s, d, table); !slices.Equal(got, want) {
			r.Fatalf("%s\ngot  %s\nwant %s", strings.Join(script, "\n"), strings.Join(got, " "), strings.Join(want, " "))
		}
	})
}

func randomWords(r *rapid.T, verb string, keys []int, sync int) []string {
	value := func() string { return rapid.SampledFrom([]string{"-", "x", "y", "z"}).Draw(r, "value") }
	switch verb {
	case "sweep", "flush", "live":
		return nil
	case "truncate":
		return []string{strconv.Itoa(rapid.IntRange(max(0, sync-3), sync).Draw(r, "before"))}
	}
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = strconv.Itoa(k)
		switch verb {
		case "upsert":
			words[i] += "," + value() + "," + value()
		case "upsert.a", "update.a", "update.b":
			words[i] += "," + value()
		}
	}
	return words
}

func live(model map[int]modelRow) (n int64) {
	for _, m := range model {
		if !m.deleted {
			n++
		}
	}
	return n
}

// apply does to the model what a line does to the table.
func apply(model map[int]modelRow, gathered map[int]bool, verb string, words []string, sync int) {
	switch verb {
	case "truncate":
		before, _ := strconv.Atoi(words[0])
		for k, m := range model {
			if m.sync < before {
				m.deleted = true
				model[k] = m
			}
		}
		return
	case "sweep":
		for k, m := range model {
			if !gathered[k] && !m.deleted {
				m.deleted, m.sync = true, sync
				model[k] = m
			}
		}
		clear(gathered)
		return
	}
	for _, w := range words {
		v := strings.Split(w, ",")
		k, _ := strconv.Atoi(v[0])
		m, there := model[k]
		switch verb {
		case "upsert":
			model[k] = modelRow{v[1], v[2], sync, false}
		case "upsert.a":
			model[k] = modelRow{v[1], "-", sync, false}
		case "present":
			gathered[k] = true
		}
		if !there {
			continue
		}
		switch verb {
		case "update.a":
			m.a, m.sync = v[1], sync
			model[k] = m
		case "update.b":
			m.b, m.sync = v[1], sync
			model[k] = m
		case "delete":
			m.deleted, m.sync = true, sync
			model[k] = m
		}
	}
}
