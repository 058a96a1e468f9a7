package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSimulateSalesforceCertificate(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct{ pem, want string }{
		"good":           {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), ""},
		"no PEM":         {"x", "holds no certificate"},
		"no certificate": {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der[:9]})), "x509"},
	} {
		file := filepath.Join(t.TempDir(), "cert.pem")
		if err := os.WriteFile(file, []byte(c.pem), 0o600); err != nil {
			t.Fatal(err)
		}
		err := (&simulateSalesforceCmd{Listen: "127.0.0.1:0", Certificate: file}).Run(stopped)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
