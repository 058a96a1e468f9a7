package schema_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock-data/penstock/schema"
)

func types() *rapid.Generator[schema.Type] {
	return rapid.Custom(func(t *rapid.T) schema.Type {
		k := schema.Kind(rapid.IntRange(int(schema.Unspecified), int(schema.JSON)).Draw(t, "kind"))
		switch k {
		case schema.Decimal:
		case schema.String:
			return schema.StringOf(rapid.IntRange(0, 1<<17).Draw(t, "length"))
		default:
			return schema.Type{Kind: k}
		}
		p := rapid.IntRange(0, 40).Draw(t, "precision")
		return schema.DecimalOf(p, rapid.IntRange(0, max(p, 1)).Draw(t, "scale"))
	})
}

func TestJoinIsALattice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := types().Draw(t, "a"), types().Draw(t, "b"), types().Draw(t, "c")
		if got := schema.Join(a, a); got != a {
			t.Errorf("join(%v, %v) = %v", a, a, got)
		}
		if x, y := schema.Join(a, b), schema.Join(b, a); x != y {
			t.Errorf("join(%v, %v) = %v, the other way %v", a, b, x, y)
		}
		x, y := schema.Join(schema.Join(a, b), c), schema.Join(a, schema.Join(b, c))
		if x != y {
			t.Errorf("(%v, %v), %v = %v, but %v, (%v, %v) = %v", a, b, c, x, a, b, c, y)
		}
		if j := schema.Join(a, b); schema.Join(j, a) != j {
			t.Errorf("join(%v, %v) = %v does not hold %v", a, b, j, a)
		}
	})
}

func TestTypeText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := types().Draw(t, "type")
		got, err := schema.ParseType(want.String())
		if err != nil || got != want {
			t.Errorf("%v: got %v, %v", want, got, err)
		}
	})
	for _, s := range []string{"", "NUMBER", "STRING(3,4)", "STRING(3)", "STRING(0)", "STRING(131072)", "JSON(64)", "DECIMAL(x,y)"} {
		if _, err := schema.ParseType(s); err == nil {
			t.Errorf("ParseType(%q): no error", s)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"SHORT", "LONG", "LONG"},
		{"INT", "FLOAT", "DOUBLE"},
		{"LONG", "DOUBLE", "DECIMAL"},
		{"LONG", "DECIMAL(5,2)", "DECIMAL(21,2)"},
		{"DECIMAL(10,2)", "DECIMAL(9,4)", "DECIMAL(12,4)"},
		{"DECIMAL(38,0)", "DECIMAL(3,1)", "DECIMAL"},
		{"BOOLEAN", "INT", "STRING"},
		{"STRING(64)", "STRING(16)", "STRING(64)"},
		{"STRING(64)", "STRING", "STRING"},
		{"STRING(64)", "SHORT", "STRING"},
		{"NAIVE_DATE", "NAIVE_DATETIME", "NAIVE_DATETIME"},
		{"NAIVE_DATETIME", "UTC_DATETIME", "STRING"},
		{"JSON", "XML", "STRING"},
		{"UNSPECIFIED", "BINARY", "BINARY"},
	} {
		a, _ := schema.ParseType(c.a)
		b, _ := schema.ParseType(c.b)
		if got := schema.Join(a, b).String(); got != c.want {
			t.Errorf("join(%s, %s) = %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

func TestStringOf(t *testing.T) {
	for n, want := range map[int]int32{-1: 0, 0: 0, 1: 1, 2: 2, 3: 4, 100: 128, 128: 128, 150: 256, 65536: 65536, 65537: 0} {
		if got := schema.StringOf(n).Length; got != want {
			t.Errorf("StringOf(%d) has length %d, want %d", n, got, want)
		}
	}
}
