package formula

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// makes are what formulas of each kind may be made of: leaves, and calls in
// which each letter in braces stands for one of a kind.
var makes = map[kind]struct{ leaves, calls []string }{
	num: {
		[]string{"Amount__c", "Rate__c", "Weight__c", "Count__c", "None__c", "0", "1", "2.5", "-3", "100", "0.01", "NULL", "Twice__c"},
		[]string{"{N} + {N}", "{N} - {N}", "{N} * {N}", "{N} / {N}", "({N}) ^ 2", "-({N})", "ABS({N})", "CEILING({N})", "FLOOR({N})", "MCEILING({N})",
			"MFLOOR({N})", "ROUND({N}, 2)", "ROUND({N}, {N})", "TRUNC({N})", "MOD({N}, {N})", "MAX({N}, {N})", "MIN({N}, {N}, {N})", "EXP({N})", "LN({N})",
			"LOG({N})", "SQRT({N})", "LEN({T})", "FIND({T}, {T})", "FIND({T}, {T}, {N})", "VALUE({T})", "YEAR({D})", "MONTH({D})", "DAY({D})", "WEEKDAY({D})",
			"({D}) - ({D})", "({I}) - ({I})", "IF({B}, {N}, {N})", "CASE({N}, {N}, {N}, {N})", "CASE({T}, {T}, {N}, {T}, {N}, {N})", "BLANKVALUE({N}, {N})",
			"HOUR({C})", "MILLISECOND({C})", "({C}) - ({C})", "({N}) ^ ({N})", "DISTANCE(GEOLOCATION({N}, {N}), GEOLOCATION({N}, 2), 'km')", "ISOWEEK({D})"},
	},
	text: {
		[]string{"Name", "Empty__c", "Id", `"a"`, `""`, `"12"`, `"1e2"`, `"2026-02-29"`, `"10:11:12.013"`, `"2026-1-2 3:4:5"`, "NULL", `"ö\\%_'"`},
		[]string{"{T} & {T}", "LEFT({T}, {N})", "RIGHT({T}, {N})", "MID({T}, {N}, {N})", "TRIM({T})", "LPAD({T}, {N}, {T})", "RPAD({T}, 12, {T})",
			"SUBSTITUTE({T}, {T}, {T})", "TEXT({N})", "TEXT({D})", "TEXT({I})", "TEXT({C})", "IF({B}, {T}, {T})", "CASE({N}, {N}, {T}, {T})",
			"BLANKVALUE({T}, {T})", "HYPERLINK({T}, {T})", "REVERSE({T})", "FORMATDURATION({N}, {B})", "TEXT(Stage__c)", "IFERROR({T}, {T})"},
	},
	boolean: {
		[]string{"Open__c", "TRUE", "FALSE", "ISBLANK(None__c)", "NULL"},
		[]string{"{N} = {N}", "{N} <> {N}", "{N} < {N}", "{N} >= {N}", "{T} = {T}", "{T} <> {T}", "{T} > {T}", "({D}) <= ({D})", "({D}) = ({D})", "AND({B}, {B})",
			"OR({B}, {B}, {B})", "NOT({B})", "IF({B}, {B}, {B})", "ISBLANK({T})", "ISBLANK({N})", "ISNULL({D})", "CONTAINS({T}, {T})", "BEGINS({T}, {T})",
			"ISNUMBER({T})", "ISPICKVAL(Stage__c, 'Open')", "INCLUDES(Tags__c, 'Red')", "({B}) = ({B})"},
	},
	date: {
		[]string{"Close__c", "NoDate__c", "DATE(2024, 2, 29)", "DATE(1900, 1, 7)", "NULL"},
		[]string{"({D}) + {N}", "({D}) - {N}", "ADDMONTHS({D}, {N})", "DATE({N}, {N}, {N})", "DATEVALUE({T})", "DATEVALUE({I})", "IF({B}, {D}, {D})", "BLANKVALUE({D}, {D})"},
	},
	datetime: {
		[]string{"Made__c", `DATETIMEVALUE("2005-11-15 17:00:00")`},
		[]string{"({I}) + {N}", "({I}) - {N}", "DATETIMEVALUE({D})", "DATETIMEVALUE({T})", "ADDMONTHS({I}, {N})", "IF({B}, {I}, {I})", "FROMUNIXTIME({N})"},
	},
	clock: {
		[]string{"Cutoff__c", `TIMEVALUE("10:40:55.666")`},
		[]string{"({C}) + {N}", "({C}) - {N}", "TIMEVALUE({T})", "TIMEVALUE({I})", "IF({B}, {C}, {C})"},
	},
}

// random makes a formula of a kind.
func random(r *rand.Rand, k kind, depth int) string {
	m := makes[k]
	if depth == 0 || r.IntN(5) == 0 {
		return m.leaves[r.IntN(len(m.leaves))]
	}
	call := m.calls[r.IntN(len(m.calls))]
	for _, letter := range []byte("NTBDIC") {
		for strings.Contains(call, "{"+string(letter)+"}") {
			call = strings.Replace(call, "{"+string(letter)+"}", random(r, letters[letter][0], depth-1), 1)
		}
	}
	return "(" + call + ")"
}

// Whatever formulas are made of, DuckDB and PostgreSQL compute the same, and
// nothing is an error to them.
func TestDatabasesAgree(t *testing.T) {
	dbs := databases(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	compared, refusals := 0, 0
	kinds := []kind{num, text, boolean, date, datetime, clock}
	for i := range 150 {
		formula := random(r, kinds[i%len(kinds)], 2)
		sql, typ, err := exampleSQL(formula)
		var why *Reason
		if errors.As(err, &why) {
			refusals++
			continue
		}
		var got [2]string
		for j, name := range []string{"duckdb", "pgx"} {
			got[j], err = one(dbs[name], "select cast("+sql+" as text) from "+sample.Table+" r")
			if err != nil {
				t.Errorf("seed %d: %s, %s: %v\n%s", seed, formula, name, err, sql)
				got[j] = "error"
			}
		}
		compared++
		if !near(typ, got[0], got[1]) {
			t.Errorf("seed %d: %s: DuckDB has %s, PostgreSQL %s\n%s", seed, formula, got[0], got[1], sql)
		}
	}
	t.Logf("seed %d: %d formulas, %d refused", seed, compared, refusals)
}

func near(typ, a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if typ == "double" && errX == nil && errY == nil {
		return math.Abs(x-y) <= 1e-9+1e-9*math.Abs(x)
	}
	return a == b
}

// FuzzTranslate never panics, and refuses with a reason.
func FuzzTranslate(f *testing.F) {
	for line := range strings.Lines(examples) {
		formula, _, _ := strings.Cut(strings.TrimSpace(line), " = ")
		f.Add(formula)
	}
	for _, s := range []string{"", "(", "/*", `"`, `"\`, "1..2", "$User.Name", "A.B.C", "IF(", "NOT NOT NOT", "a:b.c", "é", strings.Repeat("(", 1000), strings.Repeat("-", 1000) + "1", strings.Repeat("1+", 3000) + "1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, formula string) {
		_, _, err := exampleSQL(formula)
		var why *Reason
		if err != nil && (!errors.As(err, &why) || why.Code == "" || !strings.HasSuffix(why.Message, ".")) {
			t.Errorf("%q: %v", formula, err)
		}
	})
}
