package pipe_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

type arrowRecord = arrow.RecordBatch

func some(t schema.Table, columns ...string) schema.Table {
	out := schema.Table{Name: t.Name}
	for _, c := range columns {
		out.Columns = append(out.Columns, t.Columns[t.Index(c)])
	}
	return out
}

func (s *store) schemaOf(table string) []schema.Column {
	return s.shapes[schema.Name{Schema: "shop_shop", Table: table}].Columns
}

var history = []step{
	send(schema.Upsert, person, "1 ann 30", "2 bob 40"),
	send(schema.Upsert, visit, "1 /home", "2 /cart"),
	checkpoint,
	send(schema.Upsert, person, "3 cyd 50"),
	send(schema.Update, some(person, "id", "age"), "1 31", "9 99"),
	send(schema.Upsert, visit, "1 /pay"),
	checkpoint,
	send(schema.Delete, some(person, "id"), "2"),
	checkpoint,
	checkpoint,
	send(schema.Truncate, visit),
	send(schema.Upsert, visit, "1 /pay", "3 /home"),
	send(schema.Upsert, person, "2 bobby 41"),
	checkpoint,
	send(schema.Upsert, person, "4 dee 60"),
}

func plan(src connector.Source, w destination.Writer, l *ledger) pipe.Plan {
	return pipe.Plan{
		Source: src, Writer: w, Ledger: l, Naming: schema.DatabaseNaming, Start: start,
		Schema: func(s string) string { return "shop_" + schema.DatabaseNaming.Schema(s) },
	}
}

// broken runs the history with one event broken, resumes after a crash, and
// returns what is durable then; broke is false if there was no such event.
func broken(t *testing.T, lies bool, arm func(*script, *store, *ledger)) (content tables, broke bool) {
	t.Helper()
	src, w, l := &script{steps: history}, newStore(), &ledger{}
	w.lies = lies
	arm(src, w, l)
	_, err := pipe.Run(t.Context(), plan(src, w, l))
	if err != nil && !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	w.crash()
	w.lies = false
	again := &script{steps: history}
	l.breaker = breaker{}
	if _, err := pipe.Run(t.Context(), plan(again, w, l)); err != nil {
		t.Fatal(err)
	}
	return w.durable, err != nil
}

var places = map[string]func(at int) func(*script, *store, *ledger){
	"source":      func(at int) func(*script, *store, *ledger) { return func(s *script, _ *store, _ *ledger) { s.at = at } },
	"destination": func(at int) func(*script, *store, *ledger) { return func(_ *script, w *store, _ *ledger) { w.at = at } },
	"ledger":      func(at int) func(*script, *store, *ledger) { return func(_ *script, _ *store, l *ledger) { l.at = at } },
}

// Wherever a sync breaks (in the source, before or after a write, a flush or
// a saved state) and whatever the destination then forgets, the next sync
// leaves what an undisturbed one leaves.
func TestBreakEverywhere(t *testing.T) {
	want, _ := broken(t, false, func(*script, *store, *ledger) {})
	for place, arm := range places {
		n := 0
		for at := 1; ; at++ {
			got, broke := broken(t, false, arm(at))
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("broken at event %d of the %s: -want +got\n%s", at, place, d)
			}
			if !broke {
				break
			}
			n++
		}
		if n < 8 {
			t.Errorf("only %d events of the %s were broken", n, place)
		}
	}
}

// The test above would notice a state that is saved before its rows are
// durable: with a destination that is one flush behind, rows get lost.
func TestBreakEverywhereSeesReversedOrder(t *testing.T) {
	want, _ := broken(t, false, func(*script, *store, *ledger) {})
	lost := 0
	for _, arm := range places {
		for at, broke := 1, true; broke; at++ {
			var got tables
			got, broke = broken(t, true, arm(at))
			if broke && !cmp.Equal(want, got) {
				lost++
			}
		}
	}
	if lost == 0 {
		t.Error("a state saved too early went unnoticed")
	}
}

func TestStateIsSavedAtCheckpointsOnly(t *testing.T) {
	l := &ledger{}
	out, err := pipe.Run(t.Context(), plan(&script{steps: history}, newStore(), l))
	if err != nil {
		t.Fatal(err)
	}
	if string(l.state) != "14" || l.saves != 5 {
		t.Errorf("state %s after %d saves, want 14 after 5", l.state, l.saves)
	}
	if got := out.Tables[0]; got.Upserted != 5 || got.Updated != 2 || got.Deleted != 1 || got.Err != nil {
		t.Errorf("person: got %+v", got)
	}
}

func TestTypesWidenAndColumnsAppear(t *testing.T) {
	wide := schema.Table{Name: person.Name, Columns: []schema.Column{
		person.Columns[0], {Name: "age", Type: schema.Type{Kind: schema.Double}}, {Name: "E-Mail", Type: schema.Type{Kind: schema.String}},
	}}
	w := newStore()
	_, err := pipe.Run(t.Context(), plan(&script{steps: []step{
		send(schema.Upsert, person, "1 ann 30"), send(schema.Upsert, wide, "2 2.5 b@x"), send(schema.Upsert, person, "3 cyd 31"),
	}}, w, &ledger{}))
	if err != nil {
		t.Fatal(err)
	}
	want := []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Long}, Key: true}, {Name: "name", Type: schema.Type{Kind: schema.String}},
		{Name: "age", Type: schema.Type{Kind: schema.Double}}, {Name: "e_mail", Type: schema.Type{Kind: schema.String}},
	}
	if d := cmp.Diff(want, w.schemaOf("person")); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if w.migrations != 3 { // two tables, one change
		t.Errorf("%d migrations, want 3", w.migrations)
	}
}

