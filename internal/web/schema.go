package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What the API says of a connection's schema config.
type (
	schemaConfig struct {
		Handling string `json:"schema_change_handling"`
		Schemas  map[string]*schemaSet
	}
	schemaSet struct {
		Destination string `json:"name_in_destination"`
		Enabled     bool
		Tables      map[string]*tableConfig
	}
	tableConfig struct {
		Destination string `json:"name_in_destination"`
		Enabled     bool
		Mode        string `json:"sync_mode"`
		History     bool   `json:"supports_history_mode"`
		HasColumns  bool   `json:"supports_columns_config"`
		Patch       patch  `json:"enabled_patch_settings"`
	}
	columnConfig struct {
		Destination string `json:"name_in_destination"`
		Enabled     bool
		Hashed      bool
		Key         bool  `json:"is_primary_key"`
		Patch       patch `json:"enabled_patch_settings"`
	}
	patch struct {
		Allowed bool
		Code    string `json:"reason_code"`
		Reason  string
	}
)

// Why says why something cannot be changed, "" if it can.
func (p patch) Why() string {
	switch {
	case p.Allowed:
		return ""
	case p.Reason != "":
		return p.Reason
	}
	return map[string]string{"SYSTEM_TABLE": "part of every copy", "SYSTEM_COLUMN": "part of every copy", "DELETED": "gone from the source"}[p.Code]
}

// A tableRow is a table in the tree, and the subject of the page of one table.
type tableRow struct {
	Base, Schema, Name string
	*tableConfig
	Fixed   bool // whoever looks may change nothing
	Columns []columnRow
	Problem string // why the columns cannot be shown
	Said    string // what a change led to
	Error   string // why a change was not made
}

// ID names the row in the page.
func (t *tableRow) ID() string { return "t-" + url.PathEscape(t.Schema+"."+t.Name) }

// At is the address of the table's page.
func (t *tableRow) At() string {
	return t.Base + "/schema/" + url.PathEscape(t.Schema) + "/" + url.PathEscape(t.Name)
}

// Keyed reports whether the source gives the table its primary key, which
// nobody can choose then.
func (t *tableRow) Keyed() bool {
	return slices.ContainsFunc(t.Columns, func(c columnRow) bool { return c.Key && !c.Patch.Allowed })
}

type columnRow struct {
	Name string
	*columnConfig
}

// A schemaTree is the page of a connection's tables.
type schemaTree struct {
	head
	Search   string
	Handling string
	Captured bool // somebody has looked at the source
	Count    int  // tables, before the search
	Chosen   int  // that are copied
	Schemas  []*schemaRow
	Error    string
}

// A schemaRow is a schema with its tables, or with a part of many.
type schemaRow struct {
	Base, Search      string
	Name, Destination string
	Enabled           bool
	Count             int // its tables that are searched for
	From              int // the number of the first that is shown
	Tables            []tableRow
}

// More is the address of the tables that follow; "": there are none.
func (r *schemaRow) More() string {
	next := r.From + len(r.Tables)
	if next >= r.Count {
		return ""
	}
	return r.Base + "/schema?" + url.Values{"schema": {r.Name}, "from": {itoa(next)}, "q": {r.Search}}.Encode()
}

// cut leaves some of the tables: those that a request asks for, or as many as
// there is room for.
func (r *schemaRow) cut(from, room int) {
	r.From = min(from, r.Count)
	r.Tables = r.Tables[r.From:]
	r.Tables = r.Tables[:min(len(r.Tables), room)]
}

// tablesShown is how many tables a page begins with, and how many follow when
// somebody gets to their end.
const tablesShown = 200

// handlings are what can become of what is new in the source, and in words.
var handlings = [][2]string{
	{"ALLOW_ALL", "Copy new tables and new columns"},
	{"ALLOW_COLUMNS", "Copy new columns, but no new tables"},
	{"BLOCK_ALL", "Copy nothing new until somebody says so"},
}

// modes are the ways to keep a table, and in words.
var modes = [][2]string{{"SOFT_DELETE", "mark deleted rows"}, {"HISTORY", "keep every version"}, {"LIVE", "delete rows"}}

func (v *visit) schemaPath() string { return "/v1/connections/" + v.escaped("id") + "/schemas" }

func (v *visit) tablePath() string {
	return v.schemaPath() + "/" + v.escaped("schema") + "/tables/" + v.escaped("table")
}

func (s *server) schema(v *visit) error {
	tree, err := v.tree("")
	if err != nil {
		return err
	}
	switch {
	case v.Header.Get("HX-Request") == "":
		return v.show("schema", tree)
	case v.FormValue("count") != "":
		return v.part("schema", "count", tree)
	case v.FormValue("schema") != "" && len(tree.Schemas) == 1:
		return v.part("schema", "tables", tree.Schemas[0])
	}
	return v.part("schema", "tree", tree)
}

// tree returns the page of all tables, with what went wrong.
func (v *visit) tree(problem string) (*schemaTree, error) {
	h, err := v.head("schema")
	if err != nil {
		return nil, err
	}
	tree := &schemaTree{head: h, Search: strings.TrimSpace(v.FormValue("q")), Error: problem}
	var config schemaConfig
	switch err := v.api("GET", v.schemaPath(), nil, &config); {
	case refused(err): // nobody has looked at the source yet
		return tree, nil
	case err != nil:
		return nil, err
	}
	tree.Captured, tree.Handling = true, config.Handling
	room, only := tablesShown, ""
	if v.Method == http.MethodGet { // a form says by it what to change
		only = v.FormValue("schema")
	}
	for _, name := range slices.Sorted(maps.Keys(config.Schemas)) {
		set := config.Schemas[name]
		row := &schemaRow{Base: h.Base(), Search: tree.Search, Name: name, Destination: set.Destination, Enabled: set.Enabled}
		for _, table := range slices.Sorted(maps.Keys(set.Tables)) {
			t := set.Tables[table]
			tree.Count++
			if t.Enabled && set.Enabled {
				tree.Chosen++
			}
			if strings.Contains(strings.ToLower(name+"."+table), strings.ToLower(tree.Search)) {
				row.Tables = append(row.Tables, tableRow{Base: h.Base(), Schema: name, Name: table, tableConfig: t, Fixed: !h.MayEdit})
			}
		}
		row.Count = len(row.Tables)
		row.cut(int(v.number("from")), room)
		if only == name || only == "" && (row.Count > 0 || tree.Search == "") {
			room -= len(row.Tables)
			tree.Schemas = append(tree.Schemas, row)
		}
	}
	return tree, nil
}

