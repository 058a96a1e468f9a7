package schedule

import (
	"strconv"
	"time"
)

// A Zone is a destination's time zone.
type Zone struct {
	Hours  int  // east of UTC
	Saving bool // one hour more in summer, by the rule of the United States
}

// ParseZone reads an offset as the API writes it, "-11" to "+12". What cannot
// be read is UTC.
func ParseZone(offset string, saving bool) Zone {
	n, _ := strconv.Atoi(offset)
	return Zone{Hours: n, Saving: saving}
}

// ValidZone reports whether the API allows the offset.
func ValidZone(offset string) bool {
	n, err := strconv.Atoi(offset)
	return err == nil && -11 <= n && n <= 12
}

// next returns the first time after t at which the zone's clock shows the
// full hour. On the day on which the clock skips it, it is the hour after.
func (z Zone) next(t time.Time, hour int) time.Time {
	local := t.UTC().Add(z.offset(t))
	y, m, d := local.Date()
	for day := -1; ; day++ {
		wall := time.Date(y, m, d+day, hour, 0, 0, 0, time.UTC)
		at := wall.Add(-time.Duration(z.Hours) * time.Hour) // by standard time
		if summer := at.Add(-time.Hour); z.offset(summer) != z.standard() {
			at = summer
		}
		if at.After(t) {
			return at
		}
	}
}

func (z Zone) standard() time.Duration { return time.Duration(z.Hours) * time.Hour }

// offset returns what the zone's clock is ahead of UTC at t.
func (z Zone) offset(t time.Time) time.Duration {
	if !z.Saving {
		return z.standard()
	}
	std := t.UTC().Add(z.standard())
	// 02:00 daylight time in November is 01:00 standard time.
	from := sunday(std.Year(), time.March, 2).Add(2 * time.Hour)
	to := sunday(std.Year(), time.November, 1).Add(time.Hour)
	if std.Before(from) || !std.Before(to) {
		return z.standard()
	}
	return z.standard() + time.Hour
}

// sunday returns the start of the nth Sunday of a month.
func sunday(year int, month time.Month, n int) time.Time {
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, (7-int(first.Weekday()))%7+7*(n-1))
}
