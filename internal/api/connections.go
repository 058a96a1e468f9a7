package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

func (s *server) listConnections(r *request) (any, error) {
	return s.connectionsPage(r, r.URL.Query().Get("group_id"))
}

// connectionsPage lists connections, of one group if groupID is not empty.
func (s *server) connectionsPage(r *request, groupID string) (any, error) {
	filter := store.ConnectionFilter{AccountID: r.caller.AccountID, GroupID: groupID, Schema: r.URL.Query().Get("schema"),
		Scope: r.scope(access.Connections)}
	now := s.now()
	return paged(r, func(c *store.Connection) fivetran.ConnectionItem { return wireConnectionItem(c, now) }, func(page store.Page) ([]store.Connection, string, error) {
		return s.Store.Connections(r.Context(), filter, page)
	})
}

func (s *server) createConnection(r *request) (any, error) {
	var req fivetran.NewConnection
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.GroupID == "":
		return nil, fieldRequired("group_id")
	case req.Service == "":
		return nil, fieldRequired("service")
	}
	src := s.sources[req.Service]
	if src == nil {
		return nil, invalidInput("Unsupported connector service '%s'", req.Service)
	}
	if err := s.groupIn(r, req.GroupID, access.Connections, access.Create, noGroup(req.GroupID)); err != nil {
		return nil, err
	}
	var err error
	if req.Config, err = src.withAuth(req.Config, req.Auth); err != nil {
		return nil, err
	}
	c, err := newConnection(src, &req)
	if err != nil {
		return nil, err
	}
	if err := s.complete(r, src, c, &req); err != nil {
		return nil, err
	}
	c.ConnectedBy = r.caller.UserID
	if err := s.limitTests(r, c.ConnectCard == nil && !isFalse(req.RunSetupTests)); err != nil {
		return nil, err
	}
	err = s.Store.CreateConnection(r.Context(), c, r.makersRole(access.Connections, access.Place{Group: c.GroupID}, access.ConnectionLevel, access.ManageConnection)...)
	if errors.Is(err, store.ErrExists) {
		return nil, conflict("Connection with schema name '%s' already exists in the destination", c.Schema)
	}
	if err != nil {
		return nil, err
	}
	if c.ConnectCard != nil {
		return s.connectionWithCard(r, src, c)
	}
	if isFalse(req.RunSetupTests) {
		return s.wireConnection(src, c)
	}
	return s.testedConnection(r, src, c.ID, req.Tests)
}

// complete gives a new connection what a request says of other things that
// must be there.
func (s *server) complete(r *request, src *source, c *store.Connection, req *fivetran.NewConnection) error {
	now, err := s.wayInto(r.Context(), c.GroupID)
	if err != nil {
		return err
	}
	n := networked{src.config, c.GroupID, true}
	way, err := s.reach(r, n, now, connectionLinks(&req.ConnectionSettings), req.Config)
	if err != nil {
		return err
	}
	c.SetWay(way)
	if err := s.say(n, way.Method, &c.Config); err != nil {
		return err
	}
	if c.SecretsKeys, err = secretsKeys(src.config, nil, way.SecretsManager, req.ExternalSecretsKeys); err != nil {
		return err
	}
	// What is missing may follow later, but not if it is to be tested now.
	if missing := lacking(src.config, c.Config, c.SecretsKeys); len(missing) > 0 && !isFalse(req.RunSetupTests) {
		return fieldRequired(missing[0])
	}
	c.PackageID = packageOf(c.Service, c.Config)
	return s.freePackage(r, c.PackageID)
}

// connectionWithCard returns a connection with a Connect Card to fill it in.
func (s *server) connectionWithCard(r *request, src *source, c *store.Connection) (any, error) {
	w, err := s.wireConnection(src, c)
	if err != nil {
		return nil, err
	}
	w.ConnectCard, err = s.newConnectCard(r, c)
	return w, err
}

