package api

import (
	"context"
	"errors"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// links are what a request says about the way to a source or a destination.
type links struct {
	method                                      *string
	privateLink, proxy, hybridAgent, secretsMgr fivetran.Nullable[string]
}

// way returns how a source or a destination that was reached by now is to be
// reached after a request. What does not belong to the method ends with it.
func (s *server) way(r *request, now store.Way, l links) (store.Way, error) {
	after, err := l.lead(now)
	if err != nil {
		return after, err
	}
	ctx, account := r.Context(), r.caller.AccountID
	if id := after.PrivateLink; id != now.PrivateLink && id != "" {
		if _, err := s.Store.PrivateLinkIn(ctx, account, id); err != nil {
			return after, privateLinkGone(err, id)
		}
	}
	for kind, ids := range map[string][2]string{store.ProxyAgent: {now.ProxyAgent, after.ProxyAgent}, store.HybridAgent: {now.HybridAgent, after.HybridAgent}} {
		if id := ids[1]; id != ids[0] && id != "" {
			if _, err := s.Store.AgentIn(ctx, kind, account, id); err != nil {
				return after, agentGone(err, kind)
			}
		}
	}
	return after, nil
}

// lead returns the way that w becomes by a request, which it checks by itself.
func (l links) lead(w store.Way) (store.Way, error) {
	if v := l.secretsMgr.Value; v != nil && *v != "" {
		return w, notFound(fivetran.NotFound, "External Secrets Manager with '%s' id is not found.", *v)
	}
	if l.method != nil {
		switch *l.method {
		case store.Directly, store.ViaPrivateLink, store.ViaProxyAgent:
		case "SshTunnel":
			return w, invalidInput("Networking method '%s' is not supported", *l.method)
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
