package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/setup"
)

// A Connection keeps the data of one source up to date in its group's
// destination. See [Connection.SyncState] and its neighbours for the states
// that the API shows.
type Connection struct {
	ID             string
	GroupID        string
	Service        string
	Schema         string // as the API shows it: config's schema, "schema.table" or prefix; unique in the group
	ServiceVersion int
	ConnectedBy    string // user id; "": nobody, or a user who is gone
	CreatedAt      time.Time
	Config         json.RawMessage // with its secrets; stored encrypted

	Paused           bool
	PauseAfterTrial  bool
	ScheduleType     string         // schedule.Auto or schedule.Manual
	SyncFrequency    int            // minutes
	DailySyncTime    string         // "HH:00"; "": none was given
	Plan             *schedule.Plan // in place of the two before; nil: none. SyncFrequency is its longest gap then
	DelaySensitivity string         // schedule.Normal, …
	DelayThreshold   int            // minutes

	NetworkingMethod  string
	PrivateLinkID     string // "": none; so are the next three
	ProxyAgentID      string
	HybridAgentID     string
	SecretsManagerID  string
	SecretsKeys       map[string]string // what the secrets manager keeps of the config: by field, the name there; nil: nothing
	SchemaNames       string            // FIVETRAN_NAMING or SOURCE_NAMING
	ConnectCard       json.RawMessage   // its config; nil: none
	DestinationConfig json.RawMessage   // nil: none
	PackageID         string            // whose code it runs, of Connector SDK; "": nobody's. One connection's at a time

	SetupState        string // Incomplete, Connected or Broken
	SetupTests        []setup.TestResult
	Tasks             []Alert
	Warnings          []Alert
	SourceSyncDetails json.RawMessage // nil: none
	SchemaStatus      string          // SchemaReady or BlockedOnCapture

	Continuous bool      // its runs stay on where its source can
	FollowAt   time.Time // when a continuous one is to run next; zero: by its schedule, because its source cannot stay on as far as is known
	FreshAt    time.Time // all that was committed at the source until then is in the destination, by a run that stays on; zero: not known
	LogLimit   int64     // of what the source keeps back, in bytes; 0: none
	AtLogLimit string    // KeepLog, SpillLog or DropLog
	AtLogGap   string    // HealGap or StopAtGap

	Historical     bool      // the next success, or the one being worked on, is a historical sync
	Reset          bool      // the next run begins without the state; set by a re-sync
	StartedAt      time.Time // start of the last run; zero: none, or it was canceled and is due again
	EndedAt        time.Time // end of the last run
	SucceededAt    time.Time // end of the last success
	FailedAt       time.Time // end of the last failure
	RescheduledFor time.Time // when the source wants the sync to go on; zero: it need not
	TriggeredAt    time.Time // somebody asked for a run that has not begun; zero: nobody
	Failures       int       // in a row, up to now

	RunID string    // the living run, "": none; set by the store
	DueAt time.Time // when it is to run next, zero: never by itself; set by the store

	// Told are kinds of events that UpdateConnection records with a change,
	// beside those that the change itself tells. It is not stored.
	Told []string
}

// An Alert is a task, which a person must see to, or a warning.
type Alert struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"`
}

var connectionColumns = columns{"id", "group_id", "service", "schema_name", "service_version", "connected_by", "created_at", "config",
	"paused", "pause_after_trial", "schedule_type", "sync_frequency", "daily_sync_time", "plan", "delay_sensitivity", "delay_threshold",
	"networking_method", "private_link_id", "proxy_agent_id", "hybrid_agent_id", "secrets_manager_id", "secrets_keys",
	"schema_names", "connect_card", "destination_config", "package_id",
	"setup_state", "setup_tests", "tasks", "warnings", "source_sync_details", "schema_status",
	"continuous", "follow_at", "fresh_at", "log_limit", "at_log_limit", "at_log_gap",
	"historical", "reset", "started_at", "ended_at", "succeeded_at", "failed_at", "rescheduled_for", "triggered_at", "failures",
	"run_id", "due_at"}

