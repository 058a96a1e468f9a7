package api

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

func (s *server) createConnectCard(r *request) (any, error) {
	var req fivetran.ConnectCardRequest
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if !given(req.Config) {
		return nil, fieldRequired("connect_card_config")
	}
	config, err := connectCardConfig(req.Config)
	if err != nil {
		return nil, err
	}
	c, err := s.Store.UpdateConnection(r.Context(), r.id(), func(c *store.Connection) error {
		c.ConnectCard = config
		return nil
	})
	if err != nil {
		return nil, err
	}
	card, err := s.newConnectCard(r, c)
	if err != nil {
		return nil, err
	}
	return fivetran.ConnectCardCreated{ConnectorID: c.ID, ConnectCard: *card, Config: config}, nil
}

// newConnectCard makes the Connect Card of a connection that has a config of
// one.
func (s *server) newConnectCard(r *request, c *store.Connection) (*fivetran.ConnectCard, error) {
	token, err := s.Store.NewConnectCard(r.Context(), r.caller.AccountID, c.ID, s.now())
	if err != nil {
		return nil, err
	}
	var config struct {
		RedirectURI    string `json:"redirect_uri"`
		HideSetupGuide bool   `json:"hide_setup_guide"`
	}
	if err := json.Unmarshal(c.ConnectCard, &config); err != nil {
		return nil, err
	}
	query := url.Values{"redirect_uri": {config.RedirectURI}, "auth": {token}}
	if config.HideSetupGuide {
		query.Set("hide_setup_guide", "true")
	}
	return &fivetran.ConnectCard{Token: token, URI: s.base(r) + "/connect-card/setup?" + query.Encode()}, nil
}

// base returns the address by which people and agents reach this server: the
// one that it was given, else the one that the request came to.
func (s *server) base(r *request) string {
	if s.PublicURL != "" {
		return strings.TrimSuffix(s.PublicURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
