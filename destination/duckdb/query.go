package duckdb

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/penstock-data/penstock/destination"
)

// Queries of people run in a process of their own: this program again, with
// this variable and no other. What a query makes DuckDB take of memory, without
// counting it, or a fault in DuckDB ends that process alone; it has no secret in
// its environment; and it can be ended at any time, which a sync does that needs
// the file.
const queryVariable = "PENSTOCK_DUCKDB_QUERY"

// A program that was started to run a query does that and ends.
func init() {
	if path := os.Getenv(queryVariable); path != "" {
		os.Exit(queryProcess(path))
	}
}

const (
	queryMemory  = 256 << 20 // bytes that DuckDB counts
	queryProcMem = 1 << 30   // bytes of the process
	valueLength  = 20_000    // characters of a value that are shown
	valueCost    = 8         // bytes that a value counts beside its text
)

// queryErrorPrefix begins the errors that a query's process tells.
const queryErrorPrefix = "query: "

// querySettings make a database that can read its file, and nothing else; the
// last one keeps the others.
var querySettings = fmt.Sprintf(`
	SET temp_directory = '';
	SET autoinstall_known_extensions = false;
	SET autoload_known_extensions = false;
	SET allow_community_extensions = false;
	SET memory_limit = '%dB';
	SET threads = 2;
	SET TimeZone = 'UTC';
	SET enable_external_access = false;
	SET lock_configuration = true`, queryMemory)

// queryTables are the functions that may stand in place of a table: those that
// only compute, or tell what the file has. Others, which DuckDB has for what its
// statements do, are refused, and so are those that run a text as a query.
var queryTables = []string{
	"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
	"duckdb_columns", "duckdb_constraints", "duckdb_indexes", "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views",
	"pragma_table_info", "pragma_show",
}

var _ destination.Querier = (*duck)(nil)

// Query implements [destination.Querier]. It waits for a sync that has the file,
// and begins again after one that has ended it.
func (k *duck) Query(ctx context.Context, q destination.Query) (*destination.Answer, error) {
	for {
		a, err := k.query(ctx, q)
		if !errors.Is(err, errSyncNeeds) || ctx.Err() != nil {
			return a, err
		}
	}
}

func (k *duck) query(ctx context.Context, q destination.Query) (*destination.Answer, error) {
	path, err := realPath(k.path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, &destination.QueryError{Message: "There is no file yet; the first sync makes it."}
	}
	ctx, done, err := reading(ctx, path)
	if err != nil {
		return nil, err
	}
	defer done()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ask, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	var out, said bytes.Buffer
	size := 8*q.Bytes + 1<<20 // JSON writes some characters with six
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = []string{queryVariable + "=" + path}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(ask), &bounded{&out, size}, &bounded{&said, 1 << 16}
	if err := cmd.Run(); err != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) && ctx.Err() == nil {
			return nil, fmt.Errorf("begin the process of a query: %w", err)
		}
		return nil, queryFailed(ctx, said.String())
	}
	a := new(destination.Answer)
	return a, json.Unmarshal(out.Bytes(), a)
}

// queryFailed says why a query's process ended without an answer.
func queryFailed(ctx context.Context, said string) error {
	switch _, text, told := strings.Cut(said, queryErrorPrefix); {
	case errors.Is(context.Cause(ctx), errSyncNeeds):
		return errSyncNeeds
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &destination.QueryError{Message: "The query took too long. Ask for less, or copy the file and query the copy."}
	case ctx.Err() != nil:
		return ctx.Err()
	case told:
		return &destination.QueryError{Message: strings.TrimSpace(text)}
	}
	return &destination.QueryError{Message: "The query takes more memory than queries may. Ask for less, or copy the file and query the copy."}
}

// A bounded writer keeps what comes first.
type bounded struct {
	*bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}

// queryProcess answers the query on standard input, and returns the status with
// which the process ends.
func queryProcess(path string) int {
	limitMemory(queryProcMem)
	var q destination.Query
	a, err := (*destination.Answer)(nil), json.NewDecoder(io.LimitReader(os.Stdin, 1<<20)).Decode(&q)
	if err == nil {
		a, err = answer(path, q)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(a)
	}
	if err != nil {
		fmt.Fprint(os.Stderr, queryErrorPrefix, err)
		return 1
	}
	return 0
}

func answer(path string, q destination.Query) (*destination.Answer, error) {
	ctx := context.Background()
	connector, err := duckdb.NewConnector(path+"?access_mode=read_only", func(c driver.ExecerContext) error {
		_, err := c.ExecContext(ctx, querySettings, nil)
		return err
	})
	if err != nil {
		return nil, queryRefused(path, err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, queryRefused(path, err)
	}
	defer conn.Close()
	a := &destination.Answer{Rows: [][]*string{}}
	if a.Columns, err = describe(conn, q.SQL); err != nil {
		return nil, queryRefused(path, err)
	}
	// As texts, and no longer than is shown: DuckDB keeps a result whole.
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("SELECT left(CAST(COLUMNS(*) AS VARCHAR), %d) FROM (%s\n) LIMIT %d", valueLength+1, bare(q.SQL), q.Rows+1))
	if err != nil {
		return nil, queryRefused(path, err)
	}
	defer rows.Close()
	if err := readAnswer(a, rows, q); err != nil {
		return nil, queryRefused(path, err)
	}
	return a, nil
}