func (s *Store) scanConnection(row scanner) (c Connection, err error) {
	var sealed []byte
	var plan json.RawMessage
	err = row.Scan(&c.ID, &c.GroupID, &c.Service, &c.Schema, &c.ServiceVersion, text{&c.ConnectedBy}, stamp{&c.CreatedAt}, &sealed,
		&c.Paused, &c.PauseAfterTrial, &c.ScheduleType, &c.SyncFrequency, &c.DailySyncTime, document{&plan}, &c.DelaySensitivity, &c.DelayThreshold,
		&c.NetworkingMethod, text{&c.PrivateLinkID}, text{&c.ProxyAgentID}, text{&c.HybridAgentID}, text{&c.SecretsManagerID}, names{&c.SecretsKeys},
		&c.SchemaNames, document{&c.ConnectCard}, document{&c.DestinationConfig}, text{&c.PackageID},
		&c.SetupState, list[setup.TestResult]{&c.SetupTests}, list[Alert]{&c.Tasks}, list[Alert]{&c.Warnings}, document{&c.SourceSyncDetails}, &c.SchemaStatus,
		&c.Continuous, stamp{&c.FollowAt}, stamp{&c.FreshAt}, &c.LogLimit, &c.AtLogLimit, &c.AtLogGap,
		&c.Historical, &c.Reset, stamp{&c.StartedAt}, stamp{&c.EndedAt}, stamp{&c.SucceededAt}, stamp{&c.FailedAt},
		stamp{&c.RescheduledFor}, stamp{&c.TriggeredAt}, &c.Failures,
		text{&c.RunID}, stamp{&c.DueAt})
	if err != nil {
		return c, known(err)
	}
	if c.Config, err = s.box.Open(sealed, "connection "+c.ID); err != nil {
		return c, errors.New("config of connection " + c.ID + ": " + err.Error())
	}
	if plan != nil {
		err = json.Unmarshal(plan, &c.Plan)
	}
	return c, err
}

func (s *Store) connectionValues(c *Connection) ([]any, error) {
	tests, err := array(c.SetupTests)
	if err != nil {
		return nil, err
	}
	tasks, err := array(c.Tasks)
	if err != nil {
		return nil, err
	}
	warnings, err := array(c.Warnings)
	if err != nil {
		return nil, err
	}
	var plan any // null
	if c.Plan != nil {
		b, err := json.Marshal(c.Plan)
		if err != nil {
			return nil, err
		}
		plan = string(b)
	}
	return []any{c.ID, c.GroupID, c.Service, c.Schema, c.ServiceVersion, orNull(c.ConnectedBy), micros(c.CreatedAt), s.box.Seal(c.Config, "connection "+c.ID),
		c.Paused, c.PauseAfterTrial, c.ScheduleType, c.SyncFrequency, c.DailySyncTime, plan, c.DelaySensitivity, c.DelayThreshold,
		c.NetworkingMethod, orNull(c.PrivateLinkID), orNull(c.ProxyAgentID), orNull(c.HybridAgentID), orNull(c.SecretsManagerID), orNullJSON(encodeNames(c.SecretsKeys)),
		c.SchemaNames, orNullJSON(c.ConnectCard), orNullJSON(c.DestinationConfig), orNull(c.PackageID),
		c.SetupState, tests, tasks, warnings, orNullJSON(c.SourceSyncDetails), c.SchemaStatus,
		c.Continuous, micros(c.FollowAt), micros(c.FreshAt), c.LogLimit, c.AtLogLimit, c.AtLogGap,
		c.Historical, c.Reset, micros(c.StartedAt), micros(c.EndedAt), micros(c.SucceededAt), micros(c.FailedAt),
		micros(c.RescheduledFor), micros(c.TriggeredAt), c.Failures,
		orNull(c.RunID), micros(c.DueAt)}, nil
}

var (
	connectionByID = `select ` + connectionColumns.list() + ` from connections where id = $1`

	connectionInAccount = connectionByID + ` and group_id in (select id from groups where account_id = $2)`

	// Two ways to the same page: one through the connections in their order,
	// which is short where most are wanted, and one through those of the groups
	// that are.
	connectionsPage = `select ` + connectionColumns.list() + ` from connections
		where exists (select 1 from groups g where g.id = group_id and g.account_id = $1)` + wantedConnections
	groupConnectionsPage = `select ` + connectionColumns.list() + ` from connections
		where group_id in (select id from groups where account_id = $1 and (id = $2 or $2 = '' and ` + scoped("id", "''", 5) + `))` + wantedConnections

	wantedConnections = ` and ($2 = '' or group_id = $2) and ($3 = '' or schema_name = $3) and ($4 = '' or proxy_agent_id = $4) and ` + scoped("group_id", "id", 5) + `
		and (created_at, id) > ($8, $9) order by created_at, id limit $10`
)

