package connectortest

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/schema"
)

// typed are the kinds of columns that models cast to a type of theirs without
// loss, by the word for it in dbt's macros.
var typed = map[string][]schema.Kind{
	"boolean":   {schema.Boolean},
	"string":    {schema.String, schema.JSON},
	"timestamp": {schema.Instant, schema.Date},
	"int":       {schema.Short, schema.Int, schema.Long},
	"float":     {schema.Double, schema.Decimal, schema.Long, schema.Int},
	"numeric":   {schema.Decimal, schema.Double, schema.Long, schema.Int},
}

// Published compares tables with what a published dbt package reads of them:
// each column must be there, with the type that the package casts it to. file
// lists the packages; the test is skipped where it is absent. Columns of the
// destination's own count as there; absent are others, as table.column, that a
// source need not have.
func Published(t *testing.T, file, pkg, source string, tables []schema.Table, naming schema.Naming, absent ...string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("the list of published columns is absent: %v", err)
	}
	var all map[string]struct {
		Sources map[string]map[string]struct{ Columns []string }
		Macros  map[string][][2]string // names and types, by get_TABLE_columns
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	read := map[string]map[string]string{}
	note := func(table, column, typ string) {
		if read[table] == nil {
			read[table] = map[string]string{}
		}
		if read[table][column] == "" {
			read[table][column] = typ
		}
	}
	for macro, columns := range all[pkg].Macros {
		for _, c := range columns {
			note(strings.TrimSuffix(strings.TrimPrefix(macro, "get_"), "_columns"), c[0], strings.Trim(strings.TrimSuffix(strings.TrimPrefix(c[1], "dbt.type_"), "()"), `"`))
		}
	}
	for table, s := range all[pkg].Sources[source] {
		for _, c := range s.Columns {
			note(table, c, "")
		}
	}
	compare(t, read, tables, naming, absent)
}

// compare reports columns that are not there, or of another type.
func compare(t *testing.T, read map[string]map[string]string, tables []schema.Table, naming schema.Naming, absent []string) {
	t.Helper()
	compared := 0
	for table, columns := range read {
		i := slices.IndexFunc(tables, func(s schema.Table) bool { return naming.Table(s.Table) == table })
		if i < 0 {
			t.Errorf("there is no table %s", table)
			continue
		}
		have := map[string]schema.Type{}
		for _, c := range tables[i].Columns {
			have[naming.Column(c.Name)] = c.Type
		}
		for column, typ := range columns {
			if strings.HasPrefix(column, "_fivetran_") || naming.Column(column) != column || slices.Contains(absent, table+"."+column) {
				continue
			}
			got, ok := have[column]
			switch fits, known := typed[typ]; {
			case !ok:
				t.Errorf("%s has no column %s", table, column)
			case typ != "" && !known:
				t.Errorf("%s.%s is to be a %s, of which nothing is known", table, column, typ)
			case typ != "" && !slices.Contains(fits, got.Kind):
				t.Errorf("%s.%s is a %s, to be cast to %s", table, column, got, typ)
			}
			compared++
		}
	}
	if compared == 0 {
		t.Error("no column was compared")
	}
}
