package destinationtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// The scripts are about one table with the key k and the columns a and b.
// A line is a verb and its words:
//
//	sync N [MODE]      begin sync N, which ends the one before, the table in
//	                   the mode, or in the one that it had; SOFT_DELETE at first
//	columns COLUMNS    add columns to the table; "want" is about these from now
//	drop COLUMN        drop a column of the table
//	crash              close the writer without a flush
//	flush
//	upsert ROW…        a row is key,a,b; "-" is NULL
//	upsert.a ROW…      rows without the column b
//	upsert.sab ROW…    versions that began M minutes after sync 0: key,M,a,b
//	fresh ROW…         an upsert with Batch.Fresh
//	update.a ROW…      a row is key,a
//	delete KEY…
//	delete.s ROW…      a row is key,M: it is gone since M minutes after sync 0
//	truncate N         mark what was last synced before sync N
//	present KEY…
//	sweep
//	live N             expect N live rows
//	want ROW…          expect these rows after a flush and close; a row is
//	                   key,a,b@N, with ! if it is deleted, or with [START..END]
//	                   in history mode: the numbers of syncs, or minutes after
//	                   sync 0 with an m, less a millisecond with a -
var scripts = []struct{ name, script string }{
	{"Upsert", `
		sync 1
		upsert 1,x,y 2,x,-
		flush
		want 1,x,y@1 2,x,-@1`},
	{"NothingWithoutFlush", `
		sync 1
		upsert 1,x,y
		flush
		upsert 2,x,y
		delete 1
		crash
		sync 2
		upsert 2,z,z
		delete 1
		want 1,x,y@2! 2,z,z@2`},
	{"CrashInFreshLoad", `
		sync 1
		fresh 1,x,y 2,x,y
		flush
		fresh 3,x,y 4,x,y
		crash
		sync 2
		fresh 3,x,y 4,x,z
		fresh 5,x,y
		want 1,x,y@1 2,x,y@1 3,x,y@2 4,x,z@2 5,x,y@2`},
	{"RepeatedLoad", `
		sync 1
		fresh 1,x,y 2,x,y
		flush
		crash
		sync 2
		fresh 1,x,y 2,x,q
		fresh 3,x,y
		want 1,x,y@2 2,x,q@2 3,x,y@2`},
	{"FreshThenMore", `
		sync 1
		fresh 1,x,y 2,x,y 3,x,y
		upsert 2,n,n
		delete 3
		fresh 4,x,y
		update.a 4,u
		live 3
		fresh 5,x,y
		flush
		fresh 6,x,y
		live 5
		want 1,x,y@1 2,n,n@1 3,x,y@1! 4,u,y@1 5,x,y@1 6,x,y@1`},
	{"LastOfDuplicatesWins", `
		sync 1
		upsert 1,a,a 1,b,b 1,c,c
		upsert 2,a,a
		upsert 2,b,- 1,d,d
		want 1,d,d@1 2,b,-@1`},
	{"ReplacesWholeRows", `
		sync 1
		upsert 1,x,y 2,x,y
		flush
		sync 2
		upsert.a 1,z
		want 1,z,-@2 2,x,y@1`},
	{"SoftDeleteAndRevive", `
		sync 1
		upsert 1,x,y 2,x,y
		sync 2
		delete 1 9
		live 1
		want 1,x,y@2! 2,x,y@1
		sync 3
		upsert 1,n,m
		live 2
		want 1,n,m@3 2,x,y@1`},
	{"OrderWithinOneSync", `
		sync 1
		upsert 1,a,a 2,a,a 3,a,a
		delete 1 2 3
		upsert 2,b,b
		update.a 3,u 2,w 8,w
		delete 2
		upsert 2,c,c
		update.b 2,v
		update.a 1,z
		want 1,z,a@1! 2,c,v@1 3,u,a@1!`},
	{"UpdateSomeColumns", `
		sync 1
		upsert 1,x,y 2,x,y
		sync 2
		update.a 1,p 1,q
		update.b 2,-
		update.a 7,q
		want 1,q,y@2 2,x,-@2`},
	{"DeleteThenUpsertFirst", `
		sync 1
		delete 1
		update.a 1,x
		upsert 1,a,b
		want 1,a,b@1`},
	{"DeleteOfNothing", `
		sync 1
		delete 1 2
		update.a 3,x
		sweep
		truncate 1
		live 0
		want`},
	{"Truncate", `
		sync 1
		upsert 1,x,y 2,x,y 3,x,y
		sync 2
		delete 3
		sync 3
		upsert 1,x,z
		truncate 3
		live 1
		upsert 4,x,y
		want 1,x,z@3 2,x,y@1! 3,x,y@2! 4,x,y@3`},
	{"Sweep", `
		sync 1
		upsert 1,x,y 2,x,y 3,x,y 4,x,y
		sync 2
		present 1
		upsert 5,x,y
		present 2 5
		delete 2
		live 4
		flush
		present 4
		sweep
		live 3
		want 1,x,y@1 2,x,y@2! 3,x,y@2! 4,x,y@1 5,x,y@2`},
	{"SweepEmptiesTheSet", `
		sync 1
		upsert 1,x,y 2,x,y
		present 1 2
		sweep
		present 2
		sweep
		want 1,x,y@1! 2,x,y@1`},
	{"SweepOfDeletedRowsChangesNothing", `
		sync 1
		upsert 1,x,y 2,x,y
		delete 1
		sync 2
		present 2
		sweep
		want 1,x,y@1! 2,x,y@1`},
	{"Drop", `
		sync 1
		drop z
		upsert 1,x,y 2,x,y
		delete 2
		sync 2
		drop a
		want 1,y@1 2,y@1!
		drop a
		upsert.b 1,z 3,z
		update.b 2,w
		sync 3
		columns ab
		upsert 3,p,q
		want 1,-,z@2 2,-,w@2! 3,p,q@3`},
	{"DropOfWhatIsWritten", `
		sync 1
		fresh 1,x,y 2,x,y
		drop b
		fresh.a 3,x
		upsert.a 4,x
		update.a 1,z
		delete 2
		flush
		drop a
		live 3
		want 1@1 2@1! 3@1 4@1`},
	{"DropThenCrash", `
		sync 1
		upsert 1,x,y 2,x,y
		sync 2
		upsert 1,z,z
		drop b
		upsert.a 2,z
		crash
		sync 2
		drop b
		upsert.a 1,q
		want 1,q@2 2,x@1
		sync 3
		present 1
		drop a
		sweep
		want 1@2 2@3!`},
	{"BrokenPromise", `
		sync 1
		fresh 1,a,a 1,b,b 2,a,a
		flush
		fresh 2,b,b 3,a,a
		sync 2
		upsert 1,c,c
		delete 2
		upsert 2,c,c
		live 3
		want 1,c,c@2 2,c,c@2 3,a,a@1`},
	{"FlushTwice", `
		sync 1
		flush
		upsert 1,x,y
		flush
		flush
		want 1,x,y@1`},
}

