package salesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/connector/simulate"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Rows that are deleted are marked, come back when they are undeleted, and have
// is_deleted where the object has it.
func TestDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		tables := []string{"Account", "UserRole", "AccountHistory"}
		m := o.model()
		o.mustSync(t, m, tables...)
		for _, name := range tables {
			o.Advance(time.Hour)
			id := o.IDs(name, false)[3]
			check(t, o.Delete(name, id))
			o.Advance(time.Minute)
			o.mustSync(t, m, tables...)
			o.equal(t, m, name)
			if !slices.Contains(m.Deleted("salesforce."+name), id) {
				t.Errorf("%s %s is not marked", name, id)
			}
			if name != "Account" {
				continue
			}
			if !strings.Contains(m.Dump(), "|true|") {
				t.Error("is_deleted is not set")
			}
			o.Advance(time.Hour)
			check(t, o.Undelete(name, id))
			o.Advance(time.Minute)
			o.mustSync(t, m, tables...)
			o.equal(t, m, name, "IsDeleted")
		}
	})
}

// A row that was undeleted is there, although the log of deletes may still have
// it.
func TestUndeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{LogKeeps: true, PageSize: 10})
		m := o.model()
		sync := func(after time.Duration) {
			t.Helper()
			o.Advance(after)
			o.mustSync(t, m, "Account")
			o.equal(t, m, "Account", "IsDeleted")
		}
		sync(0)
		back, gone := o.IDs("Account", false)[3], o.IDs("Account", false)[4]
		for _, id := range []string{back, gone} {
			check(t, o.Delete("Account", id))
		}
		sync(time.Hour)
		check(t, o.Undelete("Account", back))
		check(t, o.Purge("Account", gone))
		sync(time.Hour)
		sync(24 * time.Hour)
		if !slices.Contains(m.Deleted("salesforce.Account"), gone) {
			t.Error("the row that was purged is not marked")
		}
		sync(time.Hour)
	})
}

// Where it is not known what was deleted, the table is read as a whole.
func TestDeletesUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		after  time.Duration
		setUp  func(*org)
		tables []string // that are read as a whole
	}{
		"the log was purged":  {time.Hour, func(o *org) { o.PurgeLog("UserRole") }, []string{"UserRole"}},
		"that of cursors was": {24 * time.Hour, func(o *org) { o.PurgeLog("Account") }, []string{"Account"}},
		"too many of cursors were": {24 * time.Hour, func(o *org) {
			o.Break(simulate.Fault{Path: "Account/deleted", Status: 400, Code: "EXCEEDED_ID_LIMIT", Count: -1})
		}, []string{"Account"}},
		"too many were": {time.Hour, func(o *org) {
			o.Break(simulate.Fault{Path: "UserRole/deleted", Status: 400, Code: "EXCEEDED_ID_LIMIT", Count: -1})
		}, []string{"UserRole"}},
		"it is too long ago":    {16 * 24 * time.Hour, func(o *org) {}, []string{"UserRole", "Account", "User"}},
		"it is nearly too long": {15*24*time.Hour - time.Hour, func(o *org) {}, []string{"UserRole", "Account", "User"}},
		"it is long ago":        {13 * 24 * time.Hour, func(o *org) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, simulator.Options{})
				m := o.model()
				all := []string{"Account", "User", "UserRole"}
				o.mustSync(t, m, all...)
				o.Advance(time.Hour)
				gone := o.Delete
				if c.after >= 24*time.Hour { // which is how often the log is read of objects whose deleted rows can be
					gone = o.Purge
				}
				for _, table := range all {
					check(t, gone(table, o.IDs(table, false)[2]))
				}
				o.Advance(c.after)
				c.setUp(o)
				o.mustSync(t, m, all...)
				for _, table := range all {
					o.equal(t, m, table)
					_, counted := m.Expected[tableName(table)]
					if n := m.Expected[tableName(table)]; slices.Contains(c.tables, table) != (counted && n > 3) {
						t.Errorf("%s: %d rows were expected", table, n)
					}
				}
			})
		})
	}
}

