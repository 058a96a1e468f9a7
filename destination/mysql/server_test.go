package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/go-sql-driver/mysql"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/internal/mariatest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

var numbersTable = &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{
	{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}}}

func numbers(t *schema.Table, from, to int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for i := from; i < to; i++ {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
	}
	return b.NewRecordBatch()
}

// start opens a writer with the table of numbers in place.
func start(t *testing.T, d destination.Destination) destination.Writer {
	t.Helper()
	w, err := d.Writer(t.Context(), destination.Options{Synced: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	must(t, w.Migrate(t.Context(), numbersTable))
	return w
}

func write(t *testing.T, w destination.Writer, from, to int, fresh bool) {
	t.Helper()
	must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: numbersTable, Record: numbers(numbersTable, from, to), Fresh: fresh}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func live(t *testing.T, w destination.Writer, want int64) {
	t.Helper()
	if n, err := w.Live(t.Context(), numbersTable.Name); n != want || err != nil {
		t.Errorf("live: %d, %v, want %d", n, err, want)
	}
}

// textTable is a table whose key is text.
func textTable(name string) *schema.Table {
	return &schema.Table{Name: schema.Name{Schema: "s", Table: name}, Columns: []schema.Column{
		{Name: "k", Type: schema.Type{Kind: schema.String}, Key: true},
		{Name: "v", Type: schema.Type{Kind: schema.String}},
	}}
}

func texts(t *schema.Table, rows ...[2]string) schema.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for _, r := range rows {
		b.Field(0).(*array.StringBuilder).Append(r[0])
		b.Field(1).(*array.StringBuilder).Append(r[1])
	}
	return schema.Batch{Op: schema.Upsert, Table: t, Record: b.NewRecordBatch()}
}

// TestKilledInMerge ends the server's thread in the middle of a merge, which
// waits for a lock just then. Nothing of it shows, and a repeat loses nothing.
func TestKilledInMerge(t *testing.T) {
	dsn := mariatest.Database(t)
	d := openAt(t, dsn)
	w := start(t, d)
	write(t, w, 0, 10, true)
	must(t, w.Flush(t.Context()))
	write(t, w, 5, 20, false)
	live(t, w, 20) // the index is there
	write(t, w, 5, 30, false)

	lock, err := mariatest.Open(t, dsn).Conn(t.Context())
	must(t, err)
	defer lock.Close()
	_, err = lock.ExecContext(t.Context(), "LOCK TABLES "+quote(d.prefix+"s")+".t READ")
	must(t, err)
	flushed := make(chan error)
	go func() { flushed <- w.Flush(t.Context()) }()
	for killed := false; !killed; { // as soon as the merge waits
		for _, r := range mariatest.Query(t, dsn, "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE = 'Waiting for table metadata lock'") {
			mariatest.Exec(t, dsn, "KILL "+r[0])
			killed = true
		}
	}
	err = <-flushed
	if err == nil || setup.AsProblem(err) != nil || !strings.Contains(err.Error(), "s.t") {
		t.Errorf("got %v, want an error that names s.t and is no Problem", err)
	}
	_, err = lock.ExecContext(t.Context(), "UNLOCK TABLES")
	must(t, err)
	w.Close()
	if got := len(selectText(t, d, numbersTable.Name, numbersTable.Columns)); got != 20 {
		t.Errorf("%d rows after the broken merge, want 20", got)
	}
	w = start(t, d)
	write(t, w, 5, 30, false)
	live(t, w, 30)
}

// TestServerCrash ends the whole server in the middle of a merge, and then
// lets it come back.
func TestServerCrash(t *testing.T) {
	server := mariatest.Start(t)
	mariatest.Exec(t, server.URL, "CREATE DATABASE land")
	d := openAt(t, server.URL+"land")
	w := start(t, d)
	write(t, w, 0, 10, true)
	must(t, w.Flush(t.Context()))
	write(t, w, 5, 20, false)
	live(t, w, 20)
	must(t, w.Flush(t.Context()))
	write(t, w, 5, 30, false)
	lock, err := mariatest.Open(t, server.URL).Conn(t.Context())
	must(t, err)
	defer lock.Close()
	_, err = lock.ExecContext(t.Context(), "LOCK TABLES land_s.t READ")
	must(t, err)
	flushed := make(chan error)
	go func() { flushed <- w.Flush(t.Context()) }()
	for len(mariatest.Query(t, server.URL, "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for table metadata lock'")) == 0 {
	}
	server.Kill(t)
	if err := <-flushed; err == nil || setup.AsProblem(err) != nil || !strings.Contains(err.Error(), "s.t") {
		t.Errorf("got %v, want an error that names s.t and is no Problem", err)
	}
	if _, err := d.Writer(t.Context(), destination.Options{}); err == nil || setup.AsProblem(err) != nil {
		t.Errorf("without a server: %v", err)
	}
	server.Again(t)
	if got := len(selectText(t, d, numbersTable.Name, numbersTable.Columns)); got != 20 {
		t.Errorf("%d rows after the crash, want 20", got)
	}
	w = start(t, d)
	write(t, w, 5, 30, false)
	live(t, w, 30)
}

// TestBrokenWidening breaks a widening off after each of its statements: the
// table is what it was until the last, and the next sync completes it.
func TestBrokenWidening(t *testing.T) {
	narrow := &schema.Table{Name: schema.Name{Schema: "s", Table: "t"}, Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Boolean}, Key: true},
		{Name: "n", Type: schema.Type{Kind: schema.Double}},
		{Name: "i", Type: schema.Type{Kind: schema.Int}},
	}}
	wide := &schema.Table{Name: narrow.Name, Columns: slices.Clone(narrow.Columns)}
	for i := range wide.Columns {
		wide.Columns[i].Type = schema.Type{Kind: schema.String}
	}
	for stop := range 4 {
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			d := openOwn(t).(own)
			w, err := d.Writer(t.Context(), destination.Options{})
			must(t, err)
			defer w.Close()
			must(t, w.Migrate(t.Context(), narrow))
			batch := func() schema.Batch {
				b := array.NewRecordBuilder(memory.DefaultAllocator, narrow.Arrow())
				defer b.Release()
				b.Field(0).(*array.BooleanBuilder).AppendValues([]bool{true, false}, nil)
				b.Field(1).(*array.Float64Builder).AppendValues([]float64{1e20, 0.5}, nil)
				b.Field(2).(*array.Int32Builder).AppendValues([]int32{1, 2}, nil)
				return schema.Batch{Op: schema.Upsert, Table: narrow, Record: b.NewRecordBatch()}
			}
			for range 2 { // the second has the index made
				must(t, w.Write(t.Context(), batch()))
				must(t, w.Flush(t.Context()))
			}
			must(t, w.Close())

			c, err := d.connect(t.Context())
			must(t, err)
			defer c.Close()
			db := newDatabase(d.warehouse, c, nil)
			name := schema.Name{Schema: d.prefix + "s", Table: "t"}
			have, err := db.Describe(t.Context(), name)
			must(t, err)
			statements, _, err := db.d.Plan(have, &schema.Table{Name: name, Columns: wide.Columns})
			must(t, err)
			if len(statements) != 3 {
				t.Fatalf("%d statements: %q", len(statements), statements)
			}
			must(t, db.Define(t.Context(), statements[:min(stop, 3)]))
			if stop < 3 {
				if got := selectText(t, d, narrow.Name, narrow.Columns); len(got) != 2 || !slices.Contains(got[0], "100000000000000000000") && !slices.Contains(got[1], "100000000000000000000") {
					t.Errorf("after %d statements there is %q", stop, got)
				}
			}
			w, err = d.Writer(t.Context(), destination.Options{})
			must(t, err)
			defer w.Close()
			must(t, w.Migrate(t.Context(), wide))
			must(t, w.Write(t.Context(), batch()))
			must(t, w.Flush(t.Context()))
			table, err := w.Table(t.Context(), wide.Name)
			must(t, err)
			if !slices.Equal(table.Columns, wide.Columns) {
				t.Errorf("the table has %v", table.Columns)
			}
			got := selectText(t, d, wide.Name, wide.Columns)
			slices.SortFunc(got, slices.Compare)
			if want := [][]string{{"false", "0.5", "2"}, {"true", "100000000000000000000", "1"}}; !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("got %q, want %q", got, want)
			}
			if left := mariatest.Query(t, mariatest.Server(t), "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND COLUMN_NAME LIKE '%penstock%'", name.Schema); len(left) > 0 {
				t.Errorf("columns are left over: %v", left)
			}
		})
	}
}

