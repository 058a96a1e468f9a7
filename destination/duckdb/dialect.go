package duckdb

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

var dialect = sqlwriter.Dialect{
	Quote:        quote,
	Type:         types.Name,
	Stored:       types.Stored,
	Convert:      convert,
	Alters:       alters,
	Instant:      instant,
	LoadConverts: true,
	FoldsCase:    true,
	SwitchesAnew: true,
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func instant(t time.Time) string {
	return fmt.Sprintf("make_timestamptz(%d)", t.UnixMicro())
}

// JSON and XML are text: DuckDB's own JSON would not keep every document
// unchanged, and numbers of any size fit no number type.
var types = sqlwriter.Types{
	Names: map[schema.Kind]string{
		schema.Boolean: "BOOLEAN", schema.Short: "SMALLINT", schema.Int: "INTEGER", schema.Long: "BIGINT",
		schema.Float: "FLOAT", schema.Double: "DOUBLE", schema.Date: "DATE", schema.Datetime: "TIMESTAMP",
		schema.Instant: "TIMESTAMP WITH TIME ZONE", schema.Time: "TIME", schema.Binary: "BLOB", schema.String: "VARCHAR",
	},
	Decimal: "DECIMAL(%d,%d)",
}

// ours is the schema of the macros: that of the catalog in memory.
const ours = `"` + beside + `".main.`

// macros make text of values as the conversions below need it. A number is
// written without an exponent; DuckDB itself writes one for large and small
// ones, and ".0" after whole ones. They are in the catalog in memory, made once
// for a file and not for each of its many connections.
var macros = []string{
	`CREATE MACRO ` + ours + `penstock_unfold(sign, digits, point) AS
		sign || CASE
			WHEN point <= 0 THEN '0.' || repeat('0', -point) || digits
			WHEN point >= length(digits) THEN digits || repeat('0', point - length(digits))
			ELSE left(digits, point) || '.' || substr(digits, point + 1) END`,
	`CREATE MACRO ` + ours + `penstock_number(x) AS CASE
		WHEN isnan(x) THEN 'NaN'
		WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
		WHEN x = 0 THEN '0'
		WHEN contains(CAST(x AS VARCHAR), 'e') THEN ` + ours + `penstock_unfold(
			CASE WHEN x < 0 THEN '-' ELSE '' END,
			replace(ltrim(split_part(CAST(x AS VARCHAR), 'e', 1), '-'), '.', ''),
			CAST(split_part(CAST(x AS VARCHAR), 'e', 2) AS INTEGER) + 1)
		ELSE regexp_replace(CAST(x AS VARCHAR), '\.0$', '') END`,
	`CREATE MACRO ` + ours + `penstock_decimal(x) AS regexp_replace(CAST(x AS VARCHAR), '^(-?)\.', '\10.')`,
	`CREATE MACRO ` + ours + `penstock_date(x) AS replace(CAST(x AS VARCHAR), ' (BC)', ' BC')`,
	`CREATE MACRO ` + ours + `penstock_datetime(x) AS
		replace(regexp_replace(CAST(x AS VARCHAR), '^(\S+)( \(BC\))? (\S+)$', '\1T\3\2'), ' (BC)', ' BC')`,
	`CREATE MACRO ` + ours + `penstock_instant(x) AS replace(` + ours + `penstock_datetime(x), '+00', 'Z')`,
}

// alters is true of a column that has no values yet. Of others DuckDB 1.5.6
// takes the values from before their last updates, without a word, if any other
// transaction began before those, such as the load of another table. And its
// log has the expression and not what came of it: when it opens a file that a
// kill left behind it evaluates that before it knows any function.
func alters(from, _ schema.Type) bool { return from.Kind == schema.Unspecified }

func convert(expr string, from, to schema.Type) string {
	if from.Kind == schema.Unspecified {
		return "CAST(NULL AS " + types.Name(to) + ")"
	}
	if !types.IsText(to) {
		return "CAST(" + expr + " AS " + types.Name(to) + ")"
	}
	switch from.Kind {
	case schema.Boolean, schema.Short, schema.Int, schema.Long, schema.Time:
		return "CAST(" + expr + " AS VARCHAR)"
	case schema.Decimal:
		if !from.Unbounded() {
			return ours + "penstock_decimal(" + expr + ")"
		}
	case schema.Float, schema.Double:
		return ours + "penstock_number(" + expr + ")"
	case schema.Date:
		return ours + "penstock_date(" + expr + ")"
	case schema.Datetime:
		return ours + "penstock_datetime(" + expr + ")"
	case schema.Instant:
		return ours + "penstock_instant(" + expr + ")"
	case schema.Binary:
		return "lower(hex(" + expr + "))"
	}
	return expr
}
