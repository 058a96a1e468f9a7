package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/penstock-data/penstock/setup"
)

// settings hold for every connection. Strictness makes a value that does not
// fit an error, where the server would rather change it. A load waits for its
// source as long as that takes, and a limit that is meant for people's queries
// does not end it.
const settings = `SET SESSION
	sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
	time_zone = '+00:00',
	autocommit = 1,
	wait_timeout = 604800,
	net_read_timeout = 604800,
	net_write_timeout = 604800,
	lock_wait_timeout = 600,
	innodb_lock_wait_timeout = 600`

// What only one of the two has, and what not every user of MySQL may set:
// where it cannot be set the server's own setting holds. Tables of very many
// columns are refused in InnoDB's strict mode even if their rows would fit.
var (
	mariaSettings = []string{"max_statement_time = 0", "idle_transaction_timeout = 0", "idle_write_transaction_timeout = 0", "innodb_strict_mode = 0"}
	mysqlSettings = []string{"max_execution_time = 0", "innodb_strict_mode = 0", "sql_require_primary_key = 0"}
)

// A server is what is known of the other side of a connection.
type server struct {
	version   string
	collation string // compares text byte by byte, trailing blanks included
	infile    bool   // LOAD DATA LOCAL is allowed
	folds     bool   // names of tables that differ only in case are the same
}

// A conn is one connection, with settings and temporary tables of its own.
type conn struct {
	w *warehouse
	server
	db *sql.DB // of this connection only
	*sql.Conn
}

func (w *warehouse) server() string { return net.JoinHostPort(w.Host, w.Port.String()) }

func (w *warehouse) connect(ctx context.Context) (*conn, error) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr = "tcp", w.server()
	cfg.DBName, cfg.User, cfg.Passwd = w.Database, w.User, w.Password
	cfg.DialFunc = w.env.Dial // nil: the driver's own
	cfg.Timeout = 20 * time.Second
	cfg.MaxAllowedPacket = 0 // what the server allows
	cfg.Collation = "utf8mb4_general_ci"
	cfg.ConnectionAttributes = "program_name:penstock"
	cfg.Logger = &mysql.NopLogger{}
	cfg.TLS = &tls.Config{ServerName: w.Host, InsecureSkipVerify: true} // verify does it
	if w.AlwaysEncrypted {
		cfg.TLS.VerifyConnection = func(s tls.ConnectionState) error {
			return setup.VerifyChain(s.PeerCertificates, w.Host, w.env.Trusts, w.env.Authorities)
		}
	} else {
		cfg.AllowFallbackToPlaintext = true
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("the connection to %s: %w", w.server(), err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(0)
	c := &conn{w: w, db: db}
	if c.Conn, err = db.Conn(ctx); err != nil {
		db.Close()
		return nil, w.explain(ctx, err)
	}
	if err := c.begin(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// begin gets to know the server and makes the settings.
func (c *conn) begin(ctx context.Context) error {
	rows, err := c.rows(ctx, "SELECT version(), @@local_infile, @@lower_case_table_names")
	if err != nil {
		return err
	}
	c.version, c.infile, c.folds = rows[0][0], rows[0][1] == "1", rows[0][2] != "0"
	maria := strings.Contains(c.version, "MariaDB")
	more := mysqlSettings
	c.collation = "utf8mb4_0900_bin"
	if maria {
		more, c.collation = mariaSettings, "utf8mb4_nopad_bin"
	}
	var said *mysql.MySQLError
	switch err := c.run(ctx, "SET NAMES utf8mb4 COLLATE "+c.collation); {
	case errors.As(err, &said) && said.Number == 1273: // unknown collation
		return &setup.Problem{Code: "server_too_old", Message: fmt.Sprintf("The server %s is of the version %s. MySQL 8.0.17 or MariaDB 10.5, or a later version, is needed.", c.w.server(), c.version)}
	case err != nil:
		return err
	}
	if err := c.run(ctx, settings); err != nil {
		return err
	}
	for _, s := range more {
		if err := c.run(ctx, "SET SESSION "+s); err != nil && !errors.As(err, &said) && setup.AsProblem(err) == nil {
			return err
		}
	}
	return nil
}

// Close ends the connection at once, in the middle of a statement too; the
// server rolls back what was not committed.
func (c *conn) Close() error {
	c.Conn.Close()
	return c.db.Close()
}

// run runs one statement.
func (c *conn) run(ctx context.Context, statement string) error {
	_, err := c.ExecContext(ctx, statement)
	return c.w.explain(ctx, err)
}

// exec runs statements in one transaction, as far as they know transactions.
func (c *conn) exec(ctx context.Context, statements ...string) error {
	if err := c.run(ctx, "START TRANSACTION"); err != nil {
		return err
	}
	for _, s := range statements {
		if err := c.run(ctx, s); err != nil {
			c.run(context.WithoutCancel(ctx), "ROLLBACK")
			return err
		}
	}
	return c.run(ctx, "COMMIT")
}

// rows returns the rows of a query as text, "" for NULL.
func (c *conn) rows(ctx context.Context, query string) ([][]string, error) {
	r, err := c.QueryContext(ctx, query)
	if err != nil {
		return nil, c.w.explain(ctx, err)
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		return nil, c.w.explain(ctx, err)
	}
	var out [][]string
	for r.Next() {
		values := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := r.Scan(dest...); err != nil {
			return nil, c.w.explain(ctx, err)
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = v.String
		}
		out = append(out, row)
	}
	return out, c.w.explain(ctx, r.Err())
}
