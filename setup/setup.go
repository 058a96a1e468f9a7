// Package setup is about what a person must do for a connection or a
// destination to work: the config they fill in, the tests that try it, and
// the problems they are asked to solve. Connectors and destinations describe
// themselves with it; it imports nothing else of Penstock.
package setup

import (
	"errors"
	"fmt"
	"time"
)

// A Status is the outcome of a setup test, as the API spells it.
type Status string

const (
	Passed  Status = "PASSED"
	Skipped Status = "SKIPPED"
	Warned  Status = "WARNING"
	Failed  Status = "FAILED"

	// JobFailed is of a test that could not be made at the moment: it says
	// nothing about the setup.
	JobFailed Status = "JOB_FAILED"
)

// A TestResult is the outcome of one setup test.
type TestResult struct {
	Title   string `json:"title"` // stable: clients compare it
	Status  Status `json:"status"`
	Message string `json:"message"` // what is wrong and what to do; "" if it passed

	// Certificate is set when a server's certificate is not trusted yet:
	// whoever may approve it is shown it and approves it by its hash.
	Certificate *Certificate `json:"certificate,omitempty"`

	// Fingerprint is the same for the host key of an SSH server.
	Fingerprint *Fingerprint `json:"fingerprint,omitempty"`
}

// A Warning is something that does not stop a sync but that somebody should
// know: a value that could not be kept, a table that was left out.
type Warning struct {
	Code    string // snake_case, stable: "table_skipped", "value_not_kept"
	Message string // names the table, the column and the value it is about
}

// A Problem is an error that stays until a person acts: it breaks the
// connection and becomes one of its tasks. Every other error is taken for a
// passing one and tried again.
type Problem struct {
	Code    string // snake_case, stable: "authentication_failed", "permission_denied"
	Message string // what happened, where, and what to do
	Err     error  // the cause; may be nil
}

func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Message
	}
	return fmt.Sprintf("%s: %v", p.Message, p.Err)
}

func (p *Problem) Unwrap() error { return p.Err }

// AsProblem returns the Problem in err's chain, or nil.
func AsProblem(err error) *Problem {
	var p *Problem
	errors.As(err, &p)
	return p
}

// A Reschedule ends a sync early because the source asks to be left alone
// until Until. Nothing is wrong: what was read so far is kept.
type Reschedule struct {
	Until  time.Time
	Reason string
}

func (r *Reschedule) Error() string {
	return fmt.Sprintf("%s; the sync goes on at %s", r.Reason, r.Until.UTC().Format(time.RFC3339))
}
