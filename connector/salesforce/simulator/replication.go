package simulator

import (
	"fmt"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// period reads start and end, and checks them as getDeleted() and getUpdated()
// do: the end more than a minute after the start, and the start within days.
func (s *Simulator) period(c *call, t *table, within time.Duration) (start, end int64, e *apiError) {
	bad := func(format string, args ...any) *apiError {
		return &apiError{http.StatusBadRequest, "INVALID_REPLICATION_DATE", fmt.Sprintf(format, args...)}
	}
	if !yes(t.object.Replicable) {
		return 0, 0, &apiError{http.StatusBadRequest, "INVALID_TYPE_FOR_OPERATION", "entity type " + t.object.Name + " is not replicateable"}
	}
	var times [2]int64
	for i, name := range []string{"start", "end"} {
		v, ok := parseTime(c.query.Get(name))
		if !ok {
			return 0, 0, &apiError{http.StatusBadRequest, "MALFORMED_ID", fmt.Sprintf("%s: %q is not a date and time", name, c.query.Get(name))}
		}
		times[i] = v.num
	}
	start, end = times[0], times[1]
	switch {
	case end-start <= time.Minute.Milliseconds():
		return 0, 0, bad("The specified start date must precede the end date by more than one minute")
	case s.clock.Now().UnixMilli()-start > within.Milliseconds():
		return 0, 0, bad("startDate is more than %d days ago", within/day)
	}
	return start, end, nil
}

func (s *Simulator) tooMany() *apiError {
	return &apiError{http.StatusBadRequest, "EXCEEDED_ID_LIMIT", fmt.Sprintf("exceeded the limit of %d ids; ask for a shorter period", s.opt.MostIDs)}
}

// deleted answers with the rows deleted in a period (REST API guide, sObject
// Get Deleted).
func (s *Simulator) deleted(c *call, t *table) (*answer, *apiError) {
	start, end, e := s.period(c, t, binKeeps)
	if e != nil {
		return nil, e
	}
	if start < t.purged {
		return nil, &apiError{http.StatusBadRequest, "INVALID_REPLICATION_DATE", "startDate before org's replication enabled date"}
	}
	found := t.deletions(s.clock.Now().UnixMilli(), start, end)
	if len(found) > s.opt.MostIDs {
		return nil, s.tooMany()
	}
	var j simulate.Object
	j.Open()
	j.Array("deletedRecords")
	for _, d := range found {
		j.Item()
		j.Open()
		j.Text("id", value{kind: id, text: t.object.KeyPrefix, num: d.row}.String())
		j.Text("deletedDate", timeOf(d.at).String())
		j.Close()
	}
	j.EndArray()
	earliest := max(t.purged, second(s.clock.Now().UnixMilli()-binKeeps.Milliseconds()))
	j.Text("earliestDateAvailable", timeOf(earliest).String())
	j.Text("latestDateCovered", timeOf(min(end, second(s.clock.Now().UnixMilli()-s.opt.VisibleAfter.Milliseconds()))).String())
	j.Close()
	return &answer{body: j.Bytes}, nil
}

// updated answers with the rows changed in a period.
func (s *Simulator) updated(c *call, t *table) (*answer, *apiError) {
	start, end, e := s.period(c, t, 30*day)
	if e != nil {
		return nil, e
	}
	var j simulate.Object
	j.Open()
	j.Array("ids")
	found := 0
	for r := range t.view(s.clock.Now()).rows(false) {
		if r.modified < start || r.modified >= end {
			continue
		}
		if found++; found > s.opt.MostIDs {
			return nil, s.tooMany()
		}
		j.Item()
		j.String(value{kind: id, text: t.object.KeyPrefix, num: r.n}.String())
	}
	j.EndArray()
	j.Text("latestDateCovered", timeOf(min(end, s.clock.Now().UnixMilli())).String())
	j.Close()
	return &answer{body: j.Bytes}, nil
}
