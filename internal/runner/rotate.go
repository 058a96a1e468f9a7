package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// rotations lets one exchange of each connection's secrets run at a time.
type rotations struct {
	mu sync.Mutex
	of map[string]chan struct{} // by connection; of capacity one
}

// lock waits for the turn of a connection's exchange, until ctx ends.
func (r *rotations) lock(ctx context.Context, id string) (unlock func(), err error) {
	r.mu.Lock()
	if r.of == nil {
		r.of = map[string]chan struct{}{}
	}
	turn := r.of[id]
	if turn == nil {
		turn = make(chan struct{}, 1)
		r.of[id] = turn
	}
	r.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// rotate returns what a connection's source exchanges secrets by. What an
// external secrets manager keeps cannot be replaced there: a vendor that does
// so needs a person.
func (r *Runner) rotate(id string) connector.Rotate {
	return func(ctx context.Context, exchange func(json.RawMessage) (setup.Secrets, error)) error {
		unlock, err := r.rotations.lock(ctx, id)
		if err != nil {
			return err
		}
		defer unlock()
		c, err := r.Store.Connection(ctx, id)
		if err != nil {
			return ofStore("connection", err)
		}
		k, err := r.keptSource(c)
		if err != nil {
			return err
		}
		if k.about == nil {
			return fmt.Errorf("connector %s has no config", c.Service)
		}
		whole, err := r.whole(ctx, k)
		if err != nil {
			return err
		}
		secrets, err := exchange(whole)
		if err != nil || secrets == nil {
			return err
		}
		for field := range secrets {
			if _, elsewhere := k.keys[field]; elsewhere && k.away() {
				return &setup.Problem{Code: "secret_not_stored", Message: fmt.Sprintf("The source has replaced %s, which an external secrets manager keeps and "+
					"this server cannot change there. Log in again, and keep %s in the connection's config.", field, field)}
			}
		}
		return ofStore("the new secrets of the connection", r.keepSecrets(ctx, id, k.about, c.Config, secrets))
	}
}

// keepTries is how often secrets are tried to be stored that nobody else has.
const keepTries = 5

func (r *Runner) keepSecrets(ctx context.Context, id string, config *setup.Description, before json.RawMessage, secrets setup.Secrets) error {
	for try := 1; ; try++ {
		err := r.Store.ReplaceConfig(ctx, id, func(now json.RawMessage) (json.RawMessage, error) {
			return config.Replace(now, before, secrets)
		})
		if err == nil || errors.Is(err, store.ErrNotFound) || try == keepTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try*try) * 100 * time.Millisecond):
		}
	}
}
