package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/nettest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

func numbers(t *schema.Table, from, to int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for i := from; i < to; i++ {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
	}
	return b.NewRecordBatch()
}

var numbersTable = &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{
	{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}}}

// start opens a writer with the table of numbers in place.
func start(t *testing.T, d destination.Destination) destination.Writer {
	t.Helper()
	w, err := d.Writer(t.Context(), destination.Options{Synced: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Migrate(t.Context(), numbersTable); err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, w destination.Writer, from, to int, fresh bool) {
	t.Helper()
	if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: numbersTable, Record: numbers(numbersTable, from, to), Fresh: fresh}); err != nil {
		t.Fatal(err)
	}
}

// TestKilledInMerge ends the server's process in the middle of a merge, which
// waits for a lock just then. Nothing of it shows, and a repeat loses nothing.
func TestKilledInMerge(t *testing.T) {
	dsn := pgtest.Database(t)
	d := openAt(t, dsn)
	w := start(t, d)
	write(t, w, 0, 10, true)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, w, 5, 20, false)

	locker, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer locker.Close(t.Context())
	lock, err := locker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "LOCK TABLE s.t IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	flushed := make(chan error)
	go func() { flushed <- w.Flush(t.Context()) }()
	killed := false
	for !killed { // as soon as the merge waits
		if _, err := lock.Exec(t.Context(), "SELECT pg_stat_clear_snapshot()"); err != nil {
			t.Fatal(err)
		}
		err := lock.QueryRow(t.Context(), `SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'penstock' AND wait_event_type = 'Lock'`).Scan(&killed)
		if err != nil {
			t.Fatal(err)
		}
	}
	err = <-flushed
	if err == nil || setup.AsProblem(err) != nil || !strings.Contains(err.Error(), "s.t") {
		t.Errorf("got %v, want an error that names s.t and is no Problem", err)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got := len(selectText(t, d, numbersTable.Name, numbersTable.Columns)); got != 10 {
		t.Errorf("%d rows after the broken merge, want 10", got)
	}
	w = start(t, d)
	write(t, w, 5, 20, false)
	if n, err := w.Live(t.Context(), numbersTable.Name); n != 20 || err != nil {
		t.Errorf("after the repeat: %d, %v", n, err)
	}
}

func TestPrivileges(t *testing.T) {
	dsn := pgtest.Database(t)
	role := strings.ReplaceAll(config(t, dsn).Database, "t_", "r_")
	pgtest.Exec(t, dsn, "CREATE ROLE "+role+" LOGIN", "CREATE SCHEMA s", "CREATE TABLE s.t (id bigint, _fivetran_synced timestamptz, _fivetran_deleted boolean)")
	t.Cleanup(func() { pgtest.Exec(t, pgtest.Server(t), "DROP ROLE "+role) })
	c := config(t, dsn)
	c.User = role
	d := openConfig(t, c)

	if r := d.Test(t.Context()); r[len(r)-1].Status != setup.Failed || !strings.Contains(r[len(r)-1].Message, "GRANT CREATE ON DATABASE") {
		t.Errorf("setup tests: %+v", r)
	}
	w, err := d.Writer(t.Context(), destination.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for table, said := range map[string]string{"other.t": "database", "s.new": "schema s", "s.t": "schema s"} {
		name := schema.Name{}
		name.Schema, name.Table, _ = strings.Cut(table, ".")
		bigger := &schema.Table{Name: name, Columns: append(slices.Clone(numbersTable.Columns), schema.Column{Name: "more", Type: schema.Type{Kind: schema.String}})}
		err := w.Migrate(t.Context(), bigger)
		p := setup.AsProblem(err)
		if p == nil || p.Code != "permission_denied" || !strings.Contains(p.Message, said) || !strings.Contains(p.Message, role) {
			t.Errorf("%s: got %v, want a Problem that names %s and %s", table, err, said, role)
		}
	}

	// A table of somebody else's that the role may write: merges do without
	// the index that it may not make.
	pgtest.Exec(t, dsn, "GRANT USAGE ON SCHEMA s TO "+role, "GRANT SELECT, INSERT, UPDATE, DELETE ON s.t TO "+role, "COMMENT ON COLUMN s.t.id IS 'LONG key'",
		"INSERT INTO s.t VALUES (3, now(), false)")
	w = start(t, d)
	write(t, w, 0, 10, false)
	if n, err := w.Live(t.Context(), numbersTable.Name); n != 10 || err != nil {
		t.Errorf("live: %d, %v", n, err)
	}
	pgtest.Exec(t, dsn, "DROP OWNED BY "+role)
}

// TestIndex looks for the index that merges use, and that a load has none until
// it has ended.
func TestIndex(t *testing.T) {
	dsn := pgtest.Database(t)
	d := openAt(t, dsn)
	indexes := func() string {
		c, err := d.(*warehouse).connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		rows, err := conn{d.(*warehouse), c}.rows(t.Context(), "SELECT coalesce(string_agg(indexdef, '; ' ORDER BY indexname), '') FROM pg_indexes WHERE schemaname = 's'")
		if err != nil {
			t.Fatal(err)
		}
		return string(rows[0][0])
	}
	w := start(t, d)
	write(t, w, 0, 10, true)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := indexes(); got != "" {
		t.Errorf("after the load there is %s", got)
	}
	want := "UNIQUE INDEX " + indexName(numbersTable.Name) + " ON s.t USING btree (id)"
	w.(destination.Finisher).Finish(t.Context())
	if got := indexes(); !strings.Contains(got, want) {
		t.Errorf("after the end there is %q", got)
	}
	w.Close()
	pgtest.Exec(t, dsn, "DROP INDEX s."+indexName(numbersTable.Name))
	w = start(t, d)
	write(t, w, 0, 10, false)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := indexes(); !strings.Contains(got, want) {
		t.Errorf("after the merge there is %q", got)
	}
	w.Close()

	// Keys that cannot be indexed: they are repeated, or too long.
	pgtest.Exec(t, dsn, "DROP INDEX s."+indexName(numbersTable.Name), "INSERT INTO s.t VALUES (7, now(), false)")
	w = start(t, d)
	write(t, w, 7, 8, false)
	if n, err := w.Live(t.Context(), numbersTable.Name); n != 10 || err != nil {
		t.Errorf("with a repeated key: %d, %v", n, err)
	}
	long := &schema.Table{Name: schema.Name{Schema: "s", Table: "long"}, Columns: []schema.Column{{Name: "k", Type: schema.Type{Kind: schema.String}, Key: true}}}
	if err := w.Migrate(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 9000)
	rand.Read(noise)
	for range 3 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, long.Arrow())
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("%x", noise))
		if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: long, Record: b.NewRecordBatch()}); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Live(t.Context(), long.Name); n != 1 || err != nil {
			t.Errorf("with a long key: %d, %v", n, err)
		}
	}
}

