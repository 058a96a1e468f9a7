package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// links are what a request says about the way to a source or a destination.
type links struct {
	method                                      *string
	privateLink, proxy, hybridAgent, secretsMgr fivetran.Nullable[string]
}

// lead returns the way that w becomes by a request, which it checks by itself.
func (l links) lead(w store.Way) (store.Way, error) {
	if l.method != nil {
		switch *l.method {
		case store.Directly, setup.SSHTunnel, store.ViaPrivateLink, store.ViaProxyAgent:
		default:
			return w, invalidInput("Invalid value for field 'networking_method'")
		}
		w.Method = *l.method
	}
	for _, p := range []struct {
		id            *string
		asked         fivetran.Nullable[string]
		method, field string
	}{
		{&w.PrivateLink, l.privateLink, store.ViaPrivateLink, "private_link_id"},
		{&w.ProxyAgent, l.proxy, store.ViaProxyAgent, "proxy_agent_id"},
		{&w.HybridAgent, l.hybridAgent, "", "hybrid_deployment_agent_id"},
		{&w.SecretsManager, l.secretsMgr, "", "external_secrets_manager_id"},
	} {
		if p.asked.Given {
			*p.id = ""
			if v := p.asked.Value; v != nil {
				*p.id = *v
			}
		}
		if p.method == "" {
			continue
		}
		switch asked := p.asked.Given && *p.id != ""; {
		case asked && w.Method != p.method:
			return w, invalidInput("Networking method must be %s in order to set %s", p.method, p.field)
		case w.Method != p.method:
			*p.id = ""
		case *p.id == "":
			return w, fieldRequired(p.field)
		}
	}
	return w, nil
}

// wayInto returns how a new connection into a group is reached if a request
// says nothing: by the hybrid deployment agent of the group's destination, if
// that has one.
func (s *server) wayInto(ctx context.Context, groupID string) (store.Way, error) {
	d, err := s.Store.Destination(ctx, groupID)
	if errors.Is(err, store.ErrNotFound) {
		return store.Way{Method: store.Directly}, nil
	}
	if err != nil {
		return store.Way{}, err
	}
	return store.Way{Method: store.Directly, HybridAgent: d.HybridAgentID}, nil
}

// A networked is a connection or a destination as far as it says how its host
// is reached, which it does twice: by its networking method, and in its config
// by connection_type. Clients use either.
type networked struct {
	service *setup.Description
	group   string
	source  bool // a connection's
}

// reach returns how something that was reached by now is to be reached after a
// request, by its links or by the config that it gives. What does not belong to
// the method ends with it.
func (s *server) reach(r *request, n networked, now store.Way, asked links, given json.RawMessage) (store.Way, error) {
	method, err := agree(now.Method, asked.method, n.connectionType(given))
	if err != nil {
		return now, err
	}
	asked.method = &method
	after, err := asked.lead(now)
	if err != nil {
		return now, err
	}
	if !n.takes(method) {
		return now, invalidInput("Networking method '%s' is not supported", method)
	}
	return after, s.there(r, now, after)
}

// errMoved is the error of a request whose way was found from one that another
// request has changed since.
var errMoved = conflict("The networking was changed by another request at the same time: try again")

// takes reports whether the service can be asked for with a networking method.
func (n networked) takes(method string) bool {
	f := n.service.Field("connection_type")
	if f == nil {
		return method != setup.SSHTunnel
	}
	return slices.Contains(f.Enum, method)
}

// there returns an error if what is new on a way is not there, or the caller
// does not see it.
func (s *server) there(r *request, now, after store.Way) error {
	ctx, account := r.Context(), r.caller.AccountID
	sees := func(p access.Place) bool { return r.caller.Grants.May(access.Agents, access.Read, p) }
	if id := after.PrivateLink; id != now.PrivateLink && id != "" {
		_, err := s.Store.PrivateLinkIn(ctx, account, id)
		if err == nil && !sees(access.Place{ID: id}) {
			err = store.ErrNotFound
		}
		if err != nil {
			return ifGone(err, noPrivateLink(id))
		}
	}
	if id := after.SecretsManager; id != now.SecretsManager && id != "" {
		_, err := s.Store.SecretsManagerIn(ctx, account, id)
		if err == nil && !r.caller.Grants.May(access.Account, access.Read, access.Place{}) {
			err = store.ErrNotFound
		}
		if err != nil {
			return ifGone(err, noSecretsManager(id))
		}
	}
	for kind, ids := range map[string][2]string{store.ProxyAgent: {now.ProxyAgent, after.ProxyAgent}, store.HybridAgent: {now.HybridAgent, after.HybridAgent}} {
		if id := ids[1]; id != ids[0] && id != "" {
			a, err := s.Store.AgentIn(ctx, kind, account, id)
			if err == nil && !sees(access.Place{Group: a.GroupID, ID: id}) {
				err = store.ErrNotFound
			}
			if err != nil {
				return ifGone(err, noAgent(kind))
			}
		}
	}
	return nil
}

// say makes a config in normal form say how its host is reached, so that a
// client that sends it back changes nothing. One that goes through a tunnel
// shows the key to be let in.
func (s *server) say(n networked, method string, config *json.RawMessage) (err error) {
	says := map[string]string{"connection_type": method, "public_key": ""}
	if method == setup.SSHTunnel {
		says["public_key"] = s.Store.GroupPublicKey(n.group)
	}
	for name, value := range says {
		if n.service.Field(name) != nil {
			if *config, err = n.service.Set(*config, name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// connectionType returns the networking method that a request's config asks
// for, nil if for none, or for one that the config cannot have. A source's
// config that names a tunnel asks for it (Fivetran's API definition,
// connection_type of postgres, 2026-07).
func (n networked) connectionType(given json.RawMessage) *string {
	var c struct {
		ConnectionType fivetran.Nullable[string] `json:"connection_type"`
		setup.Tunnel
	}
	if n.service.Field("connection_type") == nil || len(given) == 0 || json.Unmarshal(given, &c) != nil {
		return nil
	}
	method := store.Directly
	switch {
	case c.ConnectionType.Value != nil:
		method = *c.ConnectionType.Value
	case c.ConnectionType.Given:
	case n.source && (c.TunnelHost != "" || c.TunnelPort != 0 || c.TunnelUser != ""):
		method = setup.SSHTunnel
	default:
		return nil
	}
	if !n.takes(method) {
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
