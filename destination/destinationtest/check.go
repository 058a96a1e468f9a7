package destinationtest

import (
	"flag"
	"slices"
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
		errs := play(all)
		for j, err := range errs {
			if err == nil {
				continue
			}
			if short, err := Shortest(gen, first+j, play); err != nil {
				t.Fatalf("-rapid.seed=%d, the shortest that fails:\n%v%v", first+j, short, err)
			}
		}
		for j, err := range errs {
			if err != nil {
				t.Fatalf("-rapid.seed=%d; number %d fails only together with the others:\n%v%v", first, j+1, all[j], err)
			}
		}
	}
}

// Shortest plays the sequence of a seed alone and, if it fails, shorter ones,
// and returns the shortest that still does with what is wrong, or nil.
func Shortest[S any](gen *rapid.Generator[S], seed int, play func([]S) []error) (short S, err error) {
	defer setFlags("rapid.seed", strconv.Itoa(seed), "rapid.checks", "1", "rapid.nofailfile", "true")()
	rapid.Check(&silent{}, func(r *rapid.T) {
		s := gen.Draw(r, "sequence")
		if serr := play([]S{s})[0]; serr != nil {
			short, err = s, serr // of the last call, which is the shortest's
			r.Fatal("fails")     // always the same: another error is not shorter
		}
	})
	return short, err
}

// Pick returns one of some things, each as likely as any other, which
// rapid.SampledFrom does not; the first are thought to be simpler.
func Pick[V any](r *rapid.T, label string, of ...V) V {
	const bits = 10
	n := 0
	for range bits {
		n *= 2
		if rapid.Bool().Draw(r, label) {
			n++
		}
	}
	return of[n*len(of)>>bits]
}

// silent takes what rapid has to say.
type silent struct {
	rapid.TB
	failed bool
}

func (*silent) Helper()                 {}
func (*silent) Name() string            { return "sequence" }
func (*silent) Log(...any)              {}
func (*silent) Logf(string, ...any)     {}
func (s *silent) Errorf(string, ...any) { s.failed = true }
func (s *silent) Fail()                 { s.failed = true }
func (s *silent) FailNow()              { s.failed = true }
func (s *silent) Failed() bool          { return s.failed }

// setFlags sets flags, given by name and value, and returns a function that
// sets them as they were.
func setFlags(pairs ...string) (undo func()) {
	was := slices.Clone(pairs)
	set := func(pairs []string) {
		for p := range slices.Chunk(pairs, 2) {
			if err := flag.Set(p[0], p[1]); err != nil {
				panic(err)
			}
		}
	}
	for p := range slices.Chunk(was, 2) {
		p[1] = flag.Lookup(p[0]).Value.String()
	}
	set(pairs)
	return func() { set(was) }
}
