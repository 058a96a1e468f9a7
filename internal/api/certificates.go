package api

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

func (s *server) listCertificates(owner string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		page, err := r.page()
		if err != nil {
			return nil, err
		}
		cs, next, err := s.Store.Certificates(r.Context(), owner, r.id(), page)
		if err != nil {
			return nil, err
		}
		items := make([]fivetran.Certificate, len(cs))
		for i := range cs {
			if items[i], err = s.wireCertificate(r.Context(), &cs[i]); err != nil {
				return nil, err
			}
		}
		return newPage(items, next, func(c *fivetran.Certificate) fivetran.Certificate { return *c }), nil
	}
}

func (s *server) approveCertificate(owner string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		var req fivetran.ApproveCertificate
		if err := r.read(&req); err != nil {
			return nil, err
		}
		c, err := s.approve(r, owner, &req)
		if err != nil {
			return nil, err
		}
		return s.wireCertificate(r.Context(), c)
	}
}

// approveCertificateOf approves a certificate for the connection or the
// destination that the body names.
func (s *server) approveCertificateOf(r *request) (any, error) {
	var req fivetran.ApproveCertificateOf
	if err := r.read(&req); err != nil {
		return nil, err
	}
	owner, about, id := store.ConnectionOwner, &aConnection, req.ConnectionID
	if id == "" {
		owner, about, id = store.DestinationOwner, &aDestination, req.DestinationID
	}
	if id == "" {
		return nil, fieldRequired("connection_id")
	}
	r.SetPathValue("id", id)
	if err := s.authorize(r, about, access.Edit); err != nil {
		return nil, err
	}
	_, err := s.approve(r, owner, &req.ApproveCertificate)
	return nil, err
}

// approve approves a certificate for what the request is about.
func (s *server) approve(r *request, owner string, req *fivetran.ApproveCertificate) (*store.Certificate, error) {
	switch {
	case req.Hash == "":
		return nil, fieldRequired("hash")
	case req.EncodedCert == "":
		return nil, fieldRequired("encoded_cert")
	}
	der, err := decodeCertificate(req.EncodedCert)
	if err != nil {
		return nil, err
	}
	hash := hashOf(der)
	if canonicalHash(req.Hash) != hash {
		return nil, invalidInput("Field 'hash' is not the SHA-256 hash of 'encoded_cert'")
	}
	c := &store.Certificate{Owner: owner, OwnerID: r.id(), Hash: hash, DER: der, ValidatedBy: r.caller.UserID}
	if err := s.Store.CreateCertificate(r.Context(), c); err != nil {
		return nil, err
	}
	return s.Store.Certificate(r.Context(), owner, r.id(), hash)
}

func (s *server) certificate(owner string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		c, err := s.Store.Certificate(r.Context(), owner, r.id(), canonicalHash(r.PathValue("hash")))
		if err != nil {
			return nil, certificateGone(err)
		}
		return s.wireCertificate(r.Context(), c)
	}
}

func (s *server) revokeCertificate(owner string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		return nil, certificateGone(s.Store.DeleteCertificate(r.Context(), owner, r.id(), canonicalHash(r.PathValue("hash"))))
	}
}

func certificateGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(fivetran.NotFound, "Certificate with specified hash not found")
	}
	return err
}

// decodeCertificate reads a certificate in base64, with or without PEM's frame.
func decodeCertificate(text string) ([]byte, error) {
	der := []byte(nil)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err == nil {
		der = b
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return nil, invalidInput("Field 'encoded_cert' is not a certificate in base64")
	}
	return der, nil
}

// hashOf returns the hash by which connectors know a certificate.
func hashOf(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// canonicalHash returns a SHA-256 hash as [hashOf] writes it. Clients may give
// it in hexadecimal, and in paths in the URL's kind of base64.
func canonicalHash(text string) string {
	if b, err := hex.DecodeString(text); err == nil && len(b) == sha256.Size {
		return base64.StdEncoding.EncodeToString(b)
	}
	std := strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(text, "="))
	if b, err := base64.RawStdEncoding.DecodeString(std); err == nil && len(b) == sha256.Size {
		return base64.StdEncoding.EncodeToString(b)
	}
	return text
}

func (s *server) wireCertificate(ctx context.Context, c *store.Certificate) (fivetran.Certificate, error) {
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return fivetran.Certificate{}, err
	}
	by, err := s.userName(ctx, c.ValidatedBy)
	sum1, sum256 := sha1.Sum(c.DER), sha256.Sum256(c.DER)
	return fivetran.Certificate{
		ID:            base64.RawURLEncoding.EncodeToString(sum256[:]),
		Name:          cert.Subject.String(),
		Hash:          c.Hash,
		Type:          "X.509",
		SHA1:          hex.EncodeToString(sum1[:]),
		SHA256:        hex.EncodeToString(sum256[:]),
		PublicKey:     base64.StdEncoding.EncodeToString(cert.RawSubjectPublicKeyInfo),
		ValidatedDate: c.ValidatedAt,
		ValidatedBy:   by,
	}, err
}
