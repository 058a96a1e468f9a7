package destinationtest

import (
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Together is how many sequences [Check] has played at a time, each with a
// table of its own: most of what a sync costs is not the tables'.
const Together = 20

// Check has sequences played that gen makes, count of them and as many more as
// are played together, and shows the shortest that it finds that fails alone.
//
// The first are the same in every run, so that what a change breaks is told
// from what the dice find; those of the last round are new in every run. Each
// is made from a seed of its own: -rapid.seed=N plays N and the ones after it.
//
// play plays sequences, and returns for each what is wrong, or nil.
func Check[S any](t *testing.T, gen *rapid.Generator[S], count int, play func([]S) []error) {
	t.Helper()
	seed := 1
	if f := flag.Lookup("rapid.seed").Value; f.String() != "0" {
		seed, _ = strconv.Atoi(f.String())
	}
	rounds := (count + Together - 1) / Together
	for i := range rounds + 1 {
		first := seed + i*Together
		if i == rounds {
			first = int(time.Now().UnixMilli() % 1e12)
		}
		var all []S
		for j := range Together {
			all = append(all, gen.Example(first+j))
		}
		for j, err := range play(all) {
			if err != nil {
				alone(t, gen, first+j, play)
				t.Fatalf("fails together with those of the seeds from %d, not alone:\n%v%v", first, all[j], err)
			}
		}
	}
}

// alone plays the sequence of a seed alone and, if it fails, shorter ones, and
// ends the test with the shortest that still does.
func alone[S any](t *testing.T, gen *rapid.Generator[S], seed int, play func([]S) []error) {
	t.Helper()
	defer setFlags(t, "rapid.seed", strconv.Itoa(seed), "rapid.checks", "1", "rapid.nofailfile", "true")()
	rapid.Check(t, func(r *rapid.T) {
		s := gen.Draw(r, "sequence")
		if err := play([]S{s})[0]; err != nil {
			r.Fatalf("\n%v%v", s, err)
		}
	})
}

// setFlags sets flags and returns a function that sets them as they were.
func setFlags(t *testing.T, pairs ...string) (undo func()) {
	t.Helper()
	var was []string
	for i := 0; i < len(pairs); i += 2 {
		was = append(was, pairs[i], flag.Lookup(pairs[i]).Value.String())
		must(t, flag.Set(pairs[i], pairs[i+1]))
	}
	return func() {
		for i := 0; i < len(was); i += 2 {
			if err := flag.Set(was[i], was[i+1]); err != nil {
				panic(fmt.Sprintf("-%s: %v", was[i], err))
			}
		}
	}
}
