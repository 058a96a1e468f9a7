package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// A spec is a cron expression as bits. Its times are those that a zone's clock
// shows. Where the clock is put forward, the hour that it skips counts with
// the hour after it. Where it is put back, the hour that comes twice counts
// twice for an expression that names no hours and once, the first time, for
// one that does.
type spec cron.SpecSchedule

// star is the bit of a field that leaves everything open.
const star = 1 << 63

func has(field uint64, n int) bool { return field&(1<<uint(n)) != 0 }

// day reports whether the spec has times on a day. As cron does, it takes days
// of the month and days of the week together if it has both.
func (s *spec) day(wall time.Time) bool {
	if !has(s.Month, int(wall.Month())) {
		return false
	}
	month, week := has(s.Dom, wall.Day()), has(s.Dow, int(wall.Weekday()))
	if s.Dom&star != 0 || s.Dow&star != 0 {
		return month && week
	}
	return month || week
}

// far is for how many years next looks: February 29 can be eight away.
const far = 9

// next returns the first time after t, the zero time if there is none.
func (s *spec) next(t time.Time, zone Zone) time.Time {
	end := t.AddDate(far, 0, 0)
	at := t.UTC().Truncate(time.Minute).Add(time.Minute)
	for at.Before(end) {
		wall := zone.wall(at)
		shift := zone.offset(at) - zone.offset(at.Add(-time.Hour))
		switch {
		case !s.day(wall):
			at = zone.at(midnight(wall, 1))
		case s.hour(wall, shift) && has(s.Minute, wall.Minute()):
			return at
		case !s.hour(wall, shift):
			at = at.Add(time.Hour - time.Duration(wall.Minute())*time.Minute)
		default:
			at = at.Add(time.Minute)
		}
	}
	return time.Time{}
}

// hour reports whether the spec has times in an hour that began after the
// clock was shifted within the hour before.
func (s *spec) hour(wall time.Time, shift time.Duration) bool {
	switch h := wall.Hour(); {
	case s.Hour&star != 0:
		return has(s.Hour, h)
	case shift > 0:
		return has(s.Hour, h) || h > 0 && has(s.Hour, h-1)
	case shift < 0:
		return false
	default:
		return has(s.Hour, h)
	}
}
