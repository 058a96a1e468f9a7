package web

import "time"

// What follows says things as the pages do, for the command line.

// Ago says how long before now a time was, or how long after, roughly.
func Ago(t, now time.Time) string { return ago(now.Sub(t)) }

// Span says how long something took.
func Span(d time.Duration) string { return span(d) }

// Number writes a number with spaces between thousands.
func Number(n int64) string { return number(n) }

// Kept says what a sync mode keeps of a table; a mode that the pages do not
// know is said as it is.
func Kept(mode string) string {
	for _, m := range modes {
		if m[0] == mode {
			return m[1]
		}
	}
	return mode
}
