package destinationtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// testRestricted writes rows that somebody's constraint does not take, in all the
// ways that rows travel: the table is refused and keeps what it had, the others
// go on, and the next writer writes both.
func testRestricted(t *testing.T, s Subject) {
	many := func(from, to int) (words []string) {
		for i := from; i <= to; i++ {
			words = append(words, fmt.Sprintf("%d,x,y", i))
		}
		return words
	}
	for _, c := range []struct {
		name   string
		mode   schema.Mode
		before []string // rows
		writes [][]string
	}{
		{"few rows", schema.SoftDelete, many(1, 2), [][]string{{"upsert", "3,x,y"}, {"upsert", "4,-,y"}, {"upsert", "5,x,y"}}},
		{"many rows", schema.SoftDelete, many(1, 2), [][]string{append([]string{"upsert"}, many(3, 40_000)...), {"upsert", "4,-,y"}}},
		{"an update", schema.SoftDelete, many(1, 2), [][]string{{"upsert", "3,x,y"}, {"update.a", "1,-"}}},
		{"fresh rows", schema.SoftDelete, nil, [][]string{{"fresh.ab", "1,x,y"}, {"fresh.ab", "2,-,y"}}},
		{"a sweep", schema.SoftDelete, many(1, 2), [][]string{{"upsert", "3,-,y"}, {"present", "3"}, {"sweep"}}},
		{"history", schema.History, many(1, 2), [][]string{{"upsert", "1,-,y", "3,x,y"}}},
		{"live", schema.Live, many(1, 2), [][]string{{"upsert", "1,-,y", "3,x,y"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, table, other := s.Open(t), scriptTable("t", "ab"), scriptTable("u", "ab")
			table.Mode = c.mode
			w := open(t, d, 1, nil)
			must(t, w.Migrate(t.Context(), table))
			must(t, w.Migrate(t.Context(), other))
			if c.before != nil {
				must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert", c.before)))
			}
			must(t, w.Flush(t.Context()))
			must(t, w.Close())
			had := Rows(t, s, d, table)
			s.Hand.Run(t, d, table.Name, s.Hand.Restrict)

			w = open(t, d, 2, nil)
			must(t, w.Migrate(t.Context(), table))
			must(t, w.Migrate(t.Context(), other))
			refused := func(err error) bool {
				t.Helper()
				var refusal *destination.Refusal
				if err == nil {
					return false
				}
				if !errors.As(err, &refusal) || len(refusal.Tables) != 1 || refusal.Tables[table.Name] == nil {
					t.Errorf("got %v, want a refusal of t", err)
				}
				return true
			}
			must(t, w.Write(t.Context(), scriptBatch(t, "u", "upsert", []string{"1,x,y"})))
			for _, words := range c.writes {
				refused(w.Write(t.Context(), scriptBatch(t, "t", words[0], words[1:])))
			}
			must(t, w.Write(t.Context(), scriptBatch(t, "u", "upsert", []string{"2,-,y"})))
			if !refused(w.Flush(t.Context())) {
				t.Fatal("it was taken")
			}
			must(t, w.Flush(t.Context())) // it was told
			if !refused(w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"9,x,y"}))) || !refused(w.Migrate(t.Context(), table)) {
				t.Error("it goes on")
			}
			must(t, w.Write(t.Context(), scriptBatch(t, "u", "upsert", []string{"3,x,y"})))
			must(t, w.Flush(t.Context()))
			must(t, w.Close())
			if got := Rows(t, s, d, table); !slices.Equal(got, had) {
				t.Errorf("t has %d rows: %.200v, want %v", len(got), got, had)
			}
			if got, want := Rows(t, s, d, other), []string{"1,x,y@2", "2,-,y@2", "3,x,y@2"}; !slices.Equal(got, want) {
				t.Errorf("u has %v, want %v", got, want)
			}

			s.Hand.Run(t, d, table.Name, s.Hand.Free)
			w = open(t, d, 3, nil)
			must(t, w.Migrate(t.Context(), table))
			must(t, w.Write(t.Context(), scriptBatch(t, "t", "upsert", []string{"9,-,y"})))
			must(t, w.Flush(t.Context()))
			must(t, w.Close())
			if got := Rows(t, s, d, table); len(got) != len(had)+1 {
				t.Errorf("once it is free t has %v", got)
			}
		})
	}
}
