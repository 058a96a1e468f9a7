package pipe_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

func filtered(condition string, columns map[string]treated) treatment {
	return treatment{Wanted: true, Filter: condition, Columns: columns}
}

// A watcher notes the operations that reach the destination, with their keys.
type watcher struct {
	*store
	log []string
}

func (w *watcher) Write(ctx context.Context, b schema.Batch) error {
	line := b.Op.String()
	if b.Fresh {
		line = "fresh " + line
	}
	if b.Record != nil {
		for row := range int(b.Rows()) {
			for _, i := range b.Table.Key() {
				line += " " + b.Record.Column(i).ValueStr(row)
			}
		}
	}
	w.log = append(w.log, line)
	return w.store.Write(ctx, b)
}

// fresh is send with a batch's promise.
func fresh(t schema.Table, lines ...string) step {
	return func(ctx context.Context, out connector.Output, _ int) error {
		return out.Write(ctx, schema.Batch{Table: &t, Record: record(t, lines...), Fresh: true})
	}
}

func TestFilter(t *testing.T) {
	other := some(person, "id", "name")
	key := some(person, "id")
	own := map[string]treated{"person": {Key: true}}
	for _, tt := range []struct {
		name          string
		person, visit treatment
		steps         []step
		log           string // what reached the destination
		rows          string // of the destination that count
	}{
		{"rows leave and return", filtered("age < 40", nil), treatment{}, []step{
			send(schema.Upsert, person, "1 ann 30", "2 bob 40", "3 cyd 20"), send(schema.Upsert, person, "1 ann 41", "2 bob 39"), send(schema.Upsert, person, "1 ann 30"), send(schema.Upsert, person, "3 cyd 50"),
		}, "upsert 1 3, delete 2, upsert 2, delete 1, upsert 1, delete 3", "1 ann 30, 2 bob 39"},
		{"the last version counts", filtered("age < 40", nil), treatment{}, []step{
			send(schema.Upsert, person, "1 ann 30", "2 bob 50", "1 ann 60", "2 bob 20", "3 cyd 1", "3 cyd 2", "4 dee 90", "1 ann 70", "5 eve 50", "5 eve 5", "5 eve 55"),
		}, "upsert 2 3 3, delete 4 1 5", "2 bob 20, 3 cyd 2"},
		{"all leave", filtered("age < 40", nil), treatment{}, []step{send(schema.Upsert, person, "1 ann 30"), send(schema.Upsert, person, "1 ann 50", "1 ann 60")},
			"upsert 1, delete 1", ""},
		{"into an empty table", filtered("age < 40", nil), treatment{}, []step{fresh(person, "1 ann 30", "2 bob 50"), fresh(person, "3 cyd 60"), fresh(person, "4 dee 1", "5 eve 90")},
			"fresh upsert 1, fresh upsert 4", "1 ann 30, 4 dee 1"},
		{"into a table with rows", filtered("age < 40", nil), treatment{}, []step{send(schema.Upsert, person, "2 bob 20"), fresh(person, "1 ann 30", "3 bob 50")},
			"upsert 2, fresh upsert 1, delete 3", "1 ann 30, 2 bob 20"},
		{"updates of a filter's column", filtered("age < 40 AND name <> 'x'", nil), treatment{}, []step{
			send(schema.Upsert, person, "1 ann 30", "2 bob 20", "3 cyd 10"), send(schema.Update, some(person, "id", "age"), "1 50", "2 21"), send(schema.Update, other, "3 x")},
			"upsert 1 2 3, update 2, delete 1, delete 3", "2 bob 21"},
		{"updates of other columns", filtered("age < 40", nil), treatment{}, []step{send(schema.Upsert, person, "1 ann 30"), send(schema.Update, other, "1 bob")},
			"upsert 1, update 1", "1 bob 30"},
		{"updates of a blocked column", filtered("age < 40", map[string]treated{"age": blocked}), treatment{}, []step{
			send(schema.Upsert, person, "1 ann 30", "2 bob 20"), send(schema.Update, some(person, "id", "age"), "1 50", "2 21")},
			"upsert 1 2, delete 1", "2 bob"},
		{"other operations", filtered("age < 40", nil), treatment{}, []step{send(schema.Upsert, person, "1 ann 30"), send(schema.Delete, key, "1"), send(schema.Present, key, "2")},
			"upsert 1, delete 1, present 2", ""},
		{"NULL", filtered("NOT name = 'x'", nil), treatment{}, []step{send(schema.Upsert, person, "1 (null) 30", "2 bob 40")}, "upsert 2, delete 1", "2 bob 40"},
		{"rows that lack the column", filtered("age IS NULL", nil), treatment{}, []step{send(schema.Upsert, other, "1 ann")}, "upsert 1", "1 ann"},
		{"no key", treatment{}, filtered("page LIKE '/a%'", nil), []step{send(schema.Upsert, visit, "1 /a", "2 /b", "3 /ab"), send(schema.Upsert, visit, "4 /b")},
			"upsert ID ID", "/a 1, /ab 3"},
		{"a key of one's own", treatment{}, filtered("person IS NOT NULL AND page <> '/b'", own), []step{
			send(schema.Upsert, visit, "1 /a", "(null) /a", "2 /b"), fresh(visit, "1 /b", "1 /c", "2 /a", "2 /b")},
			"upsert 1, delete 2, upsert 1, delete 2", "/c 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{store: newStore()}
			_, out, err := treat(t, w, tt.person, tt.visit, tt.steps...)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range w.log {
				words := strings.Fields(line)
				for k := range words {
					if len(words[k]) == 27 {
						words[k] = "ID"
					}
				}
				w.log[i] = strings.Join(words, " ")
			}
			if got := strings.Join(w.log, ", "); got != tt.log {
				t.Errorf("operations\ngot  %s\nwant %s", got, tt.log)
			}
			if got := strings.Join(w.live(), ", "); got != tt.rows {
				t.Errorf("rows\ngot  %s\nwant %s", got, tt.rows)
			}
			if tt.name == "rows leave and return" && (out.Tables[0].Upserted != 4 || out.Tables[0].Deleted != 0) {
				t.Errorf("outcome %+v", out.Tables[0])
			}
		})
	}
}

