package api

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

func (s *server) updateConnection(r *request) (any, error) {
	var req fivetran.UpdateConnection
	if err := r.read(&req); err != nil {
		return nil, err
	}
	_, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	if req.Config, err = src.withAuth(req.Config, req.Auth); err != nil {
		return nil, err
	}
	switch {
	case !changesAnything(&req):
		return nil, invalidInput("The request must change at least one field of the connection")
	case req.SchemaStatus != nil && *req.SchemaStatus != store.SchemaReady && *req.SchemaStatus != store.BlockedOnCapture:
		return nil, invalidInput("Invalid value for field 'schema_status': it is one of %s, %s", store.SchemaReady, store.BlockedOnCapture)
	}
	if id := packageOf(src.ID, req.Config); id != r.connection.PackageID {
		if err := s.freePackage(r, id); err != nil {
			return nil, err
		}
	}
	n := networked{src.config, r.connection.GroupID, true}
	way, err := s.reach(r, n, r.connection.Way(), connectionLinks(&req.ConnectionSettings), req.Config)
	if err != nil {
		return nil, err
	}
	moved, changed, blocked := way != r.connection.Way(), false, false
	if err := s.limitTests(r, wantTests(req.Tests, moved || given(req.Config) || req.ExternalSecretsKeys.Given)); err != nil {
		return nil, err
	}
	c, err := s.Store.UpdateConnection(r.Context(), r.id(), func(c *store.Connection) error {
		if err := applyConnection(c, &req.ConnectionSettings); err != nil {
			return err
		}
		if changed = moved; moved {
			if c.Way() != r.connection.Way() {
				return errMoved
			}
			c.SetWay(way)
			c.Mended()
		}
		blocked = setSchemaStatus(c, req.SchemaStatus)
		config := c.Config
		if given(req.Config) {
			var err error
			if config, err = src.config.Merge(config, req.Config); err != nil {
				return err
			}
		}
		if err := s.say(n, c.NetworkingMethod, &config); err != nil {
			return err
		}
		keys, err := secretsKeys(src.config, c.SecretsKeys, c.SecretsManagerID, req.ExternalSecretsKeys)
		if err != nil {
			return err
		}
		if string(config) != string(c.Config) || !maps.Equal(keys, c.SecretsKeys) {
			c.Config, c.SecretsKeys, c.Failures, changed = config, keys, 0, true
		}
		c.PackageID = packageOf(c.Service, c.Config)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.Engine.Changed(r.Context(), c.ID); err != nil {
		return nil, err
	}
	if blocked {
		if err := s.Engine.Restart(r.Context(), c.ID); err != nil {
			return nil, err
		}
	}
	if isTrue(req.IsHistoricalSync) {
		if err := s.Engine.Resync(r.Context(), c.ID); err != nil {
			return nil, err
		}
	}
	if wantTests(req.Tests, changed) {
		return s.testedConnection(r, src, c.ID, req.Tests)
	}
	if c, err = s.Store.Connection(r.Context(), c.ID); err != nil {
		return nil, err
	}
	return s.wireConnection(src, c)
}

// setSchemaStatus changes whether rows are moved, and reports whether they are
// not any more. A connection that becomes ready has its first load to do.
func setSchemaStatus(c *store.Connection, status *string) (blocked bool) {
	if status == nil || *status == c.SchemaStatus {
		return false
	}
	c.SchemaStatus = *status
	if *status == store.BlockedOnCapture {
		return true
	}
	c.StartedAt = time.Time{} // what ran last was no sync that served its slot
	return false
}

// changesAnything reports whether a request has a field that lasts: how to
// run setup tests is not enough.
func changesAnything(req *fivetran.UpdateConnection) bool {
	return given(req.Config) || given(req.Auth) || given(req.DestinationConfiguration) ||
		req.Paused != nil || req.PauseAfterTrial != nil || req.SyncFrequency != nil || req.DailySyncTime.Given ||
		req.ScheduleType != nil || req.Schedule.Given || req.DataDelaySensitivity != nil || req.DataDelayThreshold != nil ||
		req.NetworkingMethod != nil || req.ProxyAgentID.Given || req.PrivateLinkID.Given ||
		req.HybridDeploymentAgentID.Given || req.ExternalSecretsManagerID.Given || req.ExternalSecretsKeys.Given ||
		req.IsHistoricalSync != nil || req.SchemaStatus != nil
}

// connectCardConfig checks the config of a Connect Card.
func connectCardConfig(raw json.RawMessage) (json.RawMessage, error) {
	var card struct {
		RedirectURI    string `json:"redirect_uri"`
		HideSetupGuide *bool  `json:"hide_setup_guide,omitempty"`
		AllFields      *bool  `json:"all_fields,omitempty"`
	}
	if err := json.Unmarshal(raw, &card); err != nil {
		return nil, badJSON(err)
	}
	switch u := card.RedirectURI; {
	case u == "":
		return nil, fieldRequired("redirect_uri")
	case !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://"):
		return nil, invalidInput("Invalid value for field 'redirect_uri': it begins with https or http")
	}
	return json.Marshal(card)
}

// given reports whether a request has a value for a field of any type.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func isFalse(b *bool) bool { return b != nil && !*b }

func isTrue(b *bool) bool { return b != nil && *b }

// wantTests reports whether setup tests follow an update. By default they do
// where the config has changed: a client that pauses a connection is not to
// wait for its source.
func wantTests(req fivetran.Tests, changed bool) bool {
	if req.RunSetupTests != nil {
		return *req.RunSetupTests
	}
	return changed
}
