package schemaconfig

import (
	"testing"
	"time"

	"github.com/penstock-data/penstock/schema"
)

func TestRekey(t *testing.T) {
	name := schema.Name{Schema: "s", Table: "t"}
	offered := []schema.Table{{Name: name, Columns: []schema.Column{{Name: "k", Key: true}, {Name: "l", Key: true}, {Name: "a"}}}}
	cfg, cat := Capture(Config{}, Catalog{}, offered, time.Unix(1, 0))
	for _, c := range []struct {
		what string
		do   func()
		anew bool
	}{
		{"nothing", func() {}, false},
		{"another column", func() { cfg.ColumnOf(&cat, name, "a").Hashed = true }, false},
		{"the table is not wanted", func() {
			cfg.ColumnOf(&cat, name, "l").Hashed = true
			cfg.TableOf(&cat, name).Enabled = new(false)
		}, false},
		{"it is again", func() { cfg.TableOf(&cat, name).Enabled = new(true) }, true},
		{"seen again", func() { cfg, cat = Capture(cfg, cat, offered, time.Unix(1, 0)) }, false},
		{"a rule", func() { cfg.Masks = []Mask{{Pattern: "*.k", How: MaskRedact}} }, true},
		{"neither", func() { cfg.Masks, cfg.ColumnOf(&cat, name, "l").Hashed = nil, false }, true},
	} {
		c.do()
		var anew []schema.Name
		cat, anew = Rekey(cat, map[schema.Name]Treatment{name: Resolve(&cfg, &cat, offered[0])})
		if (len(anew) > 0) != c.anew {
			t.Errorf("%s: to be read anew: %v", c.what, anew)
		}
	}
}
