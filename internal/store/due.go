package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/penstock-data/penstock/internal/schedule"
)

// setDue makes c.DueAt what follows from the rest of c.
func (s *Store) setDue(ctx context.Context, tx *sql.Tx, c *Connection) error {
	var zone schedule.Zone
	if c.schedule(zone).Local() {
		var err error
		if zone, err = destinationZone(ctx, tx, c.GroupID); err != nil {
			return err
		}
	}
	c.DueAt = c.due(zone)
	return nil
}

// due returns when the connection is to run next, zero for never by itself.
func (c *Connection) due(zone schedule.Zone) time.Time {
	at, ok := c.situation(zone).Due()
	if ok && at.IsZero() {
		return c.CreatedAt // at once
	}
	return at
}

func (c *Connection) situation(zone schedule.Zone) schedule.Situation {
	s := schedule.Situation{
		Schedule:    c.schedule(zone),
		Paused:      c.Paused,
		Incomplete:  c.SetupState == Incomplete,
		Triggered:   c.TriggeredAt,
		Started:     c.StartedAt,
		Ended:       c.EndedAt,
		Failures:    c.Failures,
		Broken:      c.SetupState == Broken,
		Rescheduled: c.RescheduledFor,
	}
	if c.Continuous {
		s.Follow = c.FollowAt
	}
	return s
}

func (c *Connection) schedule(zone schedule.Zone) schedule.Schedule {
	return schedule.Schedule{
		Type:      c.ScheduleType,
		Frequency: c.SyncFrequency,
		DailyTime: c.DailySyncTime,
		Plan:      c.Plan,
		Zone:      zone,
		Offset:    schedule.Offset(c.ID),
	}
}

func (d *Destination) zone() schedule.Zone {
	return schedule.ParseZone(d.TimeZoneOffset, d.DaylightSaving)
}

// destinationZone returns the time zone of a group's destination, UTC if the
// group has none yet.
func destinationZone(ctx context.Context, tx *sql.Tx, id string) (schedule.Zone, error) {
	var d Destination
	err := tx.QueryRowContext(ctx, `select time_zone_offset, daylight_saving from destinations where id = $1`, id).
		Scan(&d.TimeZoneOffset, &d.DaylightSaving)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return schedule.Zone{}, err
	}
	return d.zone(), nil
}

// dueAgain works out anew when a group's connections are due, after what they
// have in common has changed.
func (s *Store) dueAgain(ctx context.Context, tx *sql.Tx, groupID string, mended bool) error {
	all, err := collect(s.scanConnection)(tx.QueryContext(ctx, `select `+connectionColumns.list()+` from connections
		where group_id = $1 and (sync_frequency = $2 or plan is not null or failures > 0) order by id`+s.dialect.forUpdate, groupID, schedule.Daily))
	if err != nil {
		return err
	}
	for _, c := range all {
		if mended {
			c.Mended()
		}
		if err := s.saveConnection(ctx, tx, &c); err != nil {
			return err
		}
	}
	return nil
}
