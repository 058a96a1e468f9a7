package formula

import (
	"database/sql"
	"strconv"
	"strings"
	"testing"
)

// sample is an object with a field of each type, and the SQL of one row of it.
var sample = &Object{Name: "Deal__c", Table: "(" + sampleRow + ")", Fields: []Field{
	{Name: "Id", Type: "id", Column: "id"},
	{Name: "Name", Type: "string", Column: "name"},
	{Name: "Empty__c", Type: "string", Column: "empty_c"},
	{Name: "Amount__c", Type: "currency", Column: "amount_c"},
	{Name: "Rate__c", Type: "percent", Column: "rate_c"},
	{Name: "Weight__c", Type: "double", Column: "weight_c"},
	{Name: "Count__c", Type: "int", Column: "count_c"},
	{Name: "None__c", Type: "double", Column: "none_c"},
	{Name: "Close__c", Type: "date", Column: "close_c"},
	{Name: "NoDate__c", Type: "date", Column: "no_date_c"},
	{Name: "Made__c", Type: "datetime", Column: "made_c"},
	{Name: "Cutoff__c", Type: "time", Column: "cutoff_c"},
	{Name: "Open__c", Type: "boolean", Column: "open_c"},
	{Name: "Stage__c", Type: "picklist", Column: "stage_c"},
	{Name: "NoStage__c", Type: "picklist", Column: "no_stage_c"},
	{Name: "Tags__c", Type: "multipicklist", Column: "tags_c"},
	{Name: "Site__c", Type: "location"},
	{Name: "Site__Latitude__s", Type: "double", Column: "site_latitude_s"},
	{Name: "Site__Longitude__s", Type: "double", Column: "site_longitude_s"},
	{Name: "Twice__c", Type: "currency", Scale: 2, Formula: "Amount__c * 2"},
	{Name: "Tenth__c", Type: "percent", Scale: 2, Formula: "0.1"},
	{Name: "Divided__c", Type: "double", Scale: 2, Formula: "1 / None__c", Zero: true},
	{Name: "Loop__c", Type: "double", Formula: "Loop__c + 1"},
}}

const sampleRow = `select '0015g0000012345AAA' as id, 'Acme Corp' as name, cast(null as text) as empty_c, cast(1250.50 as decimal(18, 2)) as amount_c,
	cast(12.5 as double precision) as rate_c, cast(0.29 as double precision) as weight_c, cast(7 as bigint) as count_c, cast(null as double precision) as none_c,
	date '2026-02-28' as close_c, cast(null as date) as no_date_c, cast('2026-03-01 02:30:00.25+00' as timestamp with time zone) as made_c, '17:30:05.250Z' as cutoff_c,
	true as open_c, 'Closed Won' as stage_c, cast(null as text) as no_stage_c, 'Red;Blue' as tags_c,
	cast(37.775 as double precision) as site_latitude_s, cast(-122.418 as double precision) as site_longitude_s`

// types are fields' types by what formulas come to.
var types = map[kind]string{num: "double", text: "string", boolean: "boolean", date: "date", datetime: "datetime", clock: "time", nothing: "string"}

