package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// linkFields are the fields of a private link's config, by its service; those
// with a question mark may be missing.
var linkFields = map[string]string{
	"DATABRICKS_AWS":           "connection_service_name",
	"SNOWFLAKE_AWS":            "account_url vpce_id",
	"REDSHIFT_AWS":             "aws_account_id cluster_identifier",
	"SOURCE_AWS":               "connection_service_name",
	"DATABRICKS_AZURE":         "connection_service_id workspace_url",
	"SNOWFLAKE_AZURE":          "account_url pls_id",
	"ONELAKE_AZURE":            "connection_service_id",
	"POSTGRES_WAREHOUSE_AZURE": "connection_service_id",
	"SQL_DATA_WAREHOUSE_AZURE": "connection_service_id",
	"SOURCE_AZURE":             "connection_service_id sub_resource_name private_dns_records?",
	"SNOWFLAKE_GCP":            "account_url pls_id",
	"SOURCE_GCP":               "private_connection_service_id",
	"DATABRICKS_GCP":           "connection_service_id workspace_url",
}

var aPrivateLink = subject{
	limited: true, resource: access.Agents,
	find: func(s *server, r *request) (p access.Place, err error) {
		if r.link, err = s.Store.PrivateLinkIn(r.Context(), r.caller.AccountID, r.id()); err != nil {
			return p, err
		}
		return access.Place{ID: r.link.ID}, nil
	},
	gone: func(r *request) error { return noPrivateLink(r.id()) },
}

func noPrivateLink(id string) error {
	return notFound(fivetran.NotFound, "Private Link with id '%s' does not exist.", id)
}

func (s *server) listPrivateLinks(r *request) (any, error) {
	return paged(r, s.wirePrivateLink, func(page store.Page) ([]store.PrivateLink, string, error) {
		return s.Store.PrivateLinks(r.Context(), r.caller.AccountID, r.scope(access.Agents), page)
	})
}

func (s *server) createPrivateLink(r *request) (any, error) {
	var req fivetran.NewPrivateLink
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.Name == "":
		return nil, fieldRequired("name")
	case req.Region == "":
		return nil, fieldRequired("region")
	case req.Service == "":
		return nil, fieldRequired("service")
	case !given(req.Config):
		return nil, fieldRequired("config")
	case !slices.Contains(regions, req.Region):
		return nil, invalidInput("Group region not supported.")
	case linkFields[req.Service] == "":
		return nil, invalidInput("Unsupported service '%s'", req.Service)
	}
	config, err := linkConfig(req.Service, nil, req.Config)
	if err != nil {
		return nil, err
	}
	l := &store.PrivateLink{AccountID: r.caller.AccountID, Name: req.Name, Region: req.Region, Service: req.Service, Config: config,
		CreatedBy: r.caller.ID(), CreatedAt: s.now().UTC().Truncate(time.Microsecond)}
	if err := s.Store.CreatePrivateLink(r.Context(), l); err != nil {
		return nil, err
	}
	return s.wirePrivateLink(l), nil
}

// linkConfig returns a private link's config after a request, which may leave
// out what stays.
func linkConfig(service string, before, asked json.RawMessage) (json.RawMessage, error) {
	all := map[string]string{}
	var given map[string]*string
	if before != nil {
		if err := json.Unmarshal(before, &all); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(asked, &given); err != nil {
		return nil, invalidInput("Invalid 'config' object")
	}
	config := map[string]string{}
	for field := range strings.FieldsSeq(linkFields[service]) {
		field, free := strings.CutSuffix(field, "?")
		if v, ok := given[field]; ok && v != nil {
			all[field] = *v
		} else if ok {
			delete(all, field)
		}
		if all[field] != "" {
			config[field] = all[field]
		} else if !free {
			return nil, fieldRequired(field)
		}
	}
	return json.Marshal(config)
}

func (s *server) showPrivateLink(r *request) (any, error) { return s.wirePrivateLink(r.link), nil }

func (s *server) updatePrivateLink(r *request) (any, error) {
	var req fivetran.UpdatePrivateLink
	if err := r.read(&req); err != nil {
		return nil, err
	}
	l, err := s.Store.UpdatePrivateLink(r.Context(), r.id(), s.now(), func(l *store.PrivateLink) (err error) {
		if state, _ := linkState(l, s.now()); state != fivetran.LinkFailed {
			return &apiError{http.StatusConflict, fivetran.IllegalState, "Private link with id '" + l.ID + "' cannot be changed while its state is " + state}
		}
		if !given(req.Config) {
			return fieldRequired("config")
		}
		l.Config, err = linkConfig(l.Service, l.Config, req.Config)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.wirePrivateLink(l), nil
}

func (s *server) deletePrivateLink(r *request) (any, error) {
	err := s.Store.DeletePrivateLink(r.Context(), r.id())
	if errors.Is(err, store.ErrInUse) {
		return nil, conflict("Private link with id '%s' is used by connections or destinations", r.id())
	}
	return nil, err
}

// settling is for how long a private link is being made or changed, as far as
// the API shows.
const settling = time.Minute

// linkState returns the state of a private link at now. What somebody else's
// cloud would have to do, this program asks of nobody: no link is ever made.
func linkState(l *store.PrivateLink, now time.Time) (state, summary string) {
	switch {
	case now.Sub(l.UpdatedAt) >= settling:
		return fivetran.LinkFailed, "This server makes no private links: nothing goes through it."
	case l.UpdatedAt.After(l.CreatedAt):
		return fivetran.LinkUpdating, "The private link is being changed."
	}
	return fivetran.LinkCreating, "The private link is being made."
}

func (s *server) wirePrivateLink(l *store.PrivateLink) fivetran.PrivateLink {
	state, summary := linkState(l, s.now())
	return fivetran.PrivateLink{ID: l.ID, Name: l.Name, Region: l.Region, Service: l.Service, State: state, StateSummary: summary,
		AccountID: l.AccountID, CloudProvider: l.Service[strings.LastIndexByte(l.Service, '_')+1:], CreatedAt: l.CreatedAt, CreatedBy: l.CreatedBy, Config: l.Config}
}