// TestPartitioned merges into a table that somebody has partitioned by a column
// that is not the key, so that it can have no index on the key.
func TestPartitioned(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "CREATE SCHEMA s", "CREATE TABLE s.t (id bigint, part text, _fivetran_synced timestamptz, _fivetran_deleted boolean) PARTITION BY LIST (part)",
		"CREATE TABLE s.t_rest PARTITION OF s.t DEFAULT")
	w := start(t, openAt(t, dsn))
	for range 2 {
		write(t, w, 0, 10, false)
		if n, err := w.Live(t.Context(), numbersTable.Name); n != 10 || err != nil {
			t.Errorf("live: %d, %v", n, err)
		}
	}
}

// TestSettings has a database whose own settings would lose what was committed
// when the server dies, or end a session that waits for the source.
func TestSettings(t *testing.T) {
	dsn := pgtest.Database(t)
	d := openAt(t, dsn).(*warehouse)
	for setting, value := range map[string]string{"synchronous_commit": "off", "idle_session_timeout": "1h"} {
		pgtest.Exec(t, dsn, "ALTER DATABASE "+quote(d.Database)+" SET "+setting+" = "+quoteText(value))
	}
	c, err := d.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	rows, err := conn{d, c}.rows(t.Context(), "SELECT current_setting('synchronous_commit') || ' ' || current_setting('idle_session_timeout')")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(rows[0][0]); got != "on 0" {
		t.Errorf("got %s, want on 0", got)
	}
}

func TestWhatIsThereAlready(t *testing.T) {
	dsn := pgtest.Database(t)
	pgtest.Exec(t, dsn, "CREATE SCHEMA s", "CREATE VIEW s.v AS SELECT 1 AS id", "CREATE TABLE s.u (id uuid)", `CREATE TABLE s."T" (id bigint)`)
	w := start(t, openAt(t, dsn)) // s.t is no s.T
	for table, want := range map[string]string{"v": "table_name_taken", "u": "column_type_unknown"} {
		err := w.Migrate(t.Context(), &schema.Table{Name: schema.Name{Schema: "s", Table: table}, Columns: numbersTable.Columns})
		if p := setup.AsProblem(err); p == nil || p.Code != want || !strings.Contains(p.Message, "s."+table) {
			t.Errorf("%s: got %v, want a Problem %s", table, err, want)
		}
	}
}

