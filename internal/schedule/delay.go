package schedule

import "time"

// Sensitivities to delay, as the API spells them.
const (
	Low           = "LOW"
	Normal        = "NORMAL"
	High          = "HIGH"
	Custom        = "CUSTOM"
	SyncFrequency = "SYNC_FREQUENCY"
)

// ValidSensitivity reports whether the API allows the sensitivity.
func ValidSensitivity(text string) bool {
	switch text {
	case Low, Normal, High, Custom, SyncFrequency:
		return true
	}
	return false
}

// A Delay says from when on a connection's data count as delayed.
type Delay struct {
	Sensitivity string
	Threshold   int // in minutes, used with Custom
	Frequency   int // in minutes
}

// Tolerance returns how much older than the frequency the data may be.
func (d Delay) Tolerance() time.Duration {
	switch d.Sensitivity {
	case Low:
		return 4 * time.Hour
	case High:
		return 15 * time.Minute
	case Custom:
		return time.Duration(d.Threshold) * time.Minute
	case SyncFrequency:
		return time.Duration(d.Frequency) * time.Minute
	}
	return time.Hour
}

// Deadline returns until when the next success must come after the last, or
// after the creation of a connection that never had one.
func (d Delay) Deadline(last time.Time) time.Time {
	return last.Add(time.Duration(d.Frequency)*time.Minute + d.Tolerance())
}
