package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// withDuck returns a server whose destination is a DuckDB file.
func withDuck(t *testing.T) (*server, warehouse) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "w.duckdb")
	s := serve(t, t.TempDir())
	s.destination(t, "duckdb", map[string]any{"path": file})
	return s, duckWarehouse(file)
}

// patch changes the config of a connection; its setup tests run.
func (s *server) patch(t testing.TB, id string, config map[string]any) (d details) {
	t.Helper()
	s.must(t, "PATCH", "/v1/connections/"+id, map[string]any{"config": config}, &d)
	return d
}

// failedTest returns the message of the setup test that failed, and what it
// said besides.
func (d details) failedTest() (title, message string, more json.RawMessage) {
	for _, test := range d.SetupTests {
		if test.Status == "FAILED" {
			return test.Title, test.Message, test.Details
		}
	}
	return "", "", nil
}

// small makes a database with one table, and says how it is compared.
func small(t *testing.T) (dsn string, tables []compared) {
	t.Helper()
	dsn = pgtest.Database(t)
	pgtest.Exec(t, dsn, `create table small (id int primary key, x text)`, `insert into small select i, 'x' || i from generate_series(1, 500) i`)
	return dsn, []compared{one("small")}
}

func one(table string) compared {
	return compared{source: schema.Name{Schema: "public", Table: table}, destination: schema.Name{Schema: "src_public", Table: table}}
}

// ownSmall is small on the server that may be broken, and asks for a password.
func ownSmall(t *testing.T) (dsn string, config map[string]any, tables []compared) {
	t.Helper()
	ownPostgres(t)
	pgtest.Exec(t, own.url, `drop database if exists shop with (force)`, `create database shop`,
		`drop role if exists app`, `create role app login password '`+appPassword+`'`)
	dsn = strings.Replace(own.url, "/postgres?", "/shop?", 1)
	pgtest.Exec(t, dsn, `create table small (id int primary key, x text)`,
		`insert into small select i, 'x' || i from generate_series(1, 500) i`, `grant select on small to app`)
	return dsn, map[string]any{
		"schema_prefix": "src", "host": "127.0.0.1", "port": own.port, "database": "shop", "user": "app", "password": appPassword, "always_encrypted": false,
	}, []compared{one("small")}
}

func TestWrongPassword(t *testing.T) {
	source, config, tables := ownSmall(t)
	s, w := withDuck(t)
	config["password"] = "wrong"
	d := s.connection(t, config)
	_, message, _ := d.failedTest()
	if d.Status.SetupState != "incomplete" || !strings.Contains(message, "password") || !says(d.Status.Tasks, "password") {
		t.Errorf("made with a wrong password it says %+v", d)
	}
	if a := s.call(t, "POST", "/v1/connections/"+d.ID+"/sync", nil); a.status/100 == 2 {
		t.Errorf("it can be synced: %s", a.raw)
	}
	d = s.patch(t, d.ID, map[string]any{"password": appPassword})
	if d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 || d.Config["password"] != "******" {
		t.Errorf("mended, it says %+v", d)
	}
	s.succeeds(t, d.ID)
	equal(t, source, w, tables)

	// The password is changed at the source.
	pgtest.Exec(t, own.url, `alter role app password 'another'`)
	pgtest.Exec(t, source, `update small set x = 'y' where id < 50`)
	d = s.fails(t, d.ID)
	if d.Status.SetupState != "broken" || d.Status.SyncState != "scheduled" || !says(d.Status.Tasks, "password", "app") {
		t.Errorf("with a wrong password it says %+v", d)
	}
	d = s.patch(t, d.ID, map[string]any{"password": "another"})
	if d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 {
		t.Errorf("mended, it says %+v", d)
	}
	s.succeeds(t, d.ID)
	equal(t, source, w, tables)
}

