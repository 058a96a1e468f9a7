package store

import (
	"context"
	"time"
)

// A Hub is a registered hub of Fivetran's HVR. Of its token only a keyed hash
// is stored.
type Hub struct {
	ID          string
	AccountID   string
	Fingerprint string // of its installation
	Port        int
	URL         string
	CreatedAt   time.Time
}

// CreateHub adds a hub that has a token. ID and CreatedAt are filled in.
func (s *Store) CreateHub(ctx context.Context, h *Hub, token string) error {
	created(&h.CreatedAt)
	h.ID = timeID(h.CreatedAt)
	_, err := s.write.ExecContext(ctx, `insert into hvr_hubs (id, account_id, fingerprint, port, url, token_hash, created_at)
		values ($1, $2, $3, $4, $5, $6, $7)`, h.ID, h.AccountID, h.Fingerprint, h.Port, h.URL, s.tokenHash(h.ID, token), micros(h.CreatedAt))
	return known(err)
}
