package api

import (
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/store"
)

// manualPlan is the schedule type of a schedule without times, which is the
// same as the connection's schedule type manual.
const manualPlan = "MANUAL"

// usual is the frequency of connections for which nobody has said another.
const usual = 360

// applyPlan changes a connection by the schedule that a request gives, or
// takes the connection's away where the request goes back to a frequency.
func applyPlan(c *store.Connection, req *fivetran.ConnectionSettings) error {
	v := req.Schedule.Value
	switch {
	case v == nil && c.Plan != nil && (req.Schedule.Given || req.SyncFrequency != nil):
		c.Plan, c.SyncFrequency = nil, usual
		return nil
	case v == nil:
		return nil
	case v.ScheduleType == "":
		return fieldRequired("schedule_type")
	case v.ScheduleType == manualPlan:
		c.ScheduleType = schedule.Manual
		return nil
	}
	plan, err := schedule.NewPlan(schedule.Plan{Kind: v.ScheduleType, Minutes: v.Interval, Time: v.TimeOfDay, Days: v.DaysOfWeek, Cron: v.Cron})
	if err != nil {
		return invalidInput("Invalid schedule: %s", err)
	}
	c.ScheduleType, c.Plan, c.SyncFrequency, c.DailySyncTime = schedule.Auto, plan, plan.Gap(), ""
	return nil
}

// frequency returns the frequency that a connection's schedule comes to, nil
// for none.
func frequency(c *store.Connection) *int {
	if c.Plan == nil {
		return &c.SyncFrequency
	}
	if f, ok := c.Plan.Frequency(); ok {
		return &f
	}
	return nil
}

// dailyTime returns the time of a daily sync, nil if it was not given.
func dailyTime(c *store.Connection) *string {
	if p := c.Plan; p != nil && p.Kind == schedule.TimeOfDay && len(p.Days) == 0 && strings.HasSuffix(p.Time, ":00") {
		return &p.Time
	}
	return optional(c.DailySyncTime)
}

// wireSchedule returns the schedule that a connection was given, nil if it
// goes by a frequency.
func wireSchedule(c *store.Connection) *fivetran.Schedule {
	p := c.Plan
	if p == nil {
		return nil
	}
	return &fivetran.Schedule{ScheduleType: p.Kind, Interval: p.Minutes, TimeOfDay: p.Time, DaysOfWeek: p.Days, Cron: p.Cron}
}
