package postgres

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// A server is a PostgreSQL server of a test's own, for what would disturb
// others: its configuration, its transaction ids, its death.
type server struct {
	dir  string
	port string
	url  string
}

const script = "../../scripts/postgres"

// newServer starts a server, which is stopped when the test ends.
func newServer(t testing.TB) *server {
	t.Helper()
	pgtest.Server(t) // without a PostgreSQL for tests there are no programs either
	dir, err := os.MkdirTemp("", "penstock-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for attempt := range 5 { // somebody may take the free port before the server does
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		s := &server{dir: filepath.Join(dir, fmt.Sprint(attempt)), port: port}
		if err = s.tryStart(); err != nil {
			t.Log(err)
			continue
		}
		t.Cleanup(func() { exec.Command(script, "stop", s.dir).Run() })
		pgtest.Exec(t, s.url, "alter system set autovacuum = off", "alter system set wal_writer_delay = 10", "select pg_reload_conf()")
		return s
	}
	t.Fatal("no server could be started")
	return nil
}

func (s *server) start(t testing.TB) {
	t.Helper()
	if err := s.tryStart(); err != nil {
		t.Fatal(err)
	}
}

func (s *server) tryStart() error {
	cmd := exec.Command(script, "start", s.dir, s.port)
	cmd.Env = append(os.Environ(), "PENSTOCK_PG_BUFFERS=16MB")
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s start: %v\n%s", script, err, log.String())
	}
	s.url = strings.TrimSpace(string(out))
	return nil
}

func (s *server) stop(t testing.TB) {
	t.Helper()
	if out, err := exec.Command(script, "stop", s.dir).CombinedOutput(); err != nil {
		t.Fatalf("%s stop: %v\n%s", script, err, out)
	}
}

// owned makes a file in the server's folder that its user can read, and
// nobody else.
func (s *server) owned(t testing.TB, name string, content []byte) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s.own(t, path)
}

// own gives a file to the user whom the folder belongs to.
func (s *server) own(t testing.TB, path string) {
	t.Helper()
	if out, err := exec.Command("chown", "--reference="+s.dir, path).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v\n%s", err, out)
	}
}

// configure adds lines to postgresql.conf, replaces pg_hba.conf if hba is
// given, and restarts the server.
func (s *server) configure(t testing.TB, conf string, hba string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n" + conf + "\n"); err != nil {
		t.Fatal(err)
	}
	if hba != "" {
		s.owned(t, "pg_hba.conf", []byte(hba))
	}
	pgtest.Exec(t, s.url, "checkpoint") // or the last commits are lost: the server stops at once
	s.stop(t)
	s.start(t)
}

// shared is a server that tests of this package may use together, as long as
// they stay in databases of their own.
var shared struct {
	once      sync.Once
	server    *server
	databases atomic.Int32
}

// sharedDatabase returns the URL of a database on the shared server.
func sharedDatabase(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.server = newServer(keeper{t}) })
	if shared.server == nil {
		t.Fatal("no server")
	}
	name := fmt.Sprintf("t%d", shared.databases.Add(1))
	pgtest.Exec(t, shared.server.url, "create database "+name)
	t.Cleanup(func() { pgtest.Exec(t, shared.server.url, "drop database "+name+" with (force)") })
	return strings.Replace(shared.server.url, "/postgres?", "/"+name+"?", 1)
}

// A keeper is a test whose cleanups wait for the end of all tests.
type keeper struct{ testing.TB }

var atExit []func()

func (keeper) Cleanup(f func()) { atExit = append(atExit, f) }

func TestMain(m *testing.M) {
	code := m.Run()
	for i := range atExit {
		atExit[len(atExit)-1-i]()
	}
	os.Exit(code)
}

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.pem, _, a.key = a.sign(t, a.cert)
	return a
}

// sign returns a certificate and its key in PEM form.
func (a *authority) sign(t testing.TB, c *x509.Certificate) (cert, key []byte, priv *ecdsa.PrivateKey) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = priv
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &priv.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), priv
}

// issue signs a certificate for a server on 127.0.0.1, or for a client called name.
func (a *authority) issue(t testing.TB, name string) (cert, key []byte) {
	cert, key, _ = a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return cert, key
}

// query returns the one value of a query as text.
func query(t testing.TB, dsn, sql string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, row := range rows[len(rows)-1].Rows {
		var fields []string
		for _, v := range row {
			if v == nil {
				fields = append(fields, "NULL")
			} else {
				fields = append(fields, string(v))
			}
		}
		lines = append(lines, strings.Join(fields, "|"))
	}
	return strings.Join(lines, "\n")
}

// lines is query for any number of rows.
func lines(t testing.TB, dsn, sql string) []string {
	text := query(t, dsn, sql)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// copyIn writes encoded rows into a table.
func copyIn(t testing.TB, dsn, table string, encoded [][]byte) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	data := append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...)
	data = append(append(data, bytes.Join(encoded, nil)...), 0xff, 0xff)
	if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(data), "copy "+table+" from stdin (format binary)"); err != nil {
		t.Fatal(err)
	}
}