// Changes are found although they show late, and whatever this machine's clock
// says.
func TestLateAndSkewed(t *testing.T) {
	for _, late := range []time.Duration{0, 9 * time.Minute} {
		for _, skew := range []time.Duration{-2 * time.Hour, -time.Minute, 0, time.Minute, 2 * time.Hour} {
			t.Run(fmt.Sprint(late, skew), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOrg(t, simulator.Options{VisibleAfter: late})
					o.now = func() time.Time { return o.Now().Add(skew) }
					m := o.model()
					tables := []string{"Account", "User"}
					o.mustSync(t, m, tables...)
					for range 8 {
						for _, name := range tables {
							ids := o.IDs(name, false)
							o.Update(name, ids[0], nil)
							o.Delete(name, ids[1])
							_, err := o.Insert(name, nil)
							check(t, err)
						}
						o.Advance(3*time.Minute + 500*time.Millisecond)
						o.mustSync(t, m, tables...)
					}
					o.Advance(20 * time.Minute)
					o.mustSync(t, m, tables...)
					for _, name := range tables {
						o.equal(t, m, name)
					}
				})
			})
		}
	}
}

// A row that was deleted before it was read, and showed as deleted after, is
// marked by the next sync.
func TestLateDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{VisibleAfter: 9 * time.Minute})
		m := o.model()
		tables := []string{"Account", "User", "UserRole", "AccountHistory"}
		for range 3 {
			for _, name := range tables {
				check(t, o.Delete(name, o.IDs(name, false)[1]))
			}
			o.Advance(time.Minute)
			o.mustSync(t, m, tables...)
			o.Advance(20 * time.Minute)
			o.mustSync(t, m, tables...)
			for _, name := range tables {
				o.equal(t, m, name)
			}
		}
	})
}

// A Date that cannot be Salesforce's time moves no cursor. If no answer has
// another, nothing is read.
func TestAbsurdDates(t *testing.T) {
	at := func(d time.Duration) string { return began.Add(d).Format(http.TimeFormat) }
	for name, date := range map[string]string{
		"years ahead": at(20 * 365 * 24 * time.Hour), "years back": at(-20 * 365 * 24 * time.Hour), "hours ahead": at(12 * time.Hour),
		"none": "", "no date": "tomorrow", "another format": began.Format(time.RFC3339),
	} {
		for _, all := range []bool{true, false} {
			t.Run(fmt.Sprint(name, all), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOrg(t, simulator.Options{})
					m := o.model()
					o.mustSync(t, m, "Account", "UserRole")
					o.Advance(time.Hour)
					id := o.IDs("Account", false)[0]
					check(t, o.Update("Account", id, simulator.Values{"Site": "before"}))
					o.Advance(time.Minute)
					n := 0
					o.after = func(res *http.Response) {
						if n++; all || n%2 == 0 {
							res.Header.Set("Date", date)
						}
					}
					err := o.sync(t, m, "Account", "UserRole")
					if p := setup.AsProblem(err); all && (p == nil || p.Code != "clock_differs" || !strings.Contains(p.Message, "Set this server's clock")) || !all && err != nil {
						t.Errorf("got %v", err)
					}
					if results := o.open(t).Test(t.Context()); all && (results[0].Title != testConnect || results[0].Status != setup.Failed) {
						t.Errorf("the setup tests say %+v", results)
					}
					check(t, o.Update("Account", o.IDs("Account", false)[1], simulator.Values{"Site": "meanwhile"}))
					check(t, o.Delete("UserRole", o.IDs("UserRole", false)[1]))
					o.Advance(time.Hour)
					o.after = nil
					o.mustSync(t, m, "Account", "UserRole")
					o.equal(t, m, "Account", "Site")
					o.equal(t, m, "UserRole")
				})
			})
		}
	}
}

// Of two times that are possible the earlier counts.
func TestDoubtfulDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		m := o.model()
		n := 0
		o.after = func(res *http.Response) {
			if n++; n > 2 {
				res.Header.Set("Date", o.Now().Add(2*time.Hour).Format(http.TimeFormat))
			}
		}
		for range 3 {
			n = 0
			o.mustSync(t, m, "Account", "UserRole")
			o.Advance(time.Hour)
			check(t, o.Update("Account", o.IDs("Account", false)[1], simulator.Values{"Site": fmt.Sprint(o.Now())}))
			check(t, o.Delete("UserRole", o.IDs("UserRole", false)[1]))
			o.Advance(time.Minute)
		}
		o.mustSync(t, m, "Account", "UserRole")
		o.equal(t, m, "Account", "Site")
		o.equal(t, m, "UserRole")
	})
}

// Many rows with one time are read page by page.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{PageSize: 7})
		m := o.model()
		o.mustSync(t, m, "Contact")
		o.Advance(time.Hour)
		for _, id := range o.IDs("Contact", false) {
			check(t, o.Update("Contact", id, simulator.Values{"Title": "x"}))
		}
		o.Advance(time.Hour)
		o.mustSync(t, m, "Contact")
		o.equal(t, m, "Contact", "Title")
	})
}

