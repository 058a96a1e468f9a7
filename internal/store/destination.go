package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/setup"
)

// A Destination is where a group's connections write.
type Destination struct {
	ID               string // that of its group
	Service          string
	Region           string
	TimeZoneOffset   string // hours east of UTC, "-11" to "+12"
	DaylightSaving   bool
	SetupStatus      string // Incomplete, Connected or Broken
	NetworkingMethod string
	PrivateLinkID    string // "": none; so are the next three
	ProxyAgentID     string
	HybridAgentID    string
	SecretsManagerID string
	SecretsKeys      map[string]string // as a connection's
	Config           json.RawMessage   // with its secrets; stored encrypted
	SetupTests       []setup.TestResult
	CreatedAt        time.Time
}

var destinationColumns = columns{"id", "service", "region", "time_zone_offset", "daylight_saving", "setup_status",
	"networking_method", "private_link_id", "proxy_agent_id", "hybrid_agent_id", "secrets_manager_id", "secrets_keys",
	"config", "setup_tests", "created_at"}

func (s *Store) scanDestination(row scanner) (d Destination, err error) {
	var sealed []byte
	err = row.Scan(&d.ID, &d.Service, &d.Region, &d.TimeZoneOffset, &d.DaylightSaving, &d.SetupStatus,
		&d.NetworkingMethod, text{&d.PrivateLinkID}, text{&d.ProxyAgentID}, text{&d.HybridAgentID}, text{&d.SecretsManagerID}, names{&d.SecretsKeys},
		&sealed, list[setup.TestResult]{&d.SetupTests}, stamp{&d.CreatedAt})
	if err != nil {
		return d, known(err)
	}
	if d.Config, err = s.box.Open(sealed, "destination "+d.ID); err != nil {
		return d, fmt.Errorf("config of destination %s: %w", d.ID, err)
	}
	return d, nil
}

func (s *Store) destinationValues(d *Destination) ([]any, error) {
	tests, err := array(d.SetupTests)
	if err != nil {
		return nil, err
	}
	return []any{d.ID, d.Service, d.Region, d.TimeZoneOffset, d.DaylightSaving, d.SetupStatus,
		d.NetworkingMethod, orNull(d.PrivateLinkID), orNull(d.ProxyAgentID), orNull(d.HybridAgentID), orNull(d.SecretsManagerID), orNullJSON(encodeNames(d.SecretsKeys)),
		s.box.Seal(d.Config, "destination "+d.ID), tests, micros(d.CreatedAt)}, nil
}

var (
	destinationByID  = `select ` + destinationColumns.list() + ` from destinations where id = $1`
	destinationsPage = `select ` + destinationColumns.list() + ` from destinations
		where id in (select id from groups where account_id = $1) and ` + scoped("id", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`

	destinationInAccount = destinationByID + ` and id in (select id from groups where account_id = $2)`
)

// Destination returns a destination.
func (s *Store) Destination(ctx context.Context, id string) (*Destination, error) {
	d, err := s.scanDestination(s.row(ctx, destinationByID, id))
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// DestinationIn returns a destination of an account.
func (s *Store) DestinationIn(ctx context.Context, accountID, id string) (*Destination, error) {
	d, err := s.scanDestination(s.row(ctx, destinationInAccount, id, accountID))
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// Destinations returns a page of an account's destinations, of those that
// scope shows, and the cursor of the next.
func (s *Store) Destinations(ctx context.Context, accountID string, scope access.Scope, page Page) ([]Destination, string, error) {
	return readPage(ctx, s, page, destinationsPage, append([]any{accountID}, scopeArgs(scope)...), s.scanDestination,
		func(d *Destination) (time.Time, string) { return d.CreatedAt, d.ID })
}

// CreateDestination adds a destination to the group whose id it has; that is
// ErrExists if the group has one and ErrNotFound if there is no such group.
// An empty CreatedAt and SetupStatus are filled in.
func (s *Store) CreateDestination(ctx context.Context, d *Destination) error {
	created(&d.CreatedAt)
	if d.SetupStatus == "" {
		d.SetupStatus = Incomplete
	}
	values, err := s.destinationValues(d)
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, destinationColumns.insert("destinations"), values...)
	if err = known(err); errors.Is(err, ErrInUse) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return nil
}

// UpdateDestination changes a destination by f, which may not keep it, and
// returns it as stored. Nothing changes if f returns an error. The times at
// which connections into it are due follow its time zone, and a change of the
// config, of what a secrets manager keeps of it, or of the setup status makes
// those due that wait after a failure.
func (s *Store) UpdateDestination(ctx context.Context, id string, f func(*Destination) error) (*Destination, error) {
	var d Destination
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if d, err = s.scanDestination(tx.QueryRowContext(ctx, destinationByID+s.dialect.forUpdate, id)); err != nil {
			return err
		}
		before := d
		if err := f(&d); err != nil {
			return err
		}
		d.ID = id
		values, err := s.destinationValues(&d)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, destinationColumns.update("destinations"), values...); err != nil {
			return err
		}
		mended := d.SetupStatus != before.SetupStatus || string(d.Config) != string(before.Config) || !maps.Equal(d.SecretsKeys, before.SecretsKeys)
		if before.zone() == d.zone() && !mended {
			return nil
		}
		return s.dueAgain(ctx, tx, id, mended)
	})
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// DeleteDestination removes a destination and its approvals. It is
// ErrInUse while its group has connections.
func (s *Store) DeleteDestination(ctx context.Context, id string) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `select count(*) from connections where group_id = $1`, id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrInUse
		}
		if err := forgetApprovals(ctx, tx, DestinationOwner, id); err != nil {
			return err
		}
		return one(tx.ExecContext(ctx, `delete from destinations where id = $1`, id))
	})
}