// TestBrokenSwitch breaks a change of mode off after each of its statements:
// the table is as it was or as it is to be, and the next sync completes it.
func TestBrokenSwitch(t *testing.T) {
	history := &schema.Table{Name: numbersTable.Name, Columns: numbersTable.Columns, Mode: schema.History}
	for stop := range 7 {
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			dsn := mariatest.Database(t)
			d := openAt(t, dsn)
			w := start(t, d)
			for range 2 { // the second has the index made
				write(t, w, 0, 10, false)
				must(t, w.Flush(t.Context()))
			}
			must(t, w.Close())
			c, err := d.connect(t.Context())
			must(t, err)
			defer c.Close()
			db := newDatabase(d.warehouse, c, nil)
			name := schema.Name{Schema: d.prefix + "s", Table: "t"}
			mariatest.Exec(t, dsn, "ALTER TABLE "+db.d.Table(name)+" ADD INDEX mine (_fivetran_synced)")
			have, err := db.Describe(t.Context(), name)
			must(t, err)
			statements, _, err := db.d.Plan(have, &schema.Table{Name: name, Columns: history.Columns, Mode: history.Mode})
			must(t, err)
			if len(statements) != 6 {
				t.Fatalf("%d statements: %q", len(statements), statements)
			}
			must(t, db.Define(t.Context(), statements[:stop]))
			if got := len(selectText(t, d, history.Name, history.Columns)); got != 10 {
				t.Errorf("after %d statements there are %d rows", stop, got)
			}
			w, err = d.Writer(t.Context(), destination.Options{Synced: time.Unix(2e9, 0)})
			must(t, err)
			defer w.Close()
			must(t, w.Migrate(t.Context(), history))
			must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: history, Record: numbers(history, 5, 15)}))
			live(t, w, 15)
			got := mariatest.Query(t, dsn, "SELECT count(*), sum(_fivetran_active), count(DISTINCT _fivetran_start) FROM "+db.d.Table(name))
			if want := "[[15 15 2]]"; fmt.Sprint(got) != want {
				t.Errorf("got %v, want %s", got, want)
			}
			got = mariatest.Query(t, dsn, "SELECT TABLE_NAME, (SELECT group_concat(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS i WHERE i.TABLE_SCHEMA = t.TABLE_SCHEMA) FROM information_schema.TABLES t WHERE TABLE_SCHEMA = ?", name.Schema)
			if want := "[[t mine,penstock_key]]"; fmt.Sprint(got) != want {
				t.Errorf("got %v, want %s", got, want)
			}
		})
	}
}

