package duckdb

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/destinationtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// TestMain is the other process of the tests that need one, and does what the
// environment says.
func TestMain(m *testing.M) {
	if path := os.Getenv("PENSTOCK_TEST_HOLD"); path != "" {
		holdFile(path)
		os.Exit(0)
	}
	if path := os.Getenv("PENSTOCK_TEST_LOAD"); path != "" {
		if err := loadFile(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(peak() >> 10)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// holdFile holds a file open until the input ends.
func holdFile(path string) {
	db, err := sql.Open("duckdb", path)
	if err == nil {
		err = db.Ping()
	}
	fmt.Println(err)
	io.Copy(io.Discard, os.Stdin)
	db.Close()
}

const loadMemory = 64 << 20

// loadFile loads a million rows, merges them all again, and looks for each of
// them: 200 MB of rows each time.
func loadFile(path string) error {
	config, _ := json.Marshal(Config{Path: path})
	d, err := Service.Open(config, destination.Env{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	table := destinationtest.Lineitem(schema.Name{Schema: "bench", Table: "lineitem"})
	keys := &schema.Table{Name: table.Name, Columns: []schema.Column{table.Columns[0], table.Columns[3]}}
	w, err := d.Writer(ctx, destination.Options{Memory: loadMemory})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Migrate(ctx, table); err != nil {
		return err
	}
	for pass := range 3 {
		for g := 0; g < 1_000_000; g += 10_000 {
			b := schema.Batch{Op: schema.Upsert, Table: table, Fresh: pass == 0, Record: destinationtest.LineitemRows(table, g, 10_000, uint32(pass))}
			if pass == 2 {
				whole := b.Record
				b = schema.Batch{Op: schema.Present, Table: keys, Record: array.NewRecordBatch(keys.Arrow(), []arrow.Array{whole.Column(0), whole.Column(3)}, whole.NumRows())}
				whole.Release()
			}
			if err := w.Write(ctx, b); err != nil {
				return err
			}
		}
	}
	if err := w.Write(ctx, schema.Batch{Op: schema.Sweep, Table: table}); err != nil {
		return err
	}
	n, err := w.Live(ctx, table.Name)
	if err == nil && n != 1_000_000 {
		err = fmt.Errorf("%d rows", n)
	}
	return errors.Join(err, w.Flush(ctx))
}

// TestMemory has a process of its own write far more than its memory.
func TestMemory(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "PENSTOCK_TEST_LOAD="+filepath.Join(t.TempDir(), "x.duckdb"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	// Beside the memory given there are the program itself and its heap.
	if limit := loadMemory>>20 + 240; took > limit {
		t.Errorf("the process took %d MiB, and %d would do", took, limit)
	}
	t.Logf("peak %d MiB", took)
}

// TestManyTables writes a row to each of more tables than DuckDB has memory for
// before a checkpoint.
func TestManyTables(t *testing.T) {
	w, err := openAt(t, filepath.Join(t.TempDir(), "x.duckdb")).Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range 180 {
		table := oneColumn("main", fmt.Sprintf("t%d", i), "a")
		for c := range 8 {
			table.Columns = append(table.Columns, schema.Column{Name: fmt.Sprintf("c%d", c), Type: schema.Type{Kind: schema.String}})
		}
		if err := w.Migrate(t.Context(), table); err != nil {
			t.Fatal(err)
		}
		b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
		b.Field(0).(*array.Int64Builder).Append(1)
		for _, f := range b.Fields()[1:] {
			f.(*array.StringBuilder).Append("x")
		}
		if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: b.NewRecordBatch(), Fresh: i%2 == 0}); err != nil {
			t.Fatalf("table %d: %v", i, err)
		}
		b.Release()
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// hold opens the file in another process, until the function that it returns
// is called. said is "<nil>" or the error of that process.
func hold(t *testing.T, path string) (said string, pid int, end func()) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "PENSTOCK_TEST_HOLD="+path)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), c.Process.Pid, func() {
		in.Close()
		c.Wait()
	}
}

var options = destination.Options{Memory: 64 << 20}

func TestLockedByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	said, pid, end := hold(t, path)
	if said != "<nil>" {
		t.Fatal(said)
	}
	d := openAt(t, path)
	_, err := d.Writer(t.Context(), options)
	if err == nil || setup.AsProblem(err) != nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), strconv.Itoa(pid)) {
		t.Errorf("got %v; want an error that is no Problem and names %s and process %d", err, path, pid)
	}
	if r := d.Test(t.Context()); r[len(r)-1].Status != setup.Warned {
		t.Errorf("setup tests: %+v", r)
	}
	end()
	w, err := d.Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if said, _, end := hold(t, path); said == "<nil>" {
		t.Error("another process could open the file while it was written")
		end()
	} else {
		end()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	said, _, end = hold(t, path)
	end()
	if said != "<nil>" {
		t.Errorf("the file stays locked after a sync: %s", said)
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database at all\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, path, code string
		failed           string // the setup test
	}{
		{"not a database", text, "not_a_database", testFile},
		{"no folder", filepath.Join(dir, "none", "x.duckdb"), "path_not_found", testFolder},
		{"a file for a folder", filepath.Join(text, "x.duckdb"), "path_not_found", testFolder},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := openAt(t, c.path)
			_, err := d.Writer(t.Context(), options)
			if p := setup.AsProblem(err); p == nil || p.Code != c.code || !strings.Contains(p.Message, filepath.Dir(c.path)) {
				t.Errorf("got %v, want a Problem %s", err, c.code)
			}
			r := d.Test(t.Context())
			if last := r[len(r)-1]; last.Status != setup.Failed || last.Title != c.failed {
				t.Errorf("setup tests: %+v", r)
			}
		})
	}
	for _, r := range openAt(t, filepath.Join(dir, "new.duckdb")).Test(t.Context()) {
		if r.Status != setup.Passed {
			t.Errorf("%s: %s", r.Title, r.Message)
		}
	}
	if _, err := Service.Open([]byte(`{"path": "/tmp/a?b"}`), destination.Env{}); setup.AsProblem(err) == nil {
		t.Errorf("a path that the driver cannot open: %v", err)
	}
}

