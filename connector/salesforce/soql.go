package salesforce

import (
	"strings"
	"time"
)

// A query asks for rows of one object. It has no more conditions and no other
// order than what is needed to go on after any row: rows that change meanwhile
// can then neither repeat nor push others out of sight.
type query struct {
	object *object
	fields []string
	from   time.Time // of the cursor; zero: all rows
	to     time.Time // before it; zero: all rows
	after  place     // goes on behind this row; zero: from the beginning
}

// A place is where a reading is: behind the row with this cursor and key.
type place struct {
	At  string `json:"at,omitempty"`  // as Salesforce gave it; "": the order is that of the keys
	Key string `json:"key,omitempty"` // "": at the beginning
}

// count returns the SOQL that counts the rows.
func (q *query) count() string { return "SELECT COUNT() FROM " + q.object.name + q.where() }

// unordered returns the SOQL that selects the rows in any order.
func (q *query) unordered() string {
	return "SELECT " + strings.Join(q.fields, ",") + " FROM " + q.object.name + q.where()
}

// ordered returns the SOQL that selects the rows in the order of their places.
func (q *query) ordered() string {
	switch order := q.order(); {
	case order == "":
		return q.unordered()
	default:
		return q.unordered() + " ORDER BY " + order
	}
}

// keyset reports whether a query can go on behind any row.
func (q *query) keyset() bool { return q.order() != "" }

func (q *query) order() string {
	key := q.object.field(q.object.key)
	switch {
	case key == nil || !key.sort:
		return ""
	case q.windowed():
		return q.object.cursor + "," + key.name
	}
	return key.name
}

// windowed reports whether the rows are those of a time.
func (q *query) windowed() bool { return !q.from.IsZero() || !q.to.IsZero() }

func (q *query) where() string {
	var all []string
	cursor, key := q.object.cursor, q.object.key
	from := literal(q.from)
	if q.windowed() && q.after.Key != "" {
		from = q.after.At
	}
	if !q.from.IsZero() || q.windowed() && q.after.Key != "" {
		all = append(all, cursor+" >= "+from)
	}
	switch {
	case q.after.Key == "":
	case q.windowed(): // beside the condition before it, which an index serves
		all = append(all, "("+cursor+" > "+from+" OR "+key+" > "+text(q.after.Key)+")")
	default:
		all = append(all, key+" > "+text(q.after.Key))
	}
	if !q.to.IsZero() {
		all = append(all, cursor+" < "+literal(q.to))
	}
	if all == nil {
		return ""
	}
	return " WHERE " + strings.Join(all, " AND ")
}

// literal returns a time as SOQL has it.
func literal(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// text returns a text as SOQL has it.
func text(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// parseTime reads a time as answers have it.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02T15:04:05.999-0700", s); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err
}
