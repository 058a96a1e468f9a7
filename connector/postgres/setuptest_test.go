package postgres

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/nettest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/setup"
)

const secret = "s3cret pass'word\\"

// TestSetup tries what can be wrong with a connection, on a server that asks
// for passwords, certificates and TLS.
func TestSetup(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ca := newAuthority(t)
	cert, key := ca.issue(t, "127.0.0.1")
	s.owned(t, "server.crt", cert)
	s.owned(t, "server.key", key)
	s.owned(t, "ca.crt", ca.pem)
	pgtest.Exec(t, s.url,
		"create role reader login password '"+strings.ReplaceAll(secret, "'", "''")+"'",
		"create role \"by cert\" login", "create role nothing login",
		"create table a (id int primary key)", "insert into a values (1)", "grant select on a to reader, \"by cert\"",
		"create database empty", "create database forbidden", "revoke connect on database forbidden from public")
	s.configure(t, "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.crt'", `
host    all postgres      127.0.0.1/32 trust
host    all nothing       127.0.0.1/32 trust
hostssl all reader        127.0.0.1/32 scram-sha-256
hostssl all "by cert"     127.0.0.1/32 cert
host    all all           127.0.0.1/32 reject
`)
	block, _ := pem.Decode(cert)
	sum := sha256.Sum256(block.Bytes)
	hash := base64.StdEncoding.EncodeToString(sum[:])
	trusted := connector.Env{Trusts: func(h string) bool { return h == hash }}
	signedBy := func(a *authority) connector.Env {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(a.pem)
		return connector.Env{Authorities: pool}
	}

	clientCert, clientKey := ca.issue(t, "by cert")
	otherCert, otherKey := ca.issue(t, "somebody else")
	strangerCert, strangerKey := newAuthority(t).issue(t, "by cert")
	plain := newServer(t) // without TLS
	closedPort := strconv.Itoa(nettest.Closed(t))

	reader := func(c *config) { c.User, c.Password, c.AlwaysEncrypted = "reader", secret, true }
	byCert := func(cert, key []byte) func(*config) {
		return func(c *config) {
			c.User, c.AuthMethod = "by cert", clientCertificate
			c.ClientCertificate, c.ClientKey = string(cert), string(key)
		}
	}
	all := []string{testMethod, testHost, testCertificate, testLogin, testDatabase, testVersion, testPermission}
	for _, c := range []struct {
		name    string
		url     string
		edit    func(*config)
		env     connector.Env
		last    string // title of the last test
		status  setup.Status
		message string // is part of it
		problem string // code of what a sync says; "": it succeeds, "-": an ordinary error
	}{
		{"all well", s.url, reader, trusted, testPermission, setup.Passed, "", ""},
		{"without TLS", plain.url, func(c *config) { c.User = "postgres" }, connector.Env{}, testPermission, setup.Passed, "", ""},
		{"TLS not required", s.url, func(c *config) { reader(c); c.AlwaysEncrypted = false }, connector.Env{}, testPermission, setup.Passed, "", ""},
		{"certificate not trusted", s.url, reader, connector.Env{}, testCertificate, setup.Failed, "nobody vouches for the certificate", "certificate_untrusted"},
		{"another certificate trusted", s.url, reader, connector.Env{Trusts: func(h string) bool { return h == "x" }}, testCertificate, setup.Failed, "nobody vouches for the certificate", "certificate_untrusted"},
		{"authority trusted", s.url, reader, signedBy(ca), testPermission, setup.Passed, "", ""},
		{"another authority trusted", s.url, reader, signedBy(newAuthority(t)), testCertificate, setup.Failed, "nobody vouches for the certificate", "certificate_untrusted"},
		{"TLS refused", plain.url, func(c *config) { c.AlwaysEncrypted = true }, trusted, testCertificate, setup.Failed, "does not offer TLS", "tls_refused"},
		{"wrong password", s.url, func(c *config) { reader(c); c.Password = "wr0ng" }, trusted, testLogin, setup.Failed, "password authentication failed", "authentication_failed"},
		{"no password", s.url, func(c *config) { reader(c); c.Password = "" }, trusted, testLogin, setup.Failed, "password", "authentication_failed"},
		{"not in pg_hba.conf", s.url, func(c *config) { reader(c); c.User = "stranger" }, trusted, testLogin, setup.Failed, "pg_hba.conf", "authentication_failed"},
		{"client certificate", s.url, byCert(clientCert, clientKey), trusted, testPermission, setup.Passed, "", ""},
		{"somebody else's certificate", s.url, byCert(otherCert, otherKey), trusted, testLogin, setup.Failed, "certificate authentication failed", "authentication_failed"},
		{"certificate of a strange authority", s.url, byCert(strangerCert, strangerKey), trusted, testLogin, setup.Failed, "client certificate", "tls_failed"},
		{"no certificate", s.url, byCert(nil, nil), trusted, testCertificate, setup.Failed, "PEM", "client_certificate_invalid"},
		{"no such database", s.url, func(c *config) { reader(c); c.Database = "nowhere" }, trusted, testDatabase, setup.Failed, `database "nowhere" does not exist`, "database_missing"},
		{"no CONNECT", s.url, func(c *config) { reader(c); c.Database = "forbidden" }, trusted, testDatabase, setup.Failed, "permission denied", "permission_denied"},
		{"nothing granted", s.url, func(c *config) { c.User = "nothing" }, connector.Env{}, testPermission, setup.Failed, "schema public: no SELECT on a", ""},
		{"no tables", s.url, func(c *config) { reader(c); c.Database = "empty" }, trusted, testPermission, setup.Passed, "", ""},
		{"nobody listens", "postgres://x@127.0.0.1:" + closedPort + "/x", func(*config) {}, connector.Env{}, testHost, setup.Failed, "connection refused", "-"},
		{"no such host", "postgres://x@no.such.host.invalid/x", func(*config) {}, connector.Env{}, testHost, setup.Failed, "no.such.host.invalid", "-"},
		{"change log", s.url, func(c *config) { reader(c); c.UpdateMethod = "WAL_PGOUTPUT" }, trusted, testMethod, setup.Failed, "needs publication_name and replication_slot", "config_missing"},
		{"tunnel", s.url, func(c *config) { reader(c); c.ConnectionType = "SshTunnel" }, trusted, testHost, setup.Failed, "set it to Directly", "config_not_supported"},
		{"login by AWS", s.url, func(c *config) { reader(c); c.AuthMethod = "AWS_IAM" }, trusted, testLogin, setup.Failed, "PASSWORD or CLIENT_CERTIFICATE", "config_not_supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, err := open(configOf(t, c.url, c.edit), c.env)
			if err != nil {
				t.Fatal(err)
			}
			results := src.Test(context.Background())
			for i, r := range results {
				if i >= len(all) || r.Title != all[i] {
					t.Errorf("test %d is %q", i, r.Title)
				}
				if i < len(results)-1 && r.Status == setup.Failed {
					t.Errorf("goes on after %q failed: %s", r.Title, r.Message)
				}
				leaks(t, c.edit, r.Message)
			}
			last := results[len(results)-1]
			if last.Title != c.last || last.Status != c.status || !strings.Contains(last.Message, c.message) {
				t.Errorf("the last result is %+v\nwant %s %s %q", last, c.last, c.status, c.message)
			}
			if strings.Contains(c.problem, "untrusted") {
				want := &setup.Certificate{Hash: hash, Subject: "CN=127.0.0.1", DER: block.Bytes}
				if diff := cmp.Diff(want, last.Certificate, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("certificate (-want +got):\n%s", diff)
				}
			}

			tables, err := src.Tables(context.Background(), func(setup.Warning) {})
			if err == nil {
				err = src.Sync(context.Background(), connector.Request{Tables: tables}, &discard{})
			}
			p := setup.AsProblem(err)
			switch {
			case c.problem == "" && err != nil, c.problem == "-" && (err == nil || p != nil),
				len(c.problem) > 1 && (p == nil || p.Code != c.problem):
				t.Errorf("a sync says %v (%+v), want %q", err, p, c.problem)
			}
			if err != nil {
				leaks(t, c.edit, err.Error())
			}
		})
	}
}

