package schemaconfig

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// A Catalog is what a source was last seen to offer. Its zero value was never
// captured.
type Catalog struct {
	CapturedAt time.Time      `json:"captured_at"` // zero: never
	Tables     []CatalogTable `json:"tables"`      // in order of name

	// Unnamed is what the schema of a source without schemas is called in a
	// [Config]: the service's id.
	Unnamed string `json:"unnamed,omitempty"`
}

// A CatalogTable is one table of a source, as it was last seen.
type CatalogTable struct {
	schema.Name                 // Schema is "" for a source without schemas
	Columns     []CatalogColumn `json:"columns"` // in the source's order, those that are gone last
	Gone        bool            `json:"gone,omitempty"`

	// Key is how the values of the key's columns were last sent, joined by
	// commas; "" if they were sent as they are.
	Key string `json:"key,omitempty"`
}

// A CatalogColumn is one column of a table, as it was last seen.
type CatalogColumn struct {
	schema.Column
	Gone bool `json:"gone,omitempty"`

	// Found is set for a column that the source does not offer but has sent.
	Found bool `json:"found,omitempty"`

	// Former are the names that the column had before, the latest last, if
	// the source tells that by [schema.Column.ID].
	Former []string `json:"former,omitempty"`

	// As is the name by which the destination's column is called, if it is
	// another: renames since then were carried.
	As string `json:"as,omitempty"`
}

// Captured reports whether the source was ever looked at.
func (c *Catalog) Captured() bool { return !c.CapturedAt.IsZero() }

// Table returns what is known of a table, or nil. The schema of a source
// without schemas may be given by either name.
func (c *Catalog) Table(n schema.Name) *CatalogTable {
	if i, ok := slices.BinarySearchFunc(c.Tables, n, func(t CatalogTable, n schema.Name) int { return compareNames(t.Name, n) }); ok {
		return &c.Tables[i]
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.Table == n.Table && c.Schema(t.Schema) == c.Schema(n.Schema) {
			return t
		}
	}
	return nil
}

// Schema returns what a source's schema is called in a [Config].
func (c *Catalog) Schema(name string) string {
	if name == "" {
		return c.Unnamed
	}
	return name
}

// Column returns what is known of a column, or nil.
func (t *CatalogTable) Column(name string) *CatalogColumn {
	if t == nil {
		return nil
	}
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// found returns the names of the columns that the source has sent without
// offering them.
func (t *CatalogTable) found() (names []string) {
	if t == nil {
		return nil
	}
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Found && !c.Gone {
			names = append(names, c.Name)
		}
	}
	return names
}

// Keyed reports whether the source gives the table a key.
func (t *CatalogTable) Keyed() bool {
	return slices.ContainsFunc(t.Columns, func(c CatalogColumn) bool { return c.Key && !c.Gone })
}

// merge returns what is known after a source offered a table: the columns as
// they are now, then those that it has no more.
func (t *CatalogTable) merge(offered schema.Table, carry bool) CatalogTable {
	after := CatalogTable{Name: offered.Name}
	if t != nil {
		after.Key = t.Key
	}
	used := map[*CatalogColumn]bool{}
	for _, c := range offered.Columns {
		if c.IsStart() { // it is not the row's, but says when the row changed
			continue
		}
		was := t.earlier(c, offered)
		if was != nil {
			used[was] = true
		}
		after.Columns = append(after.Columns, was.now(c, carry))
	}
	if t != nil {
		for i := range t.Columns {
			c := &t.Columns[i]
			if used[c] || offered.Index(c.Name) >= 0 {
				continue
			}
			left := *c
			left.Gone = !left.Found
			after.Columns = append(after.Columns, left)
		}
	}
	after.keepApart()
	return after
}

// earlier returns what was known of an offered column: under its ID or, if
// nothing was, under its name, unless that now belongs to another.
func (t *CatalogTable) earlier(c schema.Column, offered schema.Table) *CatalogColumn {
	if t == nil {
		return nil
	}
	if c.ID != "" {
		for i := range t.Columns {
			if t.Columns[i].ID == c.ID {
				return &t.Columns[i]
			}
		}
	}
	was := t.Column(c.Name)
	if was == nil || was.ID == "" {
		return was
	}
	for _, other := range offered.Columns { // renamed, and another took its name
		if other.ID == was.ID {
			return nil
		}
	}
	return was
}

// now returns what is known of a column that is offered as c. Nothing may
// have been known.
func (was *CatalogColumn) now(c schema.Column, carry bool) CatalogColumn {
	if was == nil {
		return CatalogColumn{Column: c}
	}
	is := CatalogColumn{Column: c, Former: slices.Clone(was.Former), As: was.As}
	if was.Name == c.Name {
		return is
	}
	is.Former = append(slices.DeleteFunc(is.Former, func(n string) bool { return n == c.Name || n == was.Name }), was.Name)
	switch {
	case !carry:
		is.As = ""
	case is.As == "":
		is.As = was.Name
	}
	if is.As == c.Name {
		is.As = ""
	}
	return is
}

// keepApart gives columns names of their own in the destination where a column
// that was renamed has kept the name that another has now.
func (t *CatalogTable) keepApart() {
	taken := map[string]bool{}
	for _, c := range t.Columns {
		if !c.Gone {
			taken[c.Name] = true
			taken[c.As] = true
		}
	}
	owner := map[string]bool{}
	for _, c := range t.Columns {
		if !c.Gone && c.As != "" {
			owner[c.As] = true
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Gone || c.As != "" || !owner[c.Name] {
			continue
		}
		for taken[cmp.Or(c.As, c.Name)] {
			c.As = cmp.Or(c.As, c.Name) + "_2"
		}
		taken[c.As] = true
	}
}

func sortTables(tables []CatalogTable) {
	slices.SortFunc(tables, func(a, b CatalogTable) int { return compareNames(a.Name, b.Name) })
}

// compareNames is the order of a catalog's tables.
func compareNames(a, b schema.Name) int {
	return cmp.Or(strings.Compare(a.Schema, b.Schema), strings.Compare(a.Table, b.Table))
}
