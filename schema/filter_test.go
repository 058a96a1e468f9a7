package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/schema"
)

// conditions makes conditions as text, with names, literals and depth of any
// kind.
func conditions(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth > 0 && rapid.Bool().Draw(t, "deeper") {
			part := func(name string) string { return conditions(depth-1).Draw(t, name) }
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				return "(" + part("a") + ")"
			case 1:
				return "not " + part("a")
			case 2:
				return part("a") + " and " + part("b")
			}
			return part("a") + " OR (" + part("b") + ")"
		}
		column := rapid.SampledFrom([]string{"a", "_b9", `"c d"`, `"e""f"`, `"not"`, `"9"`, `"é"`, "Ab"}).Draw(t, "column")
		value := func(name string) string {
			return rapid.SampledFrom([]string{"5", "-0.50", "1e300", "+007", ".5", "1e-50", "12345678901234567890123", "'it''s'", "''", `'\%é'`, "true", "FALSE"}).Draw(t, name)
		}
		switch rapid.IntRange(0, 5).Draw(t, "test") {
		case 0:
			return column
		case 1:
			return column + " is" + rapid.SampledFrom([]string{" ", " NOT "}).Draw(t, "not") + "null"
		case 2:
			return column + rapid.SampledFrom([]string{"=", "<>", "!=", " < ", "<=", ">", ">="}).Draw(t, "op") + value("x")
		case 3:
			return column + " Not in (" + value("x") + "," + value("y") + ")"
		case 4:
			return column + " like 'a%'"
		}
		return column + " between " + value("x") + " and " + value("y")
	})
}

func TestFilterText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := conditions(4).Draw(t, "condition")
		f, err := schema.ParseFilter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := schema.ParseFilter(f.String())
		if err != nil || again.String() != f.String() || fmt.Sprintf("%#v", again.Where()) != fmt.Sprintf("%#v", f.Where()) {
			t.Errorf("%s\nis %s,\nand then %v, %v", text, f, again, err)
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"a = 1", `"x y" IS NOT NULL AND (b OR NOT c LIKE 'a\%_%')`, "a IN (1, 'x', TRUE) OR a NOT BETWEEN -1e5 AND .5", "((a", "a = '", `""`, "a=1e9999", "a = - 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := schema.ParseFilter(text)
		if err != nil {
			return
		}
		again, err := schema.ParseFilter(c.String())
		if err != nil || again.String() != c.String() {
			t.Errorf("%q is %q, and then %v, %v", text, c, again, err)
		}
	})
}

func TestFilterCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`region='EU'and created_at>= '2025-01-01'`: `region = 'EU' AND created_at >= '2025-01-01'`,
		`((a = 1.50)) AND (b OR (c))`:              `a = 1.5 AND (b OR c)`,
		`a AND (b AND c) AND (d OR (e OR f))`:      `a AND b AND c AND (d OR e OR f)`,
		`a OR b AND c`:                             `a OR b AND c`,
		`not(not (a != 1 or "b"))`:                 `NOT NOT (a <> 1 OR b)`,
		`"order" NOT  like 'x''%' `:                `order NOT LIKE 'x''%'`,
		`"in" in (+05,0e7,-0.0,1E3, 1e30)`:         `"in" IN (5, 0, 0, 1000, 1e30)`,
		"a IS NULL\n or b is not null":             `a IS NULL OR b IS NOT NULL`,
		`x between 'a' and 'b' and y`:              `x BETWEEN 'a' AND 'b' AND y`,
	} {
		f, err := schema.ParseFilter(in)
		if err != nil || f.String() != want {
			t.Errorf("%s\ngot  %v, %v\nwant %s", in, f, err, want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "at character 1: expected a column, NOT or (, found the end",
		"a =":                                "at character 4: expected a value: a number, text in single quotes, TRUE or FALSE, found the end",
		"é = 1":                              `at character 1: 'é' has no meaning here; column names with such characters stand in double quotes`,
		`"é" = x`:                            "at character 7: expected a value: a number, text in single quotes, TRUE or FALSE, found x",
		"a = NULL":                           "at character 5: nothing is equal to NULL; write IS NULL or IS NOT NULL",
		"a IN (1, NULL)":                     "at character 10: nothing is equal to NULL; write IS NULL or IS NOT NULL",
		"a IN ()":                            "at character 7: expected a value: a number, text in single quotes, TRUE or FALSE, found )",
		"a NOT NULL":                         "at character 7: expected IN, LIKE or BETWEEN, found NULL",
		"a IS 5":                             "at character 6: expected NULL, found 5",
		"5 = a":                              "at character 1: expected a column, NOT or (, found 5",
		"a b":                                "at character 3: expected a comparison, IS, IN, LIKE or BETWEEN, found b",
		"a = 'x":                             "at character 5: the closing ' is missing",
		"a = 1 b":                            "at character 7: expected AND, OR or the end, found b",
		"(a = 1":                             "at character 7: expected AND, OR or ), found the end",
		"a = 1; drop":                        `at character 6: ';' has no meaning here; column names with such characters stand in double quotes`,
		"a = 1x":                             "at character 5: 1x is no number, or has over 1000 digits",
		"a = 1e1001":                         "at character 5: 1e1001 is no number, or has over 1000 digits",
		`a LIKE 'x\'`:                        `at character 8: the pattern ends in a single \, which stands before a character that is meant literally`,
		"a LIKE 5":                           "at character 8: expected a pattern in quotes, found 5",
		"a BETWEEN 1 OR 2":                   "at character 13: expected AND and the greatest value, found OR",
		"a = 'x\x00'":                        "at character 5: there is a character with the code 0",
		"a = '\xff'":                         "the condition is not UTF-8",
		strings.Repeat("(", 51) + "a":        "at character 51: conditions are nested more than 50 deep",
		strings.Repeat("a AND ", 3000) + "a": "the condition is too long; it may have 16384 bytes",
		"a = '" + strings.Repeat("x", 70000) + "'": "the condition is too long; it may have 16384 bytes",
	} {
		_, err := schema.ParseFilter(in)
		if err == nil || err.Error() != want {
			t.Errorf("%.40q\ngot  %v\nwant %s", in, err, want)
		}
	}
}

var filterColumns = []schema.Column{
	{Name: "flag", Type: schema.Type{Kind: schema.Boolean}}, {Name: "n", Type: schema.Type{Kind: schema.Int}},
	{Name: "price", Type: schema.DecimalOf(10, 2)}, {Name: "any", Type: schema.Type{Kind: schema.Decimal}},
	{Name: "f4", Type: schema.Type{Kind: schema.Float}}, {Name: "f8", Type: schema.Type{Kind: schema.Double}},
	{Name: "name", Type: schema.Type{Kind: schema.String}}, {Name: "day", Type: schema.Type{Kind: schema.Date}},
	{Name: "at", Type: schema.Type{Kind: schema.Datetime}}, {Name: "moment", Type: schema.Type{Kind: schema.Instant}},
	{Name: "clock", Type: schema.Type{Kind: schema.Time}}, {Name: "doc", Type: schema.Type{Kind: schema.JSON}},
	{Name: "none", Type: schema.Type{}}, {Name: "raw", Type: schema.Type{Kind: schema.Binary}},
}

func filter(t testing.TB, text string) *schema.Filter {
	t.Helper()
	f, err := schema.ParseFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func TestFilterCheck(t *testing.T) {
	for in, want := range map[string]string{
		"flag AND n = 99999999999999999999 AND price < 1e300 AND f4 > 1e38 AND name LIKE '%' AND none = 5 AND doc IS NULL": "",
		"day = '2025-01-31' AND at < '2025-01-31' AND moment <= '2025-01-31T10:00+0130' AND clock <> '24:00:00'":           "",
		"moment IN ('2025-01-31 10:00:00.123456-08', '2025-01-31T10:00:00Z') AND at >= '0001-01-01T00:00'":                 "",
		"region = 'EU'":                         "there is no column region",
		"Name = 'x'":                            "there is no column Name, but one called name",
		"n":                                     "column n is INT: only a BOOLEAN column is a condition by itself",
		"n = '5'":                               "column n is INT: '5' is no number",
		"name = 5":                              "column name is STRING: 5 is no text; text stands in single quotes",
		"flag = 'true'":                         "column flag is BOOLEAN: 'true' is neither TRUE nor FALSE",
		"flag < TRUE":                           "column flag is BOOLEAN: TRUE and FALSE have no order",
		"n LIKE '5%'":                           "column n is INT: LIKE is for text",
		"f4 = 1e39":                             "column f4 is FLOAT: 1e39 is outside of the range of FLOAT",
		"f8 = 1e-400":                           "column f8 is DOUBLE: 1e-400 is outside of the range of DOUBLE",
		"doc = '{}'":                            "column doc is JSON: values of this type can only be asked whether they are NULL",
		"raw = 'x'":                             "column raw is BINARY: values of this type can only be asked whether they are NULL",
		"day = '2025-02-30'":                    "column day is NAIVE_DATE: '2025-02-30' is not a day, like '2025-01-31'",
		"day = '2025-01-31 10:00'":              "column day is NAIVE_DATE: '2025-01-31 10:00' is not a day, like '2025-01-31'",
		"at = '2025-01-31 10:00Z'":              "column at is NAIVE_DATETIME: '2025-01-31 10:00Z' is not a day or a day and a time without a zone, like '2025-01-31 18:30:00'",
		"moment = '2025-01-31 1:00:00.1234567'": "column moment is UTC_DATETIME: '2025-01-31 1:00:00.1234567' is not a day or a day and a time, in UTC or with a zone, like '2025-01-31T18:30:00+01:00'",
		"moment = '9999-12-31 23:00-02'":        "column moment is UTC_DATETIME: '9999-12-31 23:00-02' is not a day or a day and a time, in UTC or with a zone, like '2025-01-31T18:30:00+01:00'",
		"clock = '25:00'":                       "column clock is NAIVE_TIME: '25:00' is not a time of day, like '18:30' or '18:30:00.5'",
		"day IN ('2025-01-31', 5)":              "column day is NAIVE_DATE: 5 is not a day, like '2025-01-31'",
	} {
		got := ""
		if err := filter(t, in).Check(filterColumns); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

// A row is in the JSON that Arrow reads.
const (
	filterRow   = `{"flag": true, "n": 5, "price": "1.50", "any": "-12.500", "f4": 0.1, "f8": 0.1, "name": "Zoë_1%", "day": "2025-01-31", "at": "2025-01-31 18:30:00.5", "moment": "2025-01-31 18:30:00Z", "clock": "18:30:00.5", "doc": "{}"}`
	filterNulls = `{}`
)

func TestFilterSelect(t *testing.T) {
	for in, want := range map[string]string{ // of the row, and of one without values
		"flag": "yn", "NOT flag": "nn", "flag = FALSE": "nn", "flag <> FALSE": "yn", "flag IN (TRUE, FALSE)": "yn",
		"n = 5": "yn", "n <> 5": "nn", "NOT n = 4": "yn", "n < 5.5": "yn", "n > 4.5": "yn", "n = 5.5": "nn", "n <> 5.5": "yn", "n >= 5.000": "yn", "n > -1e30": "yn", "n > 1e30": "nn",
		"n <= -1e30": "nn", "n IN (4, 5.5)": "nn", "n NOT IN (4, 5.5)": "yn", "n IN (1,2,3,4,5,6,7,8,9,10)": "yn", "n BETWEEN 5 AND 4": "nn", "n BETWEEN 4.5 AND 5.5": "yn", "n NOT BETWEEN 6 AND 7": "yn",
		"price = 1.5": "yn", "price < 1.501": "yn", "price > 1.499": "yn", "price <> 1.501": "yn", "price < 1e100": "yn", "price IN (1.5, 2)": "yn",
		"any = -12.5": "yn", "any < -12.49999999999999999999999999": "yn", "any > -12.51": "yn", "any < 0": "yn", "any BETWEEN -13 AND -12": "yn",
		"f8 = 0.1": "yn", "f4 = 0.1": "yn", "f4 < 0.1000000001": "nn", "f8 < 0.2": "yn", "f8 IN (1, 0.1)": "yn",
		"name = 'Zoë_1%'": "yn", "name < 'a'": "yn", "name LIKE 'Zo__1%'": "yn", "name LIKE 'Z%\\_1\\%'": "yn", "name LIKE '%_\\%'": "yn", "name LIKE 'Zoë_1%__'": "nn", "name LIKE 'Zo_'": "nn", "name LIKE '%'": "yn",
		"name LIKE '%o%1%'": "yn", "name LIKE '______'": "yn", "name LIKE '_____'": "nn", "name LIKE ''": "nn", "name NOT LIKE 'x%'": "yn", "name IN ('x', 'Zoë_1%')": "yn", "name LIKE '%1_'": "yn", "name LIKE 'Zo%ë%ë%'": "nn",
		"day = '2025-01-31'": "yn", "day > '2025-01-30'": "yn", "at > '2025-01-31'": "yn", "at = '2025-01-31T18:30:00.500000'": "yn", "at < '2025-01-31 18:30'": "nn",
		"moment = '2025-01-31T19:30+01:00'": "yn", "moment = '2025-01-31 18:30'": "yn", "moment < '2025-02-01'": "yn", "clock = '18:30:00.5'": "yn", "clock < '24:00:00'": "yn", "clock > '18:30'": "yn",
		"doc IS NOT NULL": "yn", "doc IS NULL": "ny", "none = 1": "nn", "none IS NULL": "yy", "NOT (none = 1)": "nn",
		"n = 5 OR none = 1": "yn", "n = 4 OR none = 1": "nn", "NOT (n = 4 AND none = 1)": "yn", "NOT (n = 4 OR flag = FALSE)": "yn", "n IS NULL OR n = 5": "yy", "NOT (n IS NULL AND flag IS NULL)": "yn",
		"absent IS NULL": "yy", "absent = 1": "nn", "NOT absent = 1 OR flag": "yn",
	} {
		table := schema.Table{Columns: filterColumns}
		rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, table.Arrow(), strings.NewReader("["+filterRow+","+filterNulls+"]"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := filter(t, in).Bind(filterColumns)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, meets := range s.Select(rec) {
			got += map[bool]string{true: "y", false: "n"}[meets]
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestFilterOfParts(t *testing.T) {
	for in, want := range map[string]bool{
		"n = 5 AND absent = 1": true, "n = 4 AND absent = 1": false, "n = 4 OR absent = 1": true, "NOT (n = 5 OR absent = 1)": false, "NOT (n = 4 OR absent = 1)": true,
		"absent IS NULL": true, "absent IS NOT NULL": true, "name = 'x' AND n = 5": true,
	} {
		part := []schema.Column{filterColumns[1]}
		table := schema.Table{Columns: part}
		rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, table.Arrow(), strings.NewReader(`[{"n": 5}]`))
		if err != nil {
			t.Fatal(err)
		}
		s, err := filter(t, in).BindPart(part)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Select(rec)[0]; got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestFilterOfInfinities(t *testing.T) {
	columns := []schema.Column{{Name: "x", Type: schema.Type{Kind: schema.Decimal}}}
	table := schema.Table{Columns: columns}
	values := []string{"-Infinity", "-10", "-9.5", "0.00", "0.050", "0.1", "9", "10", "Infinity", "NaN"} // in order
	rows := ""
	for _, v := range values {
		rows += fmt.Sprintf(`,{"x": %q}`, v)
	}
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, table.Arrow(), strings.NewReader("["+rows[1:]+"]"))
	if err != nil {
		t.Fatal(err)
	}
	for at, v := range values {
		if strings.ContainsAny(v, "Iy") || v == "NaN" {
			continue
		}
		s, err := filter(t, "x <= "+v).Bind(columns)
		if err != nil {
			t.Fatal(err)
		}
		for i, meets := range s.Select(rec) {
			if meets != (i <= at) {
				t.Errorf("%s <= %s: %v", values[i], v, meets)
			}
		}
	}
}

func TestFilterRename(t *testing.T) {
	f := filter(t, "a = 1 AND (b OR NOT a IS NULL)")
	if got := f.Rename(map[string]string{"a": "x y"}).String(); got != `"x y" = 1 AND (b OR NOT "x y" IS NULL)` || f.String() != "a = 1 AND (b OR NOT a IS NULL)" {
		t.Errorf("got %s, and %s", got, f)
	}
	if got := fmt.Sprint(f.Columns()); got != "[a b]" {
		t.Errorf("columns %s", got)
	}
}
