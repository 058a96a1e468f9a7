package simulator

import (
	"strconv"
	"strings"
	"time"
)

// wordLiteral reports whether a bare word can be a literal.
func wordLiteral(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "null":
		return true
	}
	_, _, ok := span(s, time.Unix(0, 0).UTC(), date)
	return ok
}

// span returns the first and last value that a date literal stands for (SOQL
// reference, date formats and date literals). Weeks begin on Sundays, and
// fiscal years are calendar years.
func span(word string, now time.Time, k kind) (from, to value, ok bool) {
	a, b, ok := spanOfDays(strings.ToUpper(word), now)
	if !ok {
		return from, to, false
	}
	first, end := floorDiv(a.UnixMilli(), msPerDay), floorDiv(b.UnixMilli(), msPerDay)
	if k == date {
		return value{kind: date, num: first}, value{kind: date, num: end - 1}, true
	}
	return timeOf(first * msPerDay), timeOf(end*msPerDay - 1), true
}

// spanOfDays returns the midnight at the beginning and the one after the end.
func spanOfDays(word string, now time.Time) (from, to time.Time, ok bool) {
	y, m, d := now.Date()
	at := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	name, number, counted := strings.Cut(word, ":")
	n, err := strconv.Atoi(number)
	if counted && err != nil {
		return from, to, false
	}
	sunday := d - int(now.Weekday())
	quarter := (m-1)/3*3 + 1
	switch name {
	case "YESTERDAY":
		return at(y, m, d-1), at(y, m, d), !counted
	case "TODAY":
		return at(y, m, d), at(y, m, d+1), !counted
	case "TOMORROW":
		return at(y, m, d+1), at(y, m, d+2), !counted
	case "LAST_90_DAYS":
		return at(y, m, d-90), at(y, m, d+1), !counted
	case "NEXT_90_DAYS":
		return at(y, m, d+1), at(y, m, d+91), !counted
	case "LAST_N_DAYS":
		return at(y, m, d-n), at(y, m, d+1), counted
	case "NEXT_N_DAYS":
		return at(y, m, d+1), at(y, m, d+n+1), counted
	case "N_DAYS_AGO":
		return at(y, m, d-n), at(y, m, d-n+1), counted
	}
	first, unit, _ := strings.Cut(name, "_")
	before, after := map[string]int{"THIS": 0, "LAST": -1, "NEXT": 1}[first], 1
	if rest, ok := strings.CutPrefix(unit, "N_"); ok && counted {
		unit = strings.TrimSuffix(rest, "S")
		if after = n; first == "LAST" {
			before = -n
		}
	} else if counted || first != "THIS" && first != "LAST" && first != "NEXT" {
		return from, to, false
	}
	switch unit {
	case "WEEK":
		return at(y, m, sunday+7*before), at(y, m, sunday+7*(before+after)), true
	case "MONTH":
		return at(y, m+time.Month(before), 1), at(y, m+time.Month(before+after), 1), true
	case "QUARTER", "FISCAL_QUARTER":
		return at(y, quarter+time.Month(3*before), 1), at(y, quarter+time.Month(3*(before+after)), 1), true
	case "YEAR", "FISCAL_YEAR":
		return at(y+before, 1, 1), at(y+before+after, 1, 1), true
	}
	return from, to, false
}