func TestExplain(t *testing.T) {
	const path = "/data/x.duckdb"
	cases := []struct{ said, want string }{
		{`IO Error: Could not write file "/data/x.duckdb": No space left on device`, "the disk of /data/x.duckdb is full"},
		{"Out of Memory Error: failed to offload data block of size 256.0 KiB (0 bytes/3.5 KiB used).\nThis limit was set by the 'max_temp_directory_size' setting.", "the disk of /data/x.duckdb is full"},
		{"Out of Memory Error: could not allocate block of size 200.0 MiB (254.0 KiB/192.0 MiB used)\nPossible solutions: …", "a sync must be allowed more: Out of Memory Error"},
		{"TransactionContext Error: Failed to commit: failed to pin block of size 20.0 MiB (180.1 MiB/192.0 MiB used)", "DuckDB has too little memory for /data/x.duckdb"},
		{`IO Error: Could not set lock on file "/data/x.duckdb": Conflicting lock is held in /usr/bin/python3.11 (PID 4711) by user eve. See also https://duckdb.org`, "/data/x.duckdb is open in another process: /usr/bin/python3.11, process 4711, user eve;"},
		{`IO Error: Cannot open file "/data/x.duckdb": Permission denied`, "may not open /data/x.duckdb"},
	}
	for _, c := range cases {
		got := explain(path, errors.New(c.said)).Error()
		if !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s\ngot  %s\nwant %s", c.said, got, c.want)
		}
	}
}

// prepare runs statements on the file, as its owner might.
func prepare(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func oneColumn(schemaName, table, column string) *schema.Table {
	return &schema.Table{Name: schema.Name{Schema: schemaName, Table: table}, Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}, {Name: column, Type: schema.Type{Kind: schema.String}}}}
}

