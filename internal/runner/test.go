package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// A Trust says who approves the server certificates, and the host keys of SSH
// servers, that setup tests meet. The zero value approves none.
type Trust struct {
	Certificates bool
	Fingerprints bool
	By           string // user id; "": nobody
}

// rounds is how often tests are run that show something to be approved:
// behind the first there may be another, of a server behind a tunnel or a
// proxy, or of a replica.
const rounds = 4

// TestConnection runs a connection's setup tests, keeps what they show, and
// returns the connection as it is then. Passing makes it connected, clears
// its tasks, and makes it due at once if it waited for that.
func (r *Runner) TestConnection(ctx context.Context, id string, trust Trust) (*store.Connection, error) {
	log := r.Log.With("connection", id)
	learned := make(chan map[string]string, rounds) // of a round that ended too late, nobody asks
	results, err := r.test(ctx, store.ConnectionOwner, id, trust, func(ctx context.Context) ([]setup.TestResult, error) {
		c, err := r.Store.Connection(ctx, id)
		if err != nil {
			return nil, err
		}
		k, err := r.keptSource(c)
		if err != nil {
			return refused(err)
		}
		return r.testWhole(ctx, k, func(whole json.RawMessage) ([]setup.TestResult, error) {
			src, err := r.openSource(ctx, c, whole, log)
			if err != nil {
				return nil, err
			}
			defer src.Close()
			results := testThrough(ctx, src.tunnel, src.Test)
			if l, ok := src.Source.(connector.Learner); ok {
				select {
				case learned <- l.Learned():
				default:
				}
			}
			return results, nil
		})
	}, log)
	if err != nil {
		return nil, err
	}
	return r.Store.UpdateConnection(ctx, id, func(c *store.Connection) error {
		if err := r.learn(c, learned); err != nil {
			return err
		}
		c.SetupTests = results
		if store.Untested(results) {
			return nil
		}
		c.SetupState = store.Tested(c.SetupState, results)
		c.Tasks = tasks(results)
		if c.SetupState == store.Connected {
			c.Mended()
		}
		return nil
	})
}

// learn keeps what a connection's source has found out, by the last test that
// it ended.
func (r *Runner) learn(c *store.Connection, learned chan map[string]string) (err error) {
	for len(learned) > 0 {
		about := r.connectors[c.Service].Whole()
		for name, value := range <-learned {
			if f := about.Field(name); f == nil || !f.Readonly {
				return fmt.Errorf("connector %s learned %q, which is no readonly field of its config", c.Service, name)
			}
			if c.Config, err = about.Set(config(c.Config), name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestDestination runs a destination's setup tests, keeps what they show, and
// returns the destination as it is then.
func (r *Runner) TestDestination(ctx context.Context, id string, trust Trust) (*store.Destination, error) {
	log := r.Log.With("destination", id)
	results, err := r.test(ctx, store.DestinationOwner, id, trust, func(ctx context.Context) ([]setup.TestResult, error) {
		d, err := r.Store.Destination(ctx, id)
		if err != nil {
			return nil, err
		}
		k, err := r.keptDestination(d)
		if err != nil {
			return refused(err)
		}
		return r.testWhole(ctx, k, func(whole json.RawMessage) ([]setup.TestResult, error) {
			dst, err := r.openDestination(ctx, d, whole, log)
			if err != nil {
				return nil, err
			}
			defer dst.tunnel.Close()
			return testThrough(ctx, dst.tunnel, dst.Test), nil
		})
	}, log)
	if err != nil {
		return nil, err
	}
	return r.Store.UpdateDestination(ctx, id, func(d *store.Destination) error {
		d.SetupTests = results
		d.SetupStatus = store.Tested(d.SetupStatus, results)
		return nil
	})
}

// test runs tests until they show nothing that is to be approved, or the time
// is up.
func (r *Runner) test(ctx context.Context, owner, id string, trust Trust,
	run func(context.Context) ([]setup.TestResult, error), log *slog.Logger) ([]setup.TestResult, error) {
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	for round := 1; ; round++ {
		results, err := timed(limited, run, log)
		var fault *faultError
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			results, err = tooLong(r.Timeout), nil
		case errors.As(err, &fault):
			results, err = refused(err)
		}
		if err != nil {
			return nil, err
		}
		if round == rounds {
			return results, nil
		}
		approved, err := r.approve(ctx, owner, id, trust, results)
		if err != nil || !approved {
			return results, err
		}
	}
}

// approve approves what made tests fail, as far as it is trusted.
func (r *Runner) approve(ctx context.Context, owner, id string, trust Trust, results []setup.TestResult) (any bool, err error) {
	for _, t := range results {
		a := store.Approval{Owner: owner, OwnerID: id, ValidatedBy: trust.By, ValidatedAt: r.Now().UTC().Truncate(time.Microsecond)}
		switch c, f := t.Certificate, t.Fingerprint; {
		case t.Status != setup.Failed:
			continue
		case c != nil && trust.Certificates:
			a.Kind, a.Hash, a.Data = store.Certificates, c.Hash, c.DER
		case f != nil && trust.Fingerprints:
			a.Kind, a.Hash, a.Data = store.Fingerprints, f.Hash, []byte(f.PublicKey)
		default:
			continue
		}
		if err := r.Store.Approve(ctx, &a); err != nil {
			return false, err
		}
		any = true
	}
	return any, nil
}

// Titles of the results that are no service's own.
const (
	titleConfig = "Checking the configuration"
	titleTime   = "Waiting for an answer"
)

// refused is what becomes of tests of something that cannot be opened. That
// the store failed says nothing about it.
func refused(err error) ([]setup.TestResult, error) {
	if fromStore(err) {
		return nil, err
	}
	return notTested(err.Error()), nil
}

func incomplete(missing []string) []setup.TestResult {
	return notTested(fmt.Sprintf("Field '%s' is required", missing[0]))
}

func notTested(why string) []setup.TestResult {
	return []setup.TestResult{{Title: titleConfig, Status: setup.Failed, Message: why}}
}

func tooLong(limit time.Duration) []setup.TestResult {
	return []setup.TestResult{{Title: titleTime, Status: setup.Failed,
		Message: fmt.Sprintf("The setup tests did not end within %v. Check that the server can be reached and is not overloaded.", limit)}}
}

// tasks are what failed tests leave for a person to do.
func tasks(results []setup.TestResult) []store.Alert {
	failed := slices.DeleteFunc(slices.Clone(results), func(t setup.TestResult) bool { return t.Status != setup.Failed })
	var all []store.Alert
	for _, t := range failed {
		all = append(all, store.Alert{Code: "setup_test_failed", Message: t.Title + ": " + t.Message})
	}
	return all
}