func TestPrivileges(t *testing.T) {
	dsn := mariatest.Database(t)
	c := config(t, dsn)
	user := "u" + c.Database
	mariatest.Exec(t, dsn, "CREATE USER "+user+" IDENTIFIED BY 'S3cret!'", "GRANT SELECT ON "+c.Database+".* TO "+user)
	t.Cleanup(func() { mariatest.Exec(t, dsn, "DROP USER "+user) })
	c.User, c.Password = user, "S3cret!"
	d := openConfig(t, c)
	test := func(status setup.Status, said string) {
		t.Helper()
		r := d.Test(t.Context())
		if len(r) != 3 || r[1].Status != status || !strings.Contains(r[1].Message, said) {
			t.Errorf("setup tests: %+v, want %s with %q", r, status, said)
		}
	}
	test(setup.Failed, "GRANT CREATE TEMPORARY TABLES")
	mariatest.Exec(t, dsn, "GRANT CREATE TEMPORARY TABLES ON "+c.Database+".* TO "+user)
	test(setup.Failed, "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON *.* TO '"+user+"'@'%'")
	w, err := d.Writer(t.Context(), destination.Options{})
	must(t, err)
	defer w.Close()
	err = w.Migrate(t.Context(), numbersTable)
	if p := setup.AsProblem(err); p == nil || p.Code != "permission_denied" || !strings.Contains(p.Message, user) || strings.Contains(p.Message, c.Password) {
		t.Errorf("got %v, want a Problem that names the user", err)
	}
	mariatest.Exec(t, dsn, "GRANT ALL ON `"+strings.ReplaceAll(c.Database, "_", `\_`)+"\\_s`.* TO "+user)
	test(setup.Warned, "some databases only")
	w = start(t, d)
	write(t, w, 0, 10, true)
	write(t, w, 5, 15, false)
	live(t, w, 15)
	mariatest.Exec(t, dsn, "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON *.* TO "+user)
	test(setup.Passed, "")

	// A table of somebody else's that the user may write: merges do without
	// the index that the user may not make.
	mariatest.Exec(t, dsn, "REVOKE ALL, GRANT OPTION FROM "+user, "GRANT CREATE TEMPORARY TABLES ON "+c.Database+".* TO "+user,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON "+c.Database+"_s.t TO "+user,
		"ALTER TABLE "+c.Database+"_s.t DROP INDEX penstock_key")
	w = start(t, d)
	write(t, w, 10, 20, false)
	live(t, w, 20)
}

