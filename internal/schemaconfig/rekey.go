package schemaconfig

import (
	"slices"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// Rekey returns what is known when tables are treated so from now on, and which
// of them must be read anew for it: their rows had another key in the
// destination, hashed or not, by which changes and deletes would not find them.
// Nothing of the arguments is changed.
func Rekey(cat Catalog, treatments map[schema.Name]Treatment) (Catalog, []schema.Name) {
	var anew []schema.Name
	cat.Tables = slices.Clone(cat.Tables)
	for i := range cat.Tables {
		t := &cat.Tables[i]
		treat, ok := treatments[t.Name]
		if !ok || !treat.Wanted {
			continue
		}
		if key := t.sentKey(&treat); key != t.Key {
			t.Key = key
			anew = append(anew, t.Name)
		}
	}
	return cat, anew
}

// sentKey returns how the values of the key's columns are sent.
func (t *CatalogTable) sentKey(treat *Treatment) string {
	var how []string
	for _, c := range t.Columns {
		if is := treat.Column(c.Name); is.Key && !c.Gone {
			how = append(how, string(is.Mask.How))
		}
	}
	return strings.TrimRight(strings.Join(how, ","), ",")
}
