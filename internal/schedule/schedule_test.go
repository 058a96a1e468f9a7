package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		name  string
		s     Schedule
		after string
		want  string
	}{
		{"every minute", Schedule{Frequency: 1}, "2026-11-02 12:00:00", "2026-11-02 12:01:00"},
		{"within a slot", Schedule{Frequency: 5}, "2026-11-02 12:02:59", "2026-11-02 12:05:00"},
		{"on a slot", Schedule{Frequency: 15}, "2026-11-02 12:15:00", "2026-11-02 12:30:00"},
		{"offset", Schedule{Frequency: 60, Offset: 7 * time.Minute}, "2026-11-02 12:06:00", "2026-11-02 12:07:00"},
		{"offset passed", Schedule{Frequency: 60, Offset: 7 * time.Minute}, "2026-11-02 12:07:00", "2026-11-02 13:07:00"},
		{"offset over the frequency", Schedule{Frequency: 5, Offset: 52 * time.Minute}, "2026-11-02 12:00:00", "2026-11-02 12:02:00"},
		{"six hours", Schedule{Frequency: 360, Offset: time.Second}, "2026-11-02 12:00:02", "2026-11-02 18:00:01"},
		{"before 1970", Schedule{Frequency: 60}, "1969-12-31 23:30:00", "1970-01-01 00:00:00"},

		{"daily at midnight", Schedule{Frequency: Daily}, "2026-11-02 12:00:00", "2026-11-03 00:00:00"},
		{"daily has no offset", Schedule{Frequency: Daily, Offset: time.Minute}, "2026-11-02 12:00:00", "2026-11-03 00:00:00"},
		{"daily later today", Schedule{Frequency: Daily, DailyTime: "14:00"}, "2026-11-02 12:00:00", "2026-11-02 14:00:00"},
		{"daily just now", Schedule{Frequency: Daily, DailyTime: "14:00"}, "2026-11-02 14:00:00", "2026-11-03 14:00:00"},
		{"daily in the west", Schedule{Frequency: Daily, DailyTime: "23:00", Zone: Zone{Hours: -8}}, "2026-11-02 12:00:00", "2026-11-03 07:00:00"},
		{"daily in the east", Schedule{Frequency: Daily, DailyTime: "03:00", Zone: Zone{Hours: 12}}, "2026-11-02 12:00:00", "2026-11-02 15:00:00"},
		{"daily in the far west", Schedule{Frequency: Daily, DailyTime: "00:00", Zone: Zone{Hours: -11}}, "2026-11-02 10:59:59", "2026-11-02 11:00:00"},
		{"daily over the year's end", Schedule{Frequency: Daily, Zone: Zone{Hours: -1}}, "2026-12-31 12:00:00", "2027-01-01 01:00:00"},

		// In 2026 summer time begins on March 8 and ends on November 1.
		{"winter", Schedule{Frequency: Daily, DailyTime: "03:00", Zone: Zone{-5, true}}, "2026-03-06 12:00:00", "2026-03-07 08:00:00"},
		{"the day it begins", Schedule{Frequency: Daily, DailyTime: "03:00", Zone: Zone{-5, true}}, "2026-03-07 12:00:00", "2026-03-08 07:00:00"},
		{"summer", Schedule{Frequency: Daily, DailyTime: "03:00", Zone: Zone{-5, true}}, "2026-07-01 12:00:00", "2026-07-02 07:00:00"},
		{"the hour that is skipped", Schedule{Frequency: Daily, DailyTime: "02:00", Zone: Zone{-5, true}}, "2026-03-07 12:00:00", "2026-03-08 07:00:00"},
		{"the hour that comes twice", Schedule{Frequency: Daily, DailyTime: "01:00", Zone: Zone{-5, true}}, "2026-10-31 12:00:00", "2026-11-01 05:00:00"},
		{"and only once", Schedule{Frequency: Daily, DailyTime: "01:00", Zone: Zone{-5, true}}, "2026-11-01 05:00:00", "2026-11-02 06:00:00"},
		{"the day it ends", Schedule{Frequency: Daily, DailyTime: "03:00", Zone: Zone{-5, true}}, "2026-10-31 12:00:00", "2026-11-01 08:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.Next(at(t, tt.after)); !got.Equal(at(t, tt.want)) {
				t.Errorf("after %s comes %v, want %s", tt.after, got, tt.want)
			}
		})
	}
}