// Connection returns a connection.
func (s *Store) Connection(ctx context.Context, id string) (*Connection, error) {
	c, err := s.scanConnection(s.row(ctx, connectionByID, id))
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// ConnectionIn returns a connection of an account.
func (s *Store) ConnectionIn(ctx context.Context, accountID, id string) (*Connection, error) {
	c, err := s.scanConnection(s.row(ctx, connectionInAccount, id, accountID))
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// A ConnectionFilter says which connections are listed. Empty strings match
// all.
type ConnectionFilter struct {
	AccountID    string // required
	GroupID      string
	Schema       string // the whole name
	ProxyAgentID string
	Scope        access.Scope // what may be seen
}

// Connections returns a page of connections and the cursor of the next.
func (s *Store) Connections(ctx context.Context, f ConnectionFilter, page Page) ([]Connection, string, error) {
	query := connectionsPage
	if f.GroupID != "" || !f.Scope.All && len(f.Scope.IDs) == 0 {
		query = groupConnectionsPage
	}
	return readPage(ctx, s, page, query, append([]any{f.AccountID, f.GroupID, f.Schema, f.ProxyAgentID}, scopeArgs(f.Scope)...), s.scanConnection,
		func(c *Connection) (time.Time, string) { return c.CreatedAt, c.ID })
}

// CreateConnection adds a connection. An empty ID, CreatedAt, SetupState,
// SchemaStatus, AtLogLimit and AtLogGap are filled in, Historical, RunID and DueAt set. It is ErrExists if a
// connection of the group has the same Schema, and ErrNotFound if there is no
// such group. With it come roles for it, whose Place is filled in.
func (s *Store) CreateConnection(ctx context.Context, c *Connection, with ...Membership) error {
	created(&c.CreatedAt)
	if c.SetupState == "" {
		c.SetupState = Incomplete
	}
	if c.SchemaStatus == "" {
		c.SchemaStatus = SchemaReady
	}
	if c.AtLogLimit == "" {
		c.AtLogLimit = KeepLog
	}
	if c.AtLogGap == "" {
		c.AtLogGap = HealGap
	}
	c.Historical, c.RunID = true, ""
	return withID(ctx, s, "connections", &c.ID, func() error {
		err := s.in(ctx, func(tx *sql.Tx) error {
			if err := s.setDue(ctx, tx, c); err != nil {
				return err
			}
			values, err := s.connectionValues(c)
			if err != nil {
				return err
			}
			if _, err = tx.ExecContext(ctx, connectionColumns.insert("connections"), values...); err != nil {
				return err
			}
			if err := insertMemberships(ctx, tx, c.ID, with); err != nil {
				return err
			}
			is := c.properties()
			is["service"], is["schema"], is["paused"] = c.Service, c.Schema, c.Paused
			maps.DeleteFunc(is, func(_ string, v any) bool { return v == "" })
			e, err := c.done(ctx, CreateConnector, map[string]any{"properties": is})
			if err != nil {
				return err
			}
			return s.record(ctx, tx, e)
		})
		if errors.Is(err, ErrInUse) {
			return ErrNotFound
		}
		return err
	})
}

// UpdateConnection changes a connection by f, which may not keep it, and
// returns it as stored. Nothing changes if f returns an error. DueAt follows
// from the rest; a changed config makes a connection due that waited after a
// failure. Events tell what has changed, and who changed it, see [As]. Whoever
// changes what a running engine goes by tells it.
func (s *Store) UpdateConnection(ctx context.Context, id string, f func(*Connection) error) (*Connection, error) {
	var c Connection
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if c, err = s.lockConnection(ctx, tx, id); err != nil {
			return err
		}
		before := c
		runID, failures, config := c.RunID, c.Failures, string(c.Config)
		if err := f(&c); err != nil {
			return err
		}
		c.ID, c.RunID = id, runID
		if string(c.Config) != config {
			c.Failures = failures
			c.Mended()
		}
		if err := s.saveConnection(ctx, tx, &c); err != nil {
			return err
		}
		events, err := c.changes(ctx, &before)
		c.Told = nil
		if err != nil {
			return err
		}
		return s.record(ctx, tx, events...)
	})
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// ReplaceConfig changes a connection's config by f, for its source and not for
// a person: nothing follows from it, and no event tells of it.
func (s *Store) ReplaceConfig(ctx context.Context, id string, f func(config json.RawMessage) (json.RawMessage, error)) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		c, err := s.lockConnection(ctx, tx, id)
		if err != nil {
			return err
		}
		config, err := f(c.Config)
		if err != nil {
			return err
		}
		return one(tx.ExecContext(ctx, `update connections set config = $2 where id = $1`, id, s.box.Seal(config, "connection "+id)))
	})
}

// Mended says that what made the last syncs fail may be gone: the connection
// need not wait any longer.
func (c *Connection) Mended() {
	if c.Failures > 0 {
		c.Failures, c.StartedAt = 0, time.Time{} // the slot was not served
	}
}

// lockConnection reads a connection that the transaction is going to write.
func (s *Store) lockConnection(ctx context.Context, tx *sql.Tx, id string) (Connection, error) {
	return s.scanConnection(tx.QueryRowContext(ctx, connectionByID+s.dialect.forUpdate, id))
}

// saveConnection writes a connection with the due time that follows from it.
func (s *Store) saveConnection(ctx context.Context, tx *sql.Tx, c *Connection) error {
	if err := s.setDue(ctx, tx, c); err != nil {
		return err
	}
	values, err := s.connectionValues(c)
	if err != nil {
		return err
	}
	return one(tx.ExecContext(ctx, connectionColumns.update("connections"), values...))
}

// DeleteConnection removes a connection with its state, its runs and its
// approvals. What it wrote stays in the destination. A living run of it
// can write nothing more here; whoever runs it must still be told.
func (s *Store) DeleteConnection(ctx context.Context, id string) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		c, err := s.lockConnection(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := forgetApprovals(ctx, tx, ConnectionOwner, id); err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, `delete from connections where id = $1`, id)); err != nil {
			return err
		}
		e, err := c.done(ctx, DeleteConnector, nil)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, e)
	})
}