// A query that is too long for an address is asked for all the same.
func TestManyFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{PageSize: 20})
		wide := simulator.Object{Name: "Wide__c", Fields: []simulator.Field{{Name: "Id", Type: "id", Length: 18}, {Name: "IsDeleted", Type: "boolean"}, {Name: "SystemModstamp", Type: "datetime"}}, KeyPrefix: "a0W"}
		for i := range 600 {
			wide.Fields = append(wide.Fields, simulator.Field{Name: fmt.Sprintf("A_Field_With_A_Very_Long_Name_%03d__c", i), Type: "string", Length: 80})
		}
		check(t, o.AddObject(wide, 55))
		m := o.model()
		o.mustSync(t, m, "Wide__c")
		o.equal(t, m, "Wide__c", "A_Field_With_A_Very_Long_Name_599__c")
		o.Advance(time.Hour)
		check(t, o.Update("Wide__c", o.IDs("Wide__c", false)[1], simulator.Values{"A_Field_With_A_Very_Long_Name_599__c": "new"}))
		o.Advance(time.Hour)
		o.mustSync(t, m, "Wide__c")
		o.equal(t, m, "Wide__c", "A_Field_With_A_Very_Long_Name_599__c")
	})
}

// Objects that can only be read as a whole are read once a day.
func TestInfrequentObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, every := range []bool{false, true} {
			o := newOrg(t, simulator.Options{})
			o.config["update_infrequent_objects_in_every_sync"] = every
			m := o.model()
			o.mustSync(t, m, "UserLicense")
			read := o.Requests("query")
			o.Advance(time.Hour)
			o.mustSync(t, m, "UserLicense")
			if got := o.Requests("query") > read; got != every {
				t.Errorf("every sync %v: read again %v", every, got)
			}
			o.Advance(24 * time.Hour)
			o.mustSync(t, m, "UserLicense")
			if o.Requests("query") == read {
				t.Error("it is not read the next day")
			}
		}
	})
}

// Formula fields are left out unless they are wanted; what they are computed
// from is always there.
func TestFormulas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, wanted := range []bool{false, true} {
			o := newOrg(t, simulator.Options{})
			text := "Amount__c * 2"
			check(t, o.AddField("Invoice__c", simulator.Field{Name: "Double__c", Type: "double", Precision: 18, Scale: 2, Calculated: true, Formula: &text}))
			o.config["sync_formula_fields"] = wanted
			m := o.model()
			o.mustSync(t, m, "Invoice__c", formulaTable, modelTable)
			has := slices.ContainsFunc(m.Columns("salesforce.Invoice__c"), columnNamed("Double__c"))
			if has != wanted {
				t.Errorf("wanted %v, has a column %v", wanted, has)
			}
			rows := m.Rows("salesforce.FIVETRAN_FORMULA", "object", "field", "formula")
			if !slices.Contains(rows, "invoice_c|double_c|"+text) {
				t.Errorf("formulas %q", rows)
			}
			if models := m.Rows("salesforce.FIVETRAN_FORMULA_MODEL", "object"); !slices.Contains(models, "invoice_c") {
				t.Errorf("models %q", models)
			}
			o.Advance(time.Hour)
			check(t, o.RemoveField("Invoice__c", "Double__c"))
			o.mustSync(t, m, "Invoice__c", formulaTable, modelTable)
			if gone := m.Deleted("salesforce.FIVETRAN_FORMULA"); !slices.Contains(gone, "invoice_c|double_c") {
				t.Errorf("gone %q", gone)
			}
		}
	})
}