// live returns the rows that are not deleted, values in the order of their
// columns' names, of all but keys that are hashes.
func (s *store) live() []string {
	var out []string
	for _, table := range s.durable {
		for _, r := range table {
			if r["gone"] != "" {
				continue
			}
			var words []string
			for _, c := range []string{"id", "name", "page", "person", "age"} {
				if v, ok := r[c]; ok {
					words = append(words, v)
				}
			}
			out = append(out, strings.Join(words, " "))
		}
	}
	slices.Sort(out)
	return out
}

// Whatever is done to the source, and however it is cut into batches, the
// destination has the source's rows that meet the filter.
func TestFilteredRowsConverge(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		source := map[int]int{} // ages by id
		var steps []step
		for range rapid.IntRange(1, 6).Draw(r, "batches") {
			var lines, gone []string
			for range rapid.IntRange(0, 12).Draw(r, "rows") {
				id, age := rapid.IntRange(1, 6).Draw(r, "id"), rapid.IntRange(0, 9).Draw(r, "age")
				source[id] = age
				lines = append(lines, fmt.Sprintf("%d ann %d", id, age))
			}
			if id := rapid.IntRange(1, 12).Draw(r, "deleted"); id <= 6 {
				delete(source, id)
				gone = append(gone, fmt.Sprint(id))
			}
			steps = append(steps, send(schema.Upsert, person, lines...), send(schema.Delete, some(person, "id"), gone...))
		}
		w := newStore()
		if _, _, err := treat(t, w, filtered("age BETWEEN 3 AND 6", map[string]treated{"name": hash}), treatment{}, steps...); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(source, func(_, age int) bool { return age < 3 || age > 6 })
		var want []string
		for id, age := range source {
			want = append(want, fmt.Sprintf("%d %s %d", id, hashed("ann"), age))
		}
		slices.Sort(want)
		if d := cmp.Diff(strings.Join(want, "\n"), strings.Join(w.live(), "\n")); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	})
}

