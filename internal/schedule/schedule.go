// Package schedule says when things happen: it is time arithmetic and knows
// no clock and no database. The rules, each of which the code below states
// once more and the tests prove:
//
// Slots. A sync frequency of f minutes makes slots f minutes apart, counted
// from 1970-01-01 UTC and shifted by an offset of its own for each
// connection, made from its id, so that not all connections start at once. A
// connection is due at the first slot after the start of its last sync, or at
// once if that slot has passed: after a sync that ran longer than f, after a
// pause, after an outage of the server. A slot that was missed is made up for
// once, not once each. A sync that somebody triggered moves no slot.
//
// Daily. With a frequency of 1440 the slot is a full hour of the day in the
// destination's time zone, midnight unless daily_sync_time says otherwise,
// without an offset. A time zone is a whole number of hours from UTC; where
// daylight saving is on, it is one hour more between 02:00 on the second
// Sunday of March and 02:00 on the first Sunday of November, as in the United
// States.
//
// Plan. In place of a frequency a connection may have a plan: an interval of any
// number of minutes, a time of day, or a cron expression, the first two on
// some days of the week only. Days and times are those of the destination's
// time zone. An interval makes slots as a frequency does.
//
// First sync. A connection that never synced is due as soon as its setup
// tests have passed.
//
// Manual. A connection with schedule_type manual is never due by itself, not
// even after a failure or when its sync was rescheduled.
//
// Paused. A paused connection is never due.
//
// Follow. After a sync that stayed on with its source the next begins at once,
// but no sooner than ten seconds after the start of the last, and later if
// others come first.
//
// Rescheduled. A sync that its source put off is due at the time the source
// asked for, whatever the slots say.
//
// Back-off. After n failures in a row a connection is due 2^(n-1) minutes
// after the last one ended, at most an hour. If only a person can mend it, it
// is 15 × 2^(n-1) minutes, at most a day: a wrong password that is tried too
// often locks an account. A success, a passed setup test or a changed config
// resets n.
//
// Delay. Data are delayed when the last success, or the creation if there was
// none, is longer ago than the frequency and a tolerance together: LOW four
// hours, NORMAL one hour, HIGH a quarter of an hour, CUSTOM its threshold,
// SYNC_FREQUENCY the frequency once more. A paused or manual connection, one
// that was never set up and one whose historical sync is running are not
// delayed.
package schedule

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kinds of schedule, as the API spells them.
const (
	Auto   = "auto"
	Manual = "manual"
)

// Daily is the frequency that goes with a time of day, in minutes.
const Daily = 1440

// Frequencies are the sync frequencies that the API allows, in minutes.
var Frequencies = []int{1, 5, 15, 30, 60, 120, 180, 360, 480, 720, Daily}

// ValidFrequency reports whether the API allows the frequency.
func ValidFrequency(minutes int) bool { return slices.Contains(Frequencies, minutes) }

// A Schedule says when a connection syncs by itself.
type Schedule struct {
	Type      string // Auto or Manual
	Frequency int    // in minutes, one of Frequencies
	DailyTime string // "HH:00", used with Daily; "": midnight
	Plan      *Plan  // in place of Frequency and DailyTime; nil: none
	Zone      Zone   // of the destination, used with Daily and Plan
	Offset    time.Duration
}

// Local reports whether the schedule depends on the destination's time zone.
func (s Schedule) Local() bool { return s.Plan != nil || s.Frequency == Daily }

// Offset returns the shift of a connection's slots, less than an hour.
func Offset(connectionID string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(connectionID))
	return time.Duration(h.Sum32()%3600) * time.Second
}

// Next returns the first slot after t, in UTC. It says nothing about whether
// the connection is due then: see [Situation.Due].
func (s Schedule) Next(t time.Time) time.Time {
	switch {
	case s.Plan != nil:
		return s.Plan.next(t, s.Zone, s.Offset)
	case s.Frequency == Daily:
		return s.Zone.next(t, hour(s.DailyTime))
	}
	return slot(t, time.Duration(s.Frequency)*time.Minute, s.Offset)
}

// slot returns the first time after t of those that are every apart.
func slot(t time.Time, every, offset time.Duration) time.Time {
	since := time.Duration(t.UnixMicro())*time.Microsecond - offset
	next := since - mod(since, every) + every
	return time.UnixMicro((next + offset).Microseconds()).UTC()
}

// mod is the remainder that is never negative.
func mod(a, b time.Duration) time.Duration { return (a%b + b) % b }

// ValidDailyTime reports whether text is a full hour of the day, "HH:00".
func ValidDailyTime(text string) bool {
	h, ok := strings.CutSuffix(text, ":00")
	n, err := strconv.ParseUint(h, 10, 8) // no sign
	return ok && err == nil && len(h) == 2 && n < 24
}

// hour returns the hour of a valid daily time, 0 for any other.
func hour(text string) int {
	if !ValidDailyTime(text) {
		return 0
	}
	n, _ := strconv.Atoi(text[:2])
	return n
}

// A Situation is where a connection stands between two syncs.
type Situation struct {
	Schedule Schedule

	Paused     bool
	Incomplete bool // its setup tests never passed

	Triggered   time.Time // somebody asked for a sync that has not begun; zero: nobody
	Started     time.Time // start of the last sync; zero: there was none
	Ended       time.Time // end of the last sync
	Failures    int       // failed syncs since the last success
	Broken      bool      // the last of them was a problem that only a person can mend
	Rescheduled time.Time // when the source wants the sync to go on; zero: it has ended
	Follow      time.Time // when the next sync that stays on with its source is to begin; zero: none does
}

// Due returns when the connection is to sync, or false if only a person's act
// can make it so. The time may lie in the past: then it is due now.
func (s Situation) Due() (time.Time, bool) {
	switch {
	case s.Paused || s.Incomplete:
		return time.Time{}, false
	case !s.Triggered.IsZero():
		return s.Triggered, true
	case s.Schedule.Type == Manual:
		return time.Time{}, false
	case !s.Rescheduled.IsZero():
		return s.Rescheduled, true
	case s.Failures > 0:
		return s.Ended.Add(Backoff(s.Failures, s.Broken)), true
	case s.Started.IsZero():
		return time.Time{}, true
	case !s.Follow.IsZero():
		return s.Follow, true
	}
	return s.Schedule.Next(s.Started), true
}

// Apart is the time between the starts of two syncs that stay on, at least:
// ones that end at once do not keep the source busy.
const Apart = 10 * time.Second

// Follow returns when the next sync is to begin that stays on with its source,
// some time after the last.
func Follow(started, ended time.Time, hold time.Duration) time.Time {
	next := ended.Add(hold)
	if least := started.Add(Apart); next.Before(least) {
		return least
	}
	return next
}

// Backoff returns how long to wait after a number of failures in a row.
func Backoff(failures int, broken bool) time.Duration {
	first, limit := time.Minute, time.Hour
	if broken {
		first, limit = 15*time.Minute, 24*time.Hour
	}
	return min(first<<min(max(failures-1, 0), 16), limit)
}
