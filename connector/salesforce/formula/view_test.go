package formula

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shop is an org of three objects, whose tables are in the schema crm.
func shop() *Org {
	id := Field{Name: "Id", Type: "id", Column: "id"}
	text := func(name, column string) Field { return Field{Name: name, Type: "string", Column: column} }
	objects := map[string]*Object{
		"user": {Name: "User", Table: `crm."user"`, Fields: []Field{
			id, text("Name", "name"), text("Title", "title"),
			{Name: "ManagerId", Type: "reference", Column: "manager_id", Relation: "Manager", To: []string{"User"}},
			{Name: "ProfileId", Type: "reference", Column: "profile_id", Relation: "Profile", To: []string{"Profile"}},
		}},
		"account": {Name: "Account", Table: "crm.account", Fields: []Field{
			id, text("Name", "name"), {Name: "IsDeleted", Type: "boolean", Column: "is_deleted"},
			{Name: "OwnerId", Type: "reference", Column: "owner_id", Relation: "Owner", To: []string{"User"}},
			{Name: "ParentId", Type: "reference", Column: "parent_id", Relation: "Parent", To: []string{"Account"}},
			text("Blocked__c", ""), {Name: "Hashed__c", Type: "string", Column: "hashed_c", Hidden: true},
			{Name: "Boss__c", Type: "string", Formula: "Owner.Manager.Name"},
		}},
		"opportunity": {Name: "Opportunity", Table: "crm.opportunity", Fields: []Field{
			id, text("Name", "name"), {Name: "Count__c", Type: "int", Column: "count_c"},
			{Name: "Amount", Type: "currency", Column: "amount", Scale: 2}, {Name: "Probability", Type: "percent", Column: "probability"},
			{Name: "AccountId", Type: "reference", Column: "account_id", Relation: "Account", To: []string{"Account"}},
			{Name: "OwnerId", Type: "reference", Column: "owner_id", Relation: "Owner", To: []string{"Group", "User"}},
			{Name: "Secret__c", Type: "encryptedstring", Column: "secret_c"}, {Name: "Where__c", Type: "address"},
		}},
		"profile": {Name: "Profile", Fields: []Field{id, text("Name", "")}},
		"kept":    {Name: "Kept", Table: "crm.kept", History: true, Fields: []Field{id, text("Name", "name")}},
	}
	objects["opportunity"].Fields = append(objects["opportunity"].Fields,
		Field{Name: "Kept__c", Type: "reference", Column: "kept_c", Relation: "Kept__r", To: []string{"Kept"}},
		Field{Name: "Gone__c", Type: "reference", Column: "gone_c", Relation: "Gone__r", To: []string{"Gone__c"}})
	return &Org{ID: "00D000000000001AAA", User: "005000000000001AAA", Object: func(name string) *Object { return objects[strings.ToLower(name)] }}
}

// The SQL of formulas, as it is in the table.
func TestView(t *testing.T) {
	for _, c := range []struct{ typ, formula, want string }{
		{"int", "Count__c * 2", "CAST((CAST(count_c AS DOUBLE PRECISION) * 2) AS BIGINT)"},
		{"currency", "Amount", "ROUND(CAST(CAST(CAST(amount AS DOUBLE PRECISION) AS TEXT) AS DECIMAL(38, 10)), 0)"},
		{"boolean", "Amount > 100", "COALESCE((CAST(amount AS DOUBLE PRECISION) > 100), FALSE)"},
		{"string", `IF(Probability = 1, "won", Name)`, "CASE WHEN ((probability / 100) = 1) THEN 'won' ELSE name END"},
		{"string", "Opportunity.Name", "name"},
		{"string", "Account.Name", "select main__table.id, account__alias.name as f from crm.opportunity as main__table" +
			" left join crm.account as account__alias on main__table.account_id = account__alias.id and account__alias.is_deleted is not true"},
		{"string", "Account.Owner.Name & account.owner.Title", "select main__table.id, NULLIF((COALESCE(account_owner__alias.name, '') || COALESCE(account_owner__alias.title, '')), '') as f" +
			" from crm.opportunity as main__table left join crm.account as account__alias on main__table.account_id = account__alias.id and account__alias.is_deleted is not true" +
			` left join crm."user" as account_owner__alias on account__alias.owner_id = account_owner__alias.id`},
		{"string", "Account.Boss__c", "select main__table.id, account_owner_manager__alias.name as f from crm.opportunity as main__table" +
			" left join crm.account as account__alias on main__table.account_id = account__alias.id and account__alias.is_deleted is not true" +
			` left join crm."user" as account_owner__alias on account__alias.owner_id = account_owner__alias.id` +
			` left join crm."user" as account_owner_manager__alias on account_owner__alias.manager_id = account_owner_manager__alias.id`},
		{"string", "Owner:User.Name", `select main__table.id, owner_user__alias.name as f from crm.opportunity as main__table` +
			` left join crm."user" as owner_user__alias on main__table.owner_id = owner_user__alias.id`},
		{"string", "Kept__r.Name", "select main__table.id, kept__alias.name as f from crm.opportunity as main__table" +
			" left join crm.kept as kept__alias on main__table.kept_c = kept__alias.id and kept__alias._fivetran_active"},
		{"string", "$User.Title", `select main__table.id, user__alias.title as f from crm.opportunity as main__table` +
			` left join crm."user" as user__alias on LEFT(user__alias.id, 15) = '005000000000001'`},
		{"string", "'it''s'", ""},
		{"string", "\"it's\"", "'it''s'"},
	} {
		org := shop()
		f := &Field{Name: "f", Type: c.typ, Formula: c.formula}
		v := NewView(org, org.Object("Opportunity"), "")
		got, err := v.Add(f, "f")
		if err == nil && !v.Alone() {
			v = NewView(org, org.Object("Opportunity"), "main__table")
			_, err = v.Add(f, "f")
			got = v.Select("main__table.id")
		}
		if (err != nil) != (c.want == "") {
			t.Errorf("%s: %v", c.formula, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.formula, diff)
		}
	}
}