// Examples are formulas of Salesforce Help's pages about each function, or
// near them, and what they come to. In those that are about the user's time,
// that is Los Angeles's. null is an error, too.
var examples = `
# operators
1 + 2 * 3 = 7
(1 + 2) * 3 = 9
7 / 2 = 3.5
10 - 4 - 3 = 3
2 ^ 3 = 8
2 * 3 ^ 2 = 36
-2 ^ 2 = 4
0.1 + 0.2 = 0.3
IF(0.1 + 0.2 = 0.3, "yes", "no") = yes
IF(0.1 * 3 > 0.3, "more", "no more") = no more
"a" & "b" & 'c' = abc
Name & ": " & Stage__c = Acme Corp: Closed Won
Name & Empty__c & "!" = Acme Corp!
"He said \"no\"" = He said "no"
"a\\b" = a\b
/* twice */ Amount__c /* the amount */ * 2 = 2501
IF(TRUE && NOT FALSE || FALSE, 1, 2) = 1
IF(!Open__c, 1, 2) = 2
IF(1 <> 2 && 1 != 2 && 1 = 1 && 1 == 1, 1, 2) = 1
IF(Name > "Acme", 1, 2) = 1
IF("a" < "B", 1, 2) = 2
Amount__c * Rate__c = 156.3125
Amount__c / None__c = null
1 / 0 = null
IF(1 / 0 > 1, "a", "b") = null
IF(Count__c = 0, 0, Amount__c / Count__c) = 178.6428571429
IF(TRUE, 1, 1 / 0) = 1
AND(FALSE, 1 / 0 = 1) = false
OR(TRUE, 1 / 0 = 1) = true
BLANKVALUE(1 / 0, 5) = null
IFERROR(1 / 0, 5) = 5
Twice__c + 1 = 2502
Tenth__c * 100 = 10
Divided__c = null

# blank
ISBLANK(Empty__c) = true
ISBLANK(Name) = false
ISBLANK("") = true
ISBLANK(None__c) = true
ISBLANK(NoStage__c) = true
ISBLANK(NULL) = true
ISNULL(None__c) = true
ISNULL(Empty__c) = false
ISNULL(NoDate__c) = true
BLANKVALUE(Empty__c, "none") = none
BLANKVALUE(None__c, 3) = 3
BLANKVALUE(Name, "none") = Acme Corp
NULLVALUE(NoDate__c, Close__c) = 2026-02-28
NULLVALUE(Empty__c, "x") = null
IF(Empty__c = "", 1, 2) = 1
IF(Empty__c = Empty__c, 1, 2) = 1
IF(None__c = None__c, 1, 2) = 2
IF(NOT(None__c = 1), 1, 2) = 2
IF(None__c < 1, 1, 2) = 2
IF(None__c <> 1, 1, 2) = 2
IF(Empty__c <> "x", 1, 2) = 1
None__c + 1 = null
"" = null

# decisions
IF(Amount__c > 1000, "large", "small") = large
CASE(Stage__c, "Open", 1, "Closed Won", 2, 0) = 2
CASE(NoStage__c, "Open", 1, "", 3, 0) = 3
CASE(WEEKDAY(Close__c), 1, "Sunday", 7, "Saturday", "in the week") = Saturday
CASE(Count__c / 2, 3.5, "half", "no") = half
CASE(NoDate__c, DATE(2026, 1, 1), 1, 2) = 2
ISPICKVAL(Stage__c, "Closed Won") = true
ISPICKVAL(NoStage__c, "") = true
INCLUDES(Tags__c, "Blue") = true
INCLUDES(Tags__c, "Blu") = false
PICKLISTCOUNT(Tags__c) = 2
TEXT(Stage__c) = Closed Won
AND(Open__c, Amount__c > 1, TRUE) = true
OR(Open__c = FALSE, Amount__c < 1) = false
NOT(ISBLANK(Name)) = true
IF(NOT(NULL), "True", "False") = False

# numbers
ABS(-5.5) = 5.5
CEILING(2.5) = 3
CEILING(-2.5) = -3
FLOOR(2.5) = 2
FLOOR(-2.5) = -2
MCEILING(-2.5) = -2
MFLOOR(-2.5) = -3
FLOOR(Weight__c * 100) = 29
ROUND(1.5, 0) = 2
ROUND(1.2345, 0) = 1
ROUND(-1.5, 0) = -2
ROUND(225.49823, 2) = 225.5
ROUND(1.005 * 100, 0) = 101
ROUND(Amount__c, -2) = 1300
ROUND(1234.5678, Count__c - 5) = 1234.57
TRUNC(5.15, 1) = 5.1
TRUNC(-5.7) = -5
TRUNC(1299, -2) = 1200
MOD(3, 3) = 0
MOD(4, 3) = 1
MOD(123, 100) = 23
MOD(-7, 3) = -1
MOD(7.5, 2) = 1.5
MOD(5, 0) = null
MAX(1, Count__c, 3) = 7
MIN(1, Count__c, 3) = 1
MAX(1, None__c) = null
SQRT(16) = 4
SQRT(-1) = null
EXP(0) = 1
EXP(3) = 20.0855369232
LN(10) = 2.302585093
LN(0) = null
LOG(1000) = 3
PI() = 3.1415926536
ROUND(SIN(PI() / 2), 9) = 1
ACOS(2) = null
ROUND(ATAN2(1, 1) * 4, 8) = 3.14159265
Count__c ^ 2 = 49
2 ^ 0.5 = null
ROUND(DISTANCE(Site__c, GEOLOCATION(37.775, -122.418), "km"), 6) = 0
ROUND(DISTANCE(GEOLOCATION(0, 0), GEOLOCATION(33.37088, -122.61715), "mi"), 4) = 8066.8974
DISTANCE(GEOLOCATION(200, 0), GEOLOCATION(0, 0), "mi") = null

# texts
BEGINS(Name, "Acme") = true
BEGINS(Name, "acme") = false
CONTAINS(Name, "me C") = true
CONTAINS(Empty__c, "a") = false
CONTAINS(Name, "") = true
FIND("C", Name) = 6
FIND("C", Name, 7) = 0
FIND("c", "acbc", 3) = 4
LEFT(Name, 4) = Acme
LEFT(Name, 0) = null
LEFT(Name, -1) = null
RIGHT(Name, 4) = Corp
RIGHT(Name, 40) = Acme Corp
MID(Name, 2, 3) = cme
MID(Name, 0, 2) = Ac
LEN(Name) = 9
LEN(Empty__c) = 0
LOWER(Name) = acme corp
UPPER(Name) = ACME CORP
LPAD("7", 3, "0") = 007
RPAD("ab", 5, "xy") = abxyx
LPAD("abc", 2) = ab
REVERSE("abc") = cba
SUBSTITUTE(Name, "Acme", "Emca") = Emca Corp
TRIM("  a b  ") = a b
VALUE("12.50") = 12.5
VALUE("1e3") = 1000
VALUE("x") = null
VALUE(Empty__c) = null
ISNUMBER("12.5") = true
ISNUMBER("12,5") = false
TEXT(5) = 5
TEXT(Count__c) = 7
TEXT(Amount__c) = 1250.5
TEXT(Amount__c * 2) = 2501
TEXT(-0.05) = -0.05
TEXT(0.00005) = 0.00005
TEXT(0.1 + 0.2) = 0.3
TEXT(1234567890.12 * 1) = 1234567890.12
TEXT(Close__c) = 2026-02-28
TEXT(Made__c) = 2026-03-01 02:30:00Z
TEXT(Cutoff__c) = 17:30:05.250
CHR(65) = A
ASCII("A") = 65
"a" & BR() & "b" = a<br>b
CASESAFEID(Id) = 0015g0000012345AAA
Id = 0015g0000012345
HYPERLINK("/" & Id, Name) = <a href="/0015g0000012345" target="_blank">Acme Corp</a>
HYPERLINK("http://x.example", "x", "_self") = <a href="http://x.example" target="_self">x</a>
IMAGE("/img/a.png", "a") = <img src="/img/a.png" alt="a" border="0"/>
IMAGE("/img/a.png", "a", 16, 20) = <img src="/img/a.png" alt="a" style="height:16px; width:20px;" border="0"/>
REGEX("123-45-6789", "[0-9]{3}-[0-9]{2}-[0-9]{4}") = true
REGEX("x123", "\\d+") = false
REGEX("a_9", "^\\w+$") = true
REGEX("a b", "a\\sb") = true

# dates and times
DATE(2026, 2, 28) + 1 = 2026-03-01
DATE(2026, 4, 31) = null
DATE(Count__c + 2019, 2, 29) = null
DATE(Count__c + 2021, 2, 29) = 2028-02-29
Close__c - DATE(2026, 1, 1) = 58
Close__c + 1.9 = 2026-03-01
Close__c - 1 = 2026-02-27
1 + Close__c = 2026-03-01
YEAR(Close__c) * 10000 + MONTH(Close__c) * 100 + DAY(Close__c) = 20260228
WEEKDAY(Close__c) = 7
DAYOFYEAR(Close__c) = 59
ISOWEEK(DATE(2027, 1, 1)) = 53
ISOYEAR(DATE(2027, 1, 1)) = 2026
ADDMONTHS(Close__c, 1) = 2026-03-31
ADDMONTHS(DATE(2026, 1, 31), 1) = 2026-02-28
ADDMONTHS(DATE(2026, 1, 15), -2) = 2025-11-15
ADDMONTHS(NoDate__c, 1) = null
DATEVALUE("2026-02-28") = 2026-02-28
DATEVALUE("2026-02-30") = null
DATEVALUE("soon") = null
DATEVALUE(Made__c) = 2026-02-28
DATETIMEVALUE("2005-11-15 17:00:00") = 2005-11-15 17:00:00+00
DATETIMEVALUE(Close__c) = 2026-02-28 00:00:00+00
Made__c + 0.5 = 2026-03-01 14:30:00.25+00
Made__c - DATETIMEVALUE("2026-02-27 14:30:00.25") = null
ROUND(Made__c - DATETIMEVALUE("2026-02-27 14:30:00"), 4) = 1.5
TIMEVALUE("17:30:45.125") = 17:30:45.125Z
TIMEVALUE(Made__c) = 02:30:00.250Z
HOUR(Cutoff__c) = 17
MINUTE(Cutoff__c) = 30
SECOND(Cutoff__c) = 5
MILLISECOND(Cutoff__c) = 250
Cutoff__c + 3600000 = 18:30:05.250Z
Cutoff__c - TIMEVALUE("17:30:05.000") = 250
FORMATDURATION(100) = 00:01:40
FORMATDURATION(90061, TRUE) = 1:01:01:01
UNIXTIMESTAMP(DATETIMEVALUE("1970-01-02 00:00:00")) = 86400
FROMUNIXTIME(86400) = 1970-01-02 00:00:00+00
TEXT($System.OriginDateTime) = 1900-01-01 00:00:00Z
IF(TODAY() > DATE(2020, 1, 1), "later", "earlier") = later
IF(NOW() - 1 < NOW(), 1, 0) = 1
MOD(Close__c - DATE(1900, 1, 7), 7) = 6
FLOOR((TODAY() - Close__c) / 365.2425) - FLOOR((TODAY() - Close__c) / 365.2425) = 0
`

