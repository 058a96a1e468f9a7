package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

var dialect = sqlwriter.Dialect{
	Quote:   quote,
	Type:    types.Name,
	Stored:  types.Stored,
	Convert: convert,
	Instant: instant,
	Same:    same,

	// A table's catalog rows, and those of its TOAST table, are more work than
	// the rows of a small merge.
	EmptyStage: func(stage string) string { return "TRUNCATE " + quote(stage) },
}

// same compares json as text: the type has no equality.
func same(a, b string, t schema.Type) string {
	if t.Kind == schema.JSON {
		a, b = "("+a+")::text", "("+b+")::text"
	}
	return a + " IS NOT DISTINCT FROM " + b
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteText is for standard_conforming_strings, which every session sets.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func instant(t time.Time) string {
	return t.UTC().Format("'2006-01-02 15:04:05.999999+00'") + "::timestamptz"
}

// The types as PostgreSQL's format_type writes them. They keep values as they
// are: json and not jsonb, which would reorder a document, and text for XML.
var types = sqlwriter.Types{
	Names: map[schema.Kind]string{
		schema.Boolean: "boolean", schema.Short: "smallint", schema.Int: "integer", schema.Long: "bigint",
		schema.Decimal: "numeric", schema.Float: "real", schema.Double: "double precision", schema.Date: "date",
		schema.Datetime: "timestamp without time zone", schema.Instant: "timestamp with time zone",
		schema.Time: "time without time zone", schema.Binary: "bytea", schema.String: "text", schema.JSON: "json",
	},
	Decimal: "numeric(%d,%d)",
}

func convert(expr string, from, to schema.Type) string {
	switch {
	case from.Kind == schema.Unspecified:
		return "NULL::" + types.Name(to)
	case to.Kind == schema.Decimal && (from.Kind == schema.Float || from.Kind == schema.Double):
		// The cast would round to 6 or 15 digits; the text has all that count.
		return "(" + expr + ")::text::numeric"
	case !types.IsText(to):
		return "(" + expr + ")::" + types.Name(to)
	}
	text := "(" + expr + ")::text"
	switch from.Kind {
	case schema.Float, schema.Double: // without an exponent
		return fmt.Sprintf("CASE WHEN %s LIKE '%%Inf%%' THEN %s ELSE %s::numeric::text END", text, text, text)
	case schema.Datetime:
		return "regexp_replace(" + text + ", ' ', 'T')"
	case schema.Instant:
		return "replace(regexp_replace(" + text + ", ' ', 'T'), '+00', 'Z')"
	case schema.Binary:
		return "encode(" + expr + ", 'hex')"
	}
	return text
}
