package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/schema"
)

// filters are the row filters of tables.
type filters map[schema.Name]*schema.Filter

// parseFilters reads what --filter was given: "schema.table: condition", or
// "table: condition" for a source without schemas.
func parseFilters(args []string) (filters, error) {
	out := filters{}
	for _, arg := range args {
		name, condition, ok := strings.Cut(arg, ":")
		if !ok {
			return nil, fmt.Errorf("--filter %q: write schema.table: condition", arg)
		}
		n := tableName(strings.TrimSpace(name))
		if out[n] != nil {
			return nil, fmt.Errorf("--filter was given twice for %s; join the conditions with AND or OR", n)
		}
		f, err := schema.ParseFilter(condition)
		if err != nil {
			return nil, fmt.Errorf("--filter for %s: %w, in%s", n, err, condition)
		}
		out[n] = f
	}
	return out, nil
}

func tableName(s string) schema.Name {
	in, table, ok := strings.Cut(s, ".")
	if !ok {
		in, table = "", s
	}
	return schema.Name{Schema: in, Table: table}
}

// check refuses filters of tables that the source does not have.
func (f filters) check(offered []schema.Table) error {
	for n := range f {
		if !slices.ContainsFunc(offered, func(t schema.Table) bool { return t.Name == n }) {
			return fmt.Errorf("--filter: the source has no table %s", n)
		}
	}
	return nil
}

// A filteredState is what a state file has if rows were filtered: the state,
// and by which conditions, so that tables are read again when these change.
type filteredState struct {
	Filters map[string]string `json:"row_filters"` // by table
	State   json.RawMessage   `json:"state"`
}

func (f filters) wrap(state json.RawMessage) (json.RawMessage, error) {
	if len(f) == 0 {
		return state, nil
	}
	out := filteredState{map[string]string{}, state}
	for n, filter := range f {
		out.Filters[n.String()] = filter.String()
	}
	return json.Marshal(out)
}

// unwrap returns the state of a file, in which tables with another filter than
// now were never read.
func (f filters) unwrap(file json.RawMessage, src connector.Source) (json.RawMessage, error) {
	had := filteredState{State: file}
	if json.Unmarshal(file, &had) != nil || had.Filters == nil {
		had.State = file
	}
	var changed []schema.Name
	for n, filter := range f {
		if had.Filters[n.String()] != filter.String() {
			changed = append(changed, n)
		}
	}
	for s := range had.Filters {
		if n := tableName(s); f[n] == nil {
			changed = append(changed, n)
		}
	}
	if len(changed) == 0 {
		return had.State, nil
	}
	forgetter, ok := src.(connector.Forgetter)
	if !ok {
		return nil, fmt.Errorf("the filter of %s is another one than in the state file, and this source cannot read a table again by itself; begin with another state file", changed[0])
	}
	return forgetter.Forget(had.State, changed)
}
