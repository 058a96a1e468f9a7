package salesforce

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/salesforce/simulator"
	"github.com/penstock-data/penstock/schema"
)

const reference = "../../../shared/reference/"

func TestTypes(t *testing.T) {
	for _, c := range []struct{ field, want string }{
		{`"type":"id","byteLength":18`, "STRING(32)"},
		{`"type":"reference","byteLength":18`, "STRING(32)"},
		{`"type":"string","byteLength":765`, "STRING(1024)"},
		{`"type":"textarea","byteLength":393216`, "STRING"},
		{`"type":"multipicklist","byteLength":12294`, "STRING(16384)"},
		{`"type":"time","byteLength":0`, "STRING"},
		{`"type":"combobox","byteLength":765`, "STRING(1024)"},
		{`"type":"encryptedstring","byteLength":525`, "STRING(1024)"},
		{`"type":"anyType","byteLength":0`, "STRING"},
		{`"type":"boolean"`, "BOOLEAN"},
		{`"type":"int","digits":8`, "LONG"},
		{`"type":"double","precision":18,"scale":15`, "DOUBLE"},
		{`"type":"percent","precision":3,"scale":0`, "DOUBLE"},
		{`"type":"currency","precision":18,"scale":2`, "DECIMAL(18,2)"},
		{`"type":"currency","precision":16,"scale":0`, "DECIMAL(16,0)"},
		{`"type":"date"`, "NAIVE_DATE"},
		{`"type":"datetime"`, "UTC_DATETIME"},
		{`"type":"complexvalue"`, "JSON"},
		{`"type":"address"`, "none"},
		{`"type":"location"`, "none"},
		{`"type":"base64"`, "none"},
	} {
		typ, ok := typeOf(fastjson.MustParse("{" + c.field + "}"))
		got := "none"
		if ok {
			got = typ.String()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.field, got, c.want)
		}
	}
}

// Objects are kept up to date in the way that their describe calls for.
func TestWays(t *testing.T) {
	const all = `{"name":"%s","replicateable":%v,"fields":[{"name":"Id","type":"id","filterable":true,"sortable":true}%s]}`
	field := func(name, typ string) string {
		return fmt.Sprintf(`,{"name":"%s","type":"%s","filterable":true,"sortable":true}`, name, typ)
	}
	stamp, created, deleted := field("SystemModstamp", "datetime"), field("CreatedDate", "datetime"), field("IsDeleted", "boolean")
	for _, c := range []struct {
		name         string
		replicated   bool
		fields       string
		way          way
		cursor, mark string
	}{
		{"X", true, stamp + created + deleted, byCursor, "SystemModstamp", ""},
		{"X", true, field("LastModifiedDate", "datetime") + created + deleted, byCursor, "LastModifiedDate", ""},
		{"X", true, created + deleted, byLog, "CreatedDate", ""},
		{"X", true, field("LoginTime", "datetime"), byLog, "LoginTime", ""},
		{"X", true, stamp, byLog, "SystemModstamp", ""},
		{"X", true, deleted, again, "", ""},
		{"X", true, field("SystemModstamp", "date"), again, "", ""},
		{"X", false, stamp + deleted, again, "SystemModstamp", ""},
		{"CurrencyType", true, stamp, again, "SystemModstamp", ""},
		{"Organization", false, stamp, byRow, "SystemModstamp", ""},
	} {
		o := describe(fastjson.MustParse(fmt.Sprintf(all, c.name, c.replicated, c.fields)), false)
		if o.way() != c.way || o.cursor != c.cursor {
			t.Errorf("%s %s: way %d by %q, want %d by %q", c.name, c.fields, o.way(), o.cursor, c.way, c.cursor)
		}
	}
}

