package sqlwriter

import (
	"testing"

	"github.com/penstock-data/penstock/schema"
)

var some = Types{
	Names: map[schema.Kind]string{schema.Long: "int8", schema.Double: "float8", schema.Datetime: "timestamp", schema.String: "text", schema.JSON: "json"},
	Text:  "text COLLATE plain", Decimal: "dec(%d,%d)", MaxScale: 30,
	Instead: map[schema.Kind]schema.Kind{schema.Float: schema.Double, schema.Instant: schema.Datetime},
}

func TestTypes(t *testing.T) {
	for _, c := range []struct{ typ, stored, name string }{
		{"LONG", "LONG", "int8"},
		{"FLOAT", "DOUBLE", "float8"},
		{"UTC_DATETIME", "NAIVE_DATETIME", "timestamp"},
		{"DECIMAL(38,30)", "DECIMAL(38,30)", "dec(38,30)"},
		{"DECIMAL(38,31)", "STRING", "text COLLATE plain"},
		{"DECIMAL", "STRING", "text COLLATE plain"},
		{"UNSPECIFIED", "STRING", "text COLLATE plain"},
		{"XML", "STRING", "text COLLATE plain"},
		{"JSON", "JSON", "json"},
	} {
		typ, err := schema.ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		if stored, name := some.Stored(typ).String(), some.Name(typ); stored != c.stored || name != c.name {
			t.Errorf("%s: stored as %s, %s, want %s, %s", typ, stored, name, c.stored, c.name)
		}
	}
	for name, want := range map[string]string{"int8": "LONG", "text": "STRING", "dec(5,2)": "DECIMAL(5,2)", "dec(5,2) unsigned": "", "dec(65,2)": "", "dec(38,31)": "", "uuid": ""} {
		got, ok := some.Parse(name)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: got %s, %v", name, got, ok)
		}
	}
	numbers := Types{Names: map[schema.Kind]string{schema.Decimal: "numeric", schema.String: "text"}, Decimal: "numeric(%d,%d)"}
	if got := numbers.Name(schema.Type{Kind: schema.Decimal}); got != "numeric" {
		t.Errorf("numbers of any size are %s", got)
	}
	if got := numbers.Name(schema.DecimalOf(38, 38)); got != "numeric(38,38)" {
		t.Errorf("got %s", got)
	}
}