// newConnection returns the connection that a request asks for, with the
// defaults of the API where it says nothing.
func newConnection(src *source, req *fivetran.NewConnection) (*store.Connection, error) {
	c := &store.Connection{
		GroupID:          req.GroupID,
		Service:          req.Service,
		ServiceVersion:   1,
		ScheduleType:     schedule.Auto,
		SyncFrequency:    usual,
		DelaySensitivity: schedule.Normal,
		SchemaNames:      "FIVETRAN_NAMING",
	}
	if err := applyConnection(c, &req.ConnectionSettings); err != nil {
		return nil, err
	}
	if v := req.DestinationSchemaNames; v != nil {
		if *v != "FIVETRAN_NAMING" && *v != "SOURCE_NAMING" {
			return nil, invalidInput("Invalid value for field 'destination_schema_names'")
		}
		c.SchemaNames = *v
		c.Paused = c.Paused || req.Paused == nil && *v == "SOURCE_NAMING"
	}
	if given(req.ConnectCardConfig) {
		if !isFalse(req.RunSetupTests) {
			return nil, invalidInput("Field 'run_setup_tests' must be false if 'connect_card_config' is given")
		}
		card, err := connectCardConfig(req.ConnectCardConfig)
		if err != nil {
			return nil, err
		}
		c.ConnectCard = card
	}
	config, err := src.config.Normalize(req.Config)
	if err != nil {
		return nil, err
	}
	if c.Schema, err = src.schemaName(config); err != nil {
		return nil, err
	}
	c.Config = config
	return c, nil
}

func connectionLinks(req *fivetran.ConnectionSettings) links {
	return links{req.NetworkingMethod, req.PrivateLinkID, req.ProxyAgentID, req.HybridDeploymentAgentID, req.ExternalSecretsManagerID}
}

// applyConnection changes c by what a request says beside the config and the
// way to the source.
func applyConnection(c *store.Connection, req *fivetran.ConnectionSettings) error {
	if v := req.Paused; v != nil {
		c.Paused = *v
	}
	if v := req.PauseAfterTrial; v != nil {
		c.PauseAfterTrial = *v
	}
	if given(req.DestinationConfiguration) {
		c.DestinationConfig = req.DestinationConfiguration
	}
	if err := applySchedule(c, req); err != nil {
		return err
	}
	return applyDelay(c, req)
}

func applySchedule(c *store.Connection, req *fivetran.ConnectionSettings) error {
	if err := applyPlan(c, req); err != nil {
		return err
	}
	if v := req.ScheduleType; v != nil {
		if *v != schedule.Auto && *v != schedule.Manual {
			return invalidInput("Invalid value for field 'schedule_type'")
		}
		c.ScheduleType = *v
	}
	if v := req.SyncFrequency; v != nil && c.Plan == nil {
		if !schedule.ValidFrequency(int(*v)) {
			return invalidInput("Invalid value for field 'sync_frequency'")
		}
		c.SyncFrequency = int(*v)
	}
	if v := req.DailySyncTime.Value; v != nil && *v != "" && c.Plan == nil {
		if !schedule.ValidDailyTime(*v) {
			return invalidInput("Invalid value for field 'daily_sync_time': it is a full hour from 00:00 to 23:00")
		}
		if c.SyncFrequency != schedule.Daily {
			return invalidInput("Field 'daily_sync_time' can only be set if 'sync_frequency' is %d", schedule.Daily)
		}
		c.DailySyncTime = *v
	} else if req.DailySyncTime.Given || c.SyncFrequency != schedule.Daily {
		c.DailySyncTime = ""
	}
	return nil
}

func applyDelay(c *store.Connection, req *fivetran.ConnectionSettings) error {
	if v := req.DataDelaySensitivity; v != nil {
		if !schedule.ValidSensitivity(*v) {
			return invalidInput("Invalid value for field 'data_delay_sensitivity'")
		}
		c.DelaySensitivity = *v
	}
	if v := req.DataDelayThreshold; v != nil {
		if *v < 0 {
			return invalidInput("Invalid value for field 'data_delay_threshold'")
		}
		c.DelayThreshold = *v
	}
	if c.DelaySensitivity != schedule.Custom {
		c.DelayThreshold = 0
	}
	return nil
}

func (s *server) showConnection(r *request) (any, error) {
	c, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	return s.wireConnection(src, c)
}

func (s *server) deleteConnection(r *request) (any, error) {
	return nil, s.Engine.Delete(r.Context(), r.id())
}