// TestNextIsAFixedPattern says of every schedule that its slots do not depend
// on where one starts to look.
func TestNextIsAFixedPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{
			Frequency: rapid.SampledFrom(Frequencies).Draw(t, "frequency"),
			DailyTime: rapid.SampledFrom([]string{"", "00:00", "01:00", "02:00", "13:00", "23:00"}).Draw(t, "daily"),
			Zone:      Zone{rapid.IntRange(-11, 12).Draw(t, "zone"), rapid.Bool().Draw(t, "saving")},
			Offset:    time.Duration(rapid.IntRange(0, 3599).Draw(t, "offset")) * time.Second,
		}
		from := time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "from"))
		next := s.Next(from)
		gap := next.Sub(from)
		if limit := time.Duration(s.Frequency)*time.Minute + time.Hour; gap <= 0 || gap > limit {
			t.Fatalf("the slot after %v is %v", from, next)
		}
		between := from.Add(time.Duration(rapid.Int64Range(0, int64(gap)-1).Draw(t, "between")))
		if got := s.Next(between); !got.Equal(next) {
			t.Fatalf("after %v comes %v, but after %v, %v", from, next, between, got)
		}
	})
}

func TestDue(t *testing.T) {
	never := ""
	hourly := Schedule{Type: Auto, Frequency: 60}
	manual := Schedule{Type: Manual, Frequency: 60}
	started, ended := at(t, "2026-11-02 12:00:00"), at(t, "2026-11-02 12:10:00")
	trigger, later := at(t, "2026-11-02 12:30:00"), at(t, "2026-11-02 20:00:00")
	for _, tt := range []struct {
		name string
		s    Situation
		want string // "": never; "now": at once
	}{
		{"new", Situation{Schedule: hourly}, "now"},
		{"new and incomplete", Situation{Schedule: hourly, Incomplete: true}, never},
		{"new and manual", Situation{Schedule: manual}, never},
		{"after a sync", Situation{Schedule: hourly, Started: started, Ended: ended}, "2026-11-02 13:00:00"},
		{"after a long sync", Situation{Schedule: hourly, Started: started, Ended: later}, "2026-11-02 13:00:00"},
		{"paused", Situation{Schedule: hourly, Paused: true, Started: started, Triggered: trigger, Rescheduled: later}, never},
		{"triggered", Situation{Schedule: hourly, Started: started, Triggered: trigger}, "2026-11-02 12:30:00"},
		{"triggered and manual", Situation{Schedule: manual, Started: started, Triggered: trigger}, "2026-11-02 12:30:00"},
		{"triggered and incomplete", Situation{Schedule: hourly, Incomplete: true, Triggered: trigger}, never},
		{"rescheduled", Situation{Schedule: hourly, Started: started, Rescheduled: later}, "2026-11-02 20:00:00"},
		{"rescheduled and triggered", Situation{Schedule: hourly, Started: started, Rescheduled: later, Triggered: trigger}, "2026-11-02 12:30:00"},
		{"rescheduled and manual", Situation{Schedule: manual, Started: started, Rescheduled: later}, never},
		{"failed", Situation{Schedule: hourly, Started: started, Ended: ended, Failures: 3}, "2026-11-02 12:14:00"},
		{"failed and manual", Situation{Schedule: manual, Started: started, Ended: ended, Failures: 3}, never},
		{"failed and rescheduled", Situation{Schedule: hourly, Started: started, Ended: ended, Failures: 3, Rescheduled: later}, "2026-11-02 20:00:00"},
		{"broken", Situation{Schedule: hourly, Started: started, Ended: ended, Failures: 1, Broken: true}, "2026-11-02 12:25:00"},
		{"broken by a setup test", Situation{Schedule: hourly, Started: started, Ended: ended, Broken: true}, "2026-11-02 13:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tt.s.Due()
			switch {
			case tt.want == never && ok, tt.want != never && !ok:
				t.Errorf("due at %v, %v", got, ok)
			case tt.want == "now" && !got.IsZero():
				t.Errorf("due at %v, want at once", got)
			case tt.want != never && tt.want != "now" && !got.Equal(at(t, tt.want)):
				t.Errorf("due at %v, want %s", got, tt.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	minutes := func(ms ...int) []int { return ms }
	for _, tt := range []struct {
		broken bool
		want   []int
	}{
		{false, minutes(1, 2, 4, 8, 16, 32, 60, 60)},
		{true, minutes(15, 30, 60, 120, 240, 480, 960, 1440, 1440)},
	} {
		for i, want := range tt.want {
			if got := Backoff(i+1, tt.broken); got != time.Duration(want)*time.Minute {
				t.Errorf("after %d failures, broken %v: %v, want %d minutes", i+1, tt.broken, got, want)
			}
		}
		if got := Backoff(1_000_000, tt.broken); got != time.Duration(tt.want[len(tt.want)-1])*time.Minute {
			t.Errorf("after a million failures: %v", got)
		}
	}
}

func TestDelay(t *testing.T) {
	last := at(t, "2026-11-02 12:00:00")
	for _, tt := range []struct {
		d    Delay
		want string
	}{
		{Delay{Sensitivity: Low, Frequency: 60}, "2026-11-02 17:00:00"},
		{Delay{Sensitivity: Normal, Frequency: 60}, "2026-11-02 14:00:00"},
		{Delay{Sensitivity: High, Frequency: 60}, "2026-11-02 13:15:00"},
		{Delay{Sensitivity: Custom, Threshold: 5, Frequency: 60}, "2026-11-02 13:05:00"},
		{Delay{Sensitivity: SyncFrequency, Frequency: 360}, "2026-11-03 00:00:00"},
		{Delay{Sensitivity: Normal, Frequency: Daily}, "2026-11-03 13:00:00"},
	} {
		if got := tt.d.Deadline(last); !got.Equal(at(t, tt.want)) {
			t.Errorf("%+v: %v, want %s", tt.d, got, tt.want)
		}
	}
}

func TestValid(t *testing.T) {
	for text, want := range map[string]bool{"00:00": true, "23:00": true, "24:00": false, "3:00": false, "03:30": false, "-1:00": false, "": false, "ab:00": false, "+3:00": false} {
		if got := ValidDailyTime(text); got != want {
			t.Errorf("daily time %q: %v", text, got)
		}
	}
	for text, want := range map[string]bool{"-11": true, "0": true, "+12": true, "12": true, "-12": false, "13": false, "": false, "x": false} {
		if got := ValidZone(text); got != want {
			t.Errorf("zone %q: %v", text, got)
		}
	}
	for minutes, want := range map[int]bool{1: true, 360: true, 1440: true, 0: false, 2: false, 2880: false} {
		if got := ValidFrequency(minutes); got != want {
			t.Errorf("frequency %d: %v", minutes, got)
		}
	}
	for text, want := range map[string]bool{"LOW": true, "SYNC_FREQUENCY": true, "low": false, "": false} {
		if got := ValidSensitivity(text); got != want {
			t.Errorf("sensitivity %q: %v", text, got)
		}
	}
}

func TestOffset(t *testing.T) {
	seen := map[time.Duration]bool{}
	for _, id := range []string{"iodize_impressive", "lucky_tiger", "sepulchre_settlement", "recoup_befell"} {
		o := Offset(id)
		if o < 0 || o >= time.Hour || o != Offset(id) {
			t.Errorf("offset of %s is %v", id, o)
		}
		seen[o] = true
	}
	if len(seen) != 4 {
		t.Error("offsets are not spread")
	}
}
