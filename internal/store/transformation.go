package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/setup"
)

// Statuses of a transformation project, as the API spells them.
const (
	ProjectNotReady = "NOT_READY" // it was not tested
	ProjectError    = "ERROR"
)

// A Project is a repository of dbt models that run in a group's destination.
type Project struct {
	ID         string
	AccountID  string
	GroupID    string
	Type       string
	Config     json.RawMessage // environment variables may be secret; stored encrypted
	Status     string          // ProjectNotReady or ProjectError
	SetupTests []setup.TestResult
	CreatedBy  string // a user's or a system key's id
	CreatedAt  time.Time
}

var projectColumns = columns{"id", "account_id", "group_id", "type", "config", "status", "setup_tests", "created_by", "created_at"}

func (s *Store) scanProject(row scanner) (p Project, err error) {
	var sealed []byte
	err = row.Scan(&p.ID, &p.AccountID, &p.GroupID, &p.Type, &sealed, &p.Status, list[setup.TestResult]{&p.SetupTests}, &p.CreatedBy, stamp{&p.CreatedAt})
	if err != nil {
		return p, known(err)
	}
	if p.Config, err = s.box.Open(sealed, "project "+p.ID); err != nil {
		return p, fmt.Errorf("config of transformation project %s: %w", p.ID, err)
	}
	return p, nil
}

func (s *Store) projectValues(p *Project) ([]any, error) {
	tests, err := array(p.SetupTests)
	return []any{p.ID, p.AccountID, p.GroupID, p.Type, s.box.Seal(p.Config, "project "+p.ID), p.Status, tests, p.CreatedBy, micros(p.CreatedAt)}, err
}

var (
	projectByID  = `select ` + projectColumns.list() + ` from transformation_projects where id = $1`
	projectsPage = `select ` + projectColumns.list() + ` from transformation_projects where account_id = $1 and ` + scoped("group_id", "id", 2) + `
		and (created_at, id) > ($5, $6) order by created_at, id limit $7`
)

// ProjectIn returns a transformation project of an account.
func (s *Store) ProjectIn(ctx context.Context, accountID, id string) (*Project, error) {
	p, err := s.scanProject(s.row(ctx, projectByID+` and account_id = $2`, id, accountID))
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Projects returns a page of an account's transformation projects, of those
// that scope shows, and the cursor of the next.
func (s *Store) Projects(ctx context.Context, accountID string, scope access.Scope, page Page) ([]Project, string, error) {
	return readPage(ctx, s, page, projectsPage, append([]any{accountID}, scopeArgs(scope)...), s.scanProject,
		func(p *Project) (time.Time, string) { return p.CreatedAt, p.ID })
}

// CreateProject adds a transformation project. An empty ID, Status and
// CreatedAt are filled in.
func (s *Store) CreateProject(ctx context.Context, p *Project) error {
	created(&p.CreatedAt)
	if p.Status == "" {
		p.Status = ProjectNotReady
	}
	return withID(ctx, s, "transformation_projects", &p.ID, func() error {
		values, err := s.projectValues(p)
		if err != nil {
			return err
		}
		_, err = s.write.ExecContext(ctx, projectColumns.insert("transformation_projects"), values...)
		return known(err)
	})
}

// UpdateProject changes a transformation project by f, and returns it as
// stored. Nothing changes if f returns an error.
func (s *Store) UpdateProject(ctx context.Context, id string, f func(*Project) error) (*Project, error) {
	var p Project
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if p, err = s.scanProject(tx.QueryRowContext(ctx, projectByID+s.dialect.forUpdate, id)); err != nil {
			return err
		}
		if err := f(&p); err != nil {
			return err
		}
		values, err := s.projectValues(&p)
		if err != nil {
			return err
		}
		return one(tx.ExecContext(ctx, projectColumns.update("transformation_projects"), values...))
	})
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// DeleteProject removes a transformation project. It is ErrInUse while it has
// transformations.
func (s *Store) DeleteProject(ctx context.Context, id string) error {
	return one(s.write.ExecContext(ctx, `delete from transformation_projects where id = $1`, id))
}

// Statuses of a transformation, as the API spells them.
const (
	TransformationNew    = "NEW"
	TransformationFailed = "FAILED"
)

// Kinds of a transformation's events, as Fivetran's webhooks have them
// (documentation of webhooks, 2026-11).
const (
	TransformationStart     = "transformation_start"
	TransformationHasFailed = "transformation_failed"
)

// A Transformation runs models in a group's destination.
type Transformation struct {
	ID        string
	AccountID string
	GroupID   string
	ProjectID string // "": it is of a package
	Type      string
	Config    json.RawMessage
	Schedule  json.RawMessage
	Paused    bool
	Status    string    // TransformationNew or TransformationFailed
	StartedAt time.Time // of the last run; zero: none
	EndedAt   time.Time
	CreatedBy string // a user's or a system key's id
	CreatedAt time.Time
}

