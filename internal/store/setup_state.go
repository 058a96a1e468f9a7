package store

import (
	"slices"

	"github.com/penstock-data/penstock/setup"
)

// Setup states, as the API spells them for connections and, in the lower case
// that clients expect, for destinations.
const (
	Incomplete = "incomplete" // its setup tests never passed
	Connected  = "connected"
	Broken     = "broken" // it worked once; now a person must act
)

// Tested returns the setup state that follows from the one before and the
// results of the setup tests. A warning breaks nothing, and tests that could
// not be made change nothing.
func Tested(before string, results []setup.TestResult) string {
	if Untested(results) {
		return before
	}
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

// Untested reports whether setup tests could not be made at the moment.
func Untested(results []setup.TestResult) bool {
	return slices.ContainsFunc(results, func(r setup.TestResult) bool { return r.Status == setup.JobFailed })
}
