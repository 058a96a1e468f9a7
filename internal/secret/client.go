package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// NewToken makes a token: 190 random bits in letters and digits, shown once
// and kept by nobody.
func NewToken() string { return text(apiSecretLength) }

// A ClientCertificate is what a program in another network proves by who it
// is: a certificate that signs itself, and its key.
type ClientCertificate struct {
	DER  []byte
	Cert string // PEM
	Key  string // PEM, PKCS #8; shown once and kept by nobody
}

// clientLife is for how long a client certificate is valid: whoever wants to
// end it earlier makes another in its place.
const clientLife = 10 * 365 * 24 * time.Hour

// NewClientCertificate makes a certificate in a name, valid from a time on.
func NewClientCertificate(name string, from time.Time) (ClientCertificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ClientCertificate{}, err
	}
	serial := make([]byte, 16)
	rand.Read(serial)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    from, NotAfter: from.Add(clientLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return ClientCertificate{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return ClientCertificate{}, err
	}
	armor := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return ClientCertificate{der, armor("CERTIFICATE", der), armor("PRIVATE KEY", private)}, nil
}
