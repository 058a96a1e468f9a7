package schema_test

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/schema"
)

// Pairs of column names, then table names where they differ.
const sdkNames = `
userData user_data
UserID user_id
HTTPServer httpserver
iOSVersion i_osversion
abc1 abc_1
a1b2 a_1_b_2
1abc 1_abc
line1Address line_1_address
SHA256Sum sha_256_sum
__c _c c
custom__c custom_c
_private _private private
amount($) amount_
$amount _amount amount
100% 100_
order-id.v2 order_id_v_2
Montréal montreal
- _
`

func TestApplicationNaming(t *testing.T) {
	for line := range strings.Lines(strings.TrimSpace(sdkNames)) {
		f := strings.Fields(line)
		if got := schema.ApplicationNaming.Column(f[0]); got != f[1] {
			t.Errorf("column %q: got %q, want %q", f[0], got, f[1])
		}
		if got, want := schema.ApplicationNaming.Table(f[0]), f[len(f)-1]; got != want {
			t.Errorf("table %q: got %q, want %q", f[0], got, want)
		}
	}
	for in, want := range map[string]string{"Name (Full)": "name_full_", "id ": "id_", "Montréal report": "montreal_report", "": ""} {
		if got := schema.ApplicationNaming.Column(in); got != want {
			t.Errorf("column %q: got %q, want %q", in, got, want)
		}
	}
}

// The pairs are real: describes recorded from Salesforce beside the columns of tables that Fivetran filled from it.
func TestSalesforceNames(t *testing.T) {
	f, err := os.Open("../../shared/reference/services/naming_vectors_salesforce.csv")
	if err != nil {
		t.Skipf("the shared reference is absent: %v", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[1:] {
		if got := schema.ApplicationNaming.Column(r[0]); got != r[1] {
			t.Errorf("%q: got %q, want %q", r[0], got, r[1])
		}
	}
}

func TestDatabaseNaming(t *testing.T) {
	for in, want := range map[string]string{
		"users": "users", "UserData": "userdata", "user-data": "user_data", "a  b": "a__b", "_x": "_x",
		"1st": "_1st", "l_orderkey1": "l_orderkey1", "Größe": "grosse",
	} {
		if got := schema.DatabaseNaming.Table(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	long := strings.Repeat("é", 40)
	a, b := schema.Shorten(long, 63), schema.Shorten(long+"x", 63)
	if a == b || len(a) > 63 || len(b) > 63 || a != schema.Shorten(long, 63) {
		t.Errorf("got %q and %q", a, b)
	}
	if got := schema.Shorten("short", 63); got != "short" {
		t.Errorf("got %q", got)
	}
}
