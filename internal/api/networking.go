package api

import (
	"encoding/json"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

// directly is the networking method of connections and destinations that
// Penstock reaches itself.
const directly = "Directly"

// links are what a request says about the way to a source or a destination.
type links struct {
	method                                      *string
	privateLink, proxy, hybridAgent, secretsMgr fivetran.Nullable[string]
}

// check refuses what would send data another way than the one that is built:
// a connection that was asked to use a tunnel must not go without.
func (l links) check() error {
	given := func(n fivetran.Nullable[string]) bool { return n.Value != nil && *n.Value != "" }
	switch {
	case given(l.privateLink):
		if l.method == nil || *l.method != "PrivateLink" {
			return invalidInput("Networking method must be PrivateLink in order to set private_link_id")
		}
		return notFound(fivetran.NotFound, "Private Link with id '%s' does not exist.", *l.privateLink.Value)
	case given(l.proxy):
		return notFound(fivetran.NotFound, "Proxy Agent not found.")
	case given(l.hybridAgent):
		return notFound(fivetran.NotFoundAgent, "Hybrid Deployment Agent not found.")
	case given(l.secretsMgr):
		return notFound(fivetran.NotFound, "External Secrets Manager with '%s' id is not found.", *l.secretsMgr.Value)
	case l.method == nil || *l.method == directly || *l.method == setup.SSHTunnel:
		return nil
	}
	switch *l.method {
	case "PrivateLink", "ProxyAgent":
		return invalidInput("Networking method '%s' is not supported", *l.method)
	}
	return invalidInput("Invalid value for field 'networking_method'")
}

// A networked is a connection or a destination as far as it says how its host
// is reached, which it does twice: by its networking method, and in its config
// by connection_type. Clients use either.
type networked struct {
	service *setup.Description
	group   string
	method  *string
	config  *json.RawMessage // in normal form, changed by the request already
	source  bool             // a connection's
}

// reach makes both say what a request asks for, by links or by the config that
// it gives. A config that goes through a tunnel shows the key to be let in.
func (s *server) reach(n networked, asked links, given json.RawMessage) (err error) {
	if *n.method, err = agree(*n.method, asked.method, n.connectionType(given)); err != nil {
		return err
	}
	asked.method = n.method
	if err := asked.check(); err != nil {
		return err
	}
	key := ""
	if *n.method == setup.SSHTunnel {
		if !n.service.Has("tunnel_host") {
			return invalidInput("Networking method '%s' is not supported", *n.method)
		}
		key = s.Store.GroupPublicKey(n.group)
	}
	for name, value := range map[string]string{"connection_type": *n.method, "public_key": key} {
		if n.service.Has(name) {
			if *n.config, err = n.service.Set(*n.config, name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// connectionType returns the networking method that a request's config asks
// for, nil if for none. A source's config that names a tunnel asks for it
// (Fivetran's API definition, connection_type of postgres, 2026-07).
func (n networked) connectionType(given json.RawMessage) *string {
	var c struct {
		ConnectionType fivetran.Nullable[string] `json:"connection_type"`
		setup.Tunnel
	}
	if !n.service.Has("connection_type") || len(given) == 0 || json.Unmarshal(given, &c) != nil {
		return nil
	}
	method := directly
	switch {
	case c.ConnectionType.Value != nil:
		method = *c.ConnectionType.Value
	case c.ConnectionType.Given:
	case n.source && (c.TunnelHost != "" || c.TunnelPort != 0 || c.TunnelUser != ""):
		method = setup.SSHTunnel
	default:
		return nil
	}
	return &method
}

// agree returns the networking method that a request asks for in one place or
// the other. Clients repeat what is as it was, so only a change counts.
func agree(before string, asked ...*string) (string, error) {
	method := before
	for _, a := range asked {
		switch {
		case a == nil || *a == before:
		case method != before && method != *a:
			return "", invalidInput("Fields 'networking_method' and 'connection_type' contradict each other")
		default:
			method = *a
		}
	}
	return method, nil
}