// scriptTable has the columns whose names are given by one letter each: n is a
// number, s when a version began, and all others are text.
func scriptTable(name, columns string) *schema.Table {
	t := &schema.Table{Name: schema.Name{Schema: "scripts", Table: name}, Columns: []schema.Column{
		{Name: "k", Type: schema.Type{Kind: schema.Long}, Key: true}}}
	for _, c := range columns {
		column := schema.Column{Name: string(c), Type: schema.Type{Kind: schema.String}}
		switch c {
		case 'n':
			column.Type.Kind = schema.Long
		case 's':
			column = schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}
		}
		t.Columns = append(t.Columns, column)
	}
	return t
}

var scriptOps = map[string]schema.Op{"upsert": schema.Upsert, "fresh": schema.Upsert, "update": schema.Update, "delete": schema.Delete,
	"present": schema.Present, "truncate": schema.Truncate, "sweep": schema.Sweep}

// scriptBatch makes a batch from the words of a line.
func scriptBatch(t testing.TB, table, verb string, words []string) schema.Batch {
	t.Helper()
	name, columns, _ := strings.Cut(verb, ".")
	if scriptOps[name] == schema.Upsert && columns == "" {
		columns = "ab"
	}
	b, err := batchOf(scriptTable(table, columns), name, words)
	must(t, err)
	return b
}

// batchOf makes a batch of a table from the words of a line.
func batchOf(table *schema.Table, verb string, words []string) (schema.Batch, error) {
	b := schema.Batch{Op: scriptOps[verb], Fresh: verb == "fresh", Table: table}
	switch b.Op {
	case schema.Truncate:
		n, err := strconv.Atoi(words[0])
		b.Before = SyncTime(n)
		return b, err
	case schema.Sweep:
		return b, nil
	}
	r := array.NewRecordBuilder(memory.DefaultAllocator, table.Arrow())
	defer r.Release()
	for _, w := range words {
		for i, v := range strings.Split(w, ",") {
			if err := appendWord(r.Field(i), v); err != nil {
				return b, err
			}
		}
	}
	b.Record = r.NewRecordBatch()
	return b, nil
}

