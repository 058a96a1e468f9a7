package api

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// regions are the processing locations that the API knows. Penstock works
// where it runs: the region is kept for whoever reads it back.
var regions = []string{
	"GCP_US_EAST4", "GCP_US_WEST1", "GCP_US_CENTRAL1", "GCP_EUROPE_WEST3", "GCP_AUSTRALIA_SOUTHEAST1",
	"GCP_NORTHAMERICA_NORTHEAST1", "GCP_EUROPE_WEST2", "GCP_ASIA_SOUTHEAST1", "GCP_ASIA_SOUTHEAST2",
	"GCP_ASIA_SOUTH1", "GCP_ASIA_NORTHEAST1",
	"AWS_US_EAST_1", "AWS_US_EAST_2", "AWS_US_WEST_2", "AWS_AP_NORTHEAST_1", "AWS_AP_SOUTHEAST_1",
	"AWS_AP_SOUTHEAST_2", "AWS_EU_CENTRAL_1", "AWS_EU_WEST_1", "AWS_EU_WEST_2", "AWS_AP_SOUTH_1",
	"AWS_CA_CENTRAL_1", "AWS_US_GOV_WEST_1",
	"AZURE_EASTUS2", "AZURE_AUSTRALIAEAST", "AZURE_UKSOUTH", "AZURE_WESTEUROPE", "AZURE_CENTRALUS",
	"AZURE_CANADACENTRAL", "AZURE_UAENORTH", "AZURE_SOUTHEASTASIA", "AZURE_EASTUS", "AZURE_JAPANEAST",
	"AZURE_CENTRALINDIA",
}

func (s *server) listDestinations(r *request) (any, error) {
	return paged(r, wireDestinationItem, func(page store.Page) ([]store.Destination, string, error) {
		return s.Store.Destinations(r.Context(), r.caller.AccountID, r.scope(access.Destinations), page)
	})
}

func (s *server) createDestination(r *request) (any, error) {
	var req fivetran.NewDestination
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.GroupID == "":
		return nil, fieldRequired("group_id")
	case req.Service == "":
		return nil, fieldRequired("service")
	}
	target := s.targets[req.Service]
	if target == nil {
		return nil, invalidInput("Unsupported service '%s'", req.Service)
	}
	gone := notFound(fivetran.NotFound, "Destination with id %s not found", req.GroupID)
	if err := s.groupIn(r, req.GroupID, access.Destinations, access.Edit, gone); err != nil {
		return nil, err
	}
	if req.TimeZoneOffset == nil {
		return nil, fieldRequired("time_zone_offset")
	}
	d := &store.Destination{
		ID:      req.GroupID,
		Service: req.Service,
		Region:  regions[0],
	}
	n := networked{target.Config, d.ID, false}
	way, err := s.reach(r, n, store.Way{Method: store.Directly}, destinationLinks(&req.DestinationSettings), req.Config)
	if err != nil {
		return nil, err
	}
	d.SetWay(way)
	if err := applyDestination(d, &req.DestinationSettings); err != nil {
		return nil, err
	}
	if d.Config, err = target.Config.Normalize(req.Config); err != nil {
		return nil, err
	}
	if err := s.say(n, way.Method, &d.Config); err != nil {
		return nil, err
	}
	if d.SecretsKeys, err = secretsKeys(target.Config, nil, way.SecretsManager, req.ExternalSecretsKeys); err != nil {
		return nil, err
	}
	if missing := lacking(target.Config, d.Config, d.SecretsKeys); len(missing) > 0 && !isFalse(req.RunSetupTests) {
		return nil, fieldRequired(missing[0])
	}
	if err := s.limitTests(r, !isFalse(req.RunSetupTests)); err != nil {
		return nil, err
	}
	err = s.Store.CreateDestination(r.Context(), d)
	if errors.Is(err, store.ErrExists) {
		return nil, conflict("Destination with id '%s' already exists", d.ID)
	}
	if err != nil {
		return nil, err
	}
	if isFalse(req.RunSetupTests) {
		return wireDestination(target, d)
	}
	return s.testedDestination(r, target, d.ID, req.Tests)
}

func destinationLinks(req *fivetran.DestinationSettings) links {
	return links{req.NetworkingMethod, req.PrivateLinkID, req.ProxyAgentID, req.HybridDeploymentAgentID, req.ExternalSecretsManagerID}
}

// applyDestination changes d by what a request says beside the config and the
// way to it.
func applyDestination(d *store.Destination, req *fivetran.DestinationSettings) error {
	if v := req.TimeZoneOffset; v != nil {
		if !schedule.ValidZone(*v) {
			return invalidInput("Invalid value for field 'time_zone_offset'")
		}
		d.TimeZoneOffset = zoneOffset(*v)
	}
	if v := req.Region; v != nil {
		if !slices.Contains(regions, *v) {
			return invalidInput("Group region not supported.")
		}
		d.Region = *v
	}
	if v := req.DaylightSavingTimeEnabled; v != nil {
		d.DaylightSaving = *v
	}
	return nil
}

