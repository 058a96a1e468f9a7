package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-data/penstock/setup"
)

// session holds for every connection: values have one text form wherever the
// server stands, and a limit that the role has for interactive use does not
// end a load. Somebody else's lock is waited for, but not for ever.
const session = `
	set timezone = 'UTC';
	set datestyle = 'ISO, YMD';
	set intervalstyle = 'postgres';
	set extra_float_digits = 3;
	set bytea_output = 'hex';
	set xmloption = 'content';
	set statement_timeout = 0;
	set lock_timeout = '60s';
	set idle_in_transaction_session_timeout = 0;
	select set_config(name, '0', false) from pg_settings where name in ('transaction_timeout', 'idle_session_timeout')`

// address returns the server's address.
func (s *source) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// encrypted reports whether connections must be encrypted.
func (s *source) encrypted() bool { return s.AlwaysEncrypted || s.AuthMethod == clientCertificate }

// connect opens a connection. Its errors name the server and never the password.
func (s *source) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := s.connConfig()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		if s.AuthMethod == clientCertificate && isReset(err) {
			err = s.refusal(ctx, err)
		}
		return nil, s.connectError(ctx, err)
	}
	if _, err := conn.PgConn().Exec(ctx, session).ReadAll(); err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return nil, s.connectError(ctx, err)
	}
	return conn, nil
}

// isReset reports whether the server hung up without a word.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// refusal finds out whether a server hung up because of the client
// certificate. In TLS 1.3 a client takes the handshake for done before the
// server has looked at its certificate, and may miss what the server says of
// it; in TLS 1.2 the server looks first.
func (s *source) refusal(ctx context.Context, err error) error {
	conn, e := s.dial(ctx)
	if e != nil {
		return err
	}
	defer conn.Close()
	if e := s.shakeHands(ctx, conn, tls.VersionTLS12); isAlert(e) && !strings.Contains(e.Error(), "protocol version") {
		return e
	}
	return err
}

// isAlert reports whether err is what the other side of a TLS connection has
// against us, in crypto/tls's words.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

func (s *source) connConfig() (*pgx.ConnConfig, error) {
	// The environment and the files of whoever runs Penstock must not
	// decide anything: what could come from there is set here.
	cfg, err := pgx.ParseConfig("host=unset port=5432 user=unset password=unset dbname=unset sslmode=disable passfile='' target_session_attrs=any")
	if err != nil {
		return nil, errors.New("the PG… variables of this process's environment cannot be used")
	}
	cfg.Host, cfg.Port = s.Host, uint16(s.Port)
	cfg.Database, cfg.User, cfg.Password = s.Database, s.User, s.Password
	cfg.ConnectTimeout = s.timeout
	cfg.RuntimeParams = map[string]string{"application_name": "penstock", "client_encoding": "UTF8"}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.Fallbacks = nil
	if s.env.Dial != nil {
		cfg.DialFunc = s.env.Dial
		cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // who dials knows it
	}

	cfg.TLSConfig, err = s.tlsConfig()
	if err != nil {
		return nil, err
	}
	if !s.encrypted() {
		cfg.Fallbacks = []*pgconn.FallbackConfig{{Host: cfg.Host, Port: cfg.Port}}
	}
	return cfg, nil
}

// tlsConfig returns a config that checks the server's certificate if the
// connection must be encrypted, and takes any otherwise.
func (s *source) tlsConfig() (*tls.Config, error) {
	cfg := &tls.Config{ServerName: s.Host, InsecureSkipVerify: true} // VerifyConnection does it
	if s.encrypted() {
		cfg.VerifyConnection = func(state tls.ConnectionState) error {
			return setup.VerifyChain(state.PeerCertificates, s.Host, s.env.Trusts, s.env.Authorities)
		}
	}
	if s.AuthMethod == clientCertificate {
		pair, err := tls.X509KeyPair([]byte(s.ClientCertificate), []byte(s.ClientKey))
		if err != nil {
			return nil, &setup.Problem{
				Code:    "client_certificate_invalid",
				Message: "client_public_certificate and client_private_key are not a certificate and its key in PEM form",
			}
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// connectError says what went wrong with a connection in words that repeat
// nothing of the config but host, user and database. Only what a person must
// mend is a Problem.
func (s *source) connectError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p := setup.AsProblem(err); p != nil {
		return p
	}
	server := s.address()
	var untrusted *setup.UntrustedError
	if errors.As(err, &untrusted) {
		return &setup.Problem{
			Code:    "certificate_untrusted",
			Message: fmt.Sprintf("nobody vouches for the certificate of %s (%s); approve it or install one that is trusted", server, untrusted.Certificate.Subject),
			Err:     untrusted,
		}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		said := fmt.Sprintf("%s says: %s", server, pg.Message)
		switch {
		case pg.Code == "28P01":
			return &setup.Problem{Code: "authentication_failed", Message: said + "; check user and password"}
		case pg.Code == "28000":
			return &setup.Problem{Code: "authentication_failed", Message: said + "; check the role, and what pg_hba.conf asks of it"}
		case pg.Code == "3D000":
			return &setup.Problem{Code: "database_missing", Message: said}
		case pg.Code == "42501":
			return &setup.Problem{Code: "permission_denied", Message: said + "; grant CONNECT on the database to the role"}
		}
		return errors.New(said)
	}
	if isAlert(err) {
		return &setup.Problem{Code: "tls_failed", Message: fmt.Sprintf("%s ended the TLS handshake (%s); check the client certificate", server, networkCause(err))}
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "server refused TLS connection"):
		return &setup.Problem{Code: "tls_refused", Message: fmt.Sprintf("%s does not offer TLS; turn ssl on there, or always_encrypted off here", server)}
	case strings.Contains(text, "unexpected auth method") || strings.Contains(text, "empty password"):
		return &setup.Problem{Code: "authentication_failed", Message: fmt.Sprintf("%s asks for a kind of login that the config does not provide", server)}
	}
	return fmt.Errorf("connect to %s: %s", server, networkCause(err))
}

// readError names the server where an error of a connection that stood does not.
func (s *source) readError(ctx context.Context, err error) error {
	if ctx.Err() != nil || setup.AsProblem(err) != nil || strings.Contains(err.Error(), s.address()) {
		return err
	}
	return fmt.Errorf("read from %s: %w", s.address(), err)
}

// networkCause returns the innermost error's text: the outer ones repeat the
// server's name, and with some drivers the whole address.
func networkCause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Op + ": " + op.Err.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	if pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