func TestRefused(t *testing.T) {
	dsn := mariatest.Database(t)
	cases := []struct {
		name    string
		change  func(*Config)
		problem string
	}{
		{"password", func(c *Config) { c.Password = "S3cret!" }, "authentication_failed"},
		{"user", func(c *Config) { c.User, c.Password = "nobody", "S3cret!" }, "authentication_failed"},
		{"database", func(c *Config) { c.Database += "x" }, "database_not_found"},
		{"port", func(c *Config) { c.Port, c.Password = 1, "S3cret!" }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, dsn)
			c.change(&cfg)
			d := openConfig(t, cfg)
			_, err := d.Writer(t.Context(), destination.Options{})
			if err == nil || strings.Contains(err.Error(), "S3cret!") || !strings.Contains(err.Error(), fmt.Sprint(cfg.Port)) {
				t.Fatalf("got %v", err)
			}
			if p := setup.AsProblem(err); (p == nil) != (c.problem == "") || p != nil && p.Code != c.problem {
				t.Errorf("got %v, want the problem %q", err, c.problem)
			}
			if r := d.Test(t.Context()); len(r) != 1 || r[0].Status != setup.Failed || r[0].Message != err.Error() {
				t.Errorf("setup tests: %+v", r)
			}
		})
	}
	for _, config := range []string{`{"host":"h","connection_type":"SshTunnel"}`, `{"host":7}`} {
		if _, err := Services[0].Open([]byte(config), destination.Env{}); err == nil {
			t.Errorf("%s is taken", config)
		}
	}
}

// TestEncryption is about the server's certificate, which nobody vouches for.
func TestEncryption(t *testing.T) {
	c := config(t, mariatest.Database(t))
	c.AlwaysEncrypted = true
	asked := ""
	for _, trusts := range []bool{false, true} {
		d := openConfig(t, c)
		d.env.Trusts = func(hash string) bool { asked = hash; return trusts }
		r := d.Test(t.Context())
		if (r[0].Status == setup.Passed) != trusts || (r[0].Certificate == nil) != trusts {
			t.Fatalf("trusted %v: %+v", trusts, r)
		}
		if !trusts && (r[0].Certificate.Hash != asked || !strings.Contains(r[0].Message, "penstock-test")) {
			t.Errorf("the certificate is shown as %+v", r[0])
		}
	}
	// Without always_encrypted the connection is encrypted if the server can.
	c.AlwaysEncrypted = false
	conn, err := openConfig(t, c).connect(t.Context())
	must(t, err)
	defer conn.Close()
	rows, err := conn.rows(t.Context(), "SHOW SESSION STATUS LIKE 'Ssl_version'")
	if err != nil || rows[0][1] == "" {
		t.Errorf("not encrypted: %v, %v", rows, err)
	}
}

