package rest

import (
	"errors"
	"net/url"
	"time"

	"github.com/penstock-data/penstock/setup"
)

// Impatient returns a client for setup tests, whose requests are made once, as
// somebody sits and waits.
func (c *Client) Impatient() *Client {
	own := *c
	own.Tries, own.Patience = 1, time.Minute
	return &own
}

// Reached returns the result of the setup test of whether the API answers, from
// the error of a request. Refusals are answers.
func (c *Client) Reached(err error, title string) setup.TestResult {
	result := setup.TestResult{Title: title, Status: setup.Passed}
	var pause *setup.Reschedule
	switch status := Status(err); {
	case errors.As(err, &pause):
		result.Status, result.Message = setup.Failed, pause.Reason+". Try again then."
	case err != nil && setup.AsProblem(err) == nil && (status == 0 || status >= 500):
		result.Status, result.Message = setup.Failed, c.Base.Host+" could not be reached: "+Cause(err)+
			". Check that this server may open connections to it, through a firewall or proxy if there is one, and try again."
	}
	return result
}

// Cause returns what went wrong without the address, which is named already.
func Cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}
