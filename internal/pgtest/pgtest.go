// Package pgtest gives tests a PostgreSQL database of their own on the server
// that the environment names. `make test` starts one where there is none.
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Server returns the URL of a superuser on the test server.
// Without one the test is skipped, and CI fails for it.
func Server(t testing.TB) string {
	t.Helper()
	server := os.Getenv("PENSTOCK_TEST_POSTGRES")
	if server == "" {
		t.Skip("PENSTOCK_TEST_POSTGRES names no server; `make test` starts one")
	}
	return server
}

// Database creates an empty database, dropped when the test ends, and returns
// its URL for a superuser.
func Database(t testing.TB) string {
	t.Helper()
	return DatabaseOn(t, Server(t))
}

// DatabaseOn is Database on the server of a superuser's URL. Tests that count
// what xmin says has changed need a server of their own: transactions of
// others on the same one hold the horizon back.
func DatabaseOn(t testing.TB, server string) string {
	t.Helper()
	var b [6]byte
	rand.Read(b[:])
	name := "t_" + hex.EncodeToString(b[:])
	Exec(t, server, "create database "+name)
	t.Cleanup(func() { Exec(t, server, "drop database if exists "+name+" with (force)") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Exec runs statements, each on its own, as the user of the URL.
func Exec(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
