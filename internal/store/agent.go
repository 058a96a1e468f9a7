package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/secret"
)

// Kinds of agents.
const (
	ProxyAgent  = "proxy"  // connections and destinations are reached through it
	HybridAgent = "hybrid" // it does the work, in somebody else's network
)

// An Agent is a program that somebody runs in their own network for
// connections and destinations there. Of its token only a keyed hash is
// stored, of its client certificate nothing but the certificate.
type Agent struct {
	ID          string
	AccountID   string
	Kind        string // ProxyAgent or HybridAgent
	GroupID     string // of a HybridAgent; its group's end is its end
	Name        string // unique among an account's ProxyAgents
	Region      string // of a ProxyAgent
	Environment string // of a HybridAgent: DOCKER, …
	CreatedBy   string // a user's or a system key's id
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Certificate []byte // DER
}

var agentColumns = columns{"id", "account_id", "kind", "group_id", "name", "region", "environment", "created_by", "created_at", "updated_at", "certificate"}

func scanAgent(row scanner) (a Agent, err error) {
	err = row.Scan(&a.ID, &a.AccountID, &a.Kind, text{&a.GroupID}, &a.Name, &a.Region, &a.Environment, &a.CreatedBy,
		stamp{&a.CreatedAt}, stamp{&a.UpdatedAt}, &a.Certificate)
	return a, known(err)
}

var (
	agentByID  = `select ` + agentColumns.list() + ` from agents where id = $1 and kind = $2 and account_id = $3`
	agentsPage = `select ` + agentColumns.list() + ` from agents where kind = $1 and account_id = $2
		and ($3 = '' or group_id = $3) and ` + scoped("coalesce(group_id, '')", "id", 4) + `
		and (created_at, id) > ($7, $8) order by created_at, id limit $9`
)

// AgentIn returns an agent of a kind and of an account.
func (s *Store) AgentIn(ctx context.Context, kind, accountID, id string) (*Agent, error) {
	a, err := scanAgent(s.row(ctx, agentByID, id, kind, accountID))
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Agents returns a page of an account's agents of a kind, of one group unless
// groupID is empty, and the cursor of the next.
func (s *Store) Agents(ctx context.Context, kind, accountID, groupID string, scope access.Scope, page Page) ([]Agent, string, error) {
	return readPage(ctx, s, page, agentsPage, append([]any{kind, accountID, groupID}, scopeArgs(scope)...), scanAgent,
		func(a *Agent) (time.Time, string) { return a.CreatedAt, a.ID })
}

// CreateAgent adds an agent that has a token. An empty ID and the times are
// filled in.
func (s *Store) CreateAgent(ctx context.Context, a *Agent, token string) error {
	created(&a.CreatedAt)
	a.UpdatedAt = a.CreatedAt
	return withID(ctx, s, "agents", &a.ID, func() error {
		_, err := s.write.ExecContext(ctx, append(agentColumns, "token_hash").insert("agents"),
			a.ID, a.AccountID, a.Kind, orNull(a.GroupID), a.Name, a.Region, a.Environment, a.CreatedBy,
			micros(a.CreatedAt), micros(a.UpdatedAt), a.Certificate, s.tokenHash(a.ID, token))
		return known(err)
	})
}

// tokenHash is what is stored of the token of an agent or a hub.
func (s *Store) tokenHash(id, token string) []byte { return secret.HashAPIKey(s.hashKey, id, token) }

// ResetAgent gives an agent another token and certificate. The ones before
// are worth nothing from then on.
func (s *Store) ResetAgent(ctx context.Context, a *Agent, token string, certificate []byte) error {
	a.UpdatedAt, a.Certificate = now(), certificate
	return one(s.write.ExecContext(ctx, `update agents set token_hash = $2, certificate = $3, updated_at = $4 where id = $1`,
		a.ID, s.tokenHash(a.ID, token), certificate, micros(a.UpdatedAt)))
}

// DeleteAgent removes an agent. It is ErrInUse while connections or
// destinations go through it.
func (s *Store) DeleteAgent(ctx context.Context, a *Agent) error {
	return s.deleteUnused(ctx, a.Link(), "agents", a.ID)
}

// Link returns how connections and destinations refer to the agent.
func (a *Agent) Link() Link {
	if a.Kind == ProxyAgent {
		return ByProxy
	}
	return ByHybridAgent
}

// deleteUnused removes a row of table that no connection and no destination
// refers to by link. On PostgreSQL one that is made at the same moment may keep
// the id of what is gone: it names nothing then, and can be changed.
func (s *Store) deleteUnused(ctx context.Context, link Link, table, id string) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `select count(*) from (`+linkUses(link)+`) as uses where link = $1`, id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrInUse
		}
		return one(tx.ExecContext(ctx, `delete from `+table+` where id = $1`, id))
	})
}
