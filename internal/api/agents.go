package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

// anAgent returns the subject of a kind of agent.
func anAgent(kind string) subject {
	return subject{
		limited: true, resource: access.Agents,
		find: func(s *server, r *request) (p access.Place, err error) {
			if r.agent, err = s.Store.AgentIn(r.Context(), kind, r.caller.AccountID, r.id()); err != nil {
				return p, err
			}
			return access.Place{Group: r.agent.GroupID, ID: r.agent.ID}, nil
		},
		gone: func(*request) error { return noAgent(kind) },
	}
}

// noAgent is the error of an agent that does not exist which clients compare
// with.
func noAgent(kind string) error {
	if kind == store.ProxyAgent {
		return notFound(fivetran.NotFound, "Proxy Agent not found.")
	}
	return notFound(fivetran.NotFoundAgent, "Hybrid Deployment Agent not found.")
}

// proxyRegions are the regions that proxy agents know beside the others.
var proxyRegions = append(slices.Clip(regions), "GCP_ASIA_NORTHEAST3", "GCP_ME_CENTRAL2", "AWS_AP_NORTHEAST_2", "AWS_EU_NORTH_1",
	"AZURE_GERMANYWESTCENTRAL", "AZURE_WESTUS3", "AZURE_SWITZERLANDNORTH", "AZURE_KOREACENTRAL")

func (s *server) listProxyAgents(r *request) (any, error) {
	return s.agentsPage(r, store.ProxyAgent, "", func(a *store.Agent, uses []store.Use) any {
		item := fivetran.ProxyAgentItem{ProxyAgent: wireProxyAgent(a)}
		for _, u := range uses {
			if u.Schema == "" {
				item.DestinationCount++
			} else {
				item.ConnectorCount++
			}
		}
		return item
	})
}

// agentsPage lists agents of a kind with what the caller sees of what is
// reached through each.
func (s *server) agentsPage(r *request, kind, groupID string, wire func(*store.Agent, []store.Use) any) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	agents, next, err := s.Store.Agents(r.Context(), kind, r.caller.AccountID, groupID, r.scope(access.Agents), page)
	if err != nil {
		return nil, err
	}
	uses, err := s.uses(r, (&store.Agent{Kind: kind}).Link(), "")
	if err != nil {
		return nil, err
	}
	return newPage(agents, next, func(a *store.Agent) any { return wire(a, uses[a.ID]) }), nil
}

// uses returns what the caller sees of what is reached by links of a kind, by
// the id of what is on the way: of all, or of one unless id is empty.
func (s *server) uses(r *request, link store.Link, id string) (map[string][]store.Use, error) {
	all, err := s.Store.Uses(r.Context(), link, r.caller.AccountID, id)
	connections, destinations := r.scope(access.Connections), r.scope(access.Destinations)
	for by, uses := range all {
		all[by] = slices.DeleteFunc(uses, func(u store.Use) bool {
			in := connections
			if u.Schema == "" {
				in = destinations
			}
			return !in.Contains(access.Place{Group: u.GroupID, ID: u.ID})
		})
	}
	return all, err
}

// agentUses returns them for the agent that the path names.
func (s *server) agentUses(r *request) ([]store.Use, error) {
	uses, err := s.uses(r, r.agent.Link(), r.agent.ID)
	return uses[r.agent.ID], err
}

func (s *server) createProxyAgent(r *request) (any, error) {
	var req fivetran.NewProxyAgent
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if req.DisplayName == "" {
		return nil, fieldRequired("display_name")
	}
	a := &store.Agent{AccountID: r.caller.AccountID, Kind: store.ProxyAgent, Name: req.DisplayName, Region: regions[0], CreatedBy: r.caller.ID()}
	if v := req.GroupRegion; v != nil {
		if !slices.Contains(proxyRegions, *v) {
			return nil, invalidInput("Group region not supported.")
		}
		a.Region = *v
	}
	token, cert, err := s.enroll(r, a)
	if errors.Is(err, store.ErrExists) {
		return nil, conflict("Proxy agent with same name already exists.")
	}
	if err != nil {
		return nil, err
	}
	return s.proxySecrets(r, a, token, cert), nil
}

// enroll adds an agent with fresh credentials.
func (s *server) enroll(r *request, a *store.Agent) (token string, cert secret.ClientCertificate, err error) {
	if cert, err = secret.NewClientCertificate(a.Name, s.now()); err != nil {
		return "", cert, err
	}
	a.Certificate, token = cert.DER, secret.NewToken()
	return token, cert, s.Store.CreateAgent(r.Context(), a, token)
}

