package pipe_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

type (
	treatment = schemaconfig.Treatment
	treated   = schemaconfig.ColumnTreatment
)

var (
	blocked = treated{Blocked: true}
	hash    = treated{Mask: schemaconfig.Mask{How: schemaconfig.MaskHash}}
)

func hashed(value string) string {
	m := hmac.New(sha256.New, []byte("secret"))
	m.Write([]byte(value))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// An asking source keeps what it was asked for.
type asking struct {
	script
	req connector.Request
}

func (a *asking) Sync(ctx context.Context, req connector.Request, out connector.Output) error {
	a.req = req
	return a.script.Sync(ctx, req, out)
}

// treat syncs steps with treatments of person and visit; a table without one
// is copied as it is.
func treat(t *testing.T, w destination.Writer, person, visit treatment, steps ...step) (*asking, pipe.Outcome, error) {
	t.Helper()
	src := &asking{script: script{steps: steps}}
	p := plan(src, nil, &ledger{})
	p.Writer, p.Secret = w, []byte("secret")
	p.Choose = func(_ context.Context, offered []schema.Table) (map[schema.Name]treatment, error) {
		return map[schema.Name]treatment{offered[0].Name: person, offered[1].Name: visit}, nil
	}
	out, err := pipe.Run(t.Context(), p)
	return src, out, err
}

func all(columns map[string]treated) treatment { return treatment{Wanted: true, Columns: columns} }

// content returns a table's rows, a line each, in order.
func (s *store) content(table string) string {
	var lines []string
	for _, r := range s.durable[schema.Name{Schema: "shop_shop", Table: table}] {
		lines = append(lines, fmt.Sprint(r))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestBlockedAndHashed(t *testing.T) {
	w := newStore()
	src, out, err := treat(t, w, all(map[string]treated{"age": blocked, "name": hash}), treatment{},
		send(schema.Upsert, person, "1 ann 30", "2 bob 40", "3 ann 50"),
		send(schema.Update, some(person, "id", "age"), "1 31"), // says nothing that is to be told
		send(schema.Update, some(person, "id", "name"), "2 cyd"),
		send(schema.Delete, some(person, "id"), "3"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("map[gone:yes id:3 name:%s]\nmap[id:1 name:%s]\nmap[id:2 name:%s]", hashed("ann"), hashed("ann"), hashed("cyd"))
	if got := w.content("person"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if d := cmp.Diff([]schema.Table{some(person, "id", "name")}, src.req.Tables); d != "" {
		t.Errorf("the source was asked for -want +got\n%s", d)
	}
	if !src.req.Hidden(person.Name, "name") || !src.req.Hidden(person.Name, "age") || src.req.Hidden(person.Name, "id") || src.req.Hidden(visit.Name, "page") {
		t.Error("the wrong columns are hidden")
	}
	if len(out.Tables) != 1 || out.Tables[0].Updated != 1 {
		t.Errorf("outcome %+v", out.Tables)
	}
	if got := w.schemaOf("person")[1].Type.Kind; got != schema.String {
		t.Errorf("the hash is a %s", got)
	}
}

// Keys can be hashed: updates and deletes still find their rows, and a value
// has one hash whatever its type.
func TestHashedKey(t *testing.T) {
	w := newStore()
	wide := some(person, "id", "age")
	wide.Columns[0].Type = schema.DecimalOf(20, 2)
	_, _, err := treat(t, w, all(map[string]treated{"id": {Key: true, Mask: hash.Mask}}), treatment{},
		send(schema.Upsert, person, "1 ann 30", "2 bob 40"), send(schema.Update, wide, "1.00 31"), send(schema.Delete, some(person, "id"), "2"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("map[age:31 id:%s name:ann]\nmap[age:40 gone:yes id:%s name:bob]", hashed("1"), hashed("2"))
	if got := w.content("person"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMaskingNeedsAKey(t *testing.T) {
	p := plan(&script{}, newStore(), &ledger{})
	p.Choose = func(context.Context, []schema.Table) (map[schema.Name]treatment, error) {
		return map[schema.Name]treatment{person.Name: all(map[string]treated{"name": hash})}, nil
	}
	if _, err := pipe.Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("got %v", err)
	}
}

// Rows of a keyless table stay apart that differ in what is masked, and are
// one if they differ in what is blocked.
func TestRowIDsOfMaskedRows(t *testing.T) {
	ids := func(page treated) map[string]bool {
		w := newStore()
		if _, _, err := treat(t, w, treatment{}, all(map[string]treated{"page": page}), send(schema.Upsert, visit, "1 /a", "1 /b")); err != nil {
			t.Fatal(err)
		}
		out := map[string]bool{}
		for id := range w.durable[schema.Name{Schema: "shop_shop", Table: "visit"}] {
			out[id] = true
		}
		return out
	}
	plain, redacted, blocked := ids(treated{}), ids(treated{Mask: schemaconfig.Mask{How: schemaconfig.MaskRedact}}), ids(blocked)
	if len(plain) != 2 || len(redacted) != 2 || len(blocked) != 1 {
		t.Errorf("%d, %d, %d rows", len(plain), len(redacted), len(blocked))
	}
	for id := range redacted {
		if plain[id] {
			t.Error("the id of a masked row can be made without the key")
		}
	}
}

func TestKeyOfOnesOwn(t *testing.T) {
	w := newStore()
	own := all(map[string]treated{"person": {Key: true}})
	src, _, err := treat(t, w, treatment{}, own, send(schema.Upsert, visit, "1 /a", "2 /b"), send(schema.Upsert, visit, "1 /c"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.content("visit"), "map[page:/b person:2]\nmap[page:/c person:1]"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if c := w.schemaOf("visit"); len(c) != 2 || !c[0].Key || src.req.Tables[0].Columns[0].Key {
		t.Errorf("the destination has %+v, the source was asked for %+v", c, src.req.Tables)
	}
	_, out, err := treat(t, newStore(), treatment{}, own, send(schema.Upsert, some(visit, "page"), "/a"))
	var mine *connector.TableError
	if !errors.As(err, &mine) || out.Tables[0].Err == nil || !strings.Contains(err.Error(), "person") {
		t.Errorf("rows without it: %v", err)
	}
	null := func(ctx context.Context, out connector.Output, _ int) error {
		return out.Write(ctx, schema.Batch{Table: &visit, Record: nulls(visit)})
	}
	if _, _, err = treat(t, newStore(), treatment{}, own, null); !errors.As(err, &mine) {
		t.Errorf("a row with NULL in it: %v", err)
	}
}

// nulls is a row without values.
func nulls(t schema.Table) arrowRecord {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for _, f := range b.Fields() {
		f.AppendNull()
	}
	return b.NewRecordBatch()
}

func TestPausedAndUnwanted(t *testing.T) {
	src, out, err := treat(t, newStore(), treatment{Wanted: true, Paused: true}, treatment{})
	if err != nil || len(src.req.Tables) != 0 || len(out.Tables) != 0 || len(src.req.Paused) != 1 || src.req.Paused[0] != person.Name {
		t.Errorf("%v; asked for %v, paused %v", err, src.req.Tables, src.req.Paused)
	}
}

func TestRenameIsCarried(t *testing.T) {
	w := newStore()
	renamed := some(person, "id", "name")
	renamed.Columns[1].Name = "Full Name"
	_, _, err := treat(t, w, all(map[string]treated{"name": {As: "Called"}, "Full Name": {As: "name"}}), treatment{},
		send(schema.Upsert, some(person, "id"), "1"), send(schema.Upsert, renamed, "2 bob"))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.content("person"); !strings.Contains(got, "map[id:2 name:bob]") {
		t.Errorf("got\n%s", got)
	}
	if w.schemaOf("person")[1].Name != "called" {
		t.Errorf("got %+v", w.schemaOf("person"))
	}
}

func TestColumnsThatWereNotOffered(t *testing.T) {
	more := schema.Table{Name: person.Name, Columns: []schema.Column{person.Columns[0],
		{Name: "note", Type: schema.Type{Kind: schema.String}}, {Name: "ssn", Type: schema.Type{Kind: schema.Short}}, {Name: "secret", Type: schema.Type{Kind: schema.String}}}}
	wider := some(more, "id", "ssn")
	wider.Columns[1].Type.Kind = schema.Long
	w := newStore()
	how := all(nil)
	how.Other = func(column string) treated { return map[string]treated{"ssn": hash, "secret": blocked}[column] }
	_, out, err := treat(t, w, how, treatment{}, send(schema.Upsert, more, "1 hi 7 x"), send(schema.Upsert, wider, "2 7"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("map[id:1 note:hi ssn:%s]\nmap[id:2 ssn:%s]", hashed("7"), hashed("7"))
	if got := w.content("person"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	found := []schema.Column{more.Columns[1], wider.Columns[1], more.Columns[3]}
	if d := cmp.Diff(found, out.Tables[0].Found); d != "" {
		t.Errorf("found -want +got\n%s", d)
	}
}

func TestLockedTypes(t *testing.T) {
	w := newStore()
	locked := all(map[string]treated{"name": hash})
	if _, _, err := treat(t, w, locked, treatment{}, send(schema.Upsert, person, "1 ann 30")); err != nil {
		t.Fatal(err)
	}
	locked.Locked = true
	text := some(person, "id", "age", "name")
	text.Columns[1].Type.Kind, text.Columns[2].Type.Kind = schema.String, schema.Long
	text.Columns = append(text.Columns, schema.Column{Name: "new", Type: schema.Type{Kind: schema.Double}})
	_, out, err := treat(t, w, locked, treatment{}, send(schema.Upsert, text, "2 40 1 0.5", "3 old 2 1.5"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.content("person"), fmt.Sprintf("map[age:(null) id:3 name:%s new:1.5]\nmap[age:30 id:1 name:%s]\nmap[age:40 id:2 name:%s new:0.5]",
		hashed("2"), hashed("ann"), hashed("1")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Message, `"old"`) || w.schemaOf("person")[2].Type.Kind != schema.Short {
		t.Errorf("warnings %v, columns %v", out.Warnings, w.schemaOf("person"))
	}
}

// A speaker accepts every wire format.
type speaker struct{ *store }

func (speaker) Accepts(context.Context, *schema.Table, schema.Format) (bool, error) { return true, nil }

func TestOnlyUntreatedRowsPassEncoded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		columns map[string]treated
		locked  bool
		want    bool
	}{
		{"as they are", nil, false, true}, {"renamed", map[string]treated{"name": {As: "called"}}, false, true}, {"locked", nil, true, true},
		{"hashed", map[string]treated{"name": hash}, false, false}, {"blocked", map[string]treated{"name": blocked}, false, false},
	} {
		var got bool
		how := all(tt.columns)
		how.Locked = tt.locked
		ask := func(ctx context.Context, out connector.Output, _ int) (err error) {
			got, err = out.Passes(ctx, &person, schema.PostgresBinary)
			return err
		}
		encoded := func(ctx context.Context, out connector.Output, _ int) error {
			return out.Write(ctx, schema.Batch{Table: &person, Encoded: &schema.Encoded{Rows: 0}})
		}
		_, _, err := treat(t, speaker{newStore()}, how, treatment{}, ask)
		if err != nil || got != tt.want {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
		if _, _, err := treat(t, speaker{newStore()}, how, treatment{}, encoded); (err == nil) != tt.want {
			t.Errorf("%s, sent all the same: %v", tt.name, err)
		}
	}
}

func TestModeIsPassedOn(t *testing.T) {
	w := newStore()
	how := all(nil)
	how.Mode = schema.History
	if _, _, err := treat(t, w, how, treatment{}, send(schema.Upsert, person, "1 ann 30")); err != nil {
		t.Fatal(err)
	}
	if got := w.shapes[schema.Name{Schema: "shop_shop", Table: "person"}].Mode; got != schema.History {
		t.Errorf("the mode is %s", got)
	}
}

// A picky destination refuses to make some tables as they should be.
type picky struct {
	*store
	refuse func(*schema.Table) bool
}

func (p picky) Migrate(ctx context.Context, t *schema.Table) error {
	if p.refuse(t) {
		return &destination.TableError{Err: errors.New("a view is in the way")}
	}
	return p.store.Migrate(ctx, t)
}

// tolerant makes a step that goes on when a table fails, as sources may.
func tolerant(s step, table schema.Name) step {
	return func(ctx context.Context, out connector.Output, at int) error {
		err := s(ctx, out, at)
		var own *connector.TableError
		if errors.As(err, &own) && own.Table == table {
			out.Fail(table, own)
			return nil
		}
		return err
	}
}

func TestOneTableFails(t *testing.T) {
	wide := some(person, "id", "age")
	wide.Columns[1].Type.Kind = schema.Long
	steps := []step{
		tolerant(send(schema.Upsert, person, "1 ann 30"), person.Name), send(schema.Upsert, visit, "1 /a"),
		tolerant(send(schema.Upsert, wide, "1 31"), person.Name), tolerant(send(schema.Upsert, person, "2 bob 40"), person.Name),
		send(schema.Upsert, visit, "2 /b"), checkpoint,
	}
	wanted := func(w picky) (*asking, pipe.Outcome) {
		src, out, err := treat(t, w, all(nil), all(nil), steps...)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.content("visit"); strings.Count(got, "\n") != 1 {
			t.Errorf("the other table has\n%s", got)
		}
		if len(out.Tables) != 2 || out.Tables[0].Err == nil || out.Tables[1].Err != nil || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Message, "view") {
			t.Errorf("outcome %+v", out)
		}
		return src, out
	}
	t.Run("on the way", func(t *testing.T) {
		w := picky{newStore(), func(t *schema.Table) bool { return t.Columns[len(t.Columns)-1].Type.Kind == schema.Long }}
		src, _ := wanted(w)
		if got := w.content("person"); got != "map[age:30 id:1 name:ann]" || len(src.req.Tables) != 2 {
			t.Errorf("it has\n%s", got)
		}
	})
	t.Run("from the beginning", func(t *testing.T) {
		w := picky{newStore(), func(t *schema.Table) bool { return t.Table == "person" }}
		src, _ := wanted(w)
		if len(src.req.Tables) != 1 || len(src.req.Paused) != 1 || src.req.Tables[0].Name != visit.Name {
			t.Errorf("the source was asked for %v", src.req.Tables)
		}
	})
}