func TestWhatIsThereAlready(t *testing.T) {
	cases := []struct {
		name  string
		there []string
		table *schema.Table
		want  []string // what the error names; nil: none
	}{
		{"a table whose name differs in case", []string{`CREATE TABLE main."Users" (id BIGINT)`}, oneColumn("main", "users", "a"), []string{"main.Users", "main.users"}},
		{"columns that differ in case", []string{`CREATE TABLE main.users (id BIGINT, "Name" VARCHAR)`}, oneColumn("main", "users", "name"), []string{"Name", "name"}},
		{"a view", []string{"CREATE VIEW main.users AS SELECT 1 AS id"}, oneColumn("main", "users", "a"), []string{"main.users", "view"}},
		{"a type of the user's", []string{"CREATE TABLE main.users (id BIGINT, a UUID)"}, oneColumn("main", "users", "a"), []string{"column a", "UUID"}},
		{"an index of the user's", []string{"CREATE TABLE main.users (id INTEGER, a VARCHAR)", "CREATE INDEX i ON main.users (id)"}, oneColumn("main", "users", "a"), []string{"index", "users"}},
		{"a table without system columns", []string{"CREATE TABLE main.users (id BIGINT, a VARCHAR)", "INSERT INTO main.users VALUES (1, 'x')"}, oneColumn("main", "users", "a"), nil},
		{"a comment of the user's", []string{"CREATE TABLE main.users (id BIGINT, a VARCHAR)", "COMMENT ON COLUMN main.users.a IS 'the name'"}, oneColumn("main", "users", "a"), nil},
		{"a column that somebody altered", []string{"CREATE TABLE main.users (id BIGINT, a VARCHAR)", "COMMENT ON COLUMN main.users.a IS 'LONG'"}, oneColumn("main", "users", "a"), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.duckdb")
			prepare(t, path, c.there...)
			w, err := openAt(t, path).Writer(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			err = w.Migrate(t.Context(), c.table)
			if (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			for _, s := range c.want {
				if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(s)) {
					t.Errorf("%v names no %s", err, s)
				}
			}
			if err != nil {
				if !errors.As(err, new(*destination.TableError)) {
					t.Errorf("%v is not told to be about the table alone", err)
				}
				if err := w.Migrate(t.Context(), oneColumn("main", "another", "a")); err != nil {
					t.Errorf("another table: %v", err)
				}
				return
			}
			got, err := w.Table(t.Context(), c.table.Name)
			if err != nil || fmt.Sprint(got.Columns) != fmt.Sprint(c.table.Columns) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestNamesThatDifferInCase writes tables of two schemas that are one here.
// TestFormat looks at the format of files: of one that is made here, and of one
// that a DuckDB of before made.
func TestFormat(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.duckdb")
	db, err := sql.Open("duckdb", old+"?storage_compatibility_version=v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE t AS SELECT 1"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for path, want := range map[string]string{old: "v1.0.0+", filepath.Join(t.TempDir(), "new.duckdb"): readableBy + "+"} {
		db, err := openFile(path, 64<<20, 1)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.QueryRow("SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()").Scan(&got); err != nil || got != want {
			t.Errorf("%s: format %q, %v; want %q", filepath.Base(path), got, err, want)
		}
		db.Close()
	}
}

func TestNamesThatDifferInCase(t *testing.T) {
	w, err := openAt(t, filepath.Join(t.TempDir(), "x.duckdb")).Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, name := range []string{"Shop.users", "shop.others", "Shop.users"} {
		s, table, _ := strings.Cut(name, ".")
		if err := w.Migrate(t.Context(), oneColumn(s, table, "a")); err != nil {
			t.Fatal(err)
		}
	}
	err = w.Migrate(t.Context(), oneColumn("shop", "users", "a"))
	if err == nil || !strings.Contains(err.Error(), "Shop.users and shop.users") {
		t.Errorf("got %v, want an error that names both tables", err)
	}
}

// TestRowsOfSomebody has a table that held rows before the first sync, which a
// full read does not find at the source.
func TestRowsOfSomebody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	prepare(t, path, "CREATE TABLE main.users (id BIGINT, a VARCHAR)", "INSERT INTO main.users VALUES (1, 'x'), (2, 'y')")
	w, err := openAt(t, path).Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	table := oneColumn("main", "users", "a")
	if err := w.Migrate(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	for _, b := range []schema.Batch{{Op: schema.Upsert, Record: texts(table, "z")}, {Op: schema.Truncate}} {
		b.Table = table
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.Live(t.Context(), table.Name); n != 1 || err != nil {
		t.Errorf("%d live rows, %v, want 1", n, err)
	}
}

// TestNothingLeftBehind looks at the file after a sync with its owner's eyes.
func TestNothingLeftBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "main.duckdb")
	w, err := openAt(t, path).Writer(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	table := oneColumn("crm", "users", "a")
	if err := w.Migrate(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	for _, fresh := range []bool{true, false} {
		if err := w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: table, Record: texts(table, "x"), Fresh: fresh}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 {
		t.Errorf("beside the database file lie %v, %v", names, err)
	}
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT table_schema || '.' || table_name || ' ' || table_type FROM information_schema.tables UNION ALL SELECT macro FROM (SELECT function_name AS macro FROM duckdb_functions() WHERE NOT internal)")
	if err != nil {
		t.Fatal(err)
	}
	if got := scanText(t, rows, 1); len(got) != 1 || got[0][0] != "crm.users BASE TABLE" {
		t.Errorf("the file holds %v", got)
	}
}
