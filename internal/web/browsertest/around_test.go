package browsertest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/internal/nettest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/web/webtest"
)

// surroundings are those with whom the platform speaks, on the loopback.
type surroundings struct {
	args []string // of the demonstration
	env  []string // of the same
	tell []string // to drive.js
}

// surround starts a provider of OpenID Connect that lets the owner in,
// Salesforce with its login, a receiver of webhooks, an SSH server that nobody
// knows yet, and a PostgreSQL server that shows a certificate for which nobody
// vouches and then says nothing; and where the tests have a PostgreSQL server, a
// database of it.
func surround(t *testing.T) *surroundings {
	provider := webtest.NewProvider(t, time.Now)
	provider.Claims = map[string]any{"email": "owner@localhost"}
	salesforce := webtest.NewVendor(t, simulator.DefaultClientID, simulator.DefaultClientSecret, simulator.DefaultRefreshToken, simulator.New(simulator.Options{Seed: 1}))
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	authority := filepath.Join(t.TempDir(), "receiver.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &surroundings{
		args: []string{"--oidc-issuer", provider.URL, "--oidc-client-id", webtest.Client, "--outside-networks", "127.0.0.0/8", "--outside-ca", authority,
			"--endpoint", "salesforce=" + salesforce.URL, "--oauth-endpoint", "salesforce=" + salesforce.URL},
		env: []string{"PENSTOCK_OIDC_CLIENT_SECRET=" + webtest.Secret,
			"PENSTOCK_OAUTH_SALESFORCE_ID=" + simulator.DefaultClientID, "PENSTOCK_OAUTH_SALESFORCE_SECRET=" + simulator.DefaultClientSecret},
		tell: []string{"PENSTOCK_RECEIVER=" + receiver.URL, "PENSTOCK_SSH=" + strconv.Itoa(nettest.Listen(t, sshServer(t))), "PENSTOCK_TLS=" + strconv.Itoa(nettest.Listen(t, tlsServer(t)))},
	}
	if os.Getenv("PENSTOCK_TEST_POSTGRES") != "" {
		db := pgtest.Database(t)
		pgtest.Exec(t, db, "create table note (id int primary key, text text)", "insert into note select n, 'note ' || n from generate_series(1, 500) n",
			"create table tag (name text primary key)", "insert into tag values ('red'), ('blue')",
			"create table visit (page text not null, visits int)", "insert into visit values ('/', 7), ('/about', 2)")
		s.tell = append(s.tell, "PENSTOCK_PG="+db)
	}
	return s
}

// sshServer lets everybody in, and leads nowhere.
func sshServer(t *testing.T) func(net.Conn) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(signer)
	return func(c net.Conn) {
		_, channels, requests, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for ch := range channels {
			ch.Reject(ssh.Prohibited, "it leads nowhere")
		}
	}
}

// tlsServer begins TLS as PostgreSQL does ("SSL Session Encryption", 17), with a
// certificate of its own.
func tlsServer(t *testing.T) func(net.Conn) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, public, key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return func(c net.Conn) {
		var asked [8]byte
		if _, err := io.ReadFull(c, asked[:]); err != nil {
			return
		}
		c.Write([]byte("S"))
		s := tls.Server(c, config)
		if s.Handshake() == nil {
			io.ReadFull(s, asked[:])
		}
	}
}