// TestViewInTheWay widens a column that a view of the user's is made of.
func TestViewInTheWay(t *testing.T) {
	dsn := pgtest.Database(t)
	d := openAt(t, dsn)
	w := start(t, d)
	write(t, w, 0, 10, true)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, "CREATE VIEW s.v AS SELECT id FROM s.t")
	wide := &schema.Table{Name: numbersTable.Name, Columns: slices.Clone(numbersTable.Columns)}
	wide.Columns[0].Type = schema.Type{Kind: schema.String}
	err := w.Migrate(t.Context(), wide)
	if p := setup.AsProblem(err); p == nil || p.Code != "column_in_use" || !strings.Contains(p.Message, "view s.v") {
		t.Fatalf("got %v, want a Problem that names the view", err)
	}
	if !errors.As(err, new(*destination.TableError)) {
		t.Errorf("%v is not told to be about the table alone", err)
	}
	write(t, w, 5, 15, false) // nothing has changed, and the writer goes on
	pgtest.Exec(t, dsn, "DROP VIEW s.v")
	if err := w.Migrate(t.Context(), wide); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Live(t.Context(), wide.Name); n != 15 || err != nil {
		t.Errorf("live: %d, %v", n, err)
	}
}

func TestExplain(t *testing.T) {
	w := &warehouse{Config: Config{Host: "db.example", Port: 5432, Database: "dwh", User: "loader", Password: "s3cret!"}}
	cases := []struct {
		err     error
		problem string
		want    string
	}{
		{&pgconn.PgError{Code: "28P01", Message: `password authentication failed for user "loader"`}, "authentication_failed", "db.example:5432"},
		{&pgconn.PgError{Code: "3D000", Message: `database "dwh" does not exist`}, "database_not_found", "dwh"},
		{&pgconn.PgError{Code: "25006", Message: "cannot execute INSERT in a read-only transaction"}, "read_only", "primary"},
		{&pgconn.PgError{Code: "53100", Message: `could not extend file "base/1/2": No space left on device`}, "", "its disk is full"},
		{&pgconn.PgError{Code: "57P01", Message: "terminating connection due to administrator command"}, "", "shutting down"},
		{errors.New("unexpected EOF"), "", "the connection to db.example:5432 broke"},
	}
	for _, c := range cases {
		err := w.explain(t.Context(), c.err)
		code := ""
		if p := setup.AsProblem(err); p != nil {
			code = p.Code
		}
		if code != c.problem || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\ngot  %q, %v\nwant %q, %s", c.err, code, err, c.problem, c.want)
		}
	}
}

// TestUnreachable tries servers that are none, and looks for the password.
func TestUnreachable(t *testing.T) {
	port := nettest.Closed(t)
	c := Config{Host: "127.0.0.1", Port: setup.Port(port), Database: "d", User: "u", Password: "s3cret!"}
	_, err := openConfig(t, c).Writer(t.Context(), destination.Options{})
	if err == nil || setup.AsProblem(err) != nil || !strings.Contains(err.Error(), fmt.Sprint(port)) || strings.Contains(err.Error(), c.Password) {
		t.Errorf("got %v", err)
	}
	r := openConfig(t, c).Test(t.Context())
	if len(r) != 1 || r[0].Status != setup.Failed || strings.Contains(r[0].Message, c.Password) {
		t.Errorf("setup tests: %+v", r)
	}
}

func TestEncryption(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db.example"}},
		&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db.example"}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	// A server that says yes to TLS, shows its certificate and then hangs up.
	port := nettest.Listen(t, func(c net.Conn) {
		if _, err := io.ReadFull(c, make([]byte, 8)); err == nil {
			c.Write([]byte("S"))
			tls.Server(c, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}).Handshake()
		}
	})
	text, err := json.Marshal(Config{Host: "127.0.0.1", Port: setup.Port(port), Database: "d", User: "u", AlwaysEncrypted: true})
	if err != nil {
		t.Fatal(err)
	}
	asked := ""
	for _, trusts := range []bool{false, true} {
		d, err := Services[0].Open(text, destination.Env{Trusts: func(hash string) bool { asked = hash; return trusts }})
		if err != nil {
			t.Fatal(err)
		}
		r := d.Test(t.Context())[0]
		if r.Status != setup.Failed || (r.Certificate == nil) != trusts {
			t.Fatalf("trusted %v: %+v", trusts, r)
		}
		if !trusts && (r.Certificate.Hash != asked || !strings.Contains(r.Certificate.Subject, "db.example")) {
			t.Errorf("the certificate is shown as %+v", r.Certificate)
		}
	}
	// A server without TLS is refused where TLS is required.
	c := config(t, pgtest.Server(t))
	c.AlwaysEncrypted = true
	if r := openConfig(t, c).Test(t.Context())[0]; r.Status != setup.Failed {
		t.Errorf("a server without TLS: %+v", r)
	}
}

func TestUnsupportedConfig(t *testing.T) {
	for _, config := range []string{`{"host":"h","auth_method":"AWS_IAM"}`, `{"host":"h","connection_type":"SshTunnel"}`} {
		if _, err := Services[0].Open([]byte(config), destination.Env{}); setup.AsProblem(err) == nil {
			t.Errorf("%s: got %v, want a Problem", config, err)
		}
	}
}
