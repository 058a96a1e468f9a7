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
	local := z.wall(t)
	for day := -1; ; day++ {
		if at := z.at(midnight(local, day).Add(time.Duration(hour) * time.Hour)); at.After(t) {
			return at
		}
	}
}

// wall returns what the zone's clock shows at t, as if it were UTC.
func (z Zone) wall(t time.Time) time.Time { return t.UTC().Add(z.offset(t)) }

// at returns the first time at which the zone's clock shows wall; if it skips
// that, the hour after.
func (z Zone) at(wall time.Time) time.Time {
	at := wall.Add(-z.standard())
	if summer := at.Add(-time.Hour); z.offset(summer) != z.standard() {
		return summer
	}
	return at
}

// midnight returns the start of the day some days after wall's.
func midnight(wall time.Time, days int) time.Time {
	y, m, d := wall.Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC)
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