// The recorded describes give the columns that a published model reads, with
// types.
func TestColumnsThatModelsRead(t *testing.T) {
	o := newOrg(t, simulator.Options{})
	tables, err := o.open(t).Tables(t.Context(), nil)
	check(t, err)
	connectortest.Published(t, reference+"services/dbt_required_columns.json", "dbt_salesforce", "salesforce", tables, schema.ApplicationNaming,
		// What an organization has only with a setting or an edition.
		"account.billing_country_code", "account.billing_state_code", "account.shipping_country_code", "account.shipping_state_code",
		"contact.mailing_country_code", "contact.mailing_state_code", "lead.country_code", "lead.state_code",
		"contact.do_not_call", "contact.has_opted_out_of_email", "contact.has_opted_out_of_fax", "lead.has_opted_out_of_email",
		"event.type", "event.what_count", "event.who_count", "opportunity.is_excluded_from_territory_2_filter", "opportunity.record_type_id",
		"opportunity.synced_quote_id", "opportunity.territory_2_id")
}

// The list of all objects of a real organization.
func TestQueryable(t *testing.T) {
	raw, err := os.ReadFile(reference + "salesforce_describe/GET_sobjects_Global_describe.json")
	if err != nil {
		t.Skipf("the shared reference is absent: %v", err)
	}
	v, err := fastjson.ParseBytes(raw)
	check(t, err)
	var not []string
	for _, o := range v.GetArray("sobjects") {
		if !queryable(o) {
			not = append(not, string(o.GetStringBytes("name")))
		}
	}
	want := []string{"UriEventStream", "UserChangeEvent", "UserEntityAccess", "UserFieldAccess", "UserRecordAccess", "Vote",
		"WarrantyTermChangeEvent", "WorkOrderChangeEvent", "WorkOrderLineItemChangeEvent", "WorkTypeChangeEvent"}
	if diff := cmp.Diff(want, not); diff != "" {
		t.Error(diff)
	}
}

func TestSOQL(t *testing.T) {
	o := describe(fastjson.MustParse(`{"name":"X","replicateable":true,"fields":[{"name":"Id","type":"id","filterable":true,"sortable":true},
		{"name":"SystemModstamp","type":"datetime","filterable":true,"sortable":true}]}`), false)
	from, to := began, began.Add(1500_000_000)
	for _, c := range []struct {
		q          query
		count, all string
	}{
		{query{}, "SELECT COUNT() FROM X", "SELECT Id FROM X ORDER BY Id"},
		{query{after: place{Key: `a'b\`}}, `SELECT COUNT() FROM X WHERE Id > 'a\'b\\'`, `SELECT Id FROM X WHERE Id > 'a\'b\\' ORDER BY Id`},
		{query{from: from, to: to}, "SELECT COUNT() FROM X WHERE SystemModstamp >= 2026-03-02T10:00:00.000Z AND SystemModstamp < 2026-03-02T10:00:01.500Z",
			"SELECT Id FROM X WHERE SystemModstamp >= 2026-03-02T10:00:00.000Z AND SystemModstamp < 2026-03-02T10:00:01.500Z ORDER BY SystemModstamp,Id"},
		{query{from: from, to: to, after: place{"2026-03-02T10:00:01.000Z", "a"}},
			"SELECT COUNT() FROM X WHERE SystemModstamp >= 2026-03-02T10:00:01.000Z AND (SystemModstamp > 2026-03-02T10:00:01.000Z OR Id > 'a') AND SystemModstamp < 2026-03-02T10:00:01.500Z",
			"SELECT Id FROM X WHERE SystemModstamp >= 2026-03-02T10:00:01.000Z AND (SystemModstamp > 2026-03-02T10:00:01.000Z OR Id > 'a') AND SystemModstamp < 2026-03-02T10:00:01.500Z ORDER BY SystemModstamp,Id"},
	} {
		c.q.object, c.q.fields = o, []string{"Id"}
		if got := c.q.count(); got != c.count {
			t.Errorf("got  %s\nwant %s", got, c.count)
		}
		if got := c.q.ordered(); got != c.all {
			t.Errorf("got  %s\nwant %s", got, c.all)
		}
	}
}

func TestParseUsage(t *testing.T) {
	for header, want := range map[string]usage{
		"api-usage=18/5000": {18, 5000},
		"api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)": {25, 5000},
		"per-app-api-usage=17/250(appName=x)":                                       {},
		"api-usage=x/5":                                                             {},
		"":                                                                          {},
	} {
		if got, ok := parseUsage(header); ok != (want != usage{}) || ok && got != want {
			t.Errorf("%q: got %v %v, want %v", header, got, ok, want)
		}
	}
}