// A filter sees what the destination does not.
func TestFilterOnTreatedColumns(t *testing.T) {
	w := newStore()
	src, _, err := treat(t, w, filtered("age < 40 AND name LIKE '_nn'", map[string]treated{"age": blocked, "name": hash}), all(map[string]treated{"person": blocked}),
		send(schema.Upsert, person, "1 ann 30", "2 ann 40", "3 bob 30"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.content("person"), fmt.Sprintf("map[id:1 name:%s]", hashed("ann")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if d := cmp.Diff([]schema.Table{person, some(visit, "page")}, src.req.Tables); d != "" {
		t.Errorf("the source was asked for -want +got\n%s", d)
	}
	if f := src.req.Filters; len(f) != 1 || f[person.Name].String() != "age < 40 AND name LIKE '_nn'" || !src.req.Hidden(person.Name, "age") {
		t.Errorf("the source was told of %v", f)
	}
	if len(w.schemaOf("person")) != 2 {
		t.Errorf("the destination has %v", w.schemaOf("person"))
	}
}

func TestFilterThatDoesNotFit(t *testing.T) {
	text := some(person, "id", "age")
	text.Columns[1].Type.Kind = schema.String
	for _, tt := range []struct{ condition, want string }{
		{"region = 'EU'", "its row filter cannot be applied: there is no column region. Change or remove the filter"},
		{"age = 'old'", "column age is SHORT: 'old' is no number"},
		{"age =", "expected a value"},
		{"age < 40", "column age is STRING: 40 is no text"}, // since it is, in the rows
	} {
		w := newStore()
		src, out, err := treat(t, w, filtered(tt.condition, nil), all(nil), tolerant(send(schema.Upsert, visit, "1 /a"), person.Name), func(ctx context.Context, out connector.Output, at int) error {
			if tt.condition != "age < 40" {
				return nil
			}
			return tolerant(send(schema.Upsert, text, "1 30"), person.Name)(ctx, out, at)
		})
		if err != nil {
			t.Fatal(err)
		}
		if e := out.Tables[0].Err; e == nil || !strings.Contains(e.Error(), tt.want) || !strings.Contains(out.Warnings[0].Message, tt.want) {
			t.Errorf("%s: %v, %v", tt.condition, e, out.Warnings)
		}
		if paused := slices.Contains(src.req.Paused, person.Name); paused == (tt.condition == "age < 40") || out.Tables[1].Err != nil || len(w.live()) != 1 {
			t.Errorf("%s: paused %v, the other %v, %v", tt.condition, src.req.Paused, out.Tables[1].Err, w.live())
		}
	}
}

// Of a source that does not say which columns it has, rows are not deleted for
// want of a column that none ever had.
func TestFilterOnWhatNoRowHad(t *testing.T) {
	for _, tt := range []struct {
		condition string
		found     []string
		rows      string
		err       string
	}{
		{"agee < 40", nil, "map[age:30 id:1 name:ann]", "its row filter cannot be applied: no row has had a column agee. Change or remove the filter"},
		{"age < 40", nil, "map[age:20 id:1 name:ann]", ""},
		{"town = 'Rome'", []string{"town"}, "map[age:30 gone:yes id:1 name:ann]", ""}, // it is NULL
	} {
		w := newStore()
		for i, condition := range []string{"", tt.condition} {
			p := plan(&documents{script{steps: []step{tolerant(send(schema.Upsert, person, fmt.Sprintf("1 ann %d", 30-10*i)), person.Name)}}, schema.Table{Name: person.Name}}, w, &ledger{})
			p.Choose = func(context.Context, []schema.Table) (map[schema.Name]treatment, error) {
				return map[schema.Name]treatment{person.Name: {Wanted: true, Filter: condition, Found: tt.found}}, nil
			}
			out, err := pipe.Run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if e := out.Tables[0].Err; condition != "" && (e == nil) != (tt.err == "") || e != nil && !strings.Contains(e.Error(), tt.err) {
				t.Errorf("%s: %v", condition, e)
			}
		}
		if got := w.content("person"); got != tt.rows {
			t.Errorf("%s: got %s", tt.condition, got)
		}
	}
}

// Of the versions of a row some may meet it and others not: what the last does
// counts in the end.
func TestFilterOfVersions(t *testing.T) {
	begun := schema.Column{Name: schema.Start, Type: schema.Type{Kind: schema.Instant}}
	versions := schema.Table{Name: person.Name, Columns: []schema.Column{person.Columns[0], begun, person.Columns[2]}}
	for _, mode := range []schema.Mode{schema.History, schema.Live} {
		w, src := newStore(), &asked{documents: documents{script{steps: []step{send(schema.Upsert, versions,
			"1 2026-01-01T00:00:00Z 30", "2 2026-01-01T00:00:00Z 30", "2 2026-01-02T00:00:00Z 50", "3 2026-01-01T00:00:00Z 50", "3 2026-01-02T00:00:00Z 30")}}, versions}}
		p := plan(src, w, &ledger{})
		p.Choose = func(context.Context, []schema.Table) (map[schema.Name]treatment, error) {
			return map[schema.Name]treatment{person.Name: {Wanted: true, Mode: mode, Filter: "age < 40"}}, nil
		}
		out, err := pipe.Run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		want, asked := "map[age:30 id:1]\nmap[age:30 id:3]", 2
		if mode == schema.History {
			want, asked = "map[_fivetran_start:2026-01-01T00:00:00Z age:30 gone:yes id:2]\n"+
				"map[_fivetran_start:2026-01-01T00:00:00Z age:30 id:1]\nmap[_fivetran_start:2026-01-02T00:00:00Z age:30 id:3]", 3
		}
		if got := w.content("person"); got != want || out.Tables[0].Err != nil || len(src.columns) != asked {
			t.Errorf("%s: got\n%s\nwant\n%s\nasked for was %v, %v", mode, got, want, src.columns, out.Tables[0].Err)
		}
	}
}

func TestFilteredRowsDoNotPassEncoded(t *testing.T) {
	ask := func(ctx context.Context, out connector.Output, _ int) error {
		if ok, err := out.Passes(ctx, &person, schema.PostgresBinary); ok || err != nil {
			return fmt.Errorf("%v, %w", ok, err)
		}
		if err := out.Write(ctx, schema.Batch{Table: &person, Encoded: &schema.Encoded{}}); err == nil {
			return errors.New("they were taken")
		}
		return nil
	}
	if _, _, err := treat(t, speaker{newStore()}, filtered("age < 40", nil), treatment{}, ask); err != nil {
		t.Error(err)
	}
}

// Rows of all types come through as they were, from the middle of an array.
func TestFilteredValues(t *testing.T) {
	kinds := schema.Table{Name: person.Name, Columns: []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}}}
	for k := schema.Boolean; k <= schema.JSON; k++ {
		kinds.Columns = append(kinds.Columns, schema.Column{Name: strings.ToLower(k.String()), Type: schema.Type{Kind: k}})
	}
	kinds.Columns = append(kinds.Columns, schema.Column{Name: "money", Type: schema.DecimalOf(10, 2)})
	rows := make([]string, 20)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id": %d}`, i)
		if i%3 > 0 {
			rows[i] = fmt.Sprintf(`{"id": %[1]d, "boolean": %[2]v, "short": %[1]d, "int": %[1]d, "long": %[1]d, "decimal": "%[1]d.5", "float": %[1]d.5, "double": %[1]d.25,
				"naive_date": "2025-01-%02[3]d", "naive_datetime": "2025-01-%02[3]d 10:00:00", "utc_datetime": "2025-01-%02[3]d 10:00:00Z", "naive_time": "10:00:%02[3]d",
				"binary": "AQI=", "xml": "<a>%[1]d</a>", "string": "é%[1]d", "json": "[%[1]d]", "money": "%[1]d.25"}`, i, i%2 == 0, i+1)
		}
	}
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, kinds.Arrow(), strings.NewReader("["+strings.Join(rows, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(ctx context.Context, out connector.Output, _ int) error {
		return out.Write(ctx, schema.Batch{Table: &kinds, Record: rec.NewSlice(3, 17)})
	}
	copied := func(how treatment) map[string]map[string]string {
		w := newStore()
		if _, _, err := treat(t, w, how, treatment{}, write); err != nil {
			t.Fatal(err)
		}
		return w.durable[schema.Name{Schema: "shop_shop", Table: "person"}]
	}
	want := copied(all(nil))
	maps.DeleteFunc(want, func(id string, _ map[string]string) bool {
		return !slices.Contains([]string{"4", "5", "6", "9", "16"}, id)
	})
	if d := cmp.Diff(want, copied(filtered("id IN (1, 4, 5, 6, 9, 16, 18)", nil))); d != "" || len(want) != 5 {
		t.Errorf("-want +got\n%s", d)
	}
}

// What a filter costs per row, be it met or not.
func BenchmarkFilter(b *testing.B) {
	table, rec := lineitem(32_000)
	for _, bm := range []struct{ name, condition string }{
		{"all meet a date", "l_shipdate >= '1990-01-01'"},
		{"none meets a date", "l_shipdate < '1990-01-01'"},
		{"half meet a decimal", "l_extendedprice < 50000"},
		{"a quarter meets a text", "l_returnflag = 'R'"},
		{"like", "l_comment LIKE '%7%final%'"},
		{"three tests", "l_returnflag IN ('R', 'A') AND l_extendedprice BETWEEN 1000 AND 90000.5 AND NOT l_shipmode LIKE 'A%'"},
	} {
		for _, fresh := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/fresh=%v", bm.name, fresh), func(b *testing.B) {
				b.ReportAllocs()
				src := &repeater{table: table, rec: rec, times: b.N, stale: !fresh}
				p := plan(src, nil, &ledger{})
				p.Writer = void{newStore()}
				p.Choose = func(context.Context, []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
					return map[schema.Name]schemaconfig.Treatment{table.Name: filtered(bm.condition, nil)}, nil
				}
				began := cpu()
				if _, err := pipe.Run(b.Context(), p); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(cpu()-began)/float64(int64(b.N)*rec.NumRows()), "cpu-ns/row")
			})
		}
	}
}