// withoutInfile is a destination whose server does not let LOAD DATA LOCAL.
type withoutInfile struct{ own }

type insertDatabase struct{ *database }

func (d insertDatabase) Session(ctx context.Context) (sqlwriter.Session, error) {
	s, err := d.database.Session(ctx)
	if err == nil {
		s.(*session).infile = false
	}
	return s, err
}

func (o withoutInfile) Writer(ctx context.Context, opt destination.Options) (destination.Writer, error) {
	c, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	db := newDatabase(o.warehouse, c, opt.Warn)
	return ownWriter{sqlwriter.New(insertDatabase{db}, db.d, opt, sqlwriter.Limits{Sessions: maxSessions, Stage: stageBytes}), o.prefix}, nil
}

func TestInfile(t *testing.T) {
	w := &warehouse{Config: Config{Host: "db.example", Port: 3306}}
	if r := w.testInfile(false); r.Status != setup.Warned || !strings.Contains(r.Message, "SET GLOBAL local_infile = ON") {
		t.Errorf("setup test: %+v", r)
	}
}

// TestLong writes values and names as long as they can be, in both ways.
func TestLong(t *testing.T) {
	name := strings.Repeat("n", 64)
	for _, infile := range []bool{true, false} {
		t.Run(fmt.Sprint(infile), func(t *testing.T) {
			o := openOwn(t).(own)
			var d destination.Destination = o
			if !infile {
				d = withoutInfile{o}
			}
			w, err := d.Writer(t.Context(), destination.Options{})
			must(t, err)
			defer w.Close()
			table := textTable(name)
			table.Schema = strings.Repeat("s", 64-len(o.prefix))
			table.Columns[1].Name = name
			must(t, w.Migrate(t.Context(), table))
			long := strings.Repeat("ü\n'", 2<<20) // 10 MiB, and more in an INSERT
			for range 2 {
				must(t, w.Write(t.Context(), texts(table, [2]string{"a", long}, [2]string{"b", "short"})))
				must(t, w.Flush(t.Context()))
			}
			got := selectText(t, o, table.Name, table.Columns)
			slices.SortFunc(got, slices.Compare)
			if len(got) != 2 || got[0][1] != long || got[1][1] != "short" {
				t.Errorf("%d rows", len(got))
			}
		})
	}
}

// TestKeys merges rows by keys that are alike, or long, or many.
func TestKeys(t *testing.T) {
	d := openOwn(t).(own)
	w, err := d.Writer(t.Context(), destination.Options{})
	must(t, err)
	defer w.Close()
	table := textTable("t")
	must(t, w.Migrate(t.Context(), table))
	long := strings.Repeat("long", 3000)
	alike := []string{"", " ", "a", "A", "a ", "a\t", "ä", "a\u0308", "ß", "ss", "\x00", long + "1", long + "2", "𝄞", "𝄟"}
	want := [][]string{}
	for _, k := range alike {
		want = append(want, []string{k, k + "!"})
	}
	for _, end := range []string{"?", "!"} {
		for _, k := range alike {
			must(t, w.Write(t.Context(), texts(table, [2]string{k, "x"}, [2]string{k, k + end})))
		}
		must(t, w.Flush(t.Context()))
	}
	got := selectText(t, d, table.Name, table.Columns)
	slices.SortFunc(got, slices.Compare)
	slices.SortFunc(want, slices.Compare)
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %.80q, want %.80q", got, want)
	}

	many := &schema.Table{Name: schema.Name{Schema: "s", Table: "many"}}
	for i := range 40 {
		many.Columns = append(many.Columns, schema.Column{Name: fmt.Sprintf("k%d", i), Type: schema.Type{Kind: []schema.Kind{schema.String, schema.Long, schema.Binary}[i%3]}, Key: true})
	}
	must(t, w.Migrate(t.Context(), many))
	for range 2 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, many.Arrow())
		for i := range many.Columns {
			for _, last := range []bool{false, true} { // they differ in the last column only
				switch f := b.Field(i).(type) {
				case *array.StringBuilder:
					f.Append(fmt.Sprint(last && i == 39))
				case *array.Int64Builder:
					f.Append(7)
				case *array.BinaryBuilder:
					f.Append([]byte{0xff})
				}
			}
		}
		must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: many, Record: b.NewRecordBatch()}))
		if n, err := w.Live(t.Context(), many.Name); n != 2 || err != nil {
			t.Errorf("live: %d, %v", n, err)
		}
	}
}

