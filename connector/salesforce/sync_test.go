package salesforce

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/salesforce/simulator"
)

func TestHistoryAndIncrements(t *testing.T) { synctest.Test(t, testHistoryAndIncrements) }

func testHistoryAndIncrements(t *testing.T) {
	o := newOrg(t, simulator.Options{})
	o.adapt = small
	m := o.model()
	o.mustSync(t, m)
	objects := []string{"Account", "AccountHistory", "Case", "Contact", "CurrencyType", "Custom__c", "Event", "Invoice__c", "Lead", "LoginHistory",
		"Opportunity", "OpportunityContactRole", "OpportunityLineItem", "Order", "Organization", "Product2", "SetupAuditTrail", "Task", "TaskStatus",
		"User", "UserLicense", "UserRole"}
	for _, name := range objects {
		o.equal(t, m, name)
	}
	check(t, o.Delete("Custom__c", o.IDs("Custom__c", false)[0])) // nothing tells: it is seen the next day
	for i := range 5 {
		o.Advance(5 * time.Hour)
		for _, name := range []string{"Account", "Contact", "User", "AccountHistory", "Opportunity"} {
			ids := o.IDs(name, false)
			check(t, o.Update(name, ids[i], nil))
			check(t, o.Delete(name, ids[i+1]))
			_, err := o.Insert(name, nil)
			check(t, err)
		}
		o.Advance(time.Second)
		o.mustSync(t, m)
		for _, name := range objects {
			if name != "Custom__c" || i > 2 {
				o.equal(t, m, name)
			}
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A sync that is stopped anywhere and resumed leaves what one does that is not.
func TestStopAnywhere(t *testing.T) { synctest.Test(t, testStopAnywhere) }

func testStopAnywhere(t *testing.T) {
	o := newOrg(t, simulator.Options{PageSize: 20})
	o.adapt = small
	connectortest.Run(t, func() connector.Source {
		return only{o.open(t), []string{"Account", "Contact", "User", "UserRole", "UserLicense", "AccountHistory", "FIVETRAN_FORMULA"}}
	}, func() {
		o.Advance(time.Hour)
		for i, name := range []string{"Account", "Contact", "User", "UserRole", "AccountHistory"} {
			ids := o.IDs(name, false)
			check(t, o.Update(name, ids[i], nil))
			check(t, o.Delete(name, ids[i+1]))
			_, err := o.Insert(name, nil)
			check(t, err)
		}
		o.Advance(24 * time.Hour)
	})
	if n := o.Jobs(); n > 0 {
		t.Errorf("%d jobs of Bulk API were left behind", n)
	}
}
