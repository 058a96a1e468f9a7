package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/setup"
)

// settings hold for every connection: values have one text form, whatever the
// server's or the role's own, a limit that is meant for people's queries does
// not end a load, and what is committed is on the server's disk. The memory is
// what merges of a stage's size and the sorting of a key want.
const settings = `
	SET timezone = 'UTC';
	SET datestyle = 'ISO, YMD';
	SET extra_float_digits = 1;
	SET bytea_output = 'hex';
	SET standard_conforming_strings = on;
	SET client_min_messages = 'warning';
	SET statement_timeout = 0;
	SET lock_timeout = '10min';
	SET work_mem = '64MB';
	SET maintenance_work_mem = '128MB';
	SET idle_in_transaction_session_timeout = 0;
	-- Not every version has these.
	SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout');
	SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

func (w *warehouse) server() string { return net.JoinHostPort(w.Host, w.Port.String()) }

func (w *warehouse) connect(ctx context.Context) (*pgconn.PgConn, error) {
	// Nothing from the environment or the files of whoever runs Penstock may
	// count: what libpq's settings could bring is set here.
	cfg, err := pgconn.ParseConfig("host=unset port=5432 user=unset password=unset dbname=unset sslmode=disable passfile='' target_session_attrs=any")
	if err != nil {
		return nil, errors.New("the PG… variables of this process's environment cannot be used")
	}
	cfg.Host, cfg.Port = w.Host, uint16(w.Port)
	cfg.Database, cfg.User, cfg.Password = w.Database, w.User, w.Password
	cfg.ConnectTimeout = 20 * time.Second
	cfg.RuntimeParams = map[string]string{"application_name": "penstock", "client_encoding": "UTF8"}
	if w.env.Dial != nil {
		cfg.DialFunc = w.env.Dial
		cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // who dials knows it
	}
	cfg.TLSConfig = &tls.Config{ServerName: w.Host, InsecureSkipVerify: true} // verify does it
	cfg.Fallbacks = nil
	if w.AlwaysEncrypted {
		cfg.TLSConfig.VerifyConnection = func(s tls.ConnectionState) error {
			return setup.VerifyChain(s.PeerCertificates, w.Host, w.env.Trusts, w.env.Authorities)
		}
	} else {
		// As libpq's sslmode=prefer.
		cfg.Fallbacks = []*pgconn.FallbackConfig{{Host: w.Host, Port: uint16(w.Port)}}
	}
	c, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, w.explain(ctx, err)
	}
	if _, err := c.Exec(ctx, settings).ReadAll(); err != nil {
		c.Close(context.WithoutCancel(ctx))
		return nil, w.explain(ctx, err)
	}
	return c, nil
}

// problems are the errors that a person must mend, by SQLSTATE.
var problems = map[string]struct{ code, advice string }{
	"28P01": {"authentication_failed", "Check the user and the password."},
	"28000": {"authentication_failed", "Check the user, and what the server's pg_hba.conf allows."},
	"3D000": {"database_not_found", "Check the name of the database."},
	"42501": {"permission_denied", "Grant what is missing to the role, or make it the owner of the schema."},
	"25006": {"read_only", "Name the primary server, and not a standby."},
}

// explain says in the words of this destination what the server or the way to
// it says. It repeats nothing of the config but the server, the user and the
// database.
func (w *warehouse) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if said := setup.OnTheWay(ctx, w.server(), err); said != nil {
		return said
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		said := pg.Message
		for _, more := range []string{pg.Detail, pg.Where} {
			if more != "" {
				said += "; " + more
			}
		}
		if p, ok := problems[pg.Code]; ok {
			return &setup.Problem{Code: p.code, Message: fmt.Sprintf("The server %s says to the user %q on the database %q: %s. %s", w.server(), w.User, w.Database, said, p.advice)}
		}
		if pg.Code == "0A000" && strings.Contains(pg.Message, "view") {
			return &setup.Problem{Code: "column_in_use", Message: fmt.Sprintf("The server %s says: %s. Drop the view, let the next sync widen the column, and make the view again.", w.server(), said)}
		}
		if pg.Code == "2BP01" {
			return &setup.Problem{Code: "column_in_use", Message: fmt.Sprintf("The server %s says: %s. Drop what depends on it, and make it again after the next sync, without the column.", w.server(), said)}
		}
		switch pg.Code {
		case "53100":
			said = "its disk is full: " + said
		case "57P01", "57P02", "57P03":
			said = "it is shutting down or starting up: " + said
		}
		return &serverError{w.server(), pg.Code, said}
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("the server %s cannot be reached: %w", w.server(), errors.Unwrap(connect))
	}
	return fmt.Errorf("the connection to %s broke: %w", w.server(), err)
}

// A serverError is what the server says, and may be tried again.
type serverError struct{ server, code, said string }

func (e *serverError) Error() string {
	return fmt.Sprintf("the server %s says: %s (SQLSTATE %s)", e.server, e.said, e.code)
}

// Refuses implements sqlwriter.Refuser, by the classes of the server's errors
// ("PostgreSQL Error Codes", 17): a value that a type does not hold, a constraint,
// a limit such as that of an index's rows, or what a trigger of the user's raises.
func (d *database) Refuses(err error, _ int64) bool {
	var said *serverError
	return errors.As(err, &said) && slices.Contains([]string{"22", "23", "54", "P0"}, said.code[:min(2, len(said.code))])
}
