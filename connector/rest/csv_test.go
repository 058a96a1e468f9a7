package rest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCSV(t *testing.T) {
	long := strings.Repeat("x", 2*csvBuffer)
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"a,b\n1,2\n", "a|b;1|2"},
		{"\"a\",\"b\"\r\n\"1\",\"\"\r\n", "a|b;1|"},
		{"a\n\"x \"\"y\"\" z\"\n\"\"\"\"\n\"\"\n", `a;x "y" z;";`},
		{"a,b\n\"1\n2\",\"3,4\"\n", "a|b;1\n2|3,4"},
		{"a,b\n,\n", "a|b;|"},
		{"a,b\n" + long + ",\"" + long + "\"\n", "a|b;" + long + "|" + long},
		{"a,b\n1,2", "a|b;unexpected EOF"},
		{"a,b\n\"1\",\"2\"", "a|b;unexpected EOF"},
		{"a,b\n\"1\",\"2", "a|b;unexpected EOF"},
		{"a,b\n\"1\",\"2\"\"", "a|b;unexpected EOF"},
		{"a,b\n\"1\"\n", "a|b;record 2 of the CSV has 1 cells instead of 2"},
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in)), "halves": iotest.HalfReader(strings.NewReader(c.in)),
		} {
			if name == "byte by byte" && len(c.in) > 1000 {
				continue
			}
			if got := records(NewCSV(r)); got != c.want {
				t.Errorf("%.40q %s: got %.80q, want %.80q", c.in, name, got, c.want)
			}
		}
	}
}

func TestCSVBreaksOff(t *testing.T) {
	c := NewCSV(io.MultiReader(strings.NewReader("a,b\n1,2\n3,"), iotest.ErrReader(errors.New("connection reset"))))
	if got := records(c); got != "a|b;1|2;connection reset" {
		t.Errorf("got %q", got)
	}
}

func records(c *CSV) string {
	var all []string
	for {
		cells, err := c.Next()
		if err == io.EOF {
			return strings.Join(all, ";")
		}
		if err != nil {
			return strings.Join(append(all, fmt.Sprint(err)), ";")
		}
		var row []string
		for _, cell := range cells {
			row = append(row, string(cell))
		}
		all = append(all, strings.Join(row, "|"))
	}
}

// A quote that nobody closes does not fill the memory.
func TestEndlessCSV(t *testing.T) {
	c := NewCSV(io.MultiReader(strings.NewReader("a\n\""), endless{}))
	c.Next()
	if _, err := c.Next(); err == nil || !strings.Contains(err.Error(), "record 2 of the CSV has more than") {
		t.Errorf("got %v", err)
	}
}

// endless is text without end; it gives up after much.
type endless struct{}

var endlessLeft = 1 << 30

func (endless) Read(p []byte) (int, error) {
	if endlessLeft -= len(p); endlessLeft < 0 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
