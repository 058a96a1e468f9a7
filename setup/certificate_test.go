package setup

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"testing"
	"time"
)

// A signed is a certificate with its key.
type signed struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// sign returns a certificate by another, nil for its own. An authority has no
// host.
func sign(t *testing.T, name, host string, by *signed) *signed {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: host == "", KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if host != "" {
		c.DNSNames = []string{host}
	}
	if by == nil {
		by = &signed{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &signed{c, key}
}

func TestVerifyChain(t *testing.T) {
	root := sign(t, "root", "", nil)
	middle := sign(t, "middle", "", root)
	leaf := sign(t, "leaf", "db.example", middle)
	own := sign(t, "own", "db.example", nil)
	strange := sign(t, "root", "", nil)
	chain := func(all ...*signed) (c []*x509.Certificate) {
		for _, s := range all {
			c = append(c, s.Certificate)
		}
		return c
	}
	for _, tt := range []struct {
		name     string
		sent     []*x509.Certificate
		host     string
		approved *signed
		ok       bool
	}{
		{"nothing approved", chain(leaf, middle, root), "db.example", nil, false},
		{"its own", chain(own), "db.example", own, true},
		{"its own, under another name", chain(own), "other.example", own, true},
		{"the server's", chain(leaf, middle), "db.example", leaf, true},
		{"the root", chain(leaf, middle), "db.example", root, true},
		{"the root, which is sent too", chain(leaf, middle, root), "db.example", root, true},
		{"the authority between", chain(leaf), "db.example", middle, true},
		{"the root, and none between", chain(leaf), "db.example", root, false},
		{"the root, under another name", chain(leaf, middle), "other.example", root, false},
		{"another of that name", chain(leaf, middle), "db.example", strange, false},
		{"another server's", chain(leaf, middle), "db.example", own, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var trusts func(string) bool
			var authorities *x509.CertPool
			if a := tt.approved; a != nil {
				sum := sha256.Sum256(a.Raw)
				trusts = func(hash string) bool { return hash == base64.StdEncoding.EncodeToString(sum[:]) }
				if a.IsCA {
					authorities = x509.NewCertPool()
					authorities.AddCert(a.Certificate)
				}
			}
			err := VerifyChain(tt.sent, tt.host, trusts, authorities)
			var untrusted *UntrustedError
			if (err == nil) != tt.ok || err != nil && (!errors.As(err, &untrusted) || untrusted.Certificate.Subject != tt.sent[0].Subject.String()) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := VerifyChain(nil, "db.example", func(string) bool { return true }, nil); err == nil {
		t.Error("no certificate is enough")
	}
}