func TestNobodyAnswers(t *testing.T) {
	source, tables := small(t)
	config := sourceConfig(t, source, "src")
	near := newProxy(t, config["host"].(string), config["port"].(string))
	good := map[string]any{"host": near.host, "port": near.port}

	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, nobody replies
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	_, port, _ := net.SplitHostPort(silent.Addr().String())
	s, w := withDuck(t)
	for name, bad := range map[string]map[string]any{
		"a closed port":   {"host": "127.0.0.1", "port": "1"},
		"a silent server": {"host": "127.0.0.1", "port": port},
		"no such name":    {"host": "nowhere.invalid", "port": "5432"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := map[string]any{}
			for _, from := range []map[string]any{config, bad, {"schema_prefix": "src_" + strings.ReplaceAll(name, " ", "_")}} {
				for k, v := range from {
					c[k] = v
				}
			}
			d := s.connection(t, c)
			_, message, _ := d.failedTest()
			at := net.JoinHostPort(bad["host"].(string), bad["port"].(string))
			if d.Status.SetupState != "incomplete" || !strings.Contains(message, at) {
				t.Errorf("it says %+v", d)
			}
			t.Logf("%s: %s", name, message)
		})
	}
	t.Run("a server that falls silent", func(t *testing.T) {
		t.Parallel()
		for k, v := range good {
			config[k] = v
		}
		d := s.connection(t, config)
		s.succeeds(t, d.ID)
		equal(t, source, w, tables)
		pgtest.Exec(t, source, `delete from small where id % 2 = 0`)
		near.holdAfter(0)
		d = s.fails(t, d.ID)
		// Nobody need act; it is tried again. But it is said.
		if d.Status.SetupState != "connected" || d.Status.SyncState != "scheduled" || len(d.Status.Tasks) > 0 || !says(d.Status.Warnings, near.host+":"+near.port) {
			t.Errorf("it says %+v", d)
		}
		near.open()
		if d = s.succeeds(t, d.ID); len(d.Status.Warnings) > 0 {
			t.Errorf("mended, it says %+v", d)
		}
		equal(t, source, w, tables)
	})
}

// An issuer signs certificates.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certificate makes a certificate for 127.0.0.1 that by has signed, or nobody
// but itself. It is one of an authority if it is called so.
func certificate(t *testing.T, name string, by *issuer) *issuer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: strings.Contains(name, "authority"),
	}
	if by == nil {
		by = &issuer{c, k}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, &k.PublicKey, by.key)
	if err == nil {
		c, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{c, k}
}

