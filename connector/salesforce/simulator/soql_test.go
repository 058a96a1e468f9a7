package simulator

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector/simulate"
)

// An org whose few rows are known, for tests of queries.
func known(t *testing.T) *Simulator {
	t.Helper()
	s := play(Options{Rows: map[string]int{"Account": 0, "Contact": 0, "Invoice__c": 0}})
	add := func(object string, v Values) string {
		id, err := s.Insert(object, v)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for _, v := range []Values{
		{"Name": "Ann", "AnnualRevenue": "10", "NumberOfEmployees": "3", "Type": "Other", "LastActivityDate": "2026-03-01", "OwnerId": value{id, 0, "005", 1}.String()},
		{"Name": "bob_x", "AnnualRevenue": "", "NumberOfEmployees": "", "Type": "", "LastActivityDate": "", "OwnerId": ""},
		{"Name": "Cy%d", "AnnualRevenue": "12345678901234.56", "NumberOfEmployees": "-1", "Type": "Prospect", "LastActivityDate": "2026-02-20", "OwnerId": value{id, 0, "005", 2}.String()},
		{"Name": "O'Neil \"q\"", "AnnualRevenue": "0.5", "NumberOfEmployees": "7", "Type": "Other", "LastActivityDate": "1700-01-01", "OwnerId": value{id, 0, "005", 1}.String()},
	} {
		add("Account", v)
	}
	for _, v := range []Values{{"Name": "I", "Tags__c": "Red;Blue"}, {"Name": "J", "Tags__c": "Green"}, {"Name": "K", "Tags__c": ""}} {
		add("Invoice__c", v)
	}
	return s
}

func TestWhere(t *testing.T) {
	s := known(t)
	first := s.IDs("Account", false)[0]
	for _, c := range []struct{ where, want string }{
		{"Name = 'ann'", "Ann"},
		{"Name != 'Ann'", "bob_x Cy%d O'Neil \"q\""},
		{"Name <> 'Ann'", "bob_x Cy%d O'Neil \"q\""},
		{`Name = 'O\'Neil "q"'`, `O'Neil "q"`},
		{"Name LIKE '%n%'", `Ann O'Neil "q"`},
		{"Name LIKE 'b_b\\_%'", "bob_x"},
		{"Name LIKE 'Cy\\%_'", "Cy%d"},
		{"Name LIKE '___'", "Ann"},
		{"NOT Name LIKE 'A%'", `bob_x Cy%d O'Neil "q"`},
		{"Name > 'Ann' AND Name < 'D'", "bob_x Cy%d"},
		{"Name = 'Ann' OR Name = 'Cy%d'", "Ann Cy%d"},
		{"(Name = 'Ann' OR Name = 'Cy%d') AND (NOT Type = 'Other')", "Cy%d"},
		{"Name IN ('Ann', 'Cy%d', 'x')", "Ann Cy%d"},
		{"Name NOT IN ('Ann', 'Cy%d', 'x')", `bob_x O'Neil "q"`},
		{"Type = null", "bob_x"},
		{"Type != null", `Ann Cy%d O'Neil "q"`},
		{"Type != 'Other'", "bob_x Cy%d"},
		{"Type IN (null, 'Prospect')", "bob_x Cy%d"},
		{"AnnualRevenue > 1", "Ann Cy%d"},
		{"AnnualRevenue = 10.0", "Ann"},
		{"AnnualRevenue = 12345678901234.56", "Cy%d"},
		{"AnnualRevenue <= 0.50", `O'Neil "q"`},
		{"NumberOfEmployees < 0", "Cy%d"},
		{"NumberOfEmployees >= 3", `Ann O'Neil "q"`},
		{"Id = '" + first + "'", "Ann"},
		{"Id = '" + first[:15] + "'", "Ann"},
		{"Id > '" + first + "'", `bob_x Cy%d O'Neil "q"`},
		{"Id IN ('" + first + "', '0015g000000000zAAA')", "Ann"},
		{"Id NOT IN ('" + first[:15] + "', null)", `bob_x Cy%d O'Neil "q"`},
		{"OwnerId IN (null, '0055g0000000002AAA')", "bob_x Cy%d"},
		{"IsDeleted = false AND Name = 'Ann'", "Ann"},
		{"LastActivityDate = 2026-03-01", "Ann"},
		{"LastActivityDate = YESTERDAY", "Ann"},
		{"LastActivityDate = LAST_N_DAYS:1", "Ann"},
		{"LastActivityDate < LAST_WEEK", `Cy%d O'Neil "q"`},
		{"LastActivityDate = LAST_MONTH", "Cy%d"},
		{"LastActivityDate = THIS_YEAR", "Ann Cy%d"},
		{"LastActivityDate < 1900-01-01", `O'Neil "q"`},
		{"SystemModstamp >= 2026-03-02T10:00:00Z", `Ann bob_x Cy%d O'Neil "q"`},
		{"SystemModstamp > 2026-03-02T10:00:00.000Z", ""},
		{"SystemModstamp = 2026-03-02T11:00:00+01:00", `Ann bob_x Cy%d O'Neil "q"`},
		{"SystemModstamp = TODAY", `Ann bob_x Cy%d O'Neil "q"`},
		{"SystemModstamp > LAST_N_HOURS", "MALFORMED_QUERY"},
		{"Owner.Username = 'user1@example.com'", `Ann O'Neil "q"`},
		{"Owner.Id = null", "bob_x"},
		{"Account.Name = 'Ann'", "Ann"},

		{"Nope = 1", "INVALID_FIELD"},
		{"Owner.Nope = 1", "INVALID_FIELD"},
		{"Nope.Name = 'x'", "INVALID_FIELD"},
		{"Name = 1", "INVALID_FIELD"},
		{"AnnualRevenue = '1'", "INVALID_FIELD"},
		{"SystemModstamp > '2026-03-02T10:00:00Z'", "INVALID_FIELD"},
		{"SystemModstamp > 2026-03-02", "INVALID_FIELD"},
		{"LastActivityDate > 2026-03-02T10:00:00Z", "INVALID_FIELD"},
		{"IsDeleted = 'true'", "INVALID_FIELD"},
		{"Description = 'x'", "INVALID_FIELD"}, // a long text cannot be filtered
		{"BillingAddress = null", "INVALID_FIELD"},
		{"Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"},
		{"IsDeleted > true", "INVALID_QUERY_FILTER_OPERATOR"},
		{"Name > null", "INVALID_QUERY_FILTER_OPERATOR"},
		{"AnnualRevenue LIKE '1%'", "INVALID_QUERY_FILTER_OPERATOR"},
		{"Name INCLUDES ('x')", "INVALID_QUERY_FILTER_OPERATOR"},
		{"Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"},
		{"Name = 'a", "MALFORMED_QUERY"},
		{`Name = 'a\x'`, "MALFORMED_QUERY"},
		{"Name == 'a'", "MALFORMED_QUERY"},
		{"Name = a", "MALFORMED_QUERY"},
		{"Name IN 'a'", "MALFORMED_QUERY"},
		{"(Name = 'a'", "MALFORMED_QUERY"},
		{"", "MALFORMED_QUERY"},
		{"Name = 'a' extra", "MALFORMED_QUERY"},
	} {
		if got := names(t, s, "SELECT Name FROM Account WHERE "+c.where); got != c.want {
			t.Errorf("%s: got %s, want %s", c.where, got, c.want)
		}
	}
	for _, c := range []struct{ where, want string }{
		{"Tags__c INCLUDES ('Red')", "I"},
		{"Tags__c INCLUDES ('Red;Blue', 'Green')", "I J"},
		{"Tags__c EXCLUDES ('Red')", "J K"},
		{"Tags__c = 'green'", "J"},
		{"Tags__c LIKE 'G%'", "INVALID_QUERY_FILTER_OPERATOR"},
	} {
		if got := names(t, s, "SELECT Name FROM Invoice__c WHERE "+c.where); got != c.want {
			t.Errorf("%s: got %s, want %s", c.where, got, c.want)
		}
	}
}

func TestClauses(t *testing.T) {
	s := known(t)
	for _, c := range []struct{ query, want string }{
		{"SELECT Name FROM Account", `Ann bob_x Cy%d O'Neil "q"`},
		{"select name from account limit 2", "Ann bob_x"},
		{"SELECT a.Name FROM Account a WHERE a.Name = 'Ann'", "Ann"},
		{"SELECT Name FROM Account ORDER BY Name DESC", `O'Neil "q" Cy%d bob_x Ann`},
		{"SELECT Name FROM Account ORDER BY AnnualRevenue", `bob_x O'Neil "q" Ann Cy%d`},
		{"SELECT Name FROM Account ORDER BY AnnualRevenue NULLS LAST", `O'Neil "q" Ann Cy%d bob_x`},
		{"SELECT Name FROM Account ORDER BY AnnualRevenue DESC NULLS LAST", `Cy%d Ann O'Neil "q" bob_x`},
		{"SELECT Name FROM Account ORDER BY AnnualRevenue DESC NULLS FIRST", `bob_x Cy%d Ann O'Neil "q"`},
		{"SELECT Name FROM Account ORDER BY Type, Name DESC", `bob_x O'Neil "q" Ann Cy%d`},
		{"SELECT Name FROM Account ORDER BY SystemModstamp, Id LIMIT 2 OFFSET 1", "bob_x Cy%d"},
		{"SELECT Name FROM Account LIMIT 0", ""},
		{"SELECT Name FROM Account ORDER BY Owner.Username NULLS LAST LIMIT 1", "Ann"},
		{"SELECT FIELDS(ALL) FROM Account LIMIT 1", "Ann"},
		{"SELECT FIELDS(STANDARD) FROM Account", `Ann bob_x Cy%d O'Neil "q"`},

		{"SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"},
		{"SELECT FIELDS(ALL) FROM Account LIMIT 201", "MALFORMED_QUERY"},
		{"SELECT Name FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"},
		{"SELECT Name, Name FROM Account", "MALFORMED_QUERY"},
		{"SELECT Name FROM Account ORDER BY Description", "MALFORMED_QUERY"},
		{"SELECT Name FROM Account GROUP BY Name", "MALFORMED_QUERY"},
		{"SELECT Name FROM Account LIMIT x", "MALFORMED_QUERY"},
		{"SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY"},
		{"SELECT Name, (SELECT Id FROM Contacts) FROM Account", "MALFORMED_QUERY"},
		{"SELECT * FROM Account", "MALFORMED_QUERY"},
		{"SELECT FROM Account", "MALFORMED_QUERY"},
		{"SELECT Name Account", "MALFORMED_QUERY"},
		{"UPDATE Account", "MALFORMED_QUERY"},
		{"", "MALFORMED_QUERY"},
		{"SELECT Name FROM Nope", "INVALID_TYPE"},
		{"SELECT Nope FROM Account", "INVALID_FIELD"},
		{"SELECT Id FROM AccountChangeEvent", "INVALID_TYPE_FOR_OPERATION"},
		{"SELECT Name FROM Account WHERE Name = '" + strings.Repeat("x", longestQuery) + "'", "MALFORMED_QUERY"},
	} {
		if got := names(t, s, c.query); got != c.want {
			t.Errorf("%.100s: got %s, want %s", c.query, got, c.want)
		}
	}
}

// names returns the names that a query finds, or the code of its error.
func names(t *testing.T, s *Simulator, query string) string {
	t.Helper()
	st, e := parseQuery(query)
	if e != nil {
		return e.code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, e := s.snapshot().resolve(st, false)
	if e != nil {
		return e.code
	}
	var found []string
	for _, n := range q.rows() {
		r, _ := q.view.row(int64(n))
		found = append(found, q.view.value(&r, "Name").String())
	}
	return strings.Join(found, " ")
}

func TestAnswers(t *testing.T) {
	s := known(t)
	id := s.IDs("Account", false)
	for _, c := range []struct {
		query, want string // a part; of an error: its code and message
	}{
		{"SELECT COUNT() FROM Account", `{"totalSize":4,"done":true,"records":[]}`},
		{"SELECT COUNT(Type), MIN(NumberOfEmployees) least, MAX(SystemModstamp), COUNT_DISTINCT(Type) FROM Account",
			`{"totalSize":1,"done":true,"records":[{"attributes":{"type":"AggregateResult"},"expr0":3,"least":-1,"expr2":"2026-03-02T10:00:00.000+0000","expr3":2}]}`},
		{"SELECT Id, Name, AnnualRevenue, Type FROM Account WHERE Name LIKE 'O%'",
			`{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Account","url":"/services/data/v63.0/sobjects/Account/` + id[3] + `"},"Id":"` + id[3] + `","Name":"O'Neil \"q\"","AnnualRevenue":0.5,"Type":"Other"}]}`},
		{"SELECT Name, Owner.Username, Owner.UserRole.Id FROM Account WHERE Name IN ('bob_x', 'Ann')",
			`"Name":"Ann","Owner":{"attributes":{"type":"User","url":"/services/data/v63.0/sobjects/User/` + userID + `"},"Username":"user1@example.com","UserRole":{"attributes":{"type":"UserRole"`},
		{"SELECT Name, Owner.Username FROM Account WHERE Name = 'bob_x'", `"Name":"bob_x","Owner":null}`},
		{"SELECT Nope FROM Account", `[{"errorCode":"INVALID_FIELD","message":"\nSELECT Nope FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nope' on entity 'Account'. If you are`},
		{"SELECT Id FROM Nope", `INVALID_TYPE","message":"\nSELECT Id FROM Nope\n               ^\nERROR at Row:1:Column:16\nsObject type 'Nope' is not supported.`},
		{"SELECT Id FROM Account LIMIT", `[{"errorCode":"MALFORMED_QUERY","message":"unexpected token: '\u003cEOF\u003e'"}]`},
		{"SELECT Id FROM Account WHERE SystemModstamp > 'x'", `value of filter criterion for field 'SystemModstamp' must be of type dateTime and should not be enclosed in quotes`},
	} {
		res, body := soql(t, s, "query", c.query)
		if !strings.Contains(body, c.want) || !json.Valid([]byte(body)) || (res.StatusCode == 200) == strings.Contains(body, "errorCode") {
			t.Errorf("%s: %s\n%s\nwant %s", c.query, res.Status, body, c.want)
		}
		if res.Header.Get("Sforce-Limit-Info") == "" {
			t.Errorf("%s: there is no Sforce-Limit-Info", c.query)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		v          value
		json, bulk string
	}{
		{value{}, "null", `""`},
		{textOf("a\"b\r\nc,"), `"a\"b\r\nc,"`, "\"a\"\"b\r\nc,\""},
		{value{kind: text, text: "\"\x00\"", num: 12}, `"\"12\""`, `"""12"""`},
		{boolOf(true), "true", `"true"`},
		{boolOf(false), "false", `"false"`},
		{value{kind: integer, num: -5}, "-5", `"-5"`},
		{value{kind: decimal, num: 0, scale: 2}, "0.0", `"0.0"`},
		{value{kind: decimal, num: 5}, "5.0", `"5.0"`},
		{value{kind: decimal, num: -123450, scale: 2}, "-1234.5", `"-1234.5"`},
		{value{kind: decimal, num: 9999999, scale: 0}, "9999999.0", `"9999999.0"`},
		{value{kind: decimal, num: 10000000, scale: 0}, "1.0E7", `"1.0E7"`},
		{value{kind: decimal, num: 1234567890, scale: 2}, "1.23456789E7", `"1.23456789E7"`},
		{value{kind: decimal, num: 1, scale: 3}, "0.001", `"0.001"`},
		{value{kind: decimal, num: 12, scale: 5}, "1.2E-4", `"1.2E-4"`},
		{value{kind: decimal, num: 999999999999999999, scale: 2}, "9999999999999999.99", `"9999999999999999.99"`},
		{value{kind: decimal, num: 123456789012345678, scale: 18}, "0.123456789012345678", `"0.123456789012345678"`},
		{value{kind: date, num: lastDay}, `"4000-12-31"`, `"4000-12-31"`},
		{value{kind: date, num: firstDay}, `"1700-01-01"`, `"1700-01-01"`},
		{timeOf(began.UnixMilli() + 7), `"2026-03-02T10:00:00.007+0000"`, `"2026-03-02T10:00:00.007Z"`},
		{timeOf(firstDay*msPerDay + 1), `"1700-01-01T00:00:00.001+0000"`, `"1700-01-01T00:00:00.001Z"`},
		{value{kind: clock, num: 3723004}, `"01:02:03.004Z"`, `"01:02:03.004Z"`},
		{value{kind: id, text: "001", num: 61}, `"0015g000000000zAAA"`, `"0015g000000000zAAA"`},
		{value{kind: id, text: "00D", num: 35}, `"00D5g000000000ZEAQ"`, `"00D5g000000000ZEAQ"`},
	} {
		var j simulate.Object
		c.v.json(&j)
		if got := string(j.Bytes); got != c.json {
			t.Errorf("%+v: JSON %s, want %s", c.v, got, c.json)
		}
		if got := string(c.v.csv(nil)); got != c.bulk {
			t.Errorf("%+v: CSV %s, want %s", c.v, got, c.bulk)
		}
		if c.v.kind == id {
			if back, ok := parseID(c.v.String()); !ok || back != c.v {
				t.Errorf("%s is read as %+v", c.v, back)
			}
		}
	}
	if _, ok := parseID("0015g000000000zAAB"); ok {
		t.Error("an id with wrong capitals is accepted")
	}
}
