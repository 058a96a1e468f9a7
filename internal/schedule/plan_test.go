package schedule

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func plan(t testing.TB, p Plan) *Plan {
	t.Helper()
	checked, err := NewPlan(p)
	if err != nil {
		t.Fatal(err)
	}
	return checked
}

func TestPlans(t *testing.T) {
	east, west := Zone{Hours: 2}, Zone{-5, true}
	weekdays := []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"}
	cron := func(expr string) Plan { return Plan{Kind: Cron, Cron: expr} }
	for _, tt := range []struct {
		name   string
		plan   Plan
		zone   Zone
		offset time.Duration
		after  string
		want   string // times one after the other
	}{
		{"any interval", Plan{Kind: Interval, Minutes: 7}, Zone{}, 0, "2026-11-02 12:00:00", "2026-11-02 12:02:00, 2026-11-02 12:09:00"},
		{"interval with an offset", Plan{Kind: Interval, Minutes: 60}, Zone{}, time.Minute, "2026-11-02 12:00:00", "2026-11-02 12:01:00, 2026-11-02 13:01:00"},
		{"interval on weekdays", Plan{Kind: Interval, Minutes: 720, Days: weekdays}, Zone{}, 0, "2026-11-06 13:00:00", "2026-11-09 00:00:00, 2026-11-09 12:00:00"},
		{"interval on weekdays in the east", Plan{Kind: Interval, Minutes: 60, Days: weekdays}, east, 0, "2026-11-06 20:30:00", "2026-11-06 21:00:00, 2026-11-08 22:00:00"},

		{"time of day", Plan{Kind: TimeOfDay, Time: "06:30"}, east, time.Minute, "2026-11-02 04:00:00", "2026-11-02 04:30:00, 2026-11-03 04:30:00"},
		{"time on a day", Plan{Kind: TimeOfDay, Time: "00:00", Days: []string{"SUNDAY"}}, Zone{}, 0, "2026-11-01 00:00:00", "2026-11-08 00:00:00"},
		{"time that is skipped", Plan{Kind: TimeOfDay, Time: "02:30"}, west, 0, "2026-03-07 12:00:00", "2026-03-08 07:30:00, 2026-03-09 06:30:00"},
		{"time that comes twice", Plan{Kind: TimeOfDay, Time: "01:30"}, west, 0, "2026-10-31 12:00:00", "2026-11-01 05:30:00, 2026-11-02 06:30:00"},

		{"several times", cron("0 6,18 * * *"), east, 0, "2026-11-02 12:00:00", "2026-11-02 16:00:00, 2026-11-03 04:00:00"},
		{"names of days", cron("30 6 * * mon-FRI"), Zone{}, 0, "2026-11-06 06:30:00", "2026-11-09 06:30:00"},
		{"either day", cron("0 0 13 * FRI"), Zone{}, 0, "2026-11-06 00:00:00", "2026-11-13 00:00:00, 2026-11-20 00:00:00"},
		{"steps", cron("*/20 9-10 * * *"), Zone{}, 0, "2026-11-02 10:40:00", "2026-11-03 09:00:00, 2026-11-03 09:20:00"},
		{"leap day", cron("0 12 29 2 *"), Zone{}, 0, "2028-02-29 12:00:00", "2032-02-29 12:00:00"},
		{"the year's end", cron("59 23 31 12 *"), Zone{Hours: -1}, 0, "2026-12-31 12:00:00", "2027-01-01 00:59:00"},
		{"all through the hour that comes twice", cron("45 * * * *"), west, 0, "2026-11-01 05:00:00", "2026-11-01 05:45:00, 2026-11-01 06:45:00, 2026-11-01 07:45:00"},
		{"all through the hour that is skipped", cron("45 * * * *"), west, 0, "2026-03-08 06:00:00", "2026-03-08 06:45:00, 2026-03-08 07:45:00"},
		{"hours around the one that is skipped", cron("0 1-4 * * *"), west, 0, "2026-03-08 05:30:00", "2026-03-08 06:00:00, 2026-03-08 07:00:00, 2026-03-08 08:00:00, 2026-03-09 05:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Schedule{Plan: plan(t, tt.plan), Zone: tt.zone, Offset: tt.offset}
			var got []string
			last := at(t, tt.after)
			for range strings.Count(tt.want, ",") + 1 {
				last = s.Next(last)
				got = append(got, last.Format(time.DateTime))
			}
			if g := strings.Join(got, ", "); g != tt.want {
				t.Errorf("after %s come\n%s, want\n%s", tt.after, g, tt.want)
			}
		})
	}
}