// describe returns the columns of what a statement selects, if it is one and
// does only that.
func describe(conn *sql.Conn, statement string) (columns []destination.AnswerColumn, err error) {
	err = conn.Raw(func(c any) error {
		s, err := c.(*duckdb.Conn).Prepare(statement) // it takes no more than one
		if err != nil {
			return err
		}
		defer s.Close()
		switch kind, err := s.(*duckdb.Stmt).StatementType(); {
		case err != nil:
			return err
		case kind != duckdb.STATEMENT_TYPE_SELECT:
			return &destination.QueryError{Message: "Only SELECT can be asked here: the file is open for reading."}
		case s.NumInput() > 0:
			return &destination.QueryError{Message: "The statement has parameters, which nobody gives."}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := checkTables(conn, statement); err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(context.Background(), fmt.Sprintf("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM (%s\n))", bare(statement)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c destination.AnswerColumn
		if err := rows.Scan(&c.Name, &c.Type); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

// checkTables refuses a statement that reads a function which is not in
// queryTables, by its syntax tree.
func checkTables(conn *sql.Conn, statement string) error {
	var tree string
	if err := conn.QueryRowContext(context.Background(), "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", statement).Scan(&tree); err != nil {
		return err
	}
	var root node
	if err := json.Unmarshal([]byte(tree), &root); err != nil {
		return err
	}
	if root.failed {
		return &destination.QueryError{Message: "A statement of this kind cannot be asked here. Write it as a SELECT."}
	}
	for _, name := range root.tables {
		if !slices.Contains(queryTables, strings.ToLower(name)) {
			return &destination.QueryError{Message: fmt.Sprintf("The function %s cannot be read here: queries see the tables of the file, and nothing else.", name)}
		}
	}
	return nil
}

// A node is what a part of a syntax tree, in DuckDB's JSON, has in it.
type node struct {
	failed bool     // it is no tree but an error
	tables []string // names of the functions that stand in place of tables
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *node) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	switch b[0] {
	case '[':
		if err := json.Unmarshal(b, &parts); err != nil {
			return err
		}
	case '{':
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(b, &fields); err != nil {
			return err
		}
		n.failed = string(fields["error"]) == "true"
		if string(fields["type"]) == `"TABLE_FUNCTION"` {
			var f struct {
				Name string `json:"function_name"`
			}
			if err := json.Unmarshal(fields["function"], &f); err != nil {
				return err
			}
			n.tables = append(n.tables, f.Name)
		}
		parts = slices.Collect(maps.Values(fields))
	}
	for _, p := range parts {
		var below node
		if err := json.Unmarshal(p, &below); err != nil {
			return err
		}
		n.tables = append(n.tables, below.tables...)
	}
	return nil
}

// bare returns a statement as it can stand in another.
func bare(statement string) string { return strings.TrimRight(statement, "; \t\r\n") }

// readAnswer reads as many rows as q allows.
func readAnswer(a *destination.Answer, rows *sql.Rows, q destination.Query) error {
	left := q.Bytes
	for rows.Next() {
		values, into := make([]*string, len(a.Columns)), make([]any, len(a.Columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for _, v := range values {
			if left -= valueCost; v == nil {
				continue
			}
			if short, cut := firstCharacters(*v, valueLength); cut {
				*v, a.More = short+"…", true
			}
			left -= len(*v)
		}
		if left < 0 || len(a.Rows) == q.Rows {
			a.More = true
			break
		}
		a.Rows = append(a.Rows, values)
	}
	return rows.Err()
}

// firstCharacters returns the first n characters of a text, and whether that is
// not all of it.
func firstCharacters(s string, n int) (string, bool) {
	for i := range s {
		if n == 0 {
			return s[:i], true
		}
		n--
	}
	return s, false
}

// queryRefused says in the words of a query what went wrong with it.
func queryRefused(path string, err error) error {
	var said *destination.QueryError
	if errors.As(err, &said) {
		return err
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "Could not set lock on file"):
		return &destination.QueryError{Message: "A sync, or another program, is writing the file. Try again when it is done."}
	case strings.Contains(text, errMany):
		return &destination.QueryError{Message: "Only one statement can be asked at a time."}
	case strings.Contains(text, "Out of Memory Error"), strings.Contains(text, "failed to pin block"), strings.Contains(text, "bad_alloc"):
		return &destination.QueryError{Message: "The query takes more memory than queries may. Ask for less, or copy the file and query the copy."}
	}
	return &destination.QueryError{Message: strings.ReplaceAll(text, path, "the file")}
}

// errMany is what the driver says of several statements in one.
const errMany = "missing context with multiple statements"
