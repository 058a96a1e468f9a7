package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-data/penstock/setup"
)

// Titles of the setup tests.
const (
	testMethod      = "Update Method"
	testHost        = "Host Connection"
	testCertificate = "Certificate"
	testLogin       = "Validate Login"
	testDatabase    = "Database Connection"
	testVersion     = "Version"
	testPermission  = "Permission Test"
)

func tooOld(version int) *setup.Problem {
	return &setup.Problem{
		Code:    "version_too_old",
		Message: fmt.Sprintf("the server has version %d; %d is the oldest that can be read", version/10000, minVersion/10000),
	}
}

// Test implements connector.Source.
func (s *source) Test(ctx context.Context) []setup.TestResult {
	results := setup.NewResults(ctx)
	add := func(title string, status setup.Status, message string) {
		results.Add(setup.TestResult{Title: title, Status: status, Message: message})
	}
	unusable := s.usable()
	field := func(title, name string) bool {
		if unusable != nil && strings.HasPrefix(unusable.Message, name) {
			add(title, setup.Failed, unusable.Message)
			return false
		}
		return true
	}

	if !field(testMethod, "update_method") {
		return results.List
	}
	add(testMethod, setup.Passed, "")

	if !field(testHost, "connection_type") {
		return results.List
	}
	conn, err := s.dial(ctx)
	if err != nil {
		add(testHost, setup.Failed, s.connectError(ctx, err).Error())
		return results.List
	}
	add(testHost, setup.Passed, "")

	result := s.testCertificate(ctx, conn)
	conn.Close()
	results.Add(result)
	if result.Status == setup.Failed || !field(testLogin, "auth_method") {
		return results.List
	}

	db, err := s.connect(ctx)
	if p := setup.AsProblem(err); p != nil && (p.Code == "database_missing" || p.Code == "permission_denied") {
		add(testLogin, setup.Passed, "") // the server looks for the database after the login
		add(testDatabase, setup.Failed, p.Error())
		return results.List
	}
	if err != nil {
		add(testLogin, setup.Failed, err.Error())
		return results.List
	}
	defer db.Close(context.WithoutCancel(ctx))
	add(testLogin, setup.Passed, "")
	add(testDatabase, setup.Passed, "")

	version, err := serverVersion(ctx, db)
	if err == nil && version < minVersion {
		err = tooOld(version)
	}
	if err != nil {
		add(testVersion, setup.Failed, err.Error())
		return results.List
	}
	add(testVersion, setup.Passed, "")
	results.Add(testPermissions(ctx, db, version))
	if s.UpdateMethod == byLog {
		results.Add(s.testLog(ctx, db, version)...)
	}
	return results.List
}

func (s *source) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	dial := s.env.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return dial(ctx, "tcp", s.address())
}

// testCertificate asks for TLS as a client does, and shakes hands.
func (s *source) testCertificate(ctx context.Context, conn net.Conn) setup.TestResult {
	if !s.encrypted() {
		return setup.TestResult{Title: testCertificate, Status: setup.Skipped, Message: "always_encrypted is off: TLS is used if the server offers it, and its certificate is not checked"}
	}
	err := s.shakeHands(ctx, conn, 0)
	if err == nil {
		return setup.TestResult{Title: testCertificate, Status: setup.Passed}
	}
	return setup.Failure(testCertificate, s.connectError(ctx, err))
}

var errNoTLS = errors.New("server refused TLS connection")

func (s *source) shakeHands(ctx context.Context, conn net.Conn, maxVersion uint16) error {
	cfg, err := s.tlsConfig()
	if err != nil {
		return err
	}
	cfg.MaxVersion = maxVersion
	conn.SetDeadline(time.Now().Add(s.timeout))
	const sslRequest = 80877103
	ask := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, sslRequest)
	if _, err := conn.Write(ask); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if answer[0] != 'S' {
		return errNoTLS
	}
	return tls.Client(conn, cfg).HandshakeContext(ctx)
}

// testPermissions tells what the role may read, schema by schema.
func testPermissions(ctx context.Context, conn *pgx.Conn, version int) setup.TestResult {
	result := setup.TestResult{Title: testPermission, Status: setup.Passed}
	cat, err := readCatalog(ctx, conn, version, nil)
	if err != nil {
		result.Status, result.Message = setup.Failed, err.Error()
		return result
	}
	readable := 0
	closed := make(map[string][]string) // tables that cannot be read, by schema
	for _, r := range cat.tables {
		switch {
		case !r.Usable || !r.Some:
			closed[r.Schema] = append(closed[r.Schema], r.Name)
		case r.unreadable() == "":
			readable++
		}
	}
	if len(closed) == 0 {
		return result
	}
	var lines []string
	for sch, tables := range closed {
		shown := tables[:min(len(tables), 5)]
		line := fmt.Sprintf("schema %s: no SELECT on %s", sch, strings.Join(shown, ", "))
		if more := len(tables) - len(shown); more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	result.Status, result.Message = setup.Warned, strings.Join(lines, "; ")
	if readable == 0 {
		result.Status = setup.Failed
		result.Message += "; grant USAGE on the schemas and SELECT on the tables to the role"
	}
	return result
}