// leaks reports a secret of the config in a text.
func leaks(t *testing.T, edit func(*config), text string) {
	t.Helper()
	var c config
	edit(&c)
	for _, s := range []string{c.Password, c.ClientKey} {
		if s != "" && strings.Contains(text, s) {
			t.Errorf("a secret is in %q", text)
		}
	}
}

// TestHostSilent has a host that takes connections and says nothing.
func TestHostSilent(t *testing.T) {
	port := strconv.Itoa(nettest.Listen(t, func(c net.Conn) { io.Copy(io.Discard, c) }))
	src, err := open(configOf(t, "postgres://x@127.0.0.1:"+port+"/x"), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	src.(*source).timeout = 50e6
	results := src.Test(context.Background())
	want := setup.TestResult{Title: testLogin, Status: setup.Failed, Message: "connect to 127.0.0.1:" + port + ": no answer in time"}
	if diff := cmp.Diff(want, results[len(results)-1]); diff != "" {
		t.Error(diff)
	}
}

// TestEnvironment has variables that would send a client elsewhere.
func TestEnvironment(t *testing.T) {
	url := pgtest.Server(t)
	for _, v := range []string{"PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSSLMODE", "PGOPTIONS", "PGAPPNAME"} {
		t.Setenv(v, "require")
	}
	t.Setenv("PGPORT", "1")
	src, err := open(configOf(t, url), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range src.Test(context.Background()) {
		if r.Status == setup.Failed {
			t.Errorf("%s: %s", r.Title, r.Message)
		}
	}
}