var transformationColumns = columns{"id", "account_id", "group_id", "project_id", "type", "config", "schedule", "paused", "status",
	"started_at", "ended_at", "created_by", "created_at"}

func scanTransformation(row scanner) (t Transformation, err error) {
	err = row.Scan(&t.ID, &t.AccountID, &t.GroupID, text{&t.ProjectID}, &t.Type, document{&t.Config}, document{&t.Schedule}, &t.Paused, &t.Status,
		stamp{&t.StartedAt}, stamp{&t.EndedAt}, &t.CreatedBy, stamp{&t.CreatedAt})
	return t, known(err)
}

func (t *Transformation) values() []any {
	return []any{t.ID, t.AccountID, t.GroupID, orNull(t.ProjectID), t.Type, string(t.Config), string(t.Schedule), t.Paused, t.Status,
		micros(t.StartedAt), micros(t.EndedAt), t.CreatedBy, micros(t.CreatedAt)}
}

var (
	transformationByID  = `select ` + transformationColumns.list() + ` from transformations where id = $1`
	transformationsPage = `select ` + transformationColumns.list() + ` from transformations where account_id = $1
		and ($2 = '' or group_id = $2) and ($3 = '' or project_id = $3) and ($4 = '' or type = $4) and ` + scoped("group_id", "id", 5) + `
		and (created_at, id) > ($8, $9) order by created_at, id limit $10`
)

// TransformationIn returns a transformation of an account.
func (s *Store) TransformationIn(ctx context.Context, accountID, id string) (*Transformation, error) {
	t, err := scanTransformation(s.row(ctx, transformationByID+` and account_id = $2`, id, accountID))
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// A TransformationFilter says which transformations are listed. Empty strings
// match all.
type TransformationFilter struct {
	AccountID string // required
	GroupID   string
	ProjectID string
	Type      string
	Scope     access.Scope // what may be seen
}

// Transformations returns a page of transformations and the cursor of the
// next.
func (s *Store) Transformations(ctx context.Context, f TransformationFilter, page Page) ([]Transformation, string, error) {
	return readPage(ctx, s, page, transformationsPage, append([]any{f.AccountID, f.GroupID, f.ProjectID, f.Type}, scopeArgs(f.Scope)...),
		scanTransformation, func(t *Transformation) (time.Time, string) { return t.CreatedAt, t.ID })
}

// CreateTransformation adds a transformation. An empty ID, Status and
// CreatedAt are filled in.
func (s *Store) CreateTransformation(ctx context.Context, t *Transformation) error {
	created(&t.CreatedAt)
	if t.Status == "" {
		t.Status = TransformationNew
	}
	return withID(ctx, s, "transformations", &t.ID, func() error {
		_, err := s.write.ExecContext(ctx, transformationColumns.insert("transformations"), t.values()...)
		if err = known(err); errors.Is(err, ErrInUse) {
			return ErrNotFound // the project, deleted meanwhile
		}
		return err
	})
}

// UpdateTransformation changes a transformation by f, and returns it as stored.
// Nothing changes if f returns an error.
func (s *Store) UpdateTransformation(ctx context.Context, id string, f func(*Transformation) error) (*Transformation, error) {
	var t Transformation
	err := s.in(ctx, func(tx *sql.Tx) (err error) {
		if t, err = scanTransformation(tx.QueryRowContext(ctx, transformationByID+s.dialect.forUpdate, id)); err != nil {
			return err
		}
		if err := f(&t); err != nil {
			return err
		}
		return one(tx.ExecContext(ctx, transformationColumns.update("transformations"), t.values()...))
	})
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// FailTransformation says that a run of a transformation began and failed at
// a time, for a reason, and records both.
func (s *Store) FailTransformation(ctx context.Context, t *Transformation, at time.Time, reason string) error {
	t.StartedAt = at.UTC().Truncate(time.Microsecond)
	t.EndedAt, t.Status = t.StartedAt, TransformationFailed
	data := func(reason string) json.RawMessage {
		b, _ := json.Marshal(struct {
			ID     string `json:"transformation_id"`
			Reason string `json:"reason,omitempty"`
		}{t.ID, reason}) // strings can always be encoded
		return b
	}
	return s.in(ctx, func(tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `update transformations set status = $2, started_at = $3, ended_at = $4 where id = $1`,
			t.ID, t.Status, micros(t.StartedAt), micros(t.EndedAt))); err != nil {
			return err
		}
		return s.record(ctx, tx,
			Event{AccountID: t.AccountID, GroupID: t.GroupID, Kind: TransformationStart, Data: data(""), At: t.StartedAt},
			Event{AccountID: t.AccountID, GroupID: t.GroupID, Kind: TransformationHasFailed, Level: Severe, Data: data(reason), At: t.EndedAt})
	})
}

// DeleteTransformation removes a transformation.
func (s *Store) DeleteTransformation(ctx context.Context, id string) error {
	return one(s.write.ExecContext(ctx, `delete from transformations where id = $1`, id))
}