// documents is a script with one table.
type documents struct {
	script
	table schema.Table
}

func (d *documents) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return []schema.Table{d.table}, nil
}

func TestDocumentsInKeys(t *testing.T) {
	doc := schema.Table{Name: person.Name, Columns: []schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.JSON}, Key: true}, {Name: "name", Type: schema.Type{Kind: schema.JSON}},
	}}
	w := newStore()
	src := &documents{script{steps: []step{send(schema.Upsert, doc, "[1] {}"), send(schema.Delete, some(doc, "id"), "[1]")}}, doc}
	if _, err := pipe.Run(t.Context(), plan(src, w, &ledger{})); err != nil {
		t.Fatal(err)
	}
	want := []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.String}, Key: true}, {Name: "name", Type: schema.Type{Kind: schema.JSON}}}
	if d := cmp.Diff(want, w.schemaOf("person")); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// A lister offers tables and sends nothing.
type lister struct {
	script
	offers []schema.Table
	asked  []string
}

func (l *lister) Tables(context.Context, func(setup.Warning)) ([]schema.Table, error) {
	return l.offers, nil
}

func (l *lister) Sync(_ context.Context, req connector.Request, _ connector.Output) error {
	for _, t := range req.Tables {
		l.asked = append(l.asked, t.Table)
	}
	return nil
}

func TestCollidingNamesAreRefused(t *testing.T) {
	named := func(table string, columns ...string) schema.Table {
		out := schema.Table{Name: schema.Name{Schema: "s", Table: table}}
		for _, c := range columns {
			out.Columns = append(out.Columns, schema.Column{Name: c, Key: true})
		}
		return out
	}
	src := &lister{offers: []schema.Table{
		named("user-data", "a"), named("user.data", "a"), named("good", "a"), named("mixed", "a b", "a-b"), named("system", "_fivetran_synced"), named("id", schema.RowID),
	}}
	out, err := pipe.Run(t.Context(), plan(src, newStore(), &ledger{}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"good"}, src.asked); d != "" {
		t.Errorf("tables synced: -want +got\n%s", d)
	}
	var all []string
	for _, w := range out.Warnings {
		all = append(all, w.Message)
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"s.user-data and s.user.data would both be called shop_s.user_data", `"a b" and "a-b"`, `"_fivetran_synced"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning says %s:\n%s", want, text)
		}
	}
	for _, o := range out.Tables {
		if failed := o.Err != nil; failed == (o.Source.Table == "good") {
			t.Errorf("%s: error %v", o.Source, o.Err)
		}
	}
}

func TestRowIDs(t *testing.T) {
	w := newStore()
	_, err := pipe.Run(t.Context(), plan(&script{steps: []step{send(schema.Upsert, visit, "1 /a", "1 /a", "11 /a", "1 1/a")}}, w, &ledger{}))
	if err != nil {
		t.Fatal(err)
	}
	got := w.durable[schema.Name{Schema: "shop_shop", Table: "visit"}]
	if len(got) != 3 {
		t.Errorf("got %d rows, want 3: %v", len(got), got)
	}
	for id, row := range got {
		if len(id) != 27 || row[schema.RowID] != id {
			t.Errorf("id %q of %v", id, row)
		}
	}
}

// A source may give the id itself, as the key of its table; a column that only
// has that name it may not.
func TestOwnRowIDs(t *testing.T) {
	own := schema.Table{Name: visit.Name, Columns: []schema.Column{
		{Name: schema.RowID, Type: schema.Type{Kind: schema.String}, Key: true}, {Name: "n", Type: schema.Type{Kind: schema.String}}}}
	w := newStore()
	if _, err := pipe.Run(t.Context(), plan(&script{steps: []step{send(schema.Upsert, own, "a one", "b two", "a three")}}, w, &ledger{})); err != nil {
		t.Fatal(err)
	}
	if got := w.durable[schema.Name{Schema: "shop_shop", Table: "visit"}]; len(got) != 2 || got["a"]["n"] != "three" {
		t.Errorf("got %v", got)
	}
}

func TestRowsOfAnUnaskedTable(t *testing.T) {
	other := schema.Table{Name: schema.Name{Table: "other"}, Columns: person.Columns}
	_, err := pipe.Run(t.Context(), plan(&script{steps: []step{send(schema.Upsert, other, "1 ann 30")}}, newStore(), &ledger{}))
	if err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("got %v", err)
	}
}

func TestRescheduledSyncKeepsItsRows(t *testing.T) {
	w := newStore()
	pause := func(context.Context, connector.Output, int) error {
		return &setup.Reschedule{Until: start, Reason: "quota"}
	}
	_, err := pipe.Run(t.Context(), plan(&script{steps: []step{send(schema.Upsert, person, "1 ann 30"), pause}}, w, &ledger{}))
	var r *setup.Reschedule
	if !errors.As(err, &r) || len(w.durable[schema.Name{Schema: "shop_shop", Table: "person"}]) != 1 {
		t.Errorf("got %v, rows %v", err, w.durable)
	}
}
