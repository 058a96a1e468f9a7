package store

import "github.com/penstock-data/penstock/setup"

// Setup states, as the API spells them for connections and, in the lower case
// that clients expect, for destinations.
const (
	Incomplete = "incomplete" // its setup tests never passed
	Connected  = "connected"
	Broken     = "broken" // it worked once; now a person must act
)

// Tested returns the setup state that follows from the one before and the
// results of the setup tests. A warning breaks nothing.
func Tested(before string, results []setup.TestResult) string {
	for _, r := range results {
		if r.Status == setup.Failed {
			if before == Incomplete {
				return Incomplete
			}
			return Broken
		}
	}
	return Connected
}