// offerTLS gives the breakable server a new certificate, which by has signed.
func offerTLS(t *testing.T, by *issuer) {
	t.Helper()
	c := certificate(t, "a test's server", by)
	secret, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	giveOwn(t, "server.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}))
	giveOwn(t, "server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	pgtest.Exec(t, own.url, `alter system set ssl = on`, `select pg_reload_conf()`)
}

func TestCertificateNotTrusted(t *testing.T) {
	source, config, tables := ownSmall(t)
	config["always_encrypted"] = true
	pgtest.Exec(t, own.url, `alter system set ssl = off`, `select pg_reload_conf()`)
	s, w := withDuck(t)
	d := s.connection(t, config)
	if _, message, _ := d.failedTest(); d.Status.SetupState != "incomplete" || !strings.Contains(message, "TLS") {
		t.Errorf("without TLS it says %+v", d)
	}

	offerTLS(t, nil)
	approve := func() {
		t.Helper()
		s.must(t, "POST", "/v1/connections/"+d.ID+"/test", nil, &d)
		_, message, more := d.failedTest()
		var shown struct {
			Hash        string `json:"hash"`
			EncodedCert string `json:"encoded_cert"`
		}
		if err := json.Unmarshal(more, &shown); err != nil || shown.Hash == "" || !strings.Contains(message, "a test's server") {
			t.Fatalf("the certificate is not shown: %+v (%v)", d, err)
		}
		s.must(t, "POST", "/v1/connections/"+d.ID+"/certificates", map[string]any{"hash": shown.Hash, "encoded_cert": shown.EncodedCert}, nil)
		s.must(t, "POST", "/v1/connections/"+d.ID+"/test", nil, &d)
		if d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 {
			t.Errorf("with the certificate approved it says %+v", d)
		}
	}
	approve()
	s.succeeds(t, d.ID)
	equal(t, source, w, tables)

	offerTLS(t, nil) // another one, and nobody has said that it is all right
	pgtest.Exec(t, source, `truncate small`)
	d = s.fails(t, d.ID)
	if d.Status.SetupState != "broken" || !says(d.Status.Tasks, "certificate") {
		t.Errorf("with another certificate it says %+v", d)
	}
	approve()
	s.succeeds(t, d.ID)
	equal(t, source, w, tables)

	offerTLS(t, nil) // or all at once
	s.must(t, "POST", "/v1/connections/"+d.ID+"/test", map[string]any{"trust_certificates": true}, &d)
	if d.Status.SetupState != "connected" {
		t.Errorf("with certificates trusted it says %+v", d)
	}
	s.succeeds(t, d.ID)
}

// TestAuthorityTrusted approves an authority instead of the certificates that
// it signs, for a destination.
func TestAuthorityTrusted(t *testing.T) {
	source, tables := small(t)
	ownPostgres(t)
	target := pgtest.DatabaseOn(t, own.url)
	authority := certificate(t, "a test's authority", nil)
	offerTLS(t, authority)
	s := serve(t, t.TempDir())
	config := databaseConfig(t, target)
	config["always_encrypted"] = true
	var dest struct {
		SetupStatus string `json:"setup_status"`
	}
	path := "/v1/destinations/" + seedGroup
	s.must(t, "POST", "/v1/destinations", map[string]any{"group_id": seedGroup, "service": "postgres_warehouse", "time_zone_offset": "0", "config": config}, &dest)
	if dest.SetupStatus == "connected" {
		t.Fatal("nobody has approved anything")
	}
	hash := sha256.Sum256(authority.cert.Raw)
	s.must(t, "POST", path+"/certificates", map[string]any{"hash": hex.EncodeToString(hash[:]), "encoded_cert": base64.StdEncoding.EncodeToString(authority.cert.Raw)}, nil)
	s.must(t, "POST", path+"/test", nil, &dest)
	if dest.SetupStatus != "connected" {
		t.Fatalf("with the authority approved it is %s", dest.SetupStatus)
	}
	d := s.connection(t, sourceConfig(t, source, "src"))
	s.succeeds(t, d.ID)
	offerTLS(t, authority) // another one, that it has signed as well
	pgtest.Exec(t, source, `delete from small where id < 10`)
	s.succeeds(t, d.ID)
	equal(t, source, postgresWarehouse(target), tables)

	offerTLS(t, certificate(t, "another authority", nil))
	pgtest.Exec(t, source, `delete from small where id < 20`)
	if d = s.fails(t, d.ID); !says(d.Status.Tasks, "certificate_untrusted", "a test's server") {
		t.Errorf("signed by somebody else, it says %+v", d.Status)
	}
	offerTLS(t, authority)
	s.must(t, "DELETE", path+"/certificates/"+base64.RawURLEncoding.EncodeToString(hash[:]), nil, nil)
	if d = s.fails(t, d.ID); !says(d.Status.Tasks, "certificate_untrusted") {
		t.Errorf("revoked, it says %+v", d.Status)
	}
}

func TestMissingPrivilege(t *testing.T) {
	source, config, tables := ownSmall(t)
	pgtest.Exec(t, source,
		`create table hidden (id int primary key)`, `insert into hidden select generate_series(1, 300)`,
		`create table partly (id int primary key, open text, closed text)`, `insert into partly values (1, 'a', 'b')`, `grant select (id, open) on partly to app`)
	s, w := withDuck(t)
	d := s.connection(t, config)
	d = s.succeeds(t, d.ID)
	if !says(d.Status.Warnings, "public.hidden", "select") || !says(d.Status.Warnings, "public.partly", "closed") || says(d.Status.Warnings, "small") {
		t.Errorf("the warnings are %+v", d.Status.Warnings)
	}
	equal(t, source, w, tables)
	if n := w.number(t, `select count(*) from src_public.partly where open = 'a'`); n != 1 {
		t.Errorf("%d rows of the table that can be read in part", n)
	}
	pgtest.Exec(t, source, `grant select on hidden to app`, `grant select on partly to app`, `revoke select on small from app`)
	d = s.succeeds(t, d.ID)
	if says(d.Status.Warnings, "hidden") || !says(d.Status.Warnings, "public.small") {
		t.Errorf("mended, the warnings are %+v", d.Status.Warnings)
	}
	equal(t, source, w, append(tables, one("hidden"), one("partly"))) // what was copied of small stays
	pgtest.Exec(t, source, `grant select on small to app`, `delete from small where id < 100`)
	if d = s.succeeds(t, d.ID); len(d.Status.Warnings) > 0 {
		t.Errorf("mended, the warnings are %+v", d.Status.Warnings)
	}
	equal(t, source, w, append(tables, one("hidden"), one("partly")))
}

// TestChangedInMidSync drops a table and changes another while a sync has
// begun and not come to them.
func TestChangedInMidSync(t *testing.T) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source,
		`create table a_large (id int primary key, x text)`, `insert into a_large select i, repeat(md5(i::text), 8) from generate_series(1, 20000) i`,
		`create table a_larger (id int primary key, x text)`, `insert into a_larger select i, repeat(md5(i::text), 8) from generate_series(1, 20000) i`,
		`create table b_changed (id int primary key, x int)`, `insert into b_changed select i, i from generate_series(1, 500) i`,
		`create table c_dropped (id int primary key)`, `insert into c_dropped select generate_series(1, 500)`,
		`create table d_grown (id int primary key)`, `insert into d_grown select generate_series(1, 500)`,
		`create table e_same (id int primary key)`, `insert into e_same select generate_series(1, 500)`)
	config := sourceConfig(t, source, "src")
	near := newProxy(t, config["host"].(string), config["port"].(string))
	config["host"], config["port"] = near.host, near.port
	s, w := withDuck(t)
	d := s.connection(t, config)
	near.holdAfter(1 << 20)
	s.must(t, "POST", "/v1/connections/"+d.ID+"/sync", nil, nil)
	near.held(t)
	pgtest.Exec(t, source+"&lock_timeout=30s", // the tables at hand are locked
		`alter table b_changed alter x type text using 'v' || x`,
		`drop table c_dropped`,
		`alter table d_grown add y text default 'new'`)
	near.open()
	if d = s.after(t, d); d.SucceededAt == "" || !says(d.Status.Warnings, "c_dropped", "exist") {
		t.Errorf("it says %+v\n%s", d, s.stderr.String())
	}
	t.Logf("the warnings: %v", d.Status.Warnings)
	// What could not be read as it is now is read by the next sync.
	d = s.succeeds(t, d.ID)
	if len(d.Status.Warnings) > 0 {
		t.Errorf("the next sync warns of %v", d.Status.Warnings)
	}
	equal(t, source, w, []compared{one("a_large"), one("a_larger"), one("b_changed"), one("d_grown"), one("e_same")})
}

