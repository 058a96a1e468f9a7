package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock-data/penstock/internal/secretsmanager"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// A kept is a config of which an external secrets manager may keep a part.
type kept struct {
	what    string // "source" or "destination"
	group   string
	about   *setup.Description // nil: nobody knows its fields
	stored  json.RawMessage
	manager string            // id; "": none
	keys    map[string]string // names in the manager, by field
}

// whole returns the config with what the manager keeps of it now, which is
// fetched anew each time and stored nowhere.
func (r *Runner) whole(ctx context.Context, k kept) (json.RawMessage, error) {
	whole := config(k.stored)
	if !k.away() {
		return whole, nil
	}
	g, err := r.Store.Group(ctx, k.group)
	if err != nil {
		return nil, ofStore("group", err)
	}
	m, err := r.Store.SecretsManagerIn(ctx, g.AccountID, k.manager)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &setup.Problem{Code: "secrets_not_fetched", Message: fmt.Sprintf("The external secrets manager %s of the %s is gone. Name another one.", k.manager, k.what)}
	}
	if err != nil {
		return nil, ofStore("secrets manager", err)
	}
	if m.Hybrid {
		return nil, &setup.Problem{Code: "secrets_manager_not_supported", Message: fmt.Sprintf("The secrets of the %s are kept by the external secrets manager %q, "+
			"which is for hybrid deployment agents: this server does not ask it. Name one that is not, or set external_secrets_manager_id to null.", k.what, m.Name)}
	}
	secrets, err := r.Secrets.Fetch(ctx, &secretsmanager.Manager{Type: m.Type, Name: m.Name, Config: m.Config}, k.keys)
	if err != nil {
		return nil, err
	}
	for _, field := range slices.Sorted(maps.Keys(secrets)) {
		if k.about == nil || k.about.Field(field) == nil {
			return nil, fmt.Errorf("the config of the %s has no field %q", k.what, field)
		}
		if whole, err = k.about.Set(whole, field, secrets[field]); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// away reports whether a manager keeps a part of the config.
func (k kept) away() bool { return k.manager != "" && len(k.keys) > 0 }

// titleSecrets is of the test of a secrets manager, which comes first.
const titleSecrets = "Fetching secrets from the external secrets manager"

// testWhole runs the tests of a service that is open once its config is whole.
func (r *Runner) testWhole(ctx context.Context, k kept, test func(whole json.RawMessage) ([]setup.TestResult, error)) ([]setup.TestResult, error) {
	whole, err := r.whole(ctx, k)
	switch {
	case fromStore(err) || ctx.Err() != nil && err != nil:
		return nil, err
	case setup.AsProblem(err) != nil:
		return []setup.TestResult{{Title: titleSecrets, Status: setup.Failed, Message: err.Error()}}, nil
	case err != nil:
		return []setup.TestResult{{Title: titleSecrets, Status: setup.JobFailed, Message: err.Error()}}, nil
	}
	var results []setup.TestResult
	if k.about != nil {
		if missing := k.about.Missing(whole); len(missing) > 0 {
			results = incomplete(missing)
		}
	}
	if results == nil {
		if results, err = test(whole); err != nil {
			return refused(err)
		}
	}
	if k.away() {
		results = slices.Insert(results, 0, setup.TestResult{Title: titleSecrets, Status: setup.Passed})
	}
	return results, nil
}
