package schemaconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

func TestResolveColumns(t *testing.T) {
	type treated = schemaconfig.ColumnTreatment
	hash := schemaconfig.Mask{How: schemaconfig.MaskHash}
	blocked := schemaconfig.Column{Enabled: new(false)}
	for _, tt := range []struct {
		name   string
		table  string
		choice map[string]schemaconfig.Column
		masks  []schemaconfig.Mask
		want   map[string]treated
	}{
		{"nothing", "s.t id* a", nil, nil, map[string]treated{"id": {Key: true}}},
		{"blocked", "s.t id* a", map[string]schemaconfig.Column{"a": blocked}, nil, map[string]treated{"id": {Key: true}, "a": {Blocked: true}}},
		{"a key is not blocked", "s.t id* a", map[string]schemaconfig.Column{"id": blocked}, nil, map[string]treated{"id": {Key: true}}},
		{"a key is hashed", "s.t id* a", map[string]schemaconfig.Column{"id": {Hashed: true}}, nil, map[string]treated{"id": {Key: true, Mask: hash}}},
		{"a key is masked so that it stays one", "s.t id* k*", nil,
			[]schemaconfig.Mask{{Pattern: "*.id", How: schemaconfig.MaskRedact}, {Pattern: "*.k", How: schemaconfig.MaskTruncate, Keep: 1}},
			map[string]treated{"id": {Key: true, Mask: hash}, "k": {Key: true, Mask: hash}}},
		{"a key of one's own", "s.t a b", map[string]schemaconfig.Column{"a": {Key: new(true)}}, nil, map[string]treated{"a": {Key: true}}},
		{"not beside the source's", "s.t id* b", map[string]schemaconfig.Column{"b": {Key: new(true)}, "id": {Key: new(false)}}, nil, map[string]treated{"id": {Key: true}}},
		{"not of what is blocked", "s.t a b", map[string]schemaconfig.Column{"a": {Key: new(true), Enabled: new(false)}, "b": {Key: new(true)}}, nil,
			map[string]treated{"a": {Blocked: true}, "b": {Key: true}}},
		{"system columns", "s.t id* _fivetran_x", map[string]schemaconfig.Column{"_fivetran_x": {Enabled: new(false), Hashed: true}}, nil, map[string]treated{"id": {Key: true}}},
		{"system tables", "s.fivetran_query id* a", map[string]schemaconfig.Column{"a": blocked}, nil, map[string]treated{"id": {Key: true}}},
		{"the first mask", "s.t a", nil, []schemaconfig.Mask{{Pattern: "*.b", How: schemaconfig.MaskHash}, {Pattern: "S.T.A", How: schemaconfig.MaskTruncate, Keep: 2}, {Pattern: "*", How: schemaconfig.MaskRedact}},
			map[string]treated{"a": {Mask: schemaconfig.Mask{How: schemaconfig.MaskTruncate, Keep: 2}}}},
		{"hashed over less", "s.t a", map[string]schemaconfig.Column{"a": {Hashed: true}}, []schemaconfig.Mask{{Pattern: "*", How: schemaconfig.MaskDomain}}, map[string]treated{"a": {Mask: hash}}},
		{"redacted over hashed", "s.t a", map[string]schemaconfig.Column{"a": {Hashed: true}}, []schemaconfig.Mask{{Pattern: "*", How: schemaconfig.MaskRedact}}, map[string]treated{"a": {Mask: schemaconfig.Mask{How: schemaconfig.MaskRedact}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, cat := schemaconfig.Config{Masks: tt.masks}, schemaconfig.Catalog{}
			table := parse(tt.table)[0]
			for n, col := range tt.choice {
				*c.ColumnOf(&cat, table.Name, n) = col
			}
			got := schemaconfig.Resolve(&c, &cat, table)
			if d := cmp.Diff(tt.want, got.Columns); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
			if !got.Wanted {
				t.Error("it is not wanted")
			}
		})
	}
}

func TestResolveTables(t *testing.T) {
	history, live := schema.History, schema.Live
	for _, tt := range []struct {
		name, table string
		choice      schemaconfig.Table
		schema      *bool
		want        schemaconfig.Treatment
	}{
		{"nothing", "s.t id*", schemaconfig.Table{}, nil, schemaconfig.Treatment{Wanted: true}},
		{"blocked", "s.t id*", schemaconfig.Table{Enabled: new(false)}, nil, schemaconfig.Treatment{}},
		{"schema blocked", "s.t id*", schemaconfig.Table{Enabled: new(true)}, new(false), schemaconfig.Treatment{}},
		{"system", "s.FIVETRAN_QUERY id*", schemaconfig.Table{Enabled: new(false)}, new(false), schemaconfig.Treatment{Wanted: true}},
		{"paused", "s.t id*", schemaconfig.Table{Paused: true}, nil, schemaconfig.Treatment{Wanted: true, Paused: true}},
		{"history", "s.t id*", schemaconfig.Table{Mode: &history}, nil, schemaconfig.Treatment{Wanted: true, Mode: schema.History}},
		{"history without a key", "s.t a", schemaconfig.Table{Mode: &history}, nil, schemaconfig.Treatment{Wanted: true}},
		{"history with a key of one's own", "s.t a", schemaconfig.Table{Mode: &history, Columns: map[string]*schemaconfig.Column{"a": {Key: new(true)}}}, nil,
			schemaconfig.Treatment{Wanted: true, Mode: schema.History}},
		{"live without a key", "s.t a", schemaconfig.Table{Mode: &live}, nil, schemaconfig.Treatment{Wanted: true, Mode: schema.Live}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, cat := schemaconfig.Config{}, schemaconfig.Catalog{}
			table := parse(tt.table)[0]
			*c.TableOf(&cat, table.Name) = tt.choice
			c.SchemaOf(&cat, "s").Enabled = tt.schema
			got := schemaconfig.Resolve(&c, &cat, table)
			got.Columns, got.Other = nil, nil
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// Rules hold for columns that nobody offered.
func TestOtherColumns(t *testing.T) {
	c := schemaconfig.Config{TypeLocked: true, Masks: []schemaconfig.Mask{{Pattern: "service.user.*mail*", How: schemaconfig.MaskRedact}}}
	cat := schemaconfig.Catalog{Unnamed: "service"}
	c.ColumnOf(&cat, schema.Name{Table: "user"}, "ssn").Enabled = new(false)
	got := schemaconfig.Resolve(&c, &cat, parse("user id*")[0])
	if !got.Locked || !got.Column("ssn").Blocked || got.Column("workEmail").Mask.How != schemaconfig.MaskRedact || got.Column("name") != (schemaconfig.ColumnTreatment{}) {
		t.Errorf("ssn %+v, workEmail %+v, name %+v", got.Column("ssn"), got.Column("workEmail"), got.Column("name"))
	}
}

func TestMaskMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, column string
		want            bool
	}{
		{"a.b.c", "a.b.c", true}, {"a.b.c", "a.b.cc", false}, {"A.b.C", "a.B.c", true},
		{"*", "a.b.c", true}, {"*.email", "shop.user.email", true}, {"*.email", "shop.user.work_email", false},
		{"*email*", "shop.user.work_email_2", true}, {"shop.*.email", "shop.a.b.email", true}, {"shop.*.email", "shops.a.email", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"*a*b*", "xbxa", false}, {"*a*b*", "xaxb", true},
	} {
		if got := (schemaconfig.Mask{Pattern: tt.pattern}).Matches(tt.column); got != tt.want {
			t.Errorf("%s, %s: got %v", tt.pattern, tt.column, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		config schemaconfig.Config
		want   string // in the error; "": none
	}{
		{schemaconfig.Config{}, ""},
		{schemaconfig.Config{Handling: schemaconfig.BlockAll, Masks: []schemaconfig.Mask{{Pattern: "a.b.c", How: schemaconfig.MaskHash}, {Pattern: "*x", How: schemaconfig.MaskTruncate, Keep: 3}}}, ""},
		{schemaconfig.Config{Handling: "SOME"}, "SOME"},
		{schemaconfig.Config{Masks: []schemaconfig.Mask{{Pattern: "email", How: schemaconfig.MaskHash}}}, `"email" matches no column`},
		{schemaconfig.Config{Masks: []schemaconfig.Mask{{Pattern: "*", How: "ROT13"}}}, "ROT13"},
		{schemaconfig.Config{Masks: []schemaconfig.Mask{{Pattern: "*", How: schemaconfig.MaskTruncate}}}, "positive"},
	} {
		err := tt.config.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v", tt.config, err)
		}
	}
}

func TestView(t *testing.T) {
	c, cat := schemaconfig.Config{CarryRenames: true}, schemaconfig.Catalog{}
	offered := `
s.t id*#1 old#2 x#3 plain#4 dropped#5
s.gone id*
s.fivetran_query id*
s.keyless a`
	c, cat = schemaconfig.Capture(c, cat, parse(offered), at)
	n := schema.Name{Schema: "s", Table: "t"}
	for _, col := range []string{"id", "old", "x", "dropped"} {
		c.ColumnOf(&cat, n, col).Hashed = col == "old"
	}
	choices(&c, false, "s.t.x", "s.keyless", "s.t.id")
	c, cat = schemaconfig.Capture(c, cat, parse("s.t id*#1 new#2 x#3 plain#4\ns.fivetran_query id*\ns.keyless a"), at)
	up := strings.ToUpper
	got := schemaconfig.View(&c, &cat, schemaconfig.Names{Schema: up, Table: up, Column: up})
	long := schema.Type{Kind: schema.Long}
	allowed, deleted := schemaconfig.Patch{Allowed: true}, schemaconfig.Patch{Code: schemaconfig.ReasonDeleted}
	want := []schemaconfig.SchemaView{{Name: "s", Destination: "S", Enabled: true, Tables: []schemaconfig.TableView{
		{Name: "fivetran_query", Destination: "FIVETRAN_QUERY", Enabled: true, History: true, Patch: schemaconfig.Patch{Code: schemaconfig.ReasonSystemTable}},
		{Name: "gone", Destination: "GONE", Enabled: true, History: true, Patch: deleted},
		{Name: "keyless", Destination: "KEYLESS", Patch: allowed},
		{Name: "t", Destination: "T", Enabled: true, History: true, Patch: allowed, Columns: []schemaconfig.ColumnView{
			{Name: "id", Destination: "ID", Type: long, Enabled: true, Key: true, Patch: schemaconfig.Patch{Code: schemaconfig.ReasonOther,
				Text: "The column is part of the primary key, without which rows cannot be told apart; it can be hashed"}},
			{Name: "new", Destination: "OLD", Type: long, Enabled: true, Hashed: true, Patch: allowed},
			{Name: "x", Destination: "X", Type: long, Patch: allowed},
			{Name: "dropped", Destination: "DROPPED", Type: long, Enabled: true, Patch: deleted},
		}},
	}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestEnableAll(t *testing.T) {
	c, cat := schemaconfig.Capture(schemaconfig.Config{}, schemaconfig.Catalog{}, parse("a.one id* x\nb.two id*\nb.fivetran_query id*"), at)
	choices(&c, false, "a.one.x")
	c.EnableAll(&cat, false)
	if got, want := copied(&c, &cat, parse("a.one id* x\nb.two id*\nb.fivetran_query id*")), "b.fivetran_query id"; got != want {
		t.Errorf("none: got %s", got)
	}
	c.EnableAll(&cat, true)
	if got, want := copied(&c, &cat, parse("a.one id* x\nb.two id*")), "a.one id\nb.two id"; got != want {
		t.Errorf("all: got %s", got)
	}
}
