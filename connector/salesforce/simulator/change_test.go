package simulator

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Rows: map[string]int{"Account": 100}})
		live, all := s.Count("Account"), len(s.IDs("Account", true))
		if live >= all || all != 100 {
			t.Fatalf("%d rows, %d of them live", all, live)
		}
		time.Sleep(time.Hour)
		id, err := s.Insert("Account", Values{"Name": "New", "AnnualRevenue": "1.50", "IsPartner": "true"})
		if err != nil {
			t.Fatal(err)
		}
		stamp := func() string { v, _ := s.Value("Account", id, "SystemModstamp"); return v }
		if name, _ := s.Value("Account", id, "Name"); name != "New" || s.Count("Account") != live+1 || stamp() != "2000-01-01T01:00:00.000+0000" {
			t.Errorf("inserted: %s, %d rows, %s", name, s.Count("Account"), stamp())
		}
		time.Sleep(time.Hour)
		s.Update("Account", id, Values{"Name": "Newer"})
		if name, _ := s.Value("Account", id, "Name"); name != "Newer" || stamp() != "2000-01-01T02:00:00.000+0000" {
			t.Errorf("updated: %s, %s", name, stamp())
		}
		if v, _ := s.Value("Account", id, "CreatedDate"); v != "2000-01-01T01:00:00.000+0000" {
			t.Errorf("created %s", v)
		}
		time.Sleep(time.Hour)
		s.Delete("Account", id)
		if v, _ := s.Value("Account", id, "IsDeleted"); v != "true" || s.Count("Account") != live || stamp() != "2000-01-01T03:00:00.000+0000" {
			t.Errorf("deleted: %s, %d rows, %s", v, s.Count("Account"), stamp())
		}
		s.Undelete("Account", id)
		if s.Count("Account") != live+1 {
			t.Errorf("undeleted: %d rows", s.Count("Account"))
		}
		s.Delete("Account", id)
		s.Advance(15*day + time.Second)
		if _, ok := s.Value("Account", id, "Id"); ok || len(s.IDs("Account", true)) != live {
			t.Errorf("the recycle bin keeps rows after 15 days: %d rows, %d live", len(s.IDs("Account", true)), live)
		}
	})
}

