package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/setup"
)

// A LogService is where events of a group, or of the whole account, are
// shipped. Each group has one at most, and so has the account.
type LogService struct {
	AccountID  string
	GroupID    string // "": it is the account's
	Service    string // its vendor
	Enabled    bool
	Config     json.RawMessage // with secrets; stored encrypted
	Complete   bool            // nothing required is missing in Config
	SetupState string          // Connected, Broken or Incomplete; "": nothing was sent yet
	SetupTests []setup.TestResult
	Error      string // why it does not take what is sent; "": it does
	CreatedAt  time.Time

	position int64 // the last event that was shipped or passed over
	failures int   // since the last success
	due      time.Time
	until    int64 // the lease; 0: nobody ships
}

// Failures returns how often shipping has failed since it last succeeded.
func (l *LogService) Failures() int { return l.failures }

// key is the service's id in the database. An account's has a blank in it,
// which no group's has.
func (l *LogService) key() string { return logServiceKey(l.AccountID, l.GroupID) }

func logServiceKey(accountID, groupID string) string {
	if groupID == "" {
		return "account " + accountID
	}
	return groupID
}

var logServiceColumns = columns{"id", "account_id", "group_id", "service", "enabled", "config", "complete", "setup_state", "setup_tests",
	"error", "position", "failures", "due_at", "lease_until", "created_at"}

func (s *Store) scanLogService(row scanner) (l LogService, err error) {
	var key string
	var sealed []byte
	err = row.Scan(&key, &l.AccountID, text{&l.GroupID}, &l.Service, &l.Enabled, &sealed, &l.Complete, &l.SetupState,
		list[setup.TestResult]{&l.SetupTests}, &l.Error, &l.position, &l.failures, stamp{&l.due}, &l.until, stamp{&l.CreatedAt})
	if err != nil {
		return l, known(err)
	}
	if l.Config, err = s.box.Open(sealed, "log service "+key); err != nil {
		return l, fmt.Errorf("config of log service %s: %w", key, err)
	}
	return l, nil
}

func (s *Store) logServiceValues(l *LogService) ([]any, error) {
	tests, err := array(l.SetupTests)
	return []any{l.key(), l.AccountID, orNull(l.GroupID), l.Service, l.Enabled, s.box.Seal(l.Config, "log service "+l.key()), l.Complete,
		l.SetupState, tests, l.Error, l.position, l.failures, l.due.UnixMicro(), l.until, micros(l.CreatedAt)}, err
}

var (
	logServiceByID  = `select ` + logServiceColumns.list() + ` from log_services where id = $1 and account_id = $2`
	logServicesPage = `select ` + logServiceColumns.list() + ` from log_services where account_id = $1 and group_id is not null
		and ` + scoped("group_id", "id", 2) + ` and (created_at, id) > ($5, $6) order by created_at, id limit $7`
)

// LogServiceIn returns the log service of a group, or the account's own if
// the group's id is empty.
func (s *Store) LogServiceIn(ctx context.Context, accountID, groupID string) (*LogService, error) {
	l, err := s.scanLogService(s.row(ctx, logServiceByID, logServiceKey(accountID, groupID), accountID))
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// LogServices returns a page of the log services of an account's groups, of
// those that scope shows, and the cursor of the next. The account's own is not
// among them.
func (s *Store) LogServices(ctx context.Context, accountID string, scope access.Scope, page Page) ([]LogService, string, error) {
	return readPage(ctx, s, page, logServicesPage, append([]any{accountID}, scopeArgs(scope)...), s.scanLogService,
		func(l *LogService) (time.Time, string) { return l.CreatedAt, l.key() })
}

// CreateLogService adds a log service, which is sent what happens from now on.
// It is ErrExists if there is one already, ErrNotFound if its group is gone.
func (s *Store) CreateLogService(ctx context.Context, l *LogService) error {
	created(&l.CreatedAt)
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if l.position, err = lastEvent(ctx, tx); err != nil {
			return err
		}
		l.due = l.CreatedAt
		values, err := s.logServiceValues(l)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, logServiceColumns.insert("log_services"), values...)
		return err
	})
	if errors.Is(err, ErrInUse) {
		return ErrNotFound
	}
	return err
}

// UpdateLogService changes a log service by f and returns it as stored.
// Nothing changes if f returns an error. What waits after a failure is due at
// once. One that becomes enabled is sent what happens after that.
func (s *Store) UpdateLogService(ctx context.Context, accountID, groupID string, f func(*LogService) error) (*LogService, error) {
	var l LogService
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		l, err = s.scanLogService(tx.QueryRowContext(ctx, logServiceByID+s.dialect.forUpdate, logServiceKey(accountID, groupID), accountID))
		if err != nil {
			return err
		}
		before := l
		if err := f(&l); err != nil {
			return err
		}
		if l.Enabled && !before.Enabled {
			if l.position, err = lastEvent(ctx, tx); err != nil {
				return err
			}
		}
		l.due, l.failures = now(), 0
		if l.Enabled != before.Enabled || string(l.Config) != string(before.Config) {
			l.until = 0 // whoever ships by the old config has lost it
		}
		values, err := s.logServiceValues(&l)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, logServiceColumns.update("log_services"), values...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &l, nil
}

