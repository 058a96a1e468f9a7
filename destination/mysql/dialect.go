package mysql

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// dialect returns the SQL of a server. Names of columns that differ only in
// case are always the same to it, those of tables by its settings.
func (d *database) dialect() *sqlwriter.Dialect {
	return &sqlwriter.Dialect{
		Quote:          quote,
		Type:           d.types.Name,
		Stored:         types.Stored,
		Convert:        convert,
		Instant:        instant,
		FoldsCase:      true,
		CaseOfTables:   !d.server.folds,
		Same:           func(a, b string, _ schema.Type) string { return a + " <=> " + b },
		JustBefore:     func(expr string) string { return expr + " - INTERVAL 1000 MICROSECOND" },
		Define:         d.define,
		Change:         change,
		Inserted:       func(column string) string { return "VALUES(" + column + ")" },
		OnConflict:     func(_, set []string) string { return "ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ") },
		StageIndex:     func(key []schema.Column) string { return "KEY (" + indexed(key) + ")" },
		ReadsStageOnce: true,
		DropStage:      func(name string) string { return "DROP TEMPORARY TABLE " + name },
	}
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// quoteText is for the sql_mode that every session sets.
func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`).Replace(s) + "'"
}

const clock = "2006-01-02 15:04:05.000000"

func instant(t time.Time) string { return "TIMESTAMP'" + t.UTC().Format(clock) + "'" }

// The types as information_schema has them, without the widths in which they
// are shown. A FLOAT is a double: of a float MySQL shows six digits only, in
// which more numbers than one look the same. A timestamp is no place for an
// Instant, since it ends in 2038. MariaDB 10.11 allows 38 digits after the
// point, MySQL 8.0 30.
var types = sqlwriter.Types{
	Names: map[schema.Kind]string{
		schema.Boolean: "tinyint(1)", schema.Short: "smallint", schema.Int: "int", schema.Long: "bigint",
		schema.Double: "double", schema.Date: "date", schema.Datetime: "datetime(6)",
		schema.Time: "time(6)", schema.Binary: "longblob", schema.String: "longtext",
	},
	Decimal:  "decimal(%d,%d)",
	MaxScale: 30,
	Instead:  map[schema.Kind]schema.Kind{schema.Float: schema.Double, schema.Instant: schema.Datetime},
}

// typesOf returns the types with text as it compares byte by byte.
func typesOf(s server) *sqlwriter.Types {
	own := types
	own.Text = "longtext CHARACTER SET utf8mb4 COLLATE " + s.collation
	return &own
}

// unpadded returns the name of a type without the width of "int(11)"; that of
// "int(11) unsigned" is another type's.
func unpadded(name string) string {
	for _, integer := range []string{"smallint", "int", "bigint"} {
		if rest, ok := strings.CutPrefix(name, integer+"("); ok && strings.HasSuffix(rest, ")") && !strings.Contains(rest, " ") {
			return integer
		}
	}
	return name
}

func convert(expr string, from, to schema.Type) string {
	switch {
	case from.Kind == schema.Unspecified:
		return "NULL"
	case types.IsText(to):
		text := convertText(expr, from)
		if zeros := missingZeros(from, to); zeros != "" {
			text = "CONCAT(" + text + ", '" + zeros + "')"
		}
		return text
	case from.Kind == schema.Float && to.Kind == schema.Double:
		// The digits of a float32 stand for a number that has more of them.
		return "CAST(CAST(" + expr + " AS FLOAT) AS DOUBLE)"
	case to.Kind == schema.Decimal:
		return fmt.Sprintf("CAST(%s AS DECIMAL(%d,%d))", expr, to.Precision, to.Scale)
	case to.Kind == schema.Datetime:
		return "CAST(" + expr + " AS DATETIME(6))"
	}
	return expr
}

// missingZeros returns what makes of a decimal with from's digits after the
// point the text of one with to's.
func missingZeros(from, to schema.Type) string {
	if to.Kind != schema.Decimal || to.Unbounded() {
		return ""
	}
	have := 0
	if from.Kind == schema.Decimal {
		have = int(from.Scale)
	}
	zeros := strings.Repeat("0", int(to.Scale)-have)
	if have == 0 && zeros != "" {
		return "." + zeros
	}
	return zeros
}

func convertText(expr string, from schema.Type) string {
	text := "CAST(" + expr + " AS CHAR)"
	switch {
	case types.IsText(from):
		return expr
	case from.Kind == schema.Boolean:
		return "CASE WHEN " + expr + " THEN 'true' WHEN NOT " + expr + " THEN 'false' END"
	case from.Kind == schema.Float || from.Kind == schema.Double:
		return unfold(expr)
	case from.Kind == schema.Datetime:
		return "REPLACE(" + trim(text) + ", ' ', 'T')"
	case from.Kind == schema.Instant:
		return "CONCAT(REPLACE(" + trim(text) + ", ' ', 'T'), 'Z')"
	case from.Kind == schema.Time:
		return trim(text)
	case from.Kind == schema.Binary:
		return "LOWER(HEX(" + expr + "))"
	}
	return text
}

// trim drops the zeros at the end of six digits of a second.
func trim(text string) string { return "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM " + text + "))" }

// unfold writes a number without an exponent. The server itself writes one for
// large and small numbers: "-1.5e17".
func unfold(x string) string {
	text := "CAST(" + x + " AS CHAR)"
	digits := "REPLACE(REPLACE(SUBSTRING_INDEX(" + text + ", 'e', 1), '-', ''), '.', '')"
	point := "(1 + SUBSTRING_INDEX(" + text + ", 'e', -1))" // the place of the point among the digits
	return "CASE WHEN " + text + " NOT LIKE '%e%' THEN " + text + " ELSE CONCAT(IF(" + x + " < 0, '-', ''), CASE" +
		" WHEN " + point + " <= 0 THEN CONCAT('0.', REPEAT('0', -" + point + "), " + digits + ")" +
		" WHEN " + point + " >= LENGTH(" + digits + ") THEN RPAD(" + digits + ", " + point + ", '0')" +
		" ELSE CONCAT(LEFT(" + digits + ", " + point + "), '.', SUBSTRING(" + digits + ", 1 + " + point + ")) END) END"
}

// change returns the statement for a change in MySQL's form of a join.
func change(c sqlwriter.Change) string {
	rows, where := c.Target+" AS t", c.Where
	switch {
	case c.Source == "":
	case c.Unmatched:
		rows += " LEFT JOIN " + c.Source + " AS s ON " + c.On
		if where != "" {
			where += " AND "
		}
		where += "s." + c.Key + " IS NULL"
	default:
		rows += " JOIN " + c.Source + " AS s ON " + c.On
	}
	statement := "DELETE t FROM " + rows
	if c.Set != nil {
		set := make([]string, len(c.Set))
		for i, a := range c.Set {
			set[i] = "t." + a.Column + " = " + a.Value
		}
		statement = "UPDATE " + rows + " SET " + strings.Join(set, ", ")
	}
	if where != "" {
		statement += " WHERE " + where
	}
	return statement
}
