package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Whose servers are approved.
const (
	ConnectionOwner  = "connection"
	DestinationOwner = "destination"
)

// An ApprovalKind is what is approved of a server.
type ApprovalKind string

const (
	Certificates ApprovalKind = "certificate" // TLS certificates, of servers and of authorities
	Fingerprints ApprovalKind = "fingerprint" // host keys of SSH servers
)

// An Approval is something by which a server proves who it is, and which
// somebody has approved for a connection or a destination.
type Approval struct {
	Owner       string // ConnectionOwner or DestinationOwner
	OwnerID     string
	Kind        ApprovalKind
	Hash        string // SHA-256 of the certificate's DER form or of the key's wire form, base64
	Data        []byte // the certificate's DER form; the key as in a line of authorized_keys
	ValidatedBy string // user id; "": a user who is gone
	ValidatedAt time.Time
}

var approvalColumns = columns{"owner", "owner_id", "kind", "hash", "data", "validated_by", "validated_at"}

func scanApproval(row scanner) (a Approval, err error) {
	err = row.Scan(&a.Owner, &a.OwnerID, &a.Kind, &a.Hash, &a.Data, text{&a.ValidatedBy}, stamp{&a.ValidatedAt})
	return a, known(err)
}

var (
	approvalByHash = `select ` + approvalColumns.list() + ` from approvals where owner = $1 and owner_id = $2 and kind = $3 and hash = $4`
	approvalsOf    = `select ` + approvalColumns.list() + ` from approvals where owner = $1 and owner_id = $2 order by validated_at, hash`
	approvalsPage  = `select ` + approvalColumns.list() + ` from approvals
		where owner = $1 and owner_id = $2 and kind = $3 and (validated_at, hash) > ($4, $5) order by validated_at, hash limit $6`
)

// Approval returns what was approved with a hash.
func (s *Store) Approval(ctx context.Context, owner, ownerID string, kind ApprovalKind, hash string) (*Approval, error) {
	a, err := scanApproval(s.row(ctx, approvalByHash, owner, ownerID, kind, hash))
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Approvals returns a page of what is approved of one kind for a connection or
// destination, and the cursor of the next.
func (s *Store) Approvals(ctx context.Context, owner, ownerID string, kind ApprovalKind, page Page) ([]Approval, string, error) {
	return readPage(ctx, s, page, approvalsPage, []any{owner, ownerID, kind}, scanApproval,
		func(a *Approval) (time.Time, string) { return a.ValidatedAt, a.Hash })
}

// Approved returns all that is approved for a connection or destination.
func (s *Store) Approved(ctx context.Context, owner, ownerID string) ([]Approval, error) {
	return collect(scanApproval)(s.ask(ctx, approvalsOf, owner, ownerID))
}

// Approve keeps an approval; an empty ValidatedAt is filled in. One that is
// there stays as it was, without an error.
func (s *Store) Approve(ctx context.Context, a *Approval) error {
	created(&a.ValidatedAt)
	_, err := s.write.ExecContext(ctx, approvalColumns.insert("approvals")+` on conflict do nothing`,
		a.Owner, a.OwnerID, a.Kind, a.Hash, a.Data, orNull(a.ValidatedBy), micros(a.ValidatedAt))
	if err = known(err); errors.Is(err, ErrInUse) {
		return ErrNotFound
	}
	return err
}

// Revoke takes an approval back.
func (s *Store) Revoke(ctx context.Context, owner, ownerID string, kind ApprovalKind, hash string) error {
	return one(s.write.ExecContext(ctx, `delete from approvals where owner = $1 and owner_id = $2 and kind = $3 and hash = $4`,
		owner, ownerID, kind, hash))
}

// forgetApprovals revokes all of a connection's or destination's that goes.
func forgetApprovals(ctx context.Context, tx *sql.Tx, owner, ownerID string) error {
	_, err := tx.ExecContext(ctx, `delete from approvals where owner = $1 and owner_id = $2`, owner, ownerID)
	return err
}
