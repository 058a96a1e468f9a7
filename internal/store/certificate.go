package store

import (
	"context"
	"errors"
	"time"
)

// Who a certificate is approved for.
const (
	ConnectionOwner  = "connection"
	DestinationOwner = "destination"
)

// A Certificate is a server certificate that somebody has approved for a
// connection or a destination.
type Certificate struct {
	Owner       string // ConnectionOwner or DestinationOwner
	OwnerID     string
	Hash        string // SHA-256 of the DER form, base64
	DER         []byte
	ValidatedBy string // user id; "": a user who is gone
	ValidatedAt time.Time
}

var certificateColumns = columns{"owner", "owner_id", "hash", "der", "validated_by", "validated_at"}

func scanCertificate(row scanner) (c Certificate, err error) {
	err = row.Scan(&c.Owner, &c.OwnerID, &c.Hash, &c.DER, text{&c.ValidatedBy}, stamp{&c.ValidatedAt})
	return c, known(err)
}

var (
	certificateByHash = `select ` + certificateColumns.list() + ` from certificates where owner = $1 and owner_id = $2 and hash = $3`
	certificatesPage  = `select ` + certificateColumns.list() + ` from certificates
		where owner = $1 and owner_id = $2 and (validated_at, hash) > ($3, $4) order by validated_at, hash limit $5`
)

// Certificate returns an approved certificate.
func (s *Store) Certificate(ctx context.Context, owner, ownerID, hash string) (*Certificate, error) {
	c, err := scanCertificate(s.row(ctx, certificateByHash, owner, ownerID, hash))
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// Certificates returns a page of the certificates approved for a connection
// or destination, and the cursor of the next.
func (s *Store) Certificates(ctx context.Context, owner, ownerID string, page Page) ([]Certificate, string, error) {
	return readPage(ctx, s, page, certificatesPage, []any{owner, ownerID}, scanCertificate,
		func(c *Certificate) (time.Time, string) { return c.ValidatedAt, c.Hash })
}

// Approved returns the hashes of all certificates approved for a connection
// or destination.
func (s *Store) Approved(ctx context.Context, owner, ownerID string) (map[string]bool, error) {
	stmt, err := s.stmt(ctx, `select hash from certificates where owner = $1 and owner_id = $2`)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, owner, ownerID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	hashes := map[string]bool{}
	for rows.Next() {
		var h string
		if err := rows.Scan(&h); err != nil {
			return nil, err
		}
		hashes[h] = true
	}
	return hashes, rows.Err()
}

// CreateCertificate approves a certificate; an empty ValidatedAt is filled in.
// One that is approved stays as it was, without an error.
func (s *Store) CreateCertificate(ctx context.Context, c *Certificate) error {
	created(&c.ValidatedAt)
	_, err := s.write.ExecContext(ctx, certificateColumns.insert("certificates")+` on conflict do nothing`,
		c.Owner, c.OwnerID, c.Hash, c.DER, orNull(c.ValidatedBy), micros(c.ValidatedAt))
	if err = known(err); errors.Is(err, ErrInUse) {
		return ErrNotFound
	}
	return err
}

// DeleteCertificate revokes a certificate.
func (s *Store) DeleteCertificate(ctx context.Context, owner, ownerID, hash string) error {
	return one(s.write.ExecContext(ctx, `delete from certificates where owner = $1 and owner_id = $2 and hash = $3`, owner, ownerID, hash))
}