func TestBadPlans(t *testing.T) {
	for _, tt := range []struct {
		plan  Plan
		field string
	}{
		{Plan{}, "schedule_type"},
		{Plan{Kind: "MANUAL"}, "schedule_type"},
		{Plan{Kind: Interval}, "interval"},
		{Plan{Kind: Interval, Minutes: 1441}, "interval"},
		{Plan{Kind: Interval, Minutes: 5, Days: []string{"Monday"}}, "days_of_week"},
		{Plan{Kind: TimeOfDay}, "time_of_day"},
		{Plan{Kind: TimeOfDay, Time: "6:30"}, "time_of_day"},
		{Plan{Kind: TimeOfDay, Time: "24:00"}, "time_of_day"},
		{Plan{Kind: Cron}, "cron"},
		{Plan{Kind: Cron, Cron: "@daily"}, "cron"},
		{Plan{Kind: Cron, Cron: "* * * *"}, "cron"},
		{Plan{Kind: Cron, Cron: "0 0 * * * *"}, "cron"},
		{Plan{Kind: Cron, Cron: "60 * * * *"}, "cron"},
		{Plan{Kind: Cron, Cron: "TZ=UTC 0 * * * *"}, "cron"},
		{Plan{Kind: Cron, Cron: "0 0 30 2 *"}, "cron"},
	} {
		if _, err := NewPlan(tt.plan); err == nil || !strings.Contains(err.Error(), "'"+tt.field+"'") {
			t.Errorf("%+v: %v", tt.plan, err)
		}
	}
}

func TestFrequencyAndGap(t *testing.T) {
	for _, tt := range []struct {
		plan      Plan
		frequency int // 0: none
		gap       int
	}{
		{Plan{Kind: Interval, Minutes: 15}, 15, 15},
		{Plan{Kind: Interval, Minutes: 7}, 0, 7},
		{Plan{Kind: TimeOfDay, Time: "06:00", Days: Weekdays[:]}, 1440, 1440},
		{Plan{Kind: TimeOfDay, Time: "06:00", Days: []string{"MONDAY", "FRIDAY"}}, 0, 4 * 1440},
		{Plan{Kind: Cron, Cron: "*/5 9-16 * * 1-5"}, 0, 2*1440 + 16*60 + 5},
		{Plan{Kind: Cron, Cron: "0 0 29 2 *"}, 0, 35 * 1440},
	} {
		p := plan(t, tt.plan)
		if f, ok := p.Frequency(); ok && f != tt.frequency || ok != (tt.frequency > 0) {
			t.Errorf("%+v: frequency %d, %v", p, f, ok)
		}
		if g := p.Gap(); g != tt.gap {
			t.Errorf("%+v: gap %d, want %d", p, g, tt.gap)
		}
	}
}

// TestCronIsCron compares with another reading of the same expressions, where
// the clock does not jump.
func TestCronIsCron(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		field := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(r, name) }
		expr := strings.Join([]string{
			field("minute", "*", "0", "*/7", "5-50/15", "59"), field("hour", "*", "0", "3,17", "*/5", "23"),
			field("day", "*", "1", "31", "10-12"), field("month", "*", "2,3", "12"), field("weekday", "*", "0", "1-5", "6"),
		}, " ")
		p, err := NewPlan(Plan{Kind: Cron, Cron: expr})
		if err != nil {
			return // no such day
		}
		spec, _ := fiveFields.Parse(expr)
		from := time.Unix(rapid.Int64Range(1<<30, 1<<31).Draw(r, "from"), 0).UTC()
		if got, want := p.next(from, Zone{}, 0), spec.Next(from); !got.Equal(want) {
			r.Fatalf("%s after %v: %v, want %v", expr, from, got, want)
		}
	})
}

// TestGapReadsOnce: a plan is read once, however many times it has.
func TestGapReadsOnce(t *testing.T) {
	p, err := NewPlan(Plan{Kind: Cron, Cron: "* * * * *"})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1, func() { p.Gap() }); n > 1000 {
		t.Errorf("%v allocations", n)
	}
}
