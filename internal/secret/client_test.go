package secret

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

func TestClientCertificate(t *testing.T) {
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	c, err := NewClientCertificate("agent", now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil || string(pair.Certificate[0]) != string(c.DER) || cert.Subject.CommonName != "agent" {
		t.Errorf("certificate of %v, %v", cert.Subject, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	for at, ok := range map[time.Time]bool{now.AddDate(9, 0, 0): true, now.Add(-time.Hour): false, now.AddDate(11, 0, 0): false} {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if (err == nil) != ok {
			t.Errorf("at %v: %v", at, err)
		}
	}
	if a, b := NewToken(), NewToken(); a == b || len(a) != apiSecretLength {
		t.Errorf("tokens %q, %q", a, b)
	}
}
