// Package secretsmanager fetches secrets from the managers in which people
// keep them: HashiCorp Vault, AWS Secrets Manager, Azure Key Vault. Nothing of
// what it fetches is kept: whoever asks twice gets what holds then. No error
// has a secret in it, neither one that was fetched nor one that opens a
// manager.
package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/setup"
)

// A Type is a kind of secrets manager: a vendor.
type Type struct {
	ID     string // as Fivetran's API has it
	Config *setup.Description

	title string // the vendor's product, in errors

	// said returns what the vendor says in an answer that is no success, and
	// whether it passes although HTTP's status does not tell.
	said func(*answer) (message string, passes bool)

	// open begins to read. Its errors and those of the reader are *[refusal]s
	// where a person can mend it.
	open func(ctx context.Context, v *via, config json.RawMessage) (reader, error)
}

// Types are the secrets managers that there are, in the order of their ids.
var Types = []*Type{awsSecretsManager, azureKeyVault, hashicorpVault}

// TypeOf returns the type with an id, or nil.
func TypeOf(id string) *Type {
	i := slices.IndexFunc(Types, func(t *Type) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return Types[i]
}

// A reader reads secrets while it is open.
type reader interface {
	read(ctx context.Context, name string) (secret, error)
	close(ctx context.Context)
}

// A Manager is where to fetch secrets, and how to be let in.
type Manager struct {
	Type   string
	Name   string          // by which people know it
	Config json.RawMessage // with secrets, in normal form
}

// A Fetcher fetches secrets.
type Fetcher struct {
	client    *http.Client
	endpoints map[string]string
	now       func() time.Time
	pause     func(context.Context, time.Duration) error
	amazon    func() (aws.Config, error) // who this server is in AWS
}

// New returns a Fetcher. Endpoints are addresses in place of the vendors' own,
// by type; nil: none.
func New(p outside.Policy, endpoints map[string]string) *Fetcher {
	return &Fetcher{
		client: outside.NewClient(p), endpoints: endpoints, now: time.Now, pause: pause,
		amazon: sync.OnceValues(func() (aws.Config, error) { return config.LoadDefaultConfig(context.Background()) }),
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// patience is how long one Fetch takes at most.
const patience = 30 * time.Second

// Fetch returns the secrets whose names in the manager keys has, under the
// same names of fields. What only a person can mend is a [setup.Problem], with
// the code "secrets_not_fetched"; every other error passes.
func (f *Fetcher) Fetch(ctx context.Context, m *Manager, keys map[string]string) (map[string]string, error) {
	t := TypeOf(m.Type)
	if t == nil {
		return nil, fmt.Errorf("this server has no secrets manager %s", m.Type)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	values, what, err := f.fetch(limited, t, m.Config, keys)
	switch {
	case err == nil:
		return values, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("no answer within %v", patience)
	}
	message := fmt.Sprintf("%s from the external secrets manager %q (%s): %v", what, m.Name, t.title, err)
	var r *refusal
	if errors.As(err, &r) && r.todo != "" {
		return nil, &setup.Problem{Code: "secrets_not_fetched", Message: message + ". " + r.todo}
	}
	return nil, errors.New(message)
}

// fetch returns what could not be done in words that an error begins with.
func (f *Fetcher) fetch(ctx context.Context, t *Type, config json.RawMessage, keys map[string]string) (values map[string]string, what string, err error) {
	v := &via{Fetcher: f, vendor: t, endpoint: strings.TrimRight(f.endpoints[t.ID], "/")}
	r, err := t.open(ctx, v, config)
	if err != nil {
		return nil, "No secrets could be fetched", err
	}
	defer r.close(ctx)
	values = map[string]string{}
	have := map[string]secret{}
	for _, field := range slices.Sorted(maps.Keys(keys)) {
		key := keys[field]
		name, part, _ := strings.Cut(key, "#")
		what = fmt.Sprintf("The secret %q of the field %s could not be fetched", key, field)
		s, ok := have[name]
		if !ok {
			if s, err = r.read(ctx, name); err != nil {
				return nil, what, err
			}
			have[name] = s
		}
		if values[field], err = s.value(part); err != nil {
			return nil, what, err
		}
	}
	return values, "", nil
}

// A secret is what a manager keeps under one name: a text, or fields.
type secret struct {
	text   string
	fields map[string]json.RawMessage // nil: it is the text
}

// value returns a field of the secret, the whole if the name is empty.
func (s secret) value(field string) (string, error) {
	fields := s.fields
	switch {
	case fields == nil && field == "":
		if s.text == "" {
			return "", &refusal{reason: "it is empty", todo: "Give it a value."}
		}
		return s.text, nil
	case fields == nil:
		if json.Unmarshal([]byte(s.text), &fields) != nil || fields == nil {
			return "", &refusal{reason: "it is no JSON object", todo: "Leave #" + field + " out of the key to use the secret as a whole."}
		}
	case field == "" && len(fields) == 1:
		for name := range fields {
			field = name
		}
	case field == "":
		return "", &refusal{reason: fmt.Sprintf("it has %d fields", len(fields)), todo: "Add # and the name of one to the key."}
	}
	v, ok := fields[field]
	if !ok {
		return "", &refusal{reason: fmt.Sprintf("it has no field %q", field), todo: "Correct the key, or add the field to the secret."}
	}
	return plain(field, v)
}

// plain returns a JSON value as text: strings without their quotes, numbers and
// booleans as they are written.
func plain(field string, v json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(v, &text) != nil {
		text = string(v)
	}
	switch {
	case text == "" || string(v) == "null":
		return "", &refusal{reason: fmt.Sprintf("its field %q is empty", field), todo: "Give it a value."}
	case v[0] == '{' || v[0] == '[':
		return "", &refusal{reason: fmt.Sprintf("its field %q is no text", field), todo: "Name a field that is one."}
	}
	return text, nil
}