// TestIndex looks for the index that merges use, and that a load has none.
func TestIndex(t *testing.T) {
	dsn := mariatest.Database(t)
	d := openAt(t, dsn)
	indexes := func() string {
		return fmt.Sprint(mariatest.Query(t, dsn, "SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ?", d.prefix+"s"))
	}
	w := start(t, d)
	write(t, w, 0, 10, true)
	must(t, w.Flush(t.Context()))
	if got := indexes(); got != "[]" {
		t.Errorf("after the load there is %s", got)
	}
	write(t, w, 0, 10, false)
	must(t, w.Flush(t.Context()))
	if got := indexes(); got != "[[penstock_key 0 id]]" {
		t.Errorf("after the merge there is %s", got)
	}
	w.Close()
	// Rows of somebody's own repeat a key.
	table := quote(d.prefix+"s") + ".t"
	mariatest.Exec(t, dsn, "ALTER TABLE "+table+" DROP INDEX penstock_key", "INSERT INTO "+table+" VALUES (7, now(), false)")
	w = start(t, d)
	write(t, w, 7, 8, false)
	live(t, w, 10)
	if got := indexes(); got != "[[penstock_key 1 id]]" {
		t.Errorf("with a repeated key there is %s", got)
	}
	w.Close()
	// An index of somebody's own must not make one row of two.
	mariatest.Exec(t, dsn, "ALTER TABLE "+table+" DROP INDEX penstock_key, ADD UNIQUE INDEX penstock_key (id), ADD email longtext COLLATE utf8mb4_nopad_bin, ADD UNIQUE INDEX mine (email(20))",
		"UPDATE "+table+" SET email = 'a@b' WHERE id = 1")
	w = start(t, d)
	with := &schema.Table{Name: numbersTable.Name, Columns: append(slices.Clone(numbersTable.Columns), schema.Column{Name: "email", Type: schema.Type{Kind: schema.String}})}
	b := array.NewRecordBuilder(memory.DefaultAllocator, with.Arrow())
	b.Field(0).(*array.Int64Builder).Append(2)
	b.Field(1).(*array.StringBuilder).Append("a@b")
	must(t, w.Write(t.Context(), schema.Batch{Op: schema.Upsert, Table: with, Record: b.NewRecordBatch()}))
	if err := w.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "mine") {
		t.Errorf("got %v, want an error that names the index", err)
	}
	if got := mariatest.Query(t, dsn, "SELECT id FROM "+table+" WHERE email = 'a@b'"); fmt.Sprint(got) != "[[1]]" {
		t.Errorf("the address is that of %v", got)
	}
}

