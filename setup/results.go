package setup

import "context"

type followerKey struct{}

// Follow returns a context in which tell is told of each result of setup tests
// as soon as it is known, by those services that gather them with [Results].
// Tests that are run again tell of a title again.
func Follow(ctx context.Context, tell func(TestResult)) context.Context {
	return context.WithValue(ctx, followerKey{}, tell)
}

// Results gathers the results of setup tests, and tells whoever follows them.
type Results struct {
	List []TestResult
	tell func(TestResult) // nil: nobody follows
}

// NewResults returns Results that tell whoever follows ctx, of which there may
// be nobody.
func NewResults(ctx context.Context) *Results {
	tell, _ := ctx.Value(followerKey{}).(func(TestResult))
	return &Results{tell: tell}
}

// Add adds results, and returns all of them.
func (r *Results) Add(results ...TestResult) []TestResult {
	r.List = append(r.List, results...)
	if r.tell != nil {
		for _, t := range results {
			r.tell(t)
		}
	}
	return r.List
}
