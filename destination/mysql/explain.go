package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-sql-driver/mysql"

	"github.com/penstock-data/penstock/setup"
)

// problems are the errors that a person must mend, by the server's number
// (reference of server errors, MariaDB 10.11 and MySQL 8.0).
var problems = map[uint16]struct{ code, advice string }{
	1045: {"authentication_failed", "Check the user, the password, and from where the user may connect."},
	1698: {"authentication_failed", "Check the user and how the user is identified."},
	1130: {"authentication_failed", "Let the user connect from the machine that runs the syncs."},
	1049: {"database_not_found", "Check the name of the database."},
	1044: {"permission_denied", "Grant what is missing to the user."},
	1142: {"permission_denied", "Grant what is missing to the user."},
	1143: {"permission_denied", "Grant what is missing to the user."},
	1227: {"permission_denied", "Grant what is missing to the user."},
	1370: {"permission_denied", "Grant what is missing to the user."},
	1290: {"read_only", "Name the primary server, or let it be written to."},
	1792: {"read_only", "Name the primary server, or let it be written to."},
	1836: {"read_only", "Name the primary server, or let it be written to."},
	1117: {"table_too_wide", "Block columns of the table."},
	1118: {"table_too_wide", "Block columns of the table, or raise innodb_page_size when the server is set up anew."},
	1153: {"value_too_long", "Raise the server's max_allowed_packet."},
	1301: {"value_too_long", "Raise the server's max_allowed_packet."},
	1300: {"name_not_allowed", "Rename the table or the column at the source, or choose Fivetran's naming: names here have no characters beyond U+FFFF."},
	1103: {"name_not_allowed", "Rename the table at the source, or choose Fivetran's naming."},
	1102: {"name_not_allowed", "Rename the schema at the source, or choose Fivetran's naming."},
	1166: {"name_not_allowed", "Rename the column at the source, or choose Fivetran's naming."},
	1148: {"load_refused", "Allow LOAD DATA LOCAL, or set local_infile to OFF on the server: rows travel in INSERT statements then."},
	3948: {"load_refused", "Allow LOAD DATA LOCAL, or set local_infile to OFF on the server: rows travel in INSERT statements then."},
	4166: {"load_refused", "Allow LOAD DATA LOCAL, or set local_infile to OFF on the server: rows travel in INSERT statements then."},
	3750: {"primary_key_required", "Set sql_require_primary_key to OFF: tables are found by an index that is no primary key."},
}

// explain says in the words of this destination what the server or the way to
// it says. It repeats nothing of the config but the server, the user and the
// database. An error that it has explained already stays as it is.
func (w *warehouse) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if said := setup.OnTheWay(ctx, w.server(), err); said != nil {
		return said
	}
	var said *mysql.MySQLError
	switch {
	case errors.As(err, &said):
		if p, ok := problems[said.Number]; ok {
			return &setup.Problem{Code: p.code, Message: fmt.Sprintf("The server %s says to the user %q on the database %q: %s. %s", w.server(), w.User, w.Database, said.Message, p.advice)}
		}
		what := said.Message
		switch said.Number {
		case 1021, 1114, 3:
			what = "its disk is full: " + what
		case 1053, 1927, 1077, 1079:
			what = "it is shutting down: " + what
		}
		return &serverError{w.server(), what, said}
	case errors.Is(err, mysql.ErrPktTooLarge):
		return &setup.Problem{Code: "value_too_long", Message: fmt.Sprintf("A row is longer than the server %s takes at a time. Raise its max_allowed_packet, or its local_infile to ON.", w.server())}
	case errors.Is(err, mysql.ErrNoTLS):
		return &setup.Problem{Code: "tls_missing", Message: fmt.Sprintf("The server %s does not offer TLS, which always_encrypted asks for. Give it a certificate, or do without.", w.server())}
	}
	return fmt.Errorf("the connection to %s broke or cannot be made: %w", w.server(), err)
}

// A serverError is what the server says, and may be tried again.
type serverError struct {
	server, what string
	said         *mysql.MySQLError
}

func (e *serverError) Error() string {
	return fmt.Sprintf("the server %s says: %s (error %d)", e.server, e.what, e.said.Number)
}

func (e *serverError) Unwrap() error { return e.said }

// refusals are the server's errors of values that a column does not hold, and of
// constraints and triggers of the user's.
var refusals = []uint16{1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 1557, 1586, 1644, 1690, 1761, 1762, 3819, 4025}

// Refuses implements sqlwriter.Refuser.
func (d *database) Refuses(err error, _ int64) bool {
	if p := setup.AsProblem(err); p != nil {
		return p.Code == "value_too_long"
	}
	return errors.As(err, new(*notTakenError)) || slices.Contains(refusals, number(err))
}

// A notTakenError says that the server left out a row, or changed a value.
type notTakenError struct{ text string }

func (e *notTakenError) Error() string { return e.text }

// number returns the server's number of an error, 0 if it is not the server's.
func number(err error) uint16 {
	var said *mysql.MySQLError
	if errors.As(err, &said) {
		return said.Number
	}
	return 0
}
