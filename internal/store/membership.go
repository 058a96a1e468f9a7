package store

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

// A Membership is the role that a user or a team has in a group or for a
// connection.
type Membership struct {
	Member    Member
	Place     string // id of the group or the connection
	Role      string
	CreatedAt time.Time
}

// A Member is who has memberships of one level: [access.GroupLevel] or
// [access.ConnectionLevel].
type Member struct {
	Kind  MemberKind
	ID    string
	Level access.Level
}

// A MemberKind is a user or a team.
type MemberKind string

const (
	UserMember MemberKind = "user"
	TeamMember MemberKind = "team"
)

// columns returns the columns that hold the member and the place.
func (m Member) columns() (member, place string) {
	member, place = "user_id", "group_id"
	if m.Kind == TeamMember {
		member = "team_id"
	}
	if m.Level == access.ConnectionLevel {
		place = "connection_id"
	}
	return member, place
}

func (m Member) scan(row scanner) (ms Membership, err error) {
	ms.Member = m
	err = row.Scan(&ms.Place, &ms.Role, stamp{&ms.CreatedAt})
	return ms, known(err)
}

// Membership returns the role of a member in one place.
func (s *Store) Membership(ctx context.Context, m Member, place string) (*Membership, error) {
	member, at := m.columns()
	ms, err := m.scan(s.row(ctx, `select `+at+`, role, created_at from memberships where `+member+` = $1 and `+at+` = $2`, m.ID, place))
	if err != nil {
		return nil, err
	}
	return &ms, nil
}

// Memberships returns a page of a member's roles of its level and the cursor
// of the next.
func (s *Store) Memberships(ctx context.Context, m Member, page Page) ([]Membership, string, error) {
	member, at := m.columns()
	return readPage(ctx, s, page, `select `+at+`, role, created_at from memberships where `+member+` = $1 and `+at+` is not null
		and (created_at, `+at+`) > ($2, $3) order by created_at, `+at+` limit $4`, []any{m.ID}, m.scan,
		func(ms *Membership) (time.Time, string) { return ms.CreatedAt, ms.Place })
}

// CreateMembership gives a member a role in a place; an empty CreatedAt is
// filled in. It is ErrExists if the member has one there, and ErrNotFound if
// there is no such member or place.
func (s *Store) CreateMembership(ctx context.Context, ms *Membership) error {
	created(&ms.CreatedAt)
	member, at := ms.Member.columns()
	_, err := s.write.ExecContext(ctx, `insert into memberships (`+member+`, `+at+`, role, created_at) values ($1, $2, $3, $4)`,
		ms.Member.ID, ms.Place, ms.Role, micros(ms.CreatedAt))
	if err = known(err); errors.Is(err, ErrInUse) {
		return ErrNotFound
	}
	return err
}

// UpdateMembership changes the role of a member in a place.
func (s *Store) UpdateMembership(ctx context.Context, ms *Membership) error {
	member, at := ms.Member.columns()
	return one(s.write.ExecContext(ctx, `update memberships set role = $3 where `+member+` = $1 and `+at+` = $2`, ms.Member.ID, ms.Place, ms.Role))
}

// DeleteMembership takes a member's role in a place away.
func (s *Store) DeleteMembership(ctx context.Context, m Member, place string) error {
	member, at := m.columns()
	return one(s.write.ExecContext(ctx, `delete from memberships where `+member+` = $1 and `+at+` = $2`, m.ID, place))
}