// reset gives the agent that the path names fresh credentials.
func (s *server) reset(r *request) (token string, cert secret.ClientCertificate, err error) {
	if cert, err = secret.NewClientCertificate(r.agent.Name, s.now()); err != nil {
		return "", cert, err
	}
	token = secret.NewToken()
	return token, cert, s.Store.ResetAgent(r.Context(), r.agent, token, cert.DER)
}

func (s *server) proxySecrets(r *request, a *store.Agent, token string, cert secret.ClientCertificate) fivetran.ProxyAgentSecrets {
	host, port := s.address(r)
	return fivetran.ProxyAgentSecrets{AgentID: a.ID, AuthToken: token, ClientCert: cert.Cert, ClientPrivateKey: cert.Key,
		OrchestratorHost: host, OrchestratorPort: port}
}

func (s *server) regenerateProxySecrets(r *request) (any, error) {
	token, cert, err := s.reset(r)
	if err != nil {
		return nil, err
	}
	return s.proxySecrets(r, r.agent, token, cert), nil
}

func (s *server) showProxyAgent(r *request) (any, error) {
	uses, err := s.agentUses(r)
	if err != nil {
		return nil, err
	}
	details := fivetran.ProxyAgentDetails{ProxyAgent: wireProxyAgent(r.agent), Usage: make([]fivetran.ProxyAgentUsage, len(uses))}
	for i, u := range uses {
		details.Usage[i] = fivetran.ProxyAgentUsage{ID: u.ID, Schema: optional(u.Schema), Service: u.Service}
	}
	return details, nil
}

// wireProxyAgent shows an agent. None ever connects: no server side of it is
// in this program.
func wireProxyAgent(a *store.Agent) fivetran.ProxyAgent {
	return fivetran.ProxyAgent{ID: a.ID, AccountID: a.AccountID, RegisteredAt: a.CreatedAt, Region: a.Region, CreatedBy: a.CreatedBy,
		DisplayName: a.Name, Status: "NOT_CONNECTED"}
}

func (s *server) proxyConnections(r *request) (any, error) {
	filter := store.ConnectionFilter{AccountID: r.caller.AccountID, ProxyAgentID: r.agent.ID, Scope: r.scope(access.Connections)}
	return paged(r, func(c *store.Connection) fivetran.ProxyAgentConnection {
		return fivetran.ProxyAgentConnection{ConnectionID: c.ID}
	}, func(page store.Page) ([]store.Connection, string, error) {
		return s.Store.Connections(r.Context(), filter, page)
	})
}

func (s *server) deleteAgent(r *request) (any, error) {
	err := s.Store.DeleteAgent(r.Context(), r.agent)
	if errors.Is(err, store.ErrInUse) {
		if r.agent.Kind == store.ProxyAgent {
			return nil, conflict("Proxy agent have attached connections.")
		}
		return nil, conflict("Hybrid Deployment Agent has attached connections or destinations.")
	}
	return nil, err
}

func (s *server) listHybridAgents(r *request) (any, error) {
	return s.agentsPage(r, store.HybridAgent, r.URL.Query().Get("groupId"), func(a *store.Agent, uses []store.Use) any {
		return hybridDetails(a, uses)
	})
}

func (s *server) createHybridAgent(r *request) (any, error) {
	var req fivetran.NewHybridAgent
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.DisplayName == "":
		return nil, fieldRequired("display_name")
	case req.GroupID == "":
		return nil, fieldRequired("group_id")
	case req.EnvType == "":
		return nil, fieldRequired("env_type")
	case !slices.Contains([]string{"DOCKER", "PODMAN", "KUBERNETES", "SNOWPARK"}, req.EnvType):
		return nil, invalidInput("Invalid value for field 'env_type'")
	case !req.AcceptTerms:
		return nil, invalidInput("Field 'accept_terms' must be true")
	}
	if err := checkAuthType(req.AuthType); err != nil {
		return nil, err
	}
	if err := s.groupIn(r, req.GroupID, access.Agents, access.Create, noGroup(req.GroupID)); err != nil {
		return nil, err
	}
	a := &store.Agent{AccountID: r.caller.AccountID, Kind: store.HybridAgent, GroupID: req.GroupID, Name: req.DisplayName,
		Environment: req.EnvType, CreatedBy: r.caller.ID()}
	token, cert, err := s.enroll(r, a)
	if err != nil {
		return nil, err
	}
	return s.hybridSecrets(r, a, token, cert), nil
}

