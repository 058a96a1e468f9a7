// Package destinationtest is the suite that every destination passes: [Run]
// tries a destination against the promises of package destination.
package destinationtest

import (
	"testing"
	"time"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A Subject is the destination to be tried.
type Subject struct {
	// Open returns the destination, empty, for the time of the test.
	Open func(t testing.TB) destination.Destination

	// Select returns the values of columns in all rows of a table, as text,
	// [Null] for NULL, in any order of rows. It reads beside the writers,
	// after the last of them has been closed. The text of a value is what a
	// column holds after it was widened from its own type to STRING.
	Select func(t testing.TB, d destination.Destination, name schema.Name, columns []schema.Column) [][]string

	// Keeps reports whether the destination can hold a value, given as text.
	// Where it cannot, NULL and a warning are expected. nil: it holds all.
	Keeps func(t schema.Type, text string) bool

	// Hand changes tables as somebody beside the writers might.
	Hand Hand

	// Sequences is how many random sequences of operations are compared with
	// what is promised of them. 0: 100.
	Sequences int
}

// Null stands for NULL in text.
const Null = "<null>"

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	if s.Keeps == nil {
		s.Keeps = func(schema.Type, string) bool { return true }
	}
	t.Run("Scripts", func(t *testing.T) {
		for _, c := range scripts {
			t.Run(c.name, func(t *testing.T) { runScript(t, s, c.script) })
		}
	})
	t.Run("Modes", func(t *testing.T) {
		for _, c := range modeScripts {
			t.Run(c.name, func(t *testing.T) { runScript(t, s, c.script) })
		}
	})
	t.Run("Sequences", func(t *testing.T) { testSequences(t, s) })
	t.Run("Types", func(t *testing.T) { testTypes(t, s) })
	t.Run("Unchanged", func(t *testing.T) { testUnchanged(t, s) })
	t.Run("Widening", func(t *testing.T) { testWidening(t, s) })
	t.Run("WidenedBeside", func(t *testing.T) { testWidenedBeside(t, s) })
	t.Run("Migrate", func(t *testing.T) { testMigrate(t, s) })
	t.Run("ByHand", func(t *testing.T) { testByHand(t, s) })
	t.Run("Restricted", func(t *testing.T) { testRestricted(t, s) })
	t.Run("Depended", func(t *testing.T) { testDepended(t, s) })
	t.Run("Keyless", func(t *testing.T) { testKeyless(t, s) })
	t.Run("Concurrent", func(t *testing.T) { testConcurrent(t, s) })
	t.Run("Cancelled", func(t *testing.T) { testCancelled(t, s) })
	t.Run("NoTable", func(t *testing.T) { testNoTable(t, s) })
	t.Run("Untyped", func(t *testing.T) { testUntyped(t, s) })
	t.Run("Refused", func(t *testing.T) { testRefused(t, s) })
	t.Run("Digests", func(t *testing.T) { testDigests(t, s) })
	t.Run("Long", func(t *testing.T) { testLong(t, s) })
}

var start = time.Date(2026, 5, 1, 12, 0, 0, 123456000, time.UTC)

// SyncTime returns the start of the n-th sync.
func SyncTime(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }

// open opens a writer whose warnings fail the test, or are collected.
func open(t testing.TB, d destination.Destination, sync int, warnings *[]setup.Warning) destination.Writer {
	t.Helper()
	w, err := d.Writer(t.Context(), destination.Options{Synced: SyncTime(sync), Memory: 64 << 20, Warn: func(w setup.Warning) {
		if warnings == nil {
			t.Errorf("warning %s: %s", w.Code, w.Message)
			return
		}
		*warnings = append(*warnings, w)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// systemColumns returns the columns that the writer fills in a mode.
func systemColumns(m schema.Mode) []schema.Column {
	instant, truth := schema.Type{Kind: schema.Instant}, schema.Type{Kind: schema.Boolean}
	columns := []schema.Column{{Name: schema.Synced, Type: instant}}
	switch m {
	case schema.SoftDelete:
		columns = append(columns, schema.Column{Name: schema.Deleted, Type: truth})
	case schema.History:
		columns = append(columns, schema.Column{Name: schema.Active, Type: truth},
			schema.Column{Name: schema.Start, Type: instant}, schema.Column{Name: schema.End, Type: instant})
	}
	return columns
}
