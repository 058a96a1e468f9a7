package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// approvals are the operations on what is approved of one kind, for
// connections or for destinations.
type approvals struct {
	*server
	owner string
	kind  *approvable
}

// An approvable is a kind of thing that can be approved.
type approvable struct {
	kind store.ApprovalKind
	name string // as messages begin

	// read returns what a request approves, its Hash and its Data.
	read func(*fivetran.Approve) (store.Approval, error)

	// wire returns what responses show; by is who approved it.
	wire func(a *store.Approval, by string) (any, error)
}

func (o approvals) list(r *request) (any, error) {
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	all, next, err := o.Store.Approvals(r.Context(), o.owner, r.id(), o.kind.kind, page)
	if err != nil {
		return nil, err
	}
	names := map[string]string{} // of users, each read once
	items := make([]any, len(all))
	for i := range all {
		a := &all[i]
		by, known := names[a.ValidatedBy]
		if !known {
			if by, err = o.userName(r.Context(), a.ValidatedBy); err != nil {
				return nil, err
			}
			names[a.ValidatedBy] = by
		}
		if items[i], err = o.kind.wire(a, by); err != nil {
			return nil, err
		}
	}
	return newPage(items, next, func(item *any) any { return *item }), nil
}

func (o approvals) approve(r *request) (any, error) {
	var req fivetran.Approve
	if err := r.read(&req); err != nil {
		return nil, err
	}
	return o.keep(r, &req)
}

// keep approves what a request asks for, and returns it.
func (o approvals) keep(r *request, req *fivetran.Approve) (any, error) {
	if req.Hash == "" {
		return nil, fieldRequired("hash")
	}
	a, err := o.kind.read(req)
	if err != nil {
		return nil, err
	}
	a.Owner, a.OwnerID, a.Kind, a.ValidatedBy = o.owner, r.id(), o.kind.kind, r.caller.UserID
	if err := o.Store.Approve(r.Context(), &a); err != nil {
		return nil, err
	}
	kept, err := o.Store.Approval(r.Context(), o.owner, r.id(), o.kind.kind, a.Hash)
	if err != nil {
		return nil, err
	}
	return o.shown(r, kept)
}

func (o approvals) show(r *request) (any, error) {
	a, err := o.Store.Approval(r.Context(), o.owner, r.id(), o.kind.kind, canonicalHash(r.PathValue("hash")))
	if err != nil {
		return nil, o.gone(err)
	}
	return o.shown(r, a)
}

func (o approvals) revoke(r *request) (any, error) {
	return nil, o.gone(o.Store.Revoke(r.Context(), o.owner, r.id(), o.kind.kind, canonicalHash(r.PathValue("hash"))))
}

func (o approvals) gone(err error) error {
	return ifGone(err, notFound(fivetran.NotFound, "%s with specified hash not found", o.kind.name))
}

func (o approvals) shown(r *request, a *store.Approval) (any, error) {
	by, err := o.userName(r.Context(), a.ValidatedBy)
	if err != nil {
		return nil, err
	}
	return o.kind.wire(a, by)
}

// approveNamed is the older form of approving, POST /v1/certificates and POST
// /v1/fingerprints: the body names what it is for.
func (s *server) approveNamed(kind *approvable) func(*request) (any, error) {
	return func(r *request) (any, error) {
		var req fivetran.Approve
		if err := r.read(&req); err != nil {
			return nil, err
		}
		about, owner, id := &aConnection, store.ConnectionOwner, req.ConnectionID
		if id == "" {
			id = req.ConnectorID
		}
		switch {
		case id == "" && req.DestinationID == "":
			return nil, fieldRequired("connection_id")
		case id != "" && req.DestinationID != "":
			return nil, invalidInput("Only one of the fields 'connection_id' and 'destination_id' may be given")
		case id == "":
			about, owner, id = &aDestination, store.DestinationOwner, req.DestinationID
		}
		r.SetPathValue("id", id)
		if err := s.authorize(r, about, access.Edit); err != nil {
			return nil, err
		}
		_, err := approvals{s, owner, kind}.keep(r, &req)
		return nil, err
	}
}

// hashOf returns the hash by which a certificate or a key is known.
func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// canonicalHash returns a SHA-256 hash as [hashOf] writes it. Clients may give
// it in hexadecimal, in paths in the URL's kind of base64, and as ssh-keygen
// shows it.
func canonicalHash(text string) string {
	if b, err := hex.DecodeString(text); err == nil && len(b) == sha256.Size {
		return base64.StdEncoding.EncodeToString(b)
	}
	bare := strings.TrimRight(strings.TrimPrefix(text, "SHA256:"), "=")
	std := strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(bare)
	if b, err := base64.RawStdEncoding.DecodeString(std); err == nil && len(b) == sha256.Size {
		return base64.StdEncoding.EncodeToString(b)
	}
	return text
}

// hashID returns the id of something approved: its hash in Base64URL.
func hashID(hash string) string {
	if b, err := base64.StdEncoding.DecodeString(hash); err == nil {
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(hash))
}
