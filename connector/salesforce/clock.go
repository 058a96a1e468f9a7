package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

// A clock is Salesforce's, by which rows carry times and readings end. It goes
// by the Date of answers, as far as that can be believed.
type clock struct {
	known bool
	ahead time.Duration // of ours
	said  string        // the last Date that was not believed
	any   bool          // any Date is believed: a simulator's time may be set
}

// farthest is how much the two clocks may differ. A Date that differs more is a
// proxy's mistake, or this server's clock is wrong.
const farthest = 3 * time.Hour

// heed reads the Date of an answer that came now. Of all that can be believed
// the least counts: then rows may be read twice, but none is passed over.
func (c *clock) heed(date string, now time.Time) {
	at, err := http.ParseTime(date)
	ahead := at.Sub(now)
	switch {
	case err != nil || ahead.Abs() > farthest && !c.any:
		c.said = date
	case !c.known || ahead < c.ahead:
		c.known, c.ahead = true, ahead
	}
}

// timed finds out what time it is at Salesforce, if no answer has told yet. It
// is a Problem if none does.
func (a *api) timed(ctx context.Context) error {
	var r rest.Reply
	for range tries {
		if a.clock.known {
			return nil
		}
		if err := a.get(ctx, "services/data", &r); err != nil {
			return vendor(err)
		}
	}
	return a.clock.problem(a.env.Now())
}

// problem returns nil if it is known what time it is.
func (c *clock) problem(now time.Time) error {
	if c.known {
		return nil
	}
	said := "do not say what time it is"
	if c.said != "" {
		said = fmt.Sprintf("say that it is %q", c.said)
	}
	return &setup.Problem{Code: "clock_differs", Message: fmt.Sprintf("The answers of Salesforce %s, and by this server's clock it is %s. "+
		"Changes would be missed if either was taken for the time. Set this server's clock, or have the proxy that writes the header Date mended.",
		said, now.UTC().Format(http.TimeFormat))}
}