func TestWhatIsThereAlready(t *testing.T) {
	dsn := mariatest.Database(t)
	d := openAt(t, dsn)
	s := quote(d.prefix + "s")
	mariatest.Exec(t, dsn, "CREATE DATABASE "+s, "CREATE VIEW "+s+".v AS SELECT 1 AS id", "CREATE TABLE "+s+".u (id bigint unsigned)",
		"CREATE TABLE "+s+".c (id longtext COLLATE utf8mb4_general_ci)", "CREATE TABLE "+s+".m (id bigint) ENGINE = MyISAM", "CREATE TABLE "+s+".T (id longblob)")
	w := start(t, d) // s.t is no s.T
	for table, want := range map[string]string{"v": "table_name_taken", "u": "column_type_unknown", "c": "column_collation", "m": "table_engine"} {
		err := w.Migrate(t.Context(), &schema.Table{Name: schema.Name{Schema: "s", Table: table}, Columns: numbersTable.Columns})
		if p := setup.AsProblem(err); p == nil || p.Code != want || !strings.Contains(p.Message, "s."+table) {
			t.Errorf("%s: got %v, want a Problem %s", table, err, want)
		}
	}
	odd := textTable("😀")
	err := w.Migrate(t.Context(), odd)
	if p := setup.AsProblem(err); p == nil || p.Code != "name_not_allowed" || !strings.Contains(p.Message, odd.Name.Table) {
		t.Errorf("a name that the server does not have: %v", err)
	}
}

// TestWide makes a table of more columns than InnoDB is sure to have room for
// in a row, and fills it with rows that fit and one that does not.
func TestWide(t *testing.T) {
	d := openOwn(t)
	w, err := d.Writer(t.Context(), destination.Options{})
	must(t, err)
	defer w.Close()
	table := textTable("t")
	for i := range 600 {
		table.Columns = append(table.Columns, schema.Column{Name: fmt.Sprintf("c%d", i), Type: schema.Type{Kind: schema.String}})
	}
	must(t, w.Migrate(t.Context(), table))
	row := func(value string) schema.Batch {
		b := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
		defer b.Release()
		for i := range table.Columns {
			b.Field(i).(*array.StringBuilder).Append(value)
		}
		return schema.Batch{Op: schema.Upsert, Table: table, Record: b.NewRecordBatch()}
	}
	must(t, w.Write(t.Context(), row("ten bytes.")))
	must(t, w.Flush(t.Context()))
	err = w.Write(t.Context(), row(strings.Repeat("twenty bytes of text", 2)))
	if err == nil {
		err = w.Flush(t.Context())
	}
	if p := setup.AsProblem(err); p == nil || p.Code != "table_too_wide" {
		t.Errorf("got %v, want a Problem table_too_wide", err)
	}
}

func TestExplain(t *testing.T) {
	w := &warehouse{Config: Config{Host: "db.example", Port: 3306, Database: "dwh", User: "loader", Password: "s3cret!"}}
	cases := []struct {
		err     error
		problem string
		want    string
	}{
		{&mysql.MySQLError{Number: 1045, Message: "Access denied for user 'loader'"}, "authentication_failed", "db.example:3306"},
		{&mysql.MySQLError{Number: 1290, Message: "running with the --read-only option"}, "read_only", "primary"},
		{&mysql.MySQLError{Number: 1114, Message: "The table 't' is full"}, "", "disk is full"},
		{&mysql.MySQLError{Number: 1213, Message: "Deadlock found"}, "", "error 1213"},
		{mysql.ErrPktTooLarge, "value_too_long", "max_allowed_packet"},
		{mysql.ErrNoTLS, "tls_missing", "TLS"},
		{mysql.ErrInvalidConn, "", "db.example:3306 broke"},
	}
	for _, c := range cases {
		err := w.explain(t.Context(), c.err)
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), w.Password) {
			t.Errorf("%v: got %v, want %q", c.err, err, c.want)
		}
		if p := setup.AsProblem(err); (p == nil) != (c.problem == "") || p != nil && p.Code != c.problem {
			t.Errorf("%v: got %v, want the problem %q", c.err, err, c.problem)
		}
	}
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the reason"))
	if err := w.explain(gone, mysql.ErrInvalidConn); err == nil || err.Error() != "the reason" {
		t.Errorf("of a cancelled sync: %v", err)
	}
}