func TestExamples(t *testing.T) {
	dbs := databases(t)
	used := map[string]bool{}
	for line := range strings.Lines(examples) {
		line = strings.TrimSpace(line)
		i := strings.LastIndex(line, " = ")
		if line == "" || line[0] == '#' || i < 0 {
			continue
		}
		if j := strings.Index(line, `<a href`); j > 0 { // markup has signs of its own
			i = strings.Index(line, " = <")
		} else if strings.Contains(line, "<img") {
			i = strings.Index(line, " = <")
		}
		formula, want := line[:i], line[i+3:]
		note(t, formula, used)
		sql, typ, err := exampleSQL(formula)
		if err != nil {
			t.Errorf("%s: %v", formula, err)
			continue
		}
		for name, db := range dbs {
			got, err := one(db, "select cast("+sql+" as text) from "+sample.Table+" r")
			if err != nil {
				t.Errorf("%s, %s: %v\n%s", formula, name, err, sql)
			} else if !alike(typ, got, want) {
				t.Errorf("%s, %s: got %s, want %s\n%s", formula, name, got, want, sql)
			}
		}
	}
	for name := range functions {
		if !used[name] && name != "IFS" && name != "TIMENOW" && name != "0+" && !strings.Contains("TAN ATAN ASIN COS <= >=", name) {
			t.Errorf("no example has %s", name)
		}
	}
}