func checkAuthType(kind *string) error {
	if kind != nil && *kind != "AUTO" && *kind != "MANUAL" {
		return invalidInput("Invalid value for field 'auth_type'")
	}
	return nil
}

func (s *server) reAuthHybridAgent(r *request) (any, error) {
	var req fivetran.ReAuthHybridAgent
	if err := r.read(&req); err != nil {
		return nil, err
	}
	if err := checkAuthType(req.AuthType); err != nil {
		return nil, err
	}
	token, cert, err := s.reset(r)
	if err != nil {
		return nil, err
	}
	return s.hybridSecrets(r, r.agent, token, cert), nil
}

// resetHybridAgent makes an agent's credentials worth nothing; re-auth shows
// others.
func (s *server) resetHybridAgent(r *request) (any, error) {
	_, _, err := s.reset(r)
	return nil, err
}

func (s *server) showHybridAgent(r *request) (any, error) {
	uses, err := s.agentUses(r)
	if err != nil {
		return nil, err
	}
	return hybridDetails(r.agent, uses), nil
}

func hybridDetails(a *store.Agent, uses []store.Use) fivetran.HybridAgentDetails {
	details := fivetran.HybridAgentDetails{HybridAgent: wireHybridAgent(a), Usage: []fivetran.HybridAgentUsage{}}
	for _, u := range uses {
		if u.Schema != "" { // destinations have no place in it
			details.Usage = append(details.Usage, fivetran.HybridAgentUsage{Schema: u.Schema, Service: u.Service, ConnectionID: u.ID})
		}
	}
	return details
}

func wireHybridAgent(a *store.Agent) fivetran.HybridAgent {
	return fivetran.HybridAgent{ID: a.ID, Enabled: true, DisplayName: a.Name, GroupID: a.GroupID, RegisteredAt: a.CreatedAt,
		CreatedBy: a.CreatedBy, DeploymentType: a.Environment, UpdatedAt: a.UpdatedAt}
}

// composeFile is the file from which an agent would be started.
const composeFile = `# Penstock has no agent program: there is no container to start.
services: {}
`

func (s *server) hybridSecrets(r *request, a *store.Agent, token string, cert secret.ClientCertificate) fivetran.HybridAgentSecrets {
	host, port := s.address(r)
	object := func(fields map[string]any) []byte {
		b, _ := json.MarshalIndent(fields, "", "  ") // strings and numbers can always be encoded
		return b
	}
	return fivetran.HybridAgentSecrets{
		HybridAgent: wireHybridAgent(a),
		Files: fivetran.HybridAgentFiles{
			ConfigJSON:        object(map[string]any{"agent_id": a.ID, "group_id": a.GroupID, "orchestrator_host": host, "orchestrator_port": port}),
			AuthJSON:          object(map[string]any{"client_cert": cert.Cert, "client_private_key": cert.Key}),
			DockerComposeYAML: []byte(composeFile),
		},
		Token: base64.StdEncoding.EncodeToString([]byte(token)),
	}
}

// address returns where agents are to find this server.
func (s *server) address(r *request) (host string, port int) {
	u, err := url.Parse(s.base(r))
	if err != nil {
		return r.Host, 443
	}
	host = u.Hostname()
	if port, err = strconv.Atoi(u.Port()); err == nil {
		return host, port
	}
	if u.Scheme == "http" {
		return host, 80
	}
	return host, 443
}

func (s *server) registerHub(r *request) (any, error) {
	var req fivetran.HubRegistration
	if err := r.read(&req); err != nil {
		return nil, err
	}
	switch {
	case req.Fingerprint == "":
		return nil, fieldRequired("fingerprint")
	case req.HubServerURL == "":
		return nil, fieldRequired("hub_server_url")
	case req.Port < 1 || req.Port > 65535:
		return nil, invalidInput("Invalid value for field 'port'")
	}
	h := &store.Hub{AccountID: r.caller.AccountID, Fingerprint: req.Fingerprint, Port: req.Port, URL: req.HubServerURL}
	token := secret.NewToken()
	if err := s.Store.CreateHub(r.Context(), h, token); err != nil {
		return nil, err
	}
	return fivetran.HubRegistered{AccessToken: token, RegistrationID: h.ID}, nil
}