// DeleteLogService removes a log service.
func (s *Store) DeleteLogService(ctx context.Context, accountID, groupID string) error {
	return one(s.write.ExecContext(ctx, `delete from log_services where id = $1 and account_id = $2`, logServiceKey(accountID, groupID), accountID))
}

// waiting is a condition for log services that something waits for. Each part
// is one look into an index.
const waiting = `enabled = true and complete = true and case when group_id is null
	then exists (select 1 from events e where e.id > position and e.account_id = log_services.account_id)
	else exists (select 1 from events e where e.id > position and e.group_id = log_services.group_id) end`

// ClaimLogServices gives the caller log services that something is to be sent
// to at now until the lease has passed, at most n, the longest waiting first.
// It also returns when others will be due; zero: none waits.
func (s *Store) ClaimLogServices(ctx context.Context, now time.Time, lease time.Duration, n int) (all []LogService, next time.Time, err error) {
	var some bool // most rounds of most processes need not write
	if err := s.row(ctx, `select exists (select 1 from log_services where due_at <= $1 and lease_until <= $1 and `+waiting+`)`, now.UnixMicro()).Scan(&some); err != nil {
		return nil, next, err
	}
	if some && n > 0 {
		err = s.in(ctx, func(tx *sql.Tx) error {
			all, err = s.claimLogServices(ctx, tx, now, now.Add(lease), n)
			return err
		})
		if err != nil {
			return nil, next, err
		}
	}
	err = s.row(ctx, `select min(case when due_at > lease_until then due_at else lease_until end) from log_services
		where (due_at > $1 or lease_until > $1) and `+waiting, now.UnixMicro()).Scan(stamp{&next})
	return all, next, err
}

func (s *Store) claimLogServices(ctx context.Context, tx *sql.Tx, now, until time.Time, n int) ([]LogService, error) {
	// Materialized for the reason that claimLanes has.
	return collect(s.scanLogService)(tx.QueryContext(ctx, `with due as materialized
		(select id from log_services where due_at <= $1 and lease_until <= $1 and `+waiting+` order by due_at limit $3`+s.dialect.skipLocked+`)
		update log_services set lease_until = $2 where id in (select id from due) returning `+logServiceColumns.list(), now.UnixMicro(), until.UnixMicro(), n))
}

// eventsFor selects what waits for log services.
var eventsFor = `select ` + eventColumns.list() + ` from events where id > $1 and ID = $2 order by id limit $3`

var (
	groupEvents   = strings.Replace(eventsFor, "ID =", "group_id =", 1)
	accountEvents = strings.Replace(eventsFor, "ID =", "account_id =", 1)
)

// EventsFor returns the first events that wait for a log service.
func (s *Store) EventsFor(ctx context.Context, l *LogService, limit int) ([]Event, error) {
	if l.GroupID == "" {
		return s.events(ctx, accountEvents, l.position, l.AccountID, limit)
	}
	return s.events(ctx, groupEvents, l.position, l.GroupID, limit)
}

// A Shipped is what came of sending events to a log service.
type Shipped struct {
	Last    int64     // the last event that is done with; 0: none
	Sent    bool      // the log service took a request
	Error   string    // why it took no more; "": it took all
	Broken  bool      // a person must act on Error
	Due     time.Time // when more may be sent
	Release bool      // the caller goes on with something else
}

// SettleLogService records what came of a claimed log service. It is
// [ErrStale] if it is not the caller's any more.
func (s *Store) SettleLogService(ctx context.Context, l *LogService, r Shipped, lease time.Duration) error {
	held := l.until
	l.position, l.due = max(l.position, r.Last), r.Due
	switch {
	case r.Error != "":
		l.Error, l.failures = r.Error, l.failures+1
		if r.Broken {
			l.SetupState = Broken
		}
	case r.Sent: // whoever was sent nothing is as it was
		l.Error, l.failures, l.SetupState = "", 0, Connected
	}
	l.until = 0
	if !r.Release {
		l.until = r.Due.Add(lease).UnixMicro()
	}
	err := one(s.write.ExecContext(ctx, `update log_services set position = $3, error = $4, failures = $5, setup_state = $6, due_at = $7, lease_until = $8
		where id = $1 and lease_until = $2`, l.key(), held, l.position, l.Error, l.failures, l.SetupState, l.due.UnixMicro(), l.until))
	if errors.Is(err, ErrNotFound) {
		return ErrStale
	}
	return err
}