func TestSourceKilled(t *testing.T) {
	source, config, _ := ownSmall(t)
	pgtest.Exec(t, source, append(orders, `grant select on all tables in schema public to app`)...)
	var tables []compared
	for _, n := range ordersTables {
		c := one(n)
		c.keyless = n == "note"
		tables = append(tables, c)
	}
	near := newProxy(t, "127.0.0.1", own.port)
	config["host"], config["port"] = near.host, near.port
	s, w := withDuck(t)
	d := s.connection(t, config)
	for i := range 2 { // while it loads, and while it increments
		near.holdAfter(1 << 20)
		s.must(t, "POST", "/v1/connections/"+d.ID+"/sync", nil, nil)
		near.held(t)
		if err := stopOwn(); err != nil {
			t.Fatal(err)
		}
		near.open()
		d = s.after(t, d)
		if d.FailedAt == "" || d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 || !says(d.Status.Warnings, near.host+":"+near.port) {
			t.Errorf("with the source gone it says %+v", d)
		}
		t.Logf("the source is gone: %v", d.Status.Warnings)
		if err := startOwn(); err != nil {
			t.Fatal(err)
		}
		if d = s.succeeds(t, d.ID); len(d.Status.Warnings) > 0 {
			t.Errorf("with the source back it says %+v", d)
		}
		equal(t, source, w, tables)
		if i == 0 {
			pgtest.Exec(t, source, `update item set price = 1`, `update sale set amount = 1`, `update visit set what = 'x'`, `delete from note where line like '1%'`)
		}
	}
}