// findConnection returns the connection that the path names, and its service.
// One whose service the server was started without can be looked at, but for
// its config, of which nobody knows what is secret.
func (s *server) findConnection(r *request) (*store.Connection, *source, error) {
	c := r.connection
	if src := s.sources[c.Service]; src != nil {
		return c, src, nil
	}
	if err := onlyRead(r, "connector", c.Service); err != nil {
		return nil, nil, err
	}
	hidden := *c
	hidden.Config = json.RawMessage("{}")
	return &hidden, &source{Service: connector.Service{ID: c.Service, Name: c.Service}, config: &setup.Description{}}, nil
}

// onlyRead refuses to change what the server was started without.
func onlyRead(r *request, what, service string) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	return conflict("This installation has no %s for service '%s'. Start it with one, or delete this.", what, service)
}

// noConnection is the error of a connection that does not exist which clients
// of the path compare with.
func noConnection(r *request, id string) error {
	if r.legacy {
		return notFound(fivetran.NotFoundConnector, "Connector with id '%s' does not exist.", id)
	}
	return notFound(fivetran.NotFoundConnection, "Connection with id '%s' does not exist.", id)
}

// connectionIn returns a connection that a request names elsewhere than its
// path's subject: one of the caller's account that the caller sees.
func (s *server) connectionIn(r *request, id string) (*store.Connection, error) {
	c, err := s.Store.ConnectionIn(r.Context(), r.caller.AccountID, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !r.caller.Grants.May(access.Connections, access.Read, connectionPlace(c)) {
		return nil, noConnection(r, id)
	}
	return c, err
}

// connectionPlace is where a connection stands.
func connectionPlace(c *store.Connection) access.Place {
	return access.Place{Group: c.GroupID, ID: c.ID}
}

func wireConnectionItem(c *store.Connection, now time.Time) fivetran.ConnectionItem {
	item := fivetran.ConnectionItem{
		ID:             c.ID,
		Service:        c.Service,
		Schema:         c.Schema,
		Paused:         c.Paused,
		DailySyncTime:  dailyTime(c),
		SucceededAt:    optionalTime(c.SucceededAt),
		FailedAt:       optionalTime(c.FailedAt),
		SyncFrequency:  frequency(c),
		GroupID:        c.GroupID,
		ConnectedBy:    optional(c.ConnectedBy),
		ServiceVersion: c.ServiceVersion,
		CreatedAt:      c.CreatedAt,

		PrivateLinkID:    optional(c.PrivateLinkID),
		ProxyAgentID:     optional(c.ProxyAgentID),
		NetworkingMethod: c.NetworkingMethod,

		PauseAfterTrial:      c.PauseAfterTrial,
		DataDelayThreshold:   c.DelayThreshold,
		DataDelaySensitivity: c.DelaySensitivity,
		ScheduleType:         c.ScheduleType,
		Schedule:             wireSchedule(c),

		LocalProcessingAgentID:   optional(c.HybridAgentID),
		HybridDeploymentAgentID:  optional(c.HybridAgentID),
		ExternalSecretsManagerID: optional(c.SecretsManagerID),
		ExternalSecretsKeys:      c.SecretsKeys,
		DestinationSchemaNames:   c.SchemaNames,

		DestinationConfiguration: c.DestinationConfig,
		SourceSyncDetails:        c.SourceSyncDetails,
		ConnectCardConfig:        c.ConnectCard,

		Status: fivetran.Status{
			Tasks:            wireAlerts(c.Tasks),
			Warnings:         wireAlerts(c.Warnings),
			SchemaStatus:     c.SchemaStatus,
			UpdateState:      c.UpdateState(now),
			SetupState:       c.SetupState,
			SyncState:        c.SyncState(),
			IsHistoricalSync: c.Historical,
		},
	}
	if item.Status.SyncState == store.Rescheduled {
		item.Status.RescheduledFor = optionalTime(c.RescheduledFor)
	}
	return item
}

func wireAlerts(alerts []store.Alert) []fivetran.Task {
	tasks := make([]fivetran.Task, len(alerts))
	for i, a := range alerts {
		tasks[i] = fivetran.Task{Code: a.Code, Message: a.Message, Details: a.Details}
	}
	return tasks
}

func (s *server) wireConnection(src *source, c *store.Connection) (fivetran.Connection, error) {
	config, err := src.shown(c.Config)
	return fivetran.Connection{
		ConnectionItem: wireConnectionItem(c, s.now()),
		SetupTests:     wireTests(c.SetupTests),
		Config:         config,
	}, err
}