// note notes the functions that a formula uses.
func note(t *testing.T, formula string, used map[string]bool) {
	t.Helper()
	n, err := parse(formula)
	if err != nil {
		t.Errorf("%s: %v", formula, err)
		return
	}
	var walk func(*node)
	walk = func(n *node) {
		if n.kind == callNode {
			used[n.text] = true
		}
		for _, a := range n.args {
			walk(a)
		}
	}
	walk(n)
}

// exampleSQL translates a formula of the sample's rows, of the type that it
// comes to.
func exampleSQL(formula string) (sql, typ string, err error) {
	org := &Org{Zone: "America/Los_Angeles", Object: func(string) *Object { return nil }}
	v := NewView(org, sample, "")
	f := &Field{Name: "Example__c", Formula: formula, Scale: 10}
	val, err := v.formula(v.main, f, nil)
	if err != nil {
		return "", "", err
	}
	f.Type = types[val.kind]
	sql, err = NewView(org, sample, "").Add(f, "example_c")
	return sql, f.Type, err
}

func one(db *sql.DB, query string) (string, error) {
	var got sql.NullString
	if err := db.QueryRow(query).Scan(&got); err != nil || !got.Valid {
		return "null", err
	}
	return got.String, nil
}

// alike compares values; numbers may have a fraction of 0.
func alike(typ, got, want string) bool {
	if a, err := strconv.ParseFloat(got, 64); typ == "double" && err == nil {
		b, err := strconv.ParseFloat(want, 64)
		return err == nil && a == b
	}
	return got == want
}