func TestDestinationKilledInMidMerge(t *testing.T) {
	ownPostgres(t)
	source := pgtest.Database(t)
	pgtest.Exec(t, source, orders...)
	pgtest.Exec(t, own.url, `drop database if exists target with (force)`, `create database target`)
	target := strings.Replace(own.url, "/postgres?", "/target?", 1)
	s := serve(t, t.TempDir())
	s.destination(t, "postgres_warehouse", databaseConfig(t, target))
	d := s.connection(t, sourceConfig(t, source, "src"))
	d = s.succeeds(t, d.ID)
	var tables []compared
	for _, n := range ordersTables {
		c := one(n)
		c.keyless = n == "note"
		tables = append(tables, c)
	}
	equal(t, source, postgresWarehouse(target), tables)
	pgtest.Exec(t, source, `update item set price = price + 1 where id % 2 = 0`, `delete from item where id % 7 = 0`, `update sale set amount = 0 where no % 3 = 0`)

	// A reader's lock keeps the merge from its end until the server dies.
	reader := openPostgres(t, target)
	defer reader.Close()
	tx, err := reader.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), `lock table src_public.item in share mode`)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.must(t, "POST", "/v1/connections/"+d.ID+"/sync", nil, nil)
	watcher := openPostgres(t, own.url)
	defer watcher.Close()
	await(t, "a merge waits for the lock", func() bool {
		var n int
		err := watcher.QueryRowContext(t.Context(), `select count(*) from pg_stat_activity where application_name = 'penstock' and wait_event_type = 'Lock'`).Scan(&n)
		return err == nil && n > 0
	})
	if err := stopOwn(); err != nil {
		t.Fatal(err)
	}
	before := d
	d = s.after(t, before)
	if d.FailedAt == "" || d.SucceededAt != before.SucceededAt || d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 || !says(d.Status.Warnings, ":"+own.port) {
		t.Errorf("with the destination gone it says %+v", d)
	}
	t.Logf("the destination is gone: %v", d.Status.Warnings)
	if err := startOwn(); err != nil {
		t.Fatal(err)
	}
	if d = s.succeeds(t, d.ID); len(d.Status.Warnings) > 0 {
		t.Errorf("with the destination back it says %+v", d)
	}
	equal(t, source, postgresWarehouse(target), tables)
}

