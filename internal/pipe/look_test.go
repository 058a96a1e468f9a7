package pipe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// A knowing source has a state that names the tables it knows.
type knowing struct{ lister }

func (*knowing) Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
	left := string(state)
	for _, t := range tables {
		left = strings.ReplaceAll(left, t.Table, "")
	}
	return json.RawMessage(left), nil
}

// TestLook has tables that are treated in all ways.
func TestLook(t *testing.T) {
	kind := func(k schema.Kind) schema.Type { return schema.Type{Kind: k} }
	of := func(table string, columns ...string) schema.Table {
		out := schema.Table{Name: schema.Name{Schema: "shop", Table: table}}
		for _, c := range columns {
			name, key := strings.CutSuffix(c, "*")
			out.Columns = append(out.Columns, schema.Column{Name: name, Type: kind(schema.Int), Key: key})
		}
		return out
	}
	src := &knowing{lister: lister{offers: []schema.Table{of("known", "id*", "a", "secret", "mail"), of("fresh", "x", "y"),
		of("Twice", "id*"), of("twice", "id*"), of("idle", "id*"), of("quiet", "id*"), of("mine", "k", "v")}}}
	w, l := newStore(), &ledger{state: []byte(`"known mine"`)}
	w.shapes[schema.Name{Schema: "shop_shop", Table: "known"}] = &schema.Table{Name: schema.Name{Schema: "shop_shop", Table: "known"}, Mode: schema.Live,
		Columns: []schema.Column{{Name: "id", Type: kind(schema.Int), Key: true}, {Name: "a", Type: kind(schema.Short)}, {Name: "older", Type: kind(schema.Int)}}}
	p := plan(src, w, l)
	p.Secret = []byte("key")
	p.Choose = func(_ context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
		out := map[schema.Name]schemaconfig.Treatment{}
		for _, t := range offered {
			treat := schemaconfig.Treatment{Wanted: t.Table != "idle", Paused: t.Table == "quiet"}
			switch t.Table {
			case "known":
				treat.Columns = map[string]schemaconfig.ColumnTreatment{"secret": {Blocked: true}, "mail": {Mask: schemaconfig.Mask{How: schemaconfig.MaskHash}, As: "e_mail"}}
			case "mine":
				treat.Columns = map[string]schemaconfig.ColumnTreatment{"k": {Key: true}}
			}
			out[t.Name] = treat
		}
		return out, nil
	}
	out, err := pipe.Look(t.Context(), p)
	if err == nil {
		err = out.Foretell(t.Context(), src)
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range out.Tables {
		o := &out.Tables[i]
		line := fmt.Sprintf("%s %v key %d masked %v load %s %s", o.Destination, o.Create(), len(o.Source.Key()), o.Masked, o.Load, o.Anew)
		for _, c := range o.Changes() {
			line += fmt.Sprintf("; %s %s to %s", c.Name, c.Was, c.Type)
		}
		if o.Err != nil {
			line += "; refused"
		}
		got = append(got, line)
	}
	want := []string{
		"shop_shop.known false key 1 masked map[mail:true] load incremental ; a SHORT to INT; e_mail  to STRING",
		"shop_shop.fresh true key 0 masked map[] load historical unknown; x  to INT; y  to INT; _fivetran_id  to STRING",
		"shop_shop.twice false key 1 masked map[] load none ; refused",
		"shop_shop.twice false key 1 masked map[] load none ; refused",
		"shop_shop.mine true key 1 masked map[] load historical unknown; k  to INT; v  to INT", // the destination has lost it
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := fmt.Sprint(out.Paused, out.Unwanted); s != "[shop.quiet] [shop.idle]" {
		t.Errorf("not read: %s", s)
	}
	if out.Tables[0].Columns["mail"] != "e_mail" || out.Tables[0].Want.Mode != schema.SoftDelete {
		t.Errorf("known: %+v", out.Tables[0])
	}
	if len(src.asked) > 0 || w.migrations > 0 || len(w.shapes) != 1 || string(l.state) != `"known mine"` {
		t.Errorf("a look has changed something: %v, %s", w.shapes, l.state)
	}
}
