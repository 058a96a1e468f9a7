package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/penstock-data/penstock/schema"
)

// A condition is a filter as the server evaluates it, with the meaning that
// [schema.Filter] gives it. Nothing of what people wrote gets into it but as a
// quoted literal.
type condition struct {
	columns   []column
	asciiOnly bool
	utf8      bool // the server's encoding is UTF-8
}

// where returns the condition of a filter, "" if it is nil.
func (r *relation) where(f *schema.Filter, asciiOnly, utf8 bool) (string, error) {
	if f == nil {
		return "", nil
	}
	if err := f.Check(r.table().Columns); err != nil {
		return "", fmt.Errorf("its row filter cannot be applied: %w. Change or remove the filter", err)
	}
	where := f.Where()
	return condition{r.columns, asciiOnly, utf8}.sql(&where)
}

func (w condition) sql(c *schema.Condition) (string, error) {
	not := ""
	if c.Not {
		not = "not "
	}
	switch c.Test {
	case schema.TestGroup:
		s, err := w.sql(&c.Of[0])
		return "(not " + s + ")", err
	case schema.TestAllOf, schema.TestAnyOf:
		return w.list(c)
	}
	col := w.column(c.Column)
	value := "(" + col.raw + ")"
	switch col.Type.Kind {
	case schema.Datetime, schema.Instant:
		// Later ones are NULL to everybody but the server, see decodeTimestamp.
		value = fmt.Sprintf("(case when %[1]s < '294247-01-10 04:00:54.775807+00' or %[1]s = 'infinity' then %[1]s end)", value)
	case schema.String:
		value += `::text collate "C"`
	}
	switch c.Test {
	case schema.TestTrue:
		return value, nil
	case schema.TestIsNull:
		return "(" + value + " is " + not + "null)", nil
	}
	if col.Type.Kind == schema.String && w.asciiOnly {
		return "", errors.New("its row filter cannot be applied: text has no certain meaning in a database with the encoding SQL_ASCII. Remove the filter")
	}
	var values []string
	for _, v := range c.Values {
		s, err := literal(v, col.Type)
		if err != nil {
			return "", err
		}
		values = append(values, s)
	}
	switch c.Test {
	case schema.TestLike:
		return fmt.Sprintf(`(%s %slike %s)`, value, not, values[0]), nil
	case schema.TestIn:
		return fmt.Sprintf("(%s %sin (%s))", value, not, strings.Join(values, ", ")), nil
	}
	if col.Type.Kind == schema.String && !w.utf8 && c.Test != schema.TestEqual && c.Test != schema.TestUnequal {
		value = "convert_to(" + value + ", 'UTF8')" // whose order is not the encoding's own
		for i := range values {
			values[i] = "convert_to(" + values[i] + ", 'UTF8')"
		}
	}
	if c.Test == schema.TestBetween {
		return fmt.Sprintf("(%s %sbetween %s and %s)", value, not, values[0], values[1]), nil
	}
	return fmt.Sprintf("(%s %s %s)", value, c.Test, values[0]), nil
}

func (w condition) list(c *schema.Condition) (string, error) {
	var all []string
	for i := range c.Of {
		s, err := w.sql(&c.Of[i])
		if err != nil {
			return "", err
		}
		all = append(all, s)
	}
	between := " and "
	if c.Test == schema.TestAnyOf {
		between = " or "
	}
	return "(" + strings.Join(all, between) + ")", nil
}

func (w condition) column(name string) *column {
	for i := range w.columns {
		if w.columns[i].Name == name {
			return &w.columns[i]
		}
	}
	return nil // the filter was checked
}

// casts are the types of literals.
var casts = map[schema.Kind]string{
	schema.Boolean: "bool", schema.Short: "numeric", schema.Int: "numeric", schema.Long: "numeric", schema.Decimal: "numeric",
	schema.Float: "float4", schema.Double: "float8", schema.Date: "date", schema.Datetime: "timestamp", schema.Instant: "timestamptz",
	schema.Time: "time", schema.String: "text",
}

func literal(l schema.Literal, t schema.Type) (string, error) {
	text, err := l.As(t)
	if err != nil {
		return "", err
	}
	return quote(text) + "::" + casts[t.Kind], nil
}

// quote returns a text as a constant of a statement. With E backslashes mean
// the same whatever the session is set to.
func quote(text string) string {
	return "E'" + strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(text) + "'"
}
