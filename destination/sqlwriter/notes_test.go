package sqlwriter

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestValidText(t *testing.T) {
	cases := []struct {
		values   []string
		from, to int64
		want     bool
	}{
		{[]string{"a", "ü", "", "z"}, 0, 4, true},
		{[]string{"", "", ""}, 0, 3, true},
		{[]string{"a\xff", "b"}, 0, 2, false},
		{[]string{"a\xc3", "\xa9b"}, 0, 2, false},
		{[]string{"a\xc3", "", "\xa9b"}, 0, 3, false},
		{[]string{"a\xc3", "\xa9b", "ü", "d"}, 2, 4, true},
	}
	for _, c := range cases {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendValues(c.values, nil)
		a := array.NewSlice(b.NewArray(), c.from, c.to).(*array.String)
		if got := ValidText(a); got != c.want {
			t.Errorf("%q: got %v", c.values[c.from:c.to], got)
		}
	}
}
