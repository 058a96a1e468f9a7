package formula

import (
	"database/sql"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// A case of Salesforce's own tests of its formula engine: a formula, fields
// that it is about, and what comes of each line of values in eight ways.
type engineCase struct {
	Name    string        `xml:"testName,attr"`
	Type    string        `xml:"dataType,attr"`
	Formula string        `xml:"formula,attr"`
	Fields  []engineField `xml:"referenceField"`
	Data    []struct {
		Input    string `xml:"input,attr"`
		Expected string `xml:"expectedOutput,attr"`
	} `xml:"testData"`
}

type engineField struct {
	Name    string        `xml:"fieldName,attr"`
	Type    string        `xml:"dataType,attr"`
	Formula string        `xml:"formula,attr"`
	Fields  []engineField `xml:"referenceField"` // that its formula is about
}

// flat returns fields and those that theirs are about.
func flat(fields []engineField) (all []engineField) {
	for _, f := range fields {
		all = append(append(all, f), flat(f.Fields)...)
	}
	return all
}

// TestEngine runs Salesforce's own tests of its formula engine, from a checkout
// of github.com/salesforce/formula-engine that PENSTOCK_FORMULA_ENGINE names,
// over DuckDB and PostgreSQL. What its two servers, in Java and in SQL, do not
// agree on is right either way.
func TestEngine(t *testing.T) {
	dir := os.Getenv("PENSTOCK_FORMULA_ENGINE")
	if dir == "" {
		t.Skip("PENSTOCK_FORMULA_ENGINE names no checkout of github.com/salesforce/formula-engine")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "impl/src/test/resources/com/force/formula/impl/formulaTestV2.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Cases []engineCase `xml:"testcase"`
	}
	if err := xml.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	for name, db := range databases(t) {
		t.Run(name, func(t *testing.T) {
			translated, values := 0, 0
			for i := range all.Cases {
				n := all.Cases[i].run(t, db)
				values += n
				if n > 0 {
					translated++
				}
			}
			t.Logf("%d of %d formulas translated, %d values compared", translated, len(all.Cases), values)
		})
	}
}

// databases are those that tests run formulas over.
func databases(t testing.TB) map[string]*sql.DB {
	t.Helper()
	all := map[string]*sql.DB{}
	for driver, source := range map[string]string{"duckdb": "", "pgx": pgtest.Database(t)} {
		db, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		all[driver] = db
	}
	return all
}

var engineTypes = map[string]string{
	"Boolean": "boolean", "Currency": "currency", "DateOnly": "date", "DateTime": "datetime", "Double": "double", "Percent": "percent",
	"Text": "string", "email": "email", "phone": "phone", "textarea": "textarea", "url": "url", "TimeOnly": "time",
}

var columnTypes = map[string]string{
	"boolean": "BOOLEAN", "currency": "DECIMAL(38, 18)", "date": "DATE", "datetime": "TIMESTAMP WITH TIME ZONE", "double": "DOUBLE PRECISION",
	"percent": "DOUBLE PRECISION", "int": "BIGINT",
}

// run returns how many values it has compared.
func (c *engineCase) run(t *testing.T, db *sql.DB) (compared int) {
	for _, zero := range []bool{true, false} {
		o := &Object{Name: "Row", Table: "r", Fields: []Field{{Name: "Id", Type: "id", Column: "id"}}}
		for _, f := range flat(c.Fields) {
			field := Field{Name: f.Name + "__c", Type: engineTypes[f.Type], Formula: f.Formula, Zero: zero}
			if f.Formula == "" {
				field.Column = strings.ToLower(f.Name) + "_c"
			}
			o.Fields = append(o.Fields, field)
		}
		typ := engineTypes[c.Type]
		f := Field{Name: "result__c", Type: typ, Formula: c.Formula, Zero: zero}
		v := NewView(&Org{Zone: "UTC"}, o, "")
		val, err := v.formula(v.main, &f, nil)
		if err != nil {
			if zero {
				t.Logf("%s: %s: %v", c.Name, c.Formula, err)
			}
			return 0
		}
		if f.Type == "datetime" || f.Type == "date" { // the tests are not strict about these
			f.Type = map[kind]string{date: "date", datetime: "datetime", nothing: f.Type}[val.kind]
		}
		if f.Scale = 10; f.Type == "currency" {
			f.Type = "double"
		}
		text, err := v.result(&f)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		got, err := c.values(db, text)
		if err != nil {
			t.Errorf("%s %v: %s\n%s\n%v", c.Name, zero, c.Formula, text, err)
			continue
		}
		for i, d := range c.Data {
			expected := spread(d.Expected)
			if len(expected) != 8 {
				continue
			}
			java, other := expected[0], expected[1]
			if !zero {
				java, other = expected[4], expected[5]
			}
			got, ok := got[i]
			if !ok {
				continue
			}
			compared++
			if !same(got, java) && !same(got, other) && !strings.Contains(d.Input, blurred) && d.Input != capital {
				t.Errorf("%s: %s, %q, zeros %v: got %q, want %q or %q\n%s", c.Name, c.Formula, d.Input, zero, got.String, java, other, text)
			}
		}
	}
	return compared
}

// What differs and may: digits behind the tenth, and what a database takes the
// capital of ß for.
const (
	blurred = ".0000000000001"
	capital = "große"
)

// values computes an expression over all lines of values that are of the
// fields' types.
func (c *engineCase) values(db *sql.DB, expression string) (map[int]sql.NullString, error) {
	var lines []string
	for i, d := range c.Data {
		if row, err := c.row(d.Input); err == nil {
			lines = append(lines, fmt.Sprintf("select cast((%s) as text), %d from (%s) r", expression, i, row))
		}
	}
	rows, err := db.Query(strings.Join(lines, " union all "))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	got := map[int]sql.NullString{}
	for rows.Next() {
		var s sql.NullString
		var i int
		if err := rows.Scan(&s, &i); err != nil {
			return nil, err
		}
		got[i] = s
	}
	return got, rows.Err()
}

// spread splits a list at the commas that end lines.
func spread(s string) []string {
	all := regexp.MustCompile(`,\s*[\n\t]\s*|,\s{2,}`).Split(s, -1)
	for i := range all {
		all[i] = strings.TrimSpace(strings.ReplaceAll(all[i], `\,`, ","))
	}
	return all
}

// row returns the SQL that selects a line of values.
func (c *engineCase) row(input string) (string, error) {
	in := splitInput(input)
	var all []string
	n := 0
	for _, f := range flat(c.Fields) {
		if f.Formula != "" {
			continue
		}
		s := ""
		if n < len(in) {
			s = in[n]
		}
		n++
		typ := engineTypes[f.Type]
		column := columnTypes[typ]
		if column == "" {
			column = "TEXT"
		}
		value := "NULL"
		switch trimmed := strings.TrimSpace(s); {
		case s == "" || trimmed == "NULL":
		case strings.HasSuffix(trimmed, "T") && typ == "datetime": // of a time zone
			return "", fmt.Errorf("%q has a time zone", s)
		case typ == "date" || typ == "datetime":
			p := strings.Split(trimmed, ":")
			if len(p) < 3 {
				return "", fmt.Errorf("%q is no date", s)
			}
			value = "'" + strings.Join(p[:3], "-")
			if typ == "datetime" {
				for len(p) < 6 {
					p = append(p, "00")
				}
				value += " " + strings.Join(p[3:6], ":") + "+00"
			}
			value += "'"
			if m, _ := strconv.Atoi(p[1]); m == 2 && p[2] > "29" || len(p) > 3 && p[3] == "24" || p[1] == "11" && p[2] == "31" {
				return "", fmt.Errorf("%q is no date", s)
			}
		case column == "TEXT":
			value = quote(s)
		default:
			value = quote(trimmed)
		}
		all = append(all, fmt.Sprintf("CAST(%s AS %s) AS %s_c", value, column, strings.ToLower(f.Name)))
	}
	if all == nil {
		return "select 1 as id", nil
	}
	return "select " + strings.Join(all, ", "), nil
}

// splitInput splits values at commas, before which no backslash stands.
func splitInput(s string) []string {
	var all []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == ',' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == ',':
			all = append(all, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(all, b.String())
}

// same compares a value with one as the tests write them.
func same(got sql.NullString, want string) bool {
	if strings.HasPrefix(want, "Error") || want == "null" || want == "" {
		return !got.Valid || want == "" && strings.TrimSpace(got.String) == ""
	}
	if !got.Valid {
		f, err := strconv.ParseFloat(want, 64)
		return err == nil && math.Abs(f) >= 9e27 // no field of Salesforce's can have that
	}
	if f, err := strconv.ParseFloat(want, 64); err == nil {
		g, err := strconv.ParseFloat(strings.TrimSpace(got.String), 64)
		return err == nil && math.Abs(f-g) <= 1e-8+1e-8*math.Abs(f)
	}
	if strings.TrimSpace(got.String) == strings.TrimSpace(want) {
		return true
	}
	if clock := regexp.MustCompile(`^\d\d:\d\d$`); clock.MatchString(want) {
		want += ":00"
	}
	g := strings.TrimSuffix(strings.TrimSuffix(got.String, "+00"), " 00:00:00")
	return g == strings.TrimSuffix(strings.TrimSuffix(want, ".0"), " 00:00:00") || strings.TrimSuffix(strings.TrimSuffix(got.String, "Z"), ".000") == want
}