// A model has the formulas that are translated, over as few joins as they
// take, and nothing of the others.
func TestModel(t *testing.T) {
	org := shop()
	v := NewView(org, org.Object("Opportunity"), "opportunity__table")
	for _, f := range []*Field{
		{Name: "a", Type: "string", Formula: "Account.Name"},
		{Name: "bad", Type: "string", Formula: "Account.Parent.Blocked__c"},
		{Name: "b", Type: "string", Formula: "Account.Name & Name"},
	} {
		v.Add(f, f.Name)
	}
	want := "select opportunity__table.*, account__alias.name as a, NULLIF((COALESCE(account__alias.name, '') || COALESCE(opportunity__table.name, '')), '') as b" +
		" from crm.opportunity as opportunity__table left join crm.account as account__alias on opportunity__table.account_id = account__alias.id and account__alias.is_deleted is not true"
	if diff := cmp.Diff(want, v.Select("opportunity__table.*")); diff != "" {
		t.Error(diff)
	}
}

// What is refused, and what people are told.
func TestReasons(t *testing.T) {
	for formula, want := range map[string]string{
		"1 +":                        "SYNTAX_ERROR: The formula ends too early.",
		"IF(TRUE, 1)":                "SYNTAX_ERROR: IF has 2 arguments, which is not what it takes.",
		"Name Name":                  `SYNTAX_ERROR: The formula has "Name" where something else should be, at character 6.`,
		"/* a":                       "SYNTAX_ERROR: A comment of the formula does not end.",
		"PRIORVALUE(Name)":           "UNSUPPORTED_FUNCTION: PRIORVALUE is not translated: it is about a change, not a row.",
		"FOO(Name)":                  "UNSUPPORTED_FUNCTION: FOO is not known as a function of formulas.",
		"1 + Name":                   "UNSUPPORTED_ARGUMENT: + has a number and a text.",
		`Name & 1`:                   "UNSUPPORTED_ARGUMENT: & has a number as its argument 2, and takes a text.",
		`REGEX(Name, "(?=a)")`:       "UNSUPPORTED_ARGUMENT: The pattern of REGEX has a group that is more than a group.",
		`REGEX(Name, Name)`:          "UNSUPPORTED_ARGUMENT: The pattern of REGEX is no literal.",
		"TRUE":                       "UNSUPPORTED_ARGUMENT: The formula comes to a yes or no, and its field is a string.",
		"Nobody__c":                  "UNSUPPORTED_REFERENCE: Opportunity has no field Nobody__c that the user of this connection may see.",
		"Nobody__r.Name":             "UNSUPPORTED_REFERENCE: Opportunity has no relationship Nobody__r that is known.",
		"Owner.Name":                 "UNSUPPORTED_REFERENCE: Owner of Opportunity may be of several objects (Group, User), and the formula does not say of which.",
		"$Label.Hello":               "UNSUPPORTED_REFERENCE: $Label is not translated: it is in no table.",
		"$Setup.A__c.B__c":           "UNSUPPORTED_REFERENCE: $Setup is not translated: it is in no table.",
		"Secret__c":                  "UNSUPPORTED_REFERENCE: The formula is about Opportunity.Secret__c, a field of the type encryptedstring.",
		"Account.Blocked__c":         "LOOKUP_FIELD_NOT_SYNCED: The formula is about Account.Blocked__c, which is not synced: include that column.",
		"Account.Hashed__c":          "FIELD_NOT_SYNCED: The formula is about Account.Hashed__c, of which the column has hashes or masks.",
		"Gone__r.Name":               "LOOKUP_FIELD_NOT_SYNCED: The formula is about Gone__c, which is not synced: include that table.",
		"Owner:Queue.Name":           "LOOKUP_FIELD_NOT_SYNCED: The formula is about Group, which is not synced: include that table.",
		"$Profile.Name":              "LOOKUP_FIELD_NOT_SYNCED: The formula is about Profile, which is not synced: include that table.",
		"Where__c":                   "FIELD_NOT_SYNCED: The formula is about Where__c, which is not synced: include that column.",
		"TEXT(TODAY())":              "UNKNOWN_TIME_ZONE: The formula depends on the time zone of the user as whom this connection logs in, which Salesforce does not tell.",
		strings.Repeat("(", 200):     "TOO_LONG: The formula is nested more than 150 levels deep.",
		strings.Repeat("ABS(", 200):  "TOO_LONG: The formula is nested more than 150 levels deep.",
		strings.Repeat("\t", 70_000): "TOO_LONG: The formula has 70000 bytes, more than the 65536 that are translated.",
	} {
		org := shop()
		_, err := NewView(org, org.Object("Opportunity"), "").Add(&Field{Name: "f", Type: "string", Formula: formula}, "f")
		var why *Reason
		if !errors.As(err, &why) || string(why.Code)+": "+why.Message != want {
			t.Errorf("%.60s: %+v, want %s", formula, err, want)
		}
	}
	o := sample
	if _, err := NewView(&Org{}, o, "").Add(o.field("Loop__c"), "f"); err == nil || err.Error() != "Formula Deal__c.Loop__c refers to itself." {
		t.Error(err)
	}
}
