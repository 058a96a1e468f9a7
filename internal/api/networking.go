package api

import (
	"github.com/penstock-data/penstock/internal/fivetran"
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
	case l.method == nil || *l.method == directly:
		return nil
	}
	switch *l.method {
	case "PrivateLink", "SshTunnel", "ProxyAgent":
		return invalidInput("Networking method '%s' is not supported", *l.method)
	}
	return invalidInput("Invalid value for field 'networking_method'")
}