// changeSchema changes what holds for all tables, or reads the source again.
func (s *server) changeSchema(v *visit) error {
	var err error
	switch {
	case v.PostFormValue("reload") != "":
		err = v.api("POST", v.schemaPath()+"/reload", map[string]any{"exclude_mode": "PRESERVE"}, nil)
	case v.PostFormValue("handling") != "":
		err = v.api("PATCH", v.schemaPath(), map[string]any{"schema_change_handling": v.PostFormValue("handling")}, nil)
	case v.PostFormValue("schema") != "":
		err = v.api("PATCH", v.schemaPath()+"/"+url.PathEscape(v.PostFormValue("schema")), map[string]any{"enabled": v.PostFormValue("enabled") != ""}, nil)
	}
	if !refused(err) {
		if err == nil {
			err = v.redirect("/connections/" + v.escaped("id") + "/schema")
		}
		return err
	}
	tree, again := v.tree(err.Error())
	if again != nil {
		return again
	}
	s.show(v.w, v, "schema", http.StatusBadRequest, tree)
	return nil
}

// A tablePage is the page of one table.
type tablePage struct {
	head
	Table *tableRow
}

// table returns a table as it is now, with its columns if they are asked for.
func (v *visit) table(columns bool) (*tableRow, error) {
	var config schemaConfig
	if err := v.api("GET", v.schemaPath(), nil, &config); err != nil {
		return nil, err
	}
	t := &tableRow{Base: "/connections/" + v.PathValue("id"), Schema: v.PathValue("schema"), Name: v.PathValue("table")}
	if set := config.Schemas[t.Schema]; set != nil {
		t.tableConfig = set.Tables[t.Name]
	}
	if t.tableConfig == nil {
		return nil, &apiError{Status: http.StatusNotFound, Message: "The source has no table " + t.Schema + "." + t.Name + "."}
	}
	if !columns {
		return t, nil
	}
	var list struct{ Columns map[string]*columnConfig }
	switch err := v.api("GET", v.tablePath()+"/columns", nil, &list); {
	case refused(err):
		t.Problem = err.Error()
	case err != nil:
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(list.Columns)) {
		t.Columns = append(t.Columns, columnRow{name, list.Columns[name]})
	}
	slices.SortStableFunc(t.Columns, func(a, b columnRow) int { // keys first
		switch {
		case a.Key == b.Key:
			return 0
		case a.Key:
			return -1
		}
		return 1
	})
	return t, nil
}

func (s *server) table(v *visit) error {
	h, err := v.head("schema")
	if err != nil {
		return err
	}
	t, err := v.table(true)
	if err != nil {
		return err
	}
	t.Fixed = !h.MayEdit
	if v.Header.Get("HX-Request") != "" {
		return v.part("schema", "columns", t)
	}
	return v.show("table", tablePage{h, t})
}

// changeTable changes one thing about a table. htmx gets the table's row as it
// is then, others the table's page.
func (s *server) changeTable(v *visit) error {
	var err error
	body := map[string]any{}
	switch v.PostFormValue("do") {
	case "resync":
		err = v.api("POST", v.tablePath()+"/resync", nil, nil)
	case "mode":
		body["sync_mode"] = v.PostFormValue("mode")
	case "enabled":
		body["enabled"] = v.PostFormValue("enabled") != ""
	default:
		return &apiError{Status: http.StatusBadRequest, Message: "Nothing was asked for."}
	}
	if len(body) > 0 {
		err = v.api("PATCH", v.tablePath(), body, nil)
	}
	said := ""
	if v.PostFormValue("do") == "resync" {
		said = "It is read again as a whole with the next sync."
	}
	return v.changed(err, "row", said)
}

// changeColumn changes one thing about a column.
func (s *server) changeColumn(v *visit) error {
	body := map[string]any{}
	for _, what := range []string{"enabled", "hashed", "is_primary_key"} {
		if v.PostFormValue("do") == what {
			body[what] = v.PostFormValue(what) != ""
		}
	}
	err := v.api("PATCH", v.tablePath()+"/columns/"+v.escaped("column"), body, nil)
	return v.changed(err, "columns", "")
}

// changed answers a change of a table: err says why it was not made, said what it
// led to.
func (v *visit) changed(err error, part, said string) error {
	if err != nil && !refused(err) {
		return err
	}
	t, again := v.table(part == "columns" || v.Header.Get("HX-Request") == "")
	if again != nil {
		return again
	}
	if t.Said = said; err != nil {
		t.Said, t.Error = "", err.Error()
	}
	if v.Header.Get("HX-Request") != "" {
		v.w.Header().Set("HX-Trigger", "chosen") // the page counts again
		return v.part("schema", part, t)
	}
	if err == nil {
		return v.redirect(t.At())
	}
	h, again := v.head("schema")
	if again != nil {
		return again
	}
	v.s.show(v.w, v, "table", http.StatusBadRequest, tablePage{h, t})
	return nil
}