// The SQL of formulas is about what is synced only, and changes with it; who is
// logged in is asked for when a formula depends on it.
func TestFormulasAreOfWhatIsSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		m := o.model()
		formulas := []string{formulaTable, modelTable, failureTable}
		look := func(columns ...string) []string {
			return m.Rows("salesforce.FIVETRAN_FORMULA_FAILURE_REASON", columns...)
		}

		o.mustSync(t, m, append(formulas, "Invoice__c")...)
		if got := look("field", "failure_reason"); !slices.Contains(got, "customer_c|LOOKUP_FIELD_NOT_SYNCED") || !slices.Contains(got, "limit_c|UNSUPPORTED_REFERENCE") || len(got) != 3 {
			t.Errorf("failures %q", got)
		}
		if n := len(m.Warnings); n != 1 || m.Warnings[0].Code != "formula_not_translated" || !strings.HasPrefix(m.Warnings[0].Message, "3 of 10 formulas") {
			t.Errorf("warnings %v", m.Warnings)
		}
		if n := o.Requests("identity"); n != 1 {
			t.Errorf("%d requests for the user's time zone", n)
		}

		o.Advance(time.Hour)
		o.mustSync(t, m, append(formulas, "Invoice__c", "Account", "User")...)
		if got := look("field"); !slices.Equal(got, []string{"limit_c"}) {
			t.Errorf("failures %q", got)
		}
		views := m.Rows("salesforce.FIVETRAN_FORMULA", "field", "sql", "view_sql")
		if !slices.ContainsFunc(views, func(row string) bool { return strings.HasPrefix(row, "customer_c|NULL|select main__table.id, ") }) {
			t.Errorf("formulas %q", views)
		}

		o.Advance(time.Hour)
		o.mustSync(t, m, append(formulas, "Invoice__c", "Account", "User")...)
		if len(m.Warnings) > 0 {
			t.Errorf("warnings although nothing has changed: %v", m.Warnings)
		}
	})
}

// People are told of objects that have no table.
func TestLeftOut(t *testing.T) {
	o := newOrg(t, simulator.Options{})
	for _, name := range []string{"Old__b", "Older__b", "Elsewhere__x"} {
		check(t, o.AddObject(simulator.Object{Name: name, Fields: []simulator.Field{{Name: "Id", Type: "id"}}}, 0))
	}
	var got []string
	tables, err := o.open(t).Tables(t.Context(), func(w setup.Warning) { got = append(got, w.Message) })
	check(t, err)
	want := []string{
		"The big objects Old__b, Older__b were left out: Salesforce gives their rows only to queries that name values of their index, without ids, counts or deletes.",
		"The external objects Elsewhere__x were left out: their rows are in another system, which is asked for them each time: connect that system itself.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings %q", got)
	}
	if slices.ContainsFunc(tables, func(t schema.Table) bool {
		return strings.HasSuffix(t.Table, "__b") || strings.HasSuffix(t.Table, "__x")
	}) {
		t.Error("they have tables")
	}
}

// A row that is not even in the recycle bin any more is marked within a day.
func TestPurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{})
		m := o.model()
		o.mustSync(t, m, "Account")
		o.Advance(time.Hour)
		check(t, o.Purge("Account", o.IDs("Account", false)[0]))
		o.Advance(24 * time.Hour)
		o.mustSync(t, m, "Account")
		o.equal(t, m, "Account")
	})
}

// Many changes come by Bulk API.
func TestLargeIncrement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{PageSize: 20})
		o.adapt = small
		m := o.model()
		o.mustSync(t, m, "Contact")
		o.Advance(time.Hour)
		for i, id := range o.IDs("Contact", false) {
			if i%9 == 0 {
				check(t, o.Delete("Contact", id))
			} else {
				check(t, o.Update("Contact", id, simulator.Values{"Title": fmt.Sprint(i)}))
			}
		}
		o.Advance(time.Hour)
		jobs := o.Requests("job")
		o.mustSync(t, m, "Contact")
		o.equal(t, m, "Contact", "Title")
		if n := o.Requests("job") - jobs; n != 1 {
			t.Errorf("%d jobs", n)
		}
	})
}

// A field that is new, or wanted for the first time, has its values in all rows.
func TestNewFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, simulator.Options{PageSize: 20})
		o.adapt = small
		m := o.model()
		o.mustSync(t, m, "Contact", "UserLicense")
		o.Advance(time.Minute)
		for _, name := range []string{"Contact", "UserLicense"} {
			text := "x"
			check(t, o.AddField(name, simulator.Field{Name: "New__c", Type: "string", Length: 80, Calculated: true, Formula: &text}))
			check(t, o.Compute(name, "New__c", "value"))
		}
		o.config["sync_formula_fields"] = true
		o.mustSync(t, m, "Contact", "UserLicense")
		o.equal(t, m, "Contact", "New__c")
		o.equal(t, m, "UserLicense", "New__c")
		queries := o.Requests("query") + o.Requests("job")
		o.Advance(time.Minute)
		o.mustSync(t, m, "Contact", "UserLicense")
		if n := o.Requests("query") + o.Requests("job") - queries; n != 1 {
			t.Errorf("%d queries although nothing is new", n)
		}
	})
}