func TestChangesRefused(t *testing.T) {
	s := play(Options{})
	id := s.IDs("Account", false)[0]
	insert := func(object string, v Values) error { _, err := s.Insert(object, v); return err }
	for want, err := range map[string]error{
		"there is no object Nope":                   insert("Nope", nil),
		"Account has no field Nope":                 insert("Account", Values{"Nope": "1"}),
		`Account.AnnualRevenue: "x" is no currency`: s.Update("Account", id, Values{"AnnualRevenue": "x"}),
		"Account has no row x":                      s.Delete("Account", "x"),
		"Account " + id + " is not deleted":         s.Undelete("Account", id),
		"Account has no formula Name":               s.Compute("Account", "Name", "x"),
		"Account has a field Name":                  s.AddField("Account", Field{Name: "Name", Type: "string"}),
		"Account has no field Nope ":                s.RemoveField("Account", "Nope "),
		"a field must have a name and a type":       s.AddField("Account", Field{Name: "x"}),
		"there is an object Account":                s.AddObject(Object{Name: "Account"}, 0),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Changes can be seen later than their SystemModstamp says.
func TestVisibleAfter(t *testing.T) {
	now := began
	s := play(Options{Rows: map[string]int{"Account": 2}, Now: func() time.Time { return now }, VisibleAfter: time.Minute})
	id := s.IDs("Account", false)[0]
	before, _ := s.Value("Account", id, "Name")
	now = now.Add(time.Hour)
	s.Update("Account", id, Values{"Name": "x"})
	s.Update("Account", id, Values{"Name": "y"})
	s.Insert("Account", Values{"Name": "z"})
	see := func(want string, rows int) {
		t.Helper()
		if got, _ := s.Value("Account", id, "Name"); got != want || s.Count("Account") != rows {
			t.Errorf("%v: %q in %d rows, want %q in %d", now, got, s.Count("Account"), want, rows)
		}
	}
	see(before, 2)
	now = now.Add(time.Minute)
	see("y", 3)
	if v, _ := s.Value("Account", id, "SystemModstamp"); v != "2026-03-02T11:00:00.000+0000" {
		t.Errorf("SystemModstamp is %s", v)
	}
}

// An org can change between a describe and a query.
func TestRemodel(t *testing.T) {
	now := began
	s := play(Options{Now: func() time.Time { return now }})
	q := func(query string) string { _, body := soql(t, s, "query", query); return body }
	now = now.Add(time.Hour)
	for _, err := range []error{
		s.AddField("Account", Field{Name: "Extra__c", Type: "currency", Precision: 18, Scale: 2}),
		s.AddField("Account", Field{Name: "Sum__c", Type: "double", Calculated: true}),
		s.RetypeField("Account", Field{Name: "Name", Type: "double", Precision: 10, Scale: 1}),
		s.RemoveField("Account", "Fax"),
		s.RemoveObject("Lead"),
		s.AddObject(Object{Name: "Thing__c", KeyPrefix: "a0T", Fields: []Field{{Name: "Id", Type: "id"}, {Name: "Name", Type: "string", Length: 80}}}, 3),
		s.Compute("Account", "Sum__c", "7"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"SELECT Extra__c, Sum__c FROM Account LIMIT 1":       `"Extra__c":null,"Sum__c":7.0`,
		"SELECT Name FROM Account WHERE Name > 1 LIMIT 1":    `"Name":`,
		"SELECT Name FROM Account WHERE Name = 'x'":          "INVALID_FIELD",
		"SELECT Fax FROM Account":                            "INVALID_FIELD",
		"SELECT Id FROM Lead":                                "INVALID_TYPE",
		"SELECT COUNT() FROM Thing__c":                       `"totalSize":3`,
		"SELECT Id FROM Account WHERE Extra__c = 2 LIMIT 10": `"totalSize":0`,
	} {
		if got := q(query); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	_, body := ask(t, s, "GET", "/services/data/v63.0/sobjects/Account/describe", login(t, s), "")
	var d struct{ Fields []map[string]any }
	json.Unmarshal([]byte(body), &d)
	i := slices.IndexFunc(d.Fields, func(f map[string]any) bool { return f["name"] == "Extra__c" })
	if i < 0 || d.Fields[i]["soapType"] != "xsd:double" || d.Fields[i]["scale"] != 2.0 || d.Fields[i]["custom"] != true || len(d.Fields[i]) != len(d.Fields[0]) {
		t.Errorf("the new field is described as %v", d.Fields[max(i, 0)])
	}
	r := httptest.NewRequest("GET", "/services/data/v63.0/sobjects/Account/describe", nil)
	r.Header.Set("Authorization", "Bearer "+login(t, s))
	r.Header.Set("If-Modified-Since", began.Format(http.TimeFormat))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("a describe that has changed since: %d", w.Code)
	}
	id, _ := s.Insert("Account", Values{"Extra__c": "12.34"})
	if v, _ := s.Value("Account", id, "Extra__c"); v != "12.34" {
		t.Errorf("Extra__c is %s", v)
	}
}

func TestControl(t *testing.T) {
	s := play(Options{})
	post := func(target string) map[string]any {
		_, body := ask(t, s, "POST", "/simulator/"+target, "", "")
		var m map[string]any
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatalf("%s: %s", target, body)
		}
		return m
	}
	id, _ := post("insert?object=Account&Name=ACME")["id"].(string)
	if v, _ := s.Value("Account", id, "Name"); v != "ACME" {
		t.Errorf("inserted %q: %q", id, v)
	}
	post("update?object=Account&id=" + id + "&Name=Acme%202")
	if v, _ := s.Value("Account", id, "Name"); v != "Acme 2" {
		t.Errorf("updated: %q", v)
	}
	for _, c := range []struct {
		what string
		live bool
	}{{"delete", false}, {"undelete", true}, {"purge", false}} {
		post(c.what + "?object=Account&id=" + id)
		if slices.Contains(s.IDs("Account", false), id) != c.live {
			t.Errorf("after %s the row is not as it should be", c.what)
		}
	}
	if m := post("delete?object=Account&id=" + id); m["detail"] == nil {
		t.Errorf("deleting what is gone: %v", m)
	}
	if m := post("usage?requests=90000"); m["usage"] != 90000.0 {
		t.Errorf("usage: %v", m["usage"])
	}
	post("revoke")
	if s.RefreshToken() != "" {
		t.Error("there is a valid refresh token")
	}
}

// An org lives while time goes by, and the same one lives the same life,
// however often it is looked at.
func TestLife(t *testing.T) {
	now := began
	opt := Options{Every: time.Minute, Now: func() time.Time { return now }, Rows: map[string]int{"Account": 50}}
	s, twin := play(opt), play(opt)
	all := func(s *Simulator) string {
		_, body := soql(t, s, "queryAll", "SELECT FIELDS(STANDARD) FROM Account")
		return body
	}
	before := all(s)
	ids, deleted := len(s.IDs("Account", true)), len(s.IDs("Account", true))-s.Count("Account")
	for range 24 {
		now = now.Add(time.Hour)
		all(s)
	}
	if after := all(s); after == before || after != all(twin) {
		t.Error("two equal orgs lead different lives, or none")
	}
	if n := len(s.IDs("Account", true)); n <= ids || n-s.Count("Account") <= deleted {
		t.Errorf("after a day: %d rows, %d of them live; there were %d, %d deleted", n, s.Count("Account"), ids, deleted)
	}
}

// Equal seeds make equal orgs, others do not.
func TestSeeds(t *testing.T) {
	all := func(seed int64) string {
		_, body := soql(t, play(Options{Seed: seed}), "queryAll", "SELECT Id, Name, Description, AnnualRevenue, SystemModstamp, OwnerId FROM Account")
		return body
	}
	one, twin, other := all(1), all(1), all(2)
	if one != twin || one == other {
		t.Error("seeds do not make orgs")
	}
}
