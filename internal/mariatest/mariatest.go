// Package mariatest gives tests a MariaDB server's databases of their own, on
// the server that the environment names. `make test` starts one where there is
// none.
package mariatest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Server returns the URL of a superuser on the test server.
// Without one the test is skipped, and CI fails for it.
func Server(t testing.TB) string {
	t.Helper()
	server := os.Getenv("PENSTOCK_TEST_MARIADB")
	if server == "" {
		t.Skip("PENSTOCK_TEST_MARIADB names no server; `make test` starts one")
	}
	return server
}

// An Own is a server that a test may break.
type Own struct {
	URL string // of a superuser

	dir, port string
}

// Start starts a server from this machine's binaries, which ends with the test.
// Without them the test is skipped, and CI fails for it.
func Start(t testing.TB) *Own {
	t.Helper()
	if _, err := exec.LookPath("mariadbd"); err != nil {
		if _, err := os.Stat("/usr/sbin/mariadbd"); err != nil {
			t.Skip("there is no MariaDB server on this machine; `make test` installs one")
		}
	}
	dir, err := os.MkdirTemp("", "penstock-mariadb-") // not TempDir, which the server's user may not enter
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, here, _, _ := runtime.Caller(0)
	port, err := exec.Command(filepath.Join(filepath.Dir(here), "../../scripts/freeport")).Output()
	if err != nil {
		t.Fatal(err)
	}
	o := &Own{dir: dir, port: strings.TrimSpace(string(port))}
	o.Again(t)
	t.Cleanup(func() {
		o.Kill(t)
		os.RemoveAll(dir)
	})
	return o
}

// Again starts the server again, with the data that it had.
func (o *Own) Again(t testing.TB) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	c := exec.Command(filepath.Join(filepath.Dir(here), "../../scripts/mariadb"), "start", o.dir, o.port)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	o.URL = strings.TrimSpace(string(out))
}

// Kill ends the server at once, as a crash does, and waits until it is gone.
func (o *Own) Kill(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	for p.Kill() == nil {
		runtime.Gosched()
	}
}

// Database creates an empty database and returns its URL for a superuser. When
// the test ends it is dropped, with every other whose name begins with its own.
func Database(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(Server(t))
	if err != nil {
		t.Fatal(err)
	}
	var b [6]byte
	rand.Read(b[:])
	name := "t_" + hex.EncodeToString(b[:])
	server := u.String()
	Exec(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		for _, r := range Query(t, server, "SELECT CONCAT('`', REPLACE(SCHEMA_NAME, '`', '``'), '`') FROM information_schema.SCHEMATA WHERE LEFT(SCHEMA_NAME, ?) = ?", len(name), name) {
			Exec(t, server, "DROP DATABASE "+r[0])
		}
	})
	u.Path = "/" + name
	return u.String()
}

// Open connects as the user of a URL, until the test ends.
func Open(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "tcp", u.Host, u.User.Username(), u.Path[1:]
	cfg.Passwd, _ = u.User.Password()
	cfg.Timeout = 20 * time.Second
	cfg.InterpolateParams = true
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

// Exec runs statements, each on its own, as the user of the URL.
func Exec(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	db := Open(t, dsn)
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Query returns the rows of a query as text, "<null>" for NULL.
func Query(t testing.TB, dsn, query string, args ...any) (out [][]string) {
	t.Helper()
	db := Open(t, dsn)
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = "<null>"
			if v.Valid {
				row[i] = v.String
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
