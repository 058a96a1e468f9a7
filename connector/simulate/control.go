package simulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ControlPrefix is where every simulator has its path for people and scripts:
//
//	GET  /simulator/                  the status, as JSON
//	POST /simulator/advance?by=24h    lets time be later
//	POST /simulator/break             adds the [Fault] that the body holds
//	POST /simulator/mend              takes all faults away
const ControlPrefix = "/simulator/"

// A Control answers on the path for people.
type Control struct {
	Clock  *Clock
	Faults *Faults

	// Status is shown, as JSON, with the time and the faults.
	Status func() map[string]any

	// More are what a simulator can be told besides, by the last part of the
	// path. Errors are answered with 400; what they return is added to the status.
	More map[string]func(r *http.Request) (map[string]any, error)
}

func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, ControlPrefix)
	if (r.Method == http.MethodGet) != (what == "") {
		refuse(w, http.StatusMethodNotAllowed, "GET for the status, POST for the rest.")
		return
	}
	more, err := map[string]any(nil), error(nil)
	switch f := c.More[what]; {
	case what == "":
	case what == "advance":
		err = c.advance(r)
	case what == "break":
		err = c.fault(r)
	case what == "mend":
		c.Faults.Mend()
	case f != nil:
		more, err = f(r)
	default:
		refuse(w, http.StatusNotFound, fmt.Sprintf("There is no %q.", what))
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	status := c.Status()
	status["now"], status["faults"] = c.Clock.Now(), c.Faults.All()
	for k, v := range more {
		status[k] = v
	}
	answer(w, http.StatusOK, status)
}

func (c *Control) advance(r *http.Request) error {
	by, err := time.ParseDuration(r.FormValue("by"))
	if err != nil || by < 0 {
		return fmt.Errorf("by must be a duration such as 24h")
	}
	c.Clock.Advance(by)
	return nil
}

func (c *Control) fault(r *http.Request) error {
	var f Fault
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return err
	}
	if !f.valid() {
		return fmt.Errorf("one of status, cut, half and short must be set")
	}
	c.Faults.Break(f)
	return nil
}

func refuse(w http.ResponseWriter, status int, detail string) {
	answer(w, status, map[string]any{"detail": detail})
}

func answer(w http.ResponseWriter, status int, v map[string]any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"detail":"the status cannot be written as JSON"}`)
	}
	Write(w, status, "application/json", body)
}
