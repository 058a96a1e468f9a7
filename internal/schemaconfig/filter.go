package schemaconfig

import "github.com/penstock-data/penstock/schema"

// SetFilter chooses what the rows of a table must meet to be copied; "" lets
// all of them. It returns what is wrong with the condition, or keeps it from
// being applied to the table as it was last seen, in words for people.
func (c *Config) SetFilter(cat *Catalog, t *CatalogTable, text string) error {
	if text != "" {
		f, err := schema.ParseFilter(text)
		if err != nil {
			return err
		}
		if columns := t.offered(); len(columns) > 0 {
			if err := f.Check(columns); err != nil {
				return err
			}
		}
		text = f.String() // equal conditions are one
	}
	c.TableOf(cat, t.Name).Filter = text
	return nil
}

// offered returns the columns that the source says the table has. There may be
// none of a table whose rows show what they are.
func (t *CatalogTable) offered() (columns []schema.Column) {
	for _, c := range t.Columns {
		if !c.Gone && !c.Found {
			columns = append(columns, c.Column)
		}
	}
	return columns
}

// Filters returns the filters of tables, by the name that the source gives
// them. Tables that the catalog does not know are left out.
func (c *Config) Filters(cat *Catalog) map[schema.Name]string {
	out := map[schema.Name]string{}
	for sn, s := range c.Schemas {
		for tn, t := range s.Tables {
			if t.Filter == "" {
				continue
			}
			if known := cat.Table(schema.Name{Schema: sn, Table: tn}); known != nil {
				out[known.Name] = t.Filter
			}
		}
	}
	return out
}
