package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// What is done when a source keeps back as much as a connection allows.
const (
	KeepLog  = "KEEP"  // people are told
	SpillLog = "SPILL" // it is moved to files of this server, which the next sync applies
	DropLog  = "DROP"  // the source lets go of it, and the next sync finds what has changed by other means
)

// What a sync does when the log of its source has a gap.
const (
	HealGap   = "HEAL" // it finds by other means what has changed
	StopAtGap = "STOP" // it fails, and changes nothing, until a person acts
)

// LogKept is the code of warnings about what a source keeps back. They stay
// when a sync ends: it is not syncs that give them.
const LogKept = "source_log"

// A Backlog is what the server of a connection's source keeps back for it,
// when it was last asked.
type Backlog struct {
	ConnectionID string
	DueAt        time.Time // when it is to be asked next
	AskedAt      time.Time // when it last answered; zero: never
	Failures     int       // since then
	Level        string    // of what people were told last, in the words of who asks; "": all is well

	Figures
}

// Figures are what the server said.
type Figures struct {
	What     string        `json:"what"`     // in words for people; "": nothing is kept
	Retained int64         `json:"retained"` // bytes
	Limit    int64         `json:"limit"`    // at how many bytes the server itself lets go of it; 0: never
	Lag      time.Duration `json:"lag"`      // how old the first change that was not read is at least; 0: not known
	Lost     bool          `json:"lost"`     // the server has let go of it
	Spilled  int64         `json:"spilled"`  // bytes in files of the server of Penstock that asked

	// Unspilled is why it could not be moved to such files when that was last
	// tried; "": it could.
	Unspilled string `json:"unspilled,omitempty"`
}

func scanBacklog(row scanner) (b Backlog, err error) {
	var figures json.RawMessage
	err = row.Scan(&b.ConnectionID, stamp{&b.DueAt}, stamp{&b.AskedAt}, &b.Failures, &b.Level, document{&figures})
	if err == nil && figures != nil {
		err = json.Unmarshal(figures, &b.Figures)
	}
	return b, known(err)
}

const backlogColumns = `connection_id, due_at, asked_at, failures, level, backlog`

// WatchBacklog has the source of a connection asked from now on what it keeps
// back.
func (s *Store) WatchBacklog(ctx context.Context, connectionID string, now time.Time) error {
	_, err := s.write.ExecContext(ctx, `insert into backlogs (connection_id, due_at) values ($1, $2) on conflict do nothing`, connectionID, micros(now))
	if errors.Is(known(err), ErrInUse) {
		return ErrNotFound
	}
	return err
}

// Backlog returns what the source of a connection keeps back, or ErrNotFound if
// nobody asks it.
func (s *Store) Backlog(ctx context.Context, connectionID string) (*Backlog, error) {
	b, err := scanBacklog(s.row(ctx, `select `+backlogColumns+` from backlogs where connection_id = $1`, connectionID))
	if err != nil {
		return nil, err
	}
	return &b, nil
}

// Backlogs returns what all sources keep back that are asked.
func (s *Store) Backlogs(ctx context.Context) ([]Backlog, error) {
	return collect(scanBacklog)(s.ask(ctx, `select `+backlogColumns+` from backlogs order by connection_id`))
}

// NextBacklog returns when a source is to be asked next; zero: none is.
func (s *Store) NextBacklog(ctx context.Context) (at time.Time, err error) {
	err = s.row(ctx, `select min(due_at) from backlogs`).Scan(stamp{&at})
	return at, err
}

// ClaimBacklog returns the connection whose source is to be asked first, and
// makes it due again after a time in case that nothing comes of it. It is nil
// if none is due.
func (s *Store) ClaimBacklog(ctx context.Context, now time.Time, again time.Duration) (*Backlog, error) {
	b, err := scanBacklog(s.write.QueryRowContext(ctx, `update backlogs set due_at = $2 where connection_id =
		(select connection_id from backlogs where due_at <= $1 order by due_at limit 1`+s.dialect.skipLocked+`) returning `+backlogColumns,
		micros(now), micros(now.Add(again))))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &b, nil
}

// HoldBacklog has nobody ask the source of a connection before a time.
func (s *Store) HoldBacklog(ctx context.Context, connectionID string, until time.Time) error {
	return one(s.write.ExecContext(ctx, `update backlogs set due_at = $2 where connection_id = $1`, connectionID, micros(until)))
}

// ForgetBacklog has the source of a connection not asked any more, and takes
// back what was said of it.
func (s *Store) ForgetBacklog(ctx context.Context, connectionID string) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `delete from backlogs where connection_id = $1`, connectionID); err != nil {
			return err
		}
		return s.warnOfLog(ctx, tx, connectionID, nil)
	})
}

// SaveBacklog keeps what a source answered, or that it did not, and makes alert
// what the connection's warnings say of it; nil: nothing. A level other than
// the one before is an event too.
func (s *Store) SaveBacklog(ctx context.Context, b *Backlog, alert *Alert) error {
	figures, err := json.Marshal(b.Figures)
	if err != nil {
		return err
	}
	return s.in(ctx, func(tx *sql.Tx) error {
		if err := s.warnOfLog(ctx, tx, b.ConnectionID, alert); err != nil { // the connection before the backlog, as deletes do
			return err
		}
		var told string
		if err := tx.QueryRowContext(ctx, `select level from backlogs where connection_id = $1`, b.ConnectionID).Scan(&told); err != nil {
			return known(err)
		}
		err := one(tx.ExecContext(ctx, `update backlogs set due_at = $2, asked_at = $3, failures = $4, level = $5, backlog = $6 where connection_id = $1`,
			b.ConnectionID, micros(b.DueAt), micros(b.AskedAt), b.Failures, b.Level, string(figures)))
		if err != nil || alert == nil || told == b.Level {
			return err
		}
		data, err := json.Marshal(map[string]string{"type": alert.Code, "message": alert.Message})
		if err != nil {
			return err
		}
		return s.record(ctx, tx, Event{ConnectionID: b.ConnectionID, Kind: Warned, Level: Warning, Data: data})
	})
}

// warnOfLog makes alert the only warning of a connection about what its source
// keeps back.
func (s *Store) warnOfLog(ctx context.Context, tx *sql.Tx, connectionID string, alert *Alert) error {
	c, err := s.lockConnection(ctx, tx, connectionID)
	if err != nil {
		return err
	}
	had := alerts(c.Warnings, LogKept)
	if alert == nil && len(had) == 0 || alert != nil && len(had) == 1 && had[0].Message == alert.Message {
		return nil
	}
	c.Warnings = slices.DeleteFunc(slices.Clone(c.Warnings), func(a Alert) bool { return a.Code == LogKept })
	if alert != nil {
		c.Warnings = append(c.Warnings, *alert)
	}
	return s.saveConnection(ctx, tx, &c)
}

// alerts returns those that have a code.
func alerts(all []Alert, code string) []Alert {
	return slices.DeleteFunc(slices.Clone(all), func(a Alert) bool { return a.Code != code })
}
