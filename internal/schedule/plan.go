package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Kinds of plan, as the API spells them.
const (
	Interval  = "INTERVAL"
	TimeOfDay = "TIME_OF_DAY"
	Cron      = "CRON"
)

// Weekdays are the days of the week as the API spells them, by their numbers.
var Weekdays = [...]string{"SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"}

// A Plan says when a connection syncs by itself in place of a frequency. Make
// one with [NewPlan].
type Plan struct {
	Kind    string   `json:"kind"`
	Minutes int      `json:"minutes,omitempty"` // of Interval
	Time    string   `json:"time,omitempty"`    // of TimeOfDay, "HH:MM"
	Days    []string `json:"days,omitempty"`    // of Interval and TimeOfDay, in Weekdays' words; none: all
	Cron    string   `json:"cron,omitempty"`    // of Cron: minute, hour, day of the month, month, day of the week
}

// NewPlan checks a plan and returns it in the form in which plans are kept.
// What does not belong to its kind is left out. The error says which field is
// wrong, as the API names it.
func NewPlan(p Plan) (*Plan, error) {
	days, err := sortDays(p.Days)
	if err != nil {
		return nil, err
	}
	switch p.Kind {
	case Interval:
		if p.Minutes < 1 || p.Minutes > Daily {
			return nil, fmt.Errorf("field 'interval' is a number of minutes from 1 to %d", Daily)
		}
		return &Plan{Kind: Interval, Minutes: p.Minutes, Days: days}, nil
	case TimeOfDay:
		if _, err := time.Parse("15:04", p.Time); err != nil || len(p.Time) != 5 {
			return nil, errors.New("field 'time_of_day' is a time from 00:00 to 23:59")
		}
		return &Plan{Kind: TimeOfDay, Time: p.Time, Days: days}, nil
	case Cron:
		plan := &Plan{Kind: Cron, Cron: strings.Join(strings.Fields(p.Cron), " ")}
		return plan, plan.checkCron()
	}
	return nil, fmt.Errorf("field 'schedule_type' is one of %s, %s, %s", Interval, TimeOfDay, Cron)
}

// sortDays puts days in the order of the week, beginning with Monday. All of
// them are none.
func sortDays(days []string) ([]string, error) {
	var sorted []string
	for i := range Weekdays {
		if d := Weekdays[(i+1)%7]; slices.Contains(days, d) {
			sorted = append(sorted, d)
		}
	}
	for _, d := range days {
		if !slices.Contains(sorted, d) {
			return nil, errors.New("field 'days_of_week' has names of days, such as MONDAY")
		}
	}
	if len(sorted) == len(Weekdays) {
		return nil, nil
	}
	return sorted, nil
}

var fiveFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// checkCron refuses what is no cron expression, and what names no time.
func (p *Plan) checkCron() error {
	bad := errors.New("field 'cron' is minute, hour, day of the month, month and day of the week, such as 30 6 * * MON-FRI")
	if strings.ContainsAny(p.Cron, "=@") { // time zones and names of schedules
		return bad
	}
	if _, err := fiveFields.Parse(p.Cron); err != nil {
		return bad
	}
	if p.next(time.Unix(0, 0), Zone{}, 0).IsZero() {
		return errors.New("field 'cron' names a day that never comes")
	}
	return nil
}

// Frequency returns the frequency that the API allows and that the plan comes
// to, or false if there is none.
func (p *Plan) Frequency() (minutes int, ok bool) {
	switch {
	case len(p.Days) > 0 || p.Kind == Cron:
		return 0, false
	case p.Kind == TimeOfDay:
		return Daily, true
	}
	return p.Minutes, ValidFrequency(p.Minutes)
}

// weeks is for how long Gap looks at a plan's times.
const weeks = 5 * 7 * 24 * time.Hour

// Gap returns the longest time between two of the plan's times, in minutes, as
// five weeks show it: these at most.
func (p *Plan) Gap() int {
	var longest time.Duration
	start := time.Unix(0, 0)
	next := p.times(Zone{}, 0)
	for at, end := next(start), start.Add(weeks); at.Before(end); {
		after := next(at)
		longest = max(longest, after.Sub(at))
		at = after
	}
	if longest == 0 || longest > weeks { // less than twice in that time
		longest = weeks
	}
	return int(longest.Minutes())
}

// next returns the plan's first time after t.
func (p *Plan) next(t time.Time, zone Zone, offset time.Duration) time.Time {
	return p.times(zone, offset)(t)
}

// times reads the plan and returns what its first time after another is.
func (p *Plan) times(zone Zone, offset time.Duration) func(time.Time) time.Time {
	every := func(t time.Time) time.Time { return slot(t, time.Duration(p.Minutes)*time.Minute, offset) }
	if p.Kind == Interval && len(p.Days) == 0 {
		return every
	}
	spec := p.spec()
	if p.Kind != Interval {
		return func(t time.Time) time.Time { return spec.next(t, zone) }
	}
	return func(t time.Time) time.Time {
		for {
			t = every(t)
			wall := zone.wall(t)
			if spec.day(wall) {
				return t
			}
			t = zone.at(midnight(wall, 1)).Add(-time.Microsecond)
		}
	}
}

// spec returns the plan's times as bits.
func (p *Plan) spec() spec {
	expr := p.Cron
	if p.Kind != Cron {
		days := "*"
		if len(p.Days) > 0 {
			short := make([]string, len(p.Days))
			for i, d := range p.Days {
				short[i] = d[:3]
			}
			days = strings.Join(short, ",")
		}
		minute, hour := "*", "*"
		if h, m, ok := strings.Cut(p.Time, ":"); ok {
			minute, hour = m, h
		}
		expr = minute + " " + hour + " * * " + days
	}
	s, err := fiveFields.Parse(expr)
	if err != nil { // NewPlan lets none through
		panic("schedule " + strconv.Quote(expr) + ": " + err.Error())
	}
	return spec(*s.(*cron.SpecSchedule))
}
