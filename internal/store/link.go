package store

import (
	"context"
	"strings"
)

// A Link ties connections and destinations to what they cannot be reached
// without: something on the way, or what keeps their secrets. It is the column
// that names it.
type Link string

const (
	ByProxy       Link = "proxy_agent_id"
	ByHybridAgent Link = "hybrid_agent_id"
	ByPrivateLink Link = "private_link_id"

	BySecretsManager Link = "secrets_manager_id" // which has what is needed to get in
)

// Networking methods of connections and destinations, as the API spells them.
const (
	Directly       = "Directly" // Penstock reaches them itself
	ViaPrivateLink = "PrivateLink"
	ViaProxyAgent  = "ProxyAgent"
)

// A Way is how a connection's source or a destination is to be reached: the
// networking method and what is on the way, "" for nothing. At its end a
// secrets manager may keep what lets it in.
type Way struct{ Method, PrivateLink, ProxyAgent, HybridAgent, SecretsManager string }

// Way returns how the connection's source is to be reached.
func (c *Connection) Way() Way {
	return Way{c.NetworkingMethod, c.PrivateLinkID, c.ProxyAgentID, c.HybridAgentID, c.SecretsManagerID}
}

// SetWay changes how the connection's source is to be reached.
func (c *Connection) SetWay(w Way) {
	c.NetworkingMethod, c.PrivateLinkID, c.ProxyAgentID, c.HybridAgentID = w.Method, w.PrivateLink, w.ProxyAgent, w.HybridAgent
	c.SecretsManagerID = w.SecretsManager
}

// Way returns how the destination is to be reached.
func (d *Destination) Way() Way {
	return Way{d.NetworkingMethod, d.PrivateLinkID, d.ProxyAgentID, d.HybridAgentID, d.SecretsManagerID}
}

// SetWay changes how the destination is to be reached.
func (d *Destination) SetWay(w Way) {
	d.NetworkingMethod, d.PrivateLinkID, d.ProxyAgentID, d.HybridAgentID = w.Method, w.PrivateLink, w.ProxyAgent, w.HybridAgent
	d.SecretsManagerID = w.SecretsManager
}

// A Use is a connection or a destination that has a link.
type Use struct {
	ID      string
	GroupID string
	Service string
	Schema  string // the connection's; "": it is a destination
}

// linkUses selects all uses of a kind of link, connections first.
func linkUses(link Link) string {
	return strings.ReplaceAll(`select LINK as link, 0 as kind, id, service, schema_name as name, group_id, created_at from connections where LINK is not null
		union all select LINK, 1, id, service, '', id, created_at from destinations where LINK is not null`, "LINK", string(link))
}

// Uses returns what is reached by links of a kind, by the id of what is on the
// way: all in an account, or one thing's uses unless its id is empty.
func (s *Store) Uses(ctx context.Context, link Link, accountID, id string) (map[string][]Use, error) {
	stmt, err := s.stmt(ctx, `select link, id, group_id, service, name from (`+linkUses(link)+`) as uses
		where group_id in (select id from groups where account_id = $1) and ($2 = '' or link = $2) order by kind, created_at, id`)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]Use{}
	for rows.Next() {
		var by string
		var u Use
		if err := rows.Scan(&by, &u.ID, &u.GroupID, &u.Service, &u.Schema); err != nil {
			return nil, err
		}
		all[by] = append(all[by], u)
	}
	return all, rows.Err()
}
