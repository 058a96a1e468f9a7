package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/secretsmanager"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

var aSecretsManager = subject{
	limited: true, resource: access.Account,
	find: func(s *server, r *request) (p access.Place, err error) {
		r.secretsManager, err = s.Store.SecretsManagerIn(r.Context(), r.caller.AccountID, r.id())
		return p, err
	},
	gone: func(r *request) error { return noSecretsManager(r.id()) },
}

func noSecretsManager(id string) error {
	return notFound(fivetran.NotFound, "External Secrets Manager with '%s' id is not found.", id)
}

// badSecretsManager is an error of a request about a secrets manager.
func badSecretsManager(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, fivetran.BadRequest, fmt.Sprintf(format, args...)}
}

func (s *server) listSecretsManagers(r *request) (any, error) {
	return paged(r, wireSecretsManagerItem, func(page store.Page) ([]store.SecretsManager, string, error) {
		return s.Store.SecretsManagers(r.Context(), r.caller.AccountID, page)
	})
}

func (s *server) createSecretsManager(r *request) (any, error) {
	var req fivetran.NewSecretsManager
	if err := r.read(&req); err != nil {
		return nil, err
	}
	kind := secretsmanager.TypeOf(req.Type)
	switch {
	case req.Type == "":
		return nil, badSecretsManager("ESM type is required.")
	case kind == nil:
		return nil, invalidInput("Invalid value for field 'type'")
	case req.Name == "":
		return nil, badSecretsManager("ESM name is required.")
	case !given(req.Config):
		return nil, badSecretsManager("ESM config is required.")
	}
	config, err := kind.Config.Normalize(req.Config)
	if err != nil {
		return nil, err
	}
	if config, err = withExternalID(kind, config, r.caller.AccountID); err != nil {
		return nil, err
	}
	m := &store.SecretsManager{AccountID: r.caller.AccountID, Type: req.Type, Name: req.Name, Hybrid: req.Hybrid, Config: config}
	if err := secretsManagerComplete(m); err != nil {
		return nil, err
	}
	err = s.Store.CreateSecretsManager(r.Context(), m)
	if errors.Is(err, store.ErrExists) {
		return nil, badSecretsManager("External Secrets Manager with name '%s' already exists.", m.Name)
	}
	if err != nil {
		return nil, err
	}
	return wireSecretsManager(m)
}

// secretsManagerComplete refuses a secrets manager in whose config something
// required is missing. The first field is required, the other required ones only
// where no hybrid deployment agent brings its own.
func secretsManagerComplete(m *store.SecretsManager) error {
	about := aboutSecretsManager(m)
	missing := about.Missing(m.Config)
	if m.Hybrid {
		missing = slices.DeleteFunc(missing, func(name string) bool { return name != about.Fields[0].Name })
	}
	if len(missing) > 0 {
		return fieldRequired(missing[0])
	}
	return nil
}

// withExternalID gives a role the account's id as its external id, unless it
// has another one, as Fivetran's form does (setup guide of AWS Secrets Manager,
// read 2026-11).
func withExternalID(kind *secretsmanager.Type, config json.RawMessage, account string) (json.RawMessage, error) {
	var c struct {
		ExternalID string `json:"external_id"`
	}
	if err := setup.Decode(config, &c); err != nil || kind.Config.Field("external_id") == nil || c.ExternalID != "" {
		return config, err
	}
	return kind.Config.Set(config, "external_id", account)
}

// aboutSecretsManager describes the config of a secrets manager, whose type is
// one that there is.
func aboutSecretsManager(m *store.SecretsManager) *setup.Description {
	return secretsmanager.TypeOf(m.Type).Config
}

func (s *server) showSecretsManager(r *request) (any, error) {
	return wireSecretsManager(r.secretsManager)
}

func (s *server) updateSecretsManager(r *request) (any, error) {
	var req fivetran.NewSecretsManager
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if !given(req.Config) {
		return nil, badSecretsManager("ESM config is required.")
	}
	m, err := s.Store.UpdateSecretsManager(r.Context(), r.id(), s.now(), func(m *store.SecretsManager) (err error) {
		kind := secretsmanager.TypeOf(m.Type)
		if m.Config, err = kind.Config.Merge(m.Config, req.Config); err != nil {
			return err
		}
		if m.Config, err = withExternalID(kind, m.Config, m.AccountID); err != nil {
			return err
		}
		return secretsManagerComplete(m)
	})
	if err != nil {
		return nil, err
	}
	return wireSecretsManager(m)
}

func (s *server) deleteSecretsManager(r *request) (any, error) {
	err := s.Store.DeleteSecretsManager(r.Context(), r.id())
	if !errors.Is(err, store.ErrInUse) {
		return nil, err
	}
	uses, err := s.Store.Uses(r.Context(), store.BySecretsManager, r.caller.AccountID, r.id())
	if err != nil {
		return nil, err
	}
	connections := 0
	for _, u := range uses[r.id()] {
		if u.Schema != "" {
			connections++
		}
	}
	return nil, badSecretsManager("Failed to delete External Secrets Manager with '%s' id, because it is used by %d connection(s) and %d destination(s).",
		r.id(), connections, len(uses[r.id()])-connections)
}

// secretsManagerEntities lists what uses the secrets manager that the path
// names, or a parameter, or any: what the caller sees of it.
func (s *server) secretsManagerEntities(r *request) (any, error) {
	q := r.URL.Query()
	id := r.id()
	if id == "" {
		id = q.Get("esm_id")
	}
	connections, destinations := r.scope(access.Connections), r.scope(access.Destinations)
	switch q.Get("type") {
	case "", "all":
	case "source":
		destinations = access.Scope{}
	case "destination":
		connections = access.Scope{}
	default:
		return nil, invalidInput("Invalid value for parameter 'type'")
	}
	return paged(r, wireSecretsUse, func(page store.Page) ([]store.SecretsUse, string, error) {
		return s.Store.SecretsUses(r.Context(), r.caller.AccountID, id, connections, destinations, page)
	})
}

func wireSecretsUse(u *store.SecretsUse) fivetran.SecretsManagerEntity {
	w := fivetran.SecretsManagerEntity{ID: u.ID, Name: u.Name, Enabled: u.Enabled, Type: "SOURCE", ManagerID: u.ManagerID, CreatedAt: u.CreatedAt}
	if u.Destination {
		w.Type = "DESTINATION"
	}
	return w
}

func wireSecretsManagerItem(m *store.SecretsManager) fivetran.SecretsManager {
	return fivetran.SecretsManager{ID: m.ID, Type: m.Type, Name: m.Name, Hybrid: m.Hybrid, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
}

func wireSecretsManager(m *store.SecretsManager) (fivetran.SecretsManager, error) {
	w := wireSecretsManagerItem(m)
	var err error
	w.Config, err = aboutSecretsManager(m).Mask(m.Config)
	return w, err
}
