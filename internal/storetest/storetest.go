// Package storetest runs tests on each kind of database in which Penstock
// keeps its own data. The one of PostgreSQL is on the server that package
// pgtest names.
package storetest

import (
	"testing"
	"testing/synctest"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// Databases make an empty database of each kind, and return its location for
// store.Open.
var Databases = map[string]func(testing.TB) (location string){
	"sqlite":   func(t testing.TB) string { return t.TempDir() },
	"postgres": pgtest.Database,
}

// Each runs f as a parallel test for each kind of database.
func Each(t *testing.T, f func(t *testing.T, location string)) {
	for name, database := range Databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, database(t))
		})
	}
}

// InBubble is Each with f in a bubble of its own time.
func InBubble(t *testing.T, f func(t *testing.T, location string)) {
	Each(t, func(t *testing.T, location string) {
		synctest.Test(t, func(t *testing.T) { f(t, location) })
	})
}