// TestDestinationFull has a DuckDB file on a disk with little room. The disk
// is a mount in a name space that the server has for itself, so that the test
// needs no rights but that to make one.
func TestDestinationFull(t *testing.T) {
	source := pgtest.Database(t)
	pgtest.Exec(t, source,
		`create table first (id int primary key)`, `insert into first select generate_series(1, 1000)`,
		`create table large (id int primary key, x text)`,
		`insert into large select i, (select string_agg(md5((i * 31 + j)::text), '') from generate_series(1, 16) j) from generate_series(1, 60000) i`)
	disk := t.TempDir()
	args := serveArgs(t, t.TempDir())
	cmd := exec.Command("sh", append([]string{"-c", `mount -t tmpfs -o size=256m none "$0" && head -c 240m /dev/zero >"$0/ballast" && exec "$@"`, disk, os.Args[0]}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	s := serveBy(t, cmd, "")
	inside := fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, disk)
	s.destination(t, "duckdb", map[string]any{"path": filepath.Join(disk, "w.duckdb")})
	d := s.connection(t, sourceConfig(t, source, "src"))
	d = s.fails(t, d.ID)
	if d.Status.SetupState != "connected" || d.Status.SyncState != "scheduled" || !says(append(d.Status.Warnings, d.Status.Tasks...), "w.duckdb", "full") {
		t.Errorf("with a full disk it says %+v", d)
	}
	t.Logf("the disk is full: %v %v", d.Status.Warnings, d.Status.Tasks)
	if err := os.Remove(filepath.Join(inside, "ballast")); err != nil {
		t.Fatal(err)
	}
	if d = s.succeeds(t, d.ID); len(d.Status.Warnings) > 0 {
		t.Errorf("with room again it says %+v", d)
	}
	content, err := os.ReadFile(filepath.Join(inside, "w.duckdb")) // DuckDB would look for it outside
	here := filepath.Join(t.TempDir(), "w.duckdb")
	if err == nil {
		err = os.WriteFile(here, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	equal(t, source, duckWarehouse(here), []compared{one("first"), one("large")})
}

// TestFileIsOpen has somebody else look into the DuckDB file.
func TestFileIsOpen(t *testing.T) {
	source, tables := small(t)
	s, w := withDuck(t)
	d := s.connection(t, sourceConfig(t, source, "src"))
	s.succeeds(t, d.ID)
	db := w.open(t)
	pgtest.Exec(t, source, `delete from small where id < 10`)
	d = s.fails(t, d.ID)
	if d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 || !says(d.Status.Warnings, "w.duckdb", fmt.Sprint(os.Getpid())) {
		t.Errorf("with the file open elsewhere it says %+v", d)
	}
	db.Close()
	s.succeeds(t, d.ID)
	equal(t, source, w, tables)
}

// TestOddValues has values that the destination's types cannot hold, and
// names that are the same in the destination.
func TestOddValues(t *testing.T) {
	source, tables := small(t)
	pgtest.Exec(t, source,
		`create table odd (id int primary key, at timestamp, day date, n numeric(8,2))`,
		`insert into odd values (1, '294276-12-31 23:59:59', '5874897-12-31', 'NaN'), (2, '2024-01-01', '2024-01-01', 1.50)`,
		`create table "user-data" (id int primary key)`, `create table "user.data" (id int primary key)`,
		`create table twice (id int primary key, "a b" int, "a_b" int)`)
	s, w := withDuck(t)
	d := s.connection(t, sourceConfig(t, source, "src"))
	d = s.succeeds(t, d.ID)
	for _, texts := range [][]string{
		{"public.user-data", "public.user.data", "src_public.user_data"},
		{"public.twice", "a b", "a_b"},
		{"odd", "column at", "294276"}, // past what a DuckDB timestamp can hold
		{"odd", "column n", "NaN"},
		{"odd", "column day", "5874897"},
	} {
		if !says(d.Status.Warnings, texts...) {
			t.Errorf("no warning of %q: %+v", texts, d.Status.Warnings)
		}
	}
	t.Logf("the warnings: %v", d.Status.Warnings)
	equal(t, source, w, tables)
	if n := w.number(t, `select count(*) from src_public.odd where n in ('NaN', '1.50') and ("at" is null or "at"::varchar = '2024-01-01 00:00:00')`); n != 2 {
		t.Errorf("%d rows of odd are as they should be", n)
	}
	if n := w.number(t, `select count(*) from information_schema.tables where table_name in ('user_data', 'twice')`); n != 0 {
		t.Errorf("%d tables whose names collide were made", n)
	}

	pgtest.Exec(t, source, `alter table "user.data" rename to people`, `alter table twice drop column "a b"`,
		`insert into "user-data" values (1)`, `insert into people values (2)`, `insert into twice values (3, 4)`, `delete from odd where id = 1`)
	d = s.succeeds(t, d.ID)
	if len(d.Status.Warnings) > 0 {
		t.Errorf("mended, it says %+v", d.Status.Warnings)
	}
	userData := one("user-data")
	userData.destination.Table = "user_data"
	equal(t, source, w, append(tables, userData, one("people"), one("twice")))
}
