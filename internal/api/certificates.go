package api

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// certificate is a server's certificate, or that of an authority which signs
// servers' certificates.
var certificate = approvable{kind: store.Certificates, name: "Certificate", read: readCertificate, wire: wireCertificate}

func readCertificate(req *fivetran.Approve) (store.Approval, error) {
	if req.EncodedCert == "" {
		return store.Approval{}, fieldRequired("encoded_cert")
	}
	der, err := decodeCertificate(req.EncodedCert)
	if err != nil {
		return store.Approval{}, err
	}
	hash := hashOf(der)
	if canonicalHash(req.Hash) != hash {
		return store.Approval{}, invalidInput("Field 'hash' is not the SHA-256 hash of 'encoded_cert'")
	}
	return store.Approval{Hash: hash, Data: der}, nil
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

func wireCertificate(a *store.Approval, by string) (any, error) {
	cert, err := x509.ParseCertificate(a.Data)
	if err != nil {
		return nil, err
	}
	sum1, sum256 := sha1.Sum(a.Data), sha256.Sum256(a.Data)
	return fivetran.Certificate{
		ID:            hashID(a.Hash),
		Name:          cert.Subject.String(),
		Hash:          a.Hash,
		Type:          "X.509",
		SHA1:          hex.EncodeToString(sum1[:]),
		SHA256:        hex.EncodeToString(sum256[:]),
		PublicKey:     base64.StdEncoding.EncodeToString(cert.RawSubjectPublicKeyInfo),
		ValidatedDate: a.ValidatedAt,
		ValidatedBy:   by,
	}, nil
}