// zoneOffset writes a valid offset as the definition does: "-5", "0", "+3".
func zoneOffset(text string) string {
	n, _ := strconv.Atoi(text)
	if n > 0 {
		return "+" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

func (s *server) showDestination(r *request) (any, error) {
	d, target, err := s.findDestination(r)
	if err != nil {
		return nil, err
	}
	return wireDestination(target, d)
}

func (s *server) updateDestination(r *request) (any, error) {
	var req fivetran.UpdateDestination
	if err := r.read(&req); err != nil {
		return nil, err
	}
	_, target, err := s.findDestination(r)
	if err != nil {
		return nil, err
	}
	n := networked{target.Config, r.id(), false}
	way, err := s.reach(r, n, r.destination.Way(), destinationLinks(&req.DestinationSettings), req.Config)
	if err != nil {
		return nil, err
	}
	moved, changed := way != r.destination.Way(), false
	if err := s.limitTests(r, wantTests(req.Tests, moved || given(req.Config) || req.ExternalSecretsKeys.Given)); err != nil {
		return nil, err
	}
	d, err := s.Store.UpdateDestination(r.Context(), r.id(), func(d *store.Destination) error {
		if err := applyDestination(d, &req.DestinationSettings); err != nil {
			return err
		}
		before := string(d.Config)
		if moved {
			if d.Way() != r.destination.Way() {
				return errMoved
			}
			d.SetWay(way)
		}
		if given(req.Config) {
			if d.Config, err = target.Config.Merge(d.Config, req.Config); err != nil {
				return err
			}
		}
		keys, err := secretsKeys(target.Config, d.SecretsKeys, d.SecretsManagerID, req.ExternalSecretsKeys)
		if err != nil {
			return err
		}
		err = s.say(n, d.NetworkingMethod, &d.Config)
		changed = moved || string(d.Config) != before || !maps.Equal(keys, d.SecretsKeys)
		d.SecretsKeys = keys
		return err
	})
	if err != nil {
		return nil, err
	}
	if req.TimeZoneOffset != nil || req.DaylightSavingTimeEnabled != nil {
		if err := s.changedIn(r, d.ID); err != nil {
			return nil, err
		}
	}
	if !wantTests(req.Tests, changed) {
		return wireDestination(target, d)
	}
	return s.testedDestination(r, target, d.ID, req.Tests)
}

// changedIn tells the engine that the connections of a group are due at other
// times than before.
func (s *server) changedIn(r *request, groupID string) error {
	filter := store.ConnectionFilter{AccountID: r.caller.AccountID, GroupID: groupID, Scope: access.Everything}
	page := store.Page{Limit: store.MaxLimit}
	for {
		cs, next, err := s.Store.Connections(r.Context(), filter, page)
		if err != nil {
			return err
		}
		for _, c := range cs {
			err := s.Engine.Changed(r.Context(), c.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) { // deleted meanwhile
				return err
			}
		}
		if page.Cursor = next; next == "" {
			return nil
		}
	}
}

func (s *server) deleteDestination(r *request) (any, error) {
	err := s.Store.DeleteDestination(r.Context(), r.id())
	if errors.Is(err, store.ErrInUse) {
		return nil, conflict("Destination with id '%s' cannot be deleted because it has connections", r.id())
	}
	return nil, err
}

func (s *server) testDestination(r *request) (any, error) {
	var req fivetran.Tests
	if err := r.read(&req); err != nil {
		return nil, err
	}
	_, target, err := s.findDestination(r)
	if err != nil {
		return nil, err
	}
	return s.testedDestination(r, target, r.id(), req)
}

// findDestination returns the destination that the path names, and its service.
func (s *server) findDestination(r *request) (*store.Destination, *destination.Service, error) {
	d := r.destination
	if t := s.targets[d.Service]; t != nil {
		return d, t, nil
	}
	if err := onlyRead(r, "destination", d.Service); err != nil {
		return nil, nil, err
	}
	hidden := *d
	hidden.Config = json.RawMessage("{}")
	return &hidden, &destination.Service{ID: d.Service, Name: d.Service, Config: &setup.Description{}}, nil
}

func noDestination(id string) error {
	return notFound(fivetran.NotFoundDestination, "Destination with id '%s' does not exist.", id)
}

func wireDestinationItem(d *store.Destination) fivetran.DestinationItem {
	return fivetran.DestinationItem{
		ID:                        d.ID,
		Service:                   d.Service,
		Region:                    d.Region,
		GroupID:                   d.ID,
		TimeZoneOffset:            d.TimeZoneOffset,
		SetupStatus:               d.SetupStatus,
		DaylightSavingTimeEnabled: d.DaylightSaving,
		PrivateLinkID:             optional(d.PrivateLinkID),
		NetworkingMethod:          d.NetworkingMethod,
		ProxyAgentID:              optional(d.ProxyAgentID),
		LocalProcessingAgentID:    optional(d.HybridAgentID),
		HybridDeploymentAgentID:   optional(d.HybridAgentID),
		ExternalSecretsManagerID:  optional(d.SecretsManagerID),
	}
}

func wireDestination(target *destination.Service, d *store.Destination) (fivetran.Destination, error) {
	config, err := target.Config.Mask(d.Config)
	return fivetran.Destination{
		DestinationItem: wireDestinationItem(d),
		SetupTests:      wireTests(d.SetupTests),
		Config:          config,

		ExternalSecretsKeys: d.SecretsKeys,
	}, err
}