func appendWord(b array.Builder, v string) error {
	if v == "-" {
		b.AppendNull()
		return nil
	}
	if b, ok := b.(*array.StringBuilder); ok {
		b.Append(v)
		return nil
	}
	n, err := strconv.Atoi(v)
	switch b := b.(type) {
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.Int64Builder:
		b.Append(int64(n))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(start.Add(time.Duration(n) * time.Minute).UnixMicro()))
	}
	return err
}

func runScript(t *testing.T, s Subject, script string) {
	d := s.Open(t)
	var w destination.Writer
	begin := func(n int) {
		if w != nil {
			must(t, w.Flush(t.Context()))
			must(t, w.Close())
		}
		w = open(t, d, n, nil)
	}
	sync, table := 0, scriptTable("t", "ab")
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		words := strings.Fields(rest)
		if err := func() error {
			switch verb {
			case "sync":
				n, err := strconv.Atoi(words[0])
				must(t, err)
				sync = n
				begin(n)
				if len(words) > 1 {
					mode, ok := schema.ParseMode(words[1])
					if !ok {
						t.Fatalf("no mode %s", words[1])
					}
					table.Mode = mode
				}
				return w.Migrate(t.Context(), table)
			case "columns":
				mode := table.Mode
				table = scriptTable("t", words[0])
				table.Mode = mode
				return w.Migrate(t.Context(), table)
			case "drop":
				table = &schema.Table{Name: table.Name, Mode: table.Mode, Columns: slices.DeleteFunc(slices.Clone(table.Columns),
					func(c schema.Column) bool { return c.Name == words[0] })}
				return w.Drop(t.Context(), table.Name, words[0])
			case "crash":
				err := w.Close()
				w = nil
				return err
			case "flush":
				return w.Flush(t.Context())
			case "live":
				n, err := w.Live(t.Context(), scriptTable("t", "").Name)
				if err == nil && fmt.Sprint(n) != words[0] {
					t.Errorf("%s: got %d", line, n)
				}
				return err
			case "want":
				must(t, w.Flush(t.Context()))
				must(t, w.Close())
				w = nil
				got := Rows(t, s, d, table)
				if !slices.Equal(got, words) {
					t.Errorf("got  %s\nwant %s", strings.Join(got, " "), strings.Join(words, " "))
				}
				w = open(t, d, sync, nil)
			default:
				return w.Write(t.Context(), scriptBatch(t, "t", verb, words))
			}
			return nil
		}(); err != nil {
			t.Fatalf("%s: %v", strings.TrimSpace(line), err)
		}
	}
	if w != nil {
		must(t, w.Close())
	}
}

// scriptRows returns the rows of a table with soft delete as a script writes
// them, in order.
func scriptRows(t testing.TB, s Subject, d destination.Destination, table string) []string {
	return Rows(t, s, d, scriptTable(table, "ab"))
}

// Rows returns the rows of a table, with the columns and in the mode of table,
// as scripts write them, in order.
func Rows(t testing.TB, s Subject, d destination.Destination, table *schema.Table) []string {
	system := systemColumns(table.Mode)
	rows := s.Select(t, d, table.Name, slices.Concat(table.Columns, system))
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		for i := range r {
			if r[i] == Null {
				r[i] = "-"
			}
		}
		values, has := r[:len(table.Columns)], map[string]string{}
		for i, c := range system {
			has[c.Name] = r[len(values)+i]
		}
		row := strings.Join(values, ",") + "@" + moment(t, has[schema.Synced])
		switch table.Mode {
		case schema.SoftDelete:
			if has[schema.Deleted] == "true" {
				row += "!"
			}
		case schema.History:
			row += fmt.Sprintf("[%s..%s]", moment(t, has[schema.Start]), moment(t, has[schema.End]))
			if active := strings.HasSuffix(row, "..]"); fmt.Sprint(active) != has[schema.Active] {
				row += " " + schema.Active + "=" + has[schema.Active]
			}
		}
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// moment writes a point in time as a script does.
func moment(t testing.TB, text string) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	must(t, err)
	if at.Year() == 1 {
		return "never"
	}
	if at.UnixMicro() == schema.EndOfTime {
		return ""
	}
	after := at.Sub(start)
	if after%time.Millisecond != 0 { // not as it was written
		return text
	}
	return instant(after.Milliseconds())
}

// instant writes a number of milliseconds after sync 0 as a script does.
func instant(ms int64) string {
	suffix := ""
	if (ms+1)%60_000 == 0 {
		ms, suffix = ms+1, "-"
	}
	switch {
	case ms%3_600_000 == 0:
		return strconv.FormatInt(ms/3_600_000, 10) + suffix
	case ms%60_000 == 0:
		return strconv.FormatInt(ms/60_000, 10) + "m" + suffix
	}
	return strconv.FormatInt(ms, 10) + "ms"
}
