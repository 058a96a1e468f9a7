package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

// errJobLost says that a job has ended without all of its rows: another one
// must take its place.
type errJobLost struct{ why string }

func (e *errJobLost) Error() string { return e.why }

// readBulk reads the rows by Bulk API 2.0. The state knows of a job before it
// is made, so that none is left behind, and how much of its results was read.
//
// An organization may have a number of jobs in a day. When they are used up the
// rows come by REST, as far as that is allowed.
func (t *reader) readBulk(ctx context.Context) error {
	for n := 1; ; n++ {
		err := t.readJob(ctx)
		var lost *errJobLost
		switch {
		case code(err) == noJobsLeft:
			t.noBulk = true
			return t.readPages(ctx)
		case !errors.As(err, &lost):
			return err
		}
		if n == tries {
			return vendor(&rest.StatusError{Method: http.MethodPost, Status: http.StatusBadRequest, URL: t.client().Base.String() + t.api.path("jobs", "query"), Detail: lost.why})
		}
		t.rows.Fresh = false
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.leaveJob()
		if err := t.tidy(ctx); err != nil {
			return err
		}
	}
}

func (t *reader) client() *rest.Client { return t.api.client }

// readJob makes a job unless there is one, and reads its results to the end.
func (t *reader) readJob(ctx context.Context) error {
	if err := t.makeJob(ctx); err != nil {
		return err
	}
	rd := t.progress.Reading
	if rd.Job.Locator == "" {
		if err := t.await(ctx); err != nil {
			return err
		}
	}
	for {
		next, err := t.readPart(ctx)
		if err != nil {
			return err
		}
		if next == "" {
			t.leaveJob()
			return nil
		}
		rd.Job.Locator = next
		if err := t.saveReading(ctx); err != nil {
			return err
		}
	}
}

// makeJob makes a job unless there is one.
func (t *reader) makeJob(ctx context.Context) error {
	rd := t.progress.Reading
	if rd.Job != nil && rd.Job.ID != "" {
		return nil
	}
	if rd.Job != nil { // its id was lost
		if err := t.dropLostJobs(ctx); err != nil {
			return vendor(err)
		}
	} else {
		rd.Job = &job{Asked: t.now()}
		if err := t.saveReading(ctx); err != nil {
			return err
		}
	}
	err := t.askForJob(ctx)
	if code(err) == invalidField {
		changed, lerr := t.lost(ctx)
		if lerr != nil {
			return lerr
		}
		if changed {
			err = t.askForJob(ctx)
		}
	}
	var refused *rest.StatusError
	if errors.As(err, &refused) && refused.Method == http.MethodPost && refused.Status/100 == 4 && refused.Status != http.StatusRequestTimeout {
		rd.Job = nil // there is none
	}
	if err != nil {
		return vendor(err)
	}
	return t.saveReading(ctx)
}

// askForJob asks for a job for the reading. Where the answer is lost there may
// be a job all the same: it is dropped before another is asked for.
func (t *reader) askForJob(ctx context.Context) error {
	body, err := json.Marshal(map[string]string{"operation": "queryAll", "query": t.query().unordered()})
	if err != nil {
		return err
	}
	j := t.progress.Reading.Job
	err = t.api.do(ctx, rest.Request{Method: http.MethodPost, URL: t.api.path("jobs", "query"), Body: body, Type: "application/json", Again: t.dropLostJobs}, &t.reply)
	if err != nil {
		return err
	}
	if j.ID = string(t.reply.Value.GetStringBytes("id")); j.ID == "" {
		return t.odd("Salesforce made a bulk job and does not say which")
	}
	return nil
}

// longPoll is the longest time between two looks at a job.
const longPoll = 30 * time.Second

// await waits until the job is complete.
func (t *reader) await(ctx context.Context) error {
	id := t.progress.Reading.Job.ID
	for wait := t.poll; ; wait = min(2*wait, longPoll) {
		if err := rest.Sleep(ctx, wait); err != nil {
			return err
		}
		if err := t.api.get(ctx, t.api.path("jobs", "query", id), &t.reply); err != nil {
			return t.lostJob(err)
		}
		v := t.reply.Value
		switch state := string(v.GetStringBytes("state")); state {
		case "JobComplete":
			return nil
		case "Failed", "Aborted":
			return &errJobLost{fmt.Sprintf("bulk job %s was %s: %s", id, state, v.GetStringBytes("errorMessage"))}
		}
		if wait == longPoll { // this is where a sync that is to stop does
			if err := t.saveReading(ctx); err != nil {
				return err
			}
		}
	}
}

// lostJob returns what an error about a job means: that it is gone, perhaps.
func (t *reader) lostJob(err error) error {
	if status := rest.Status(err); setup.AsProblem(err) == nil && (status == http.StatusNotFound || status == http.StatusBadRequest || status == http.StatusGone) {
		return &errJobLost{fmt.Sprintf("bulk job %s is gone: %v", t.progress.Reading.Job.ID, err)}
	}
	return vendor(err)
}

// readPart reads the next part of the job's results and returns the locator of
// the one after it, "" if it was the last. A part that breaks off is read
// again from its beginning.
func (t *reader) readPart(ctx context.Context) (next string, err error) {
	for n := 1; ; n++ {
		var broken *brokenAnswer
		next, err = t.tryPart(ctx)
		if !errors.As(err, &broken) {
			return next, err
		}
		if n == partTries {
			return "", vendor(broken)
		}
		t.rows.Fresh = false
		if err := rest.Sleep(ctx, t.pause<<(n-1)); err != nil {
			return "", err
		}
	}
}

// partTries is how often a part of the results is asked for.
const partTries = 6

// A brokenAnswer is one that is not all that it should be.
type brokenAnswer struct {
	of  string // what was asked for
	err error
}

func (e *brokenAnswer) Error() string { return e.of + ": " + e.err.Error() }

func (e *brokenAnswer) Unwrap() error { return e.err }

func (t *reader) tryPart(ctx context.Context) (next string, err error) {
	j := t.progress.Reading.Job
	at := t.api.path("jobs", "query", j.ID, "results") + "?" + partQuery(t.bulkPart, j.Locator)
	res, err := t.api.open(ctx, rest.Request{URL: at, Header: http.Header{"Accept": {"text/csv"}}})
	if err != nil {
		return "", t.lostJob(err)
	}
	defer res.Body.Close()
	before := t.progress.Reading.Rows
	n, err := t.readCSV(ctx, res.Body)
	if err == nil {
		next, err = following(res.Header, n)
	}
	var broken *brokenAnswer
	if errors.As(err, &broken) {
		broken.of = "results of bulk job " + j.ID
		t.progress.Reading.Rows = before
	}
	return next, err
}

// following returns the locator of the part after one of n rows by the headers
// of that, "" if it was the last.
func following(h http.Header, n int64) (next string, err error) {
	want, werr := strconv.ParseInt(h.Get("Sforce-NumberOfRecords"), 10, 64)
	switch next = h.Get("Sforce-Locator"); {
	case werr != nil:
		return "", &brokenAnswer{err: errors.New("a part does not say how many rows it has")}
	case n != want:
		return "", &brokenAnswer{err: fmt.Errorf("a part has %d rows and should have %d", n, want)}
	case next == "":
		return "", &brokenAnswer{err: errors.New("a part does not say whether it is the last")}
	case next == "null":
		return "", nil
	}
	return next, nil
}

func partQuery(rows int64, locator string) string {
	q := url.Values{"maxRecords": {strconv.FormatInt(rows, 10)}}
	if locator != "" {
		q.Set("locator", locator)
	}
	return q.Encode()
}

// readCSV sends the rows of a part and returns their number.
func (t *reader) readCSV(ctx context.Context, body io.Reader) (n int64, err error) {
	csv := rest.NewCSV(body)
	header, err := csv.Next()
	if err != nil {
		return 0, &brokenAnswer{err: unexpected(err)}
	}
	at := func(name string) int {
		return slices.IndexFunc(header, func(h []byte) bool { return string(h) == name })
	}
	from := make([]int, len(t.table.Columns))
	for i, c := range t.table.Columns {
		if from[i] = at(c.Name); i == t.start {
			from[i] = at(t.object.cursor)
		}
	}
	key, deleted := at(t.object.key), at("IsDeleted")
	if missing := t.missing(header); missing != "" {
		return 0, &brokenAnswer{err: fmt.Errorf("column %s is missing", missing)}
	}
	for ; ; n++ {
		cells, err := csv.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, &brokenAnswer{err: err}
		}
		if err := t.rows.Line(ctx, cells, from); err != nil {
			return n, err
		}
		t.progress.Reading.Rows++
		if deleted >= 0 && key >= 0 && string(cells[deleted]) == "true" {
			if err := t.mark(ctx, cells[key]); err != nil {
				return n, err
			}
		}
	}
}

// missing returns a field that was selected and is not in the header, or "".
func (t *reader) missing(header [][]byte) string {
	for _, f := range t.fields {
		if !slices.ContainsFunc(header, func(h []byte) bool { return string(h) == f }) && t.table.Index(f) >= 0 {
			return f
		}
	}
	return ""
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// leaveJob puts the reading's job among those that are to be deleted, which is
// done when the state knows that nothing of it is needed.
func (t *reader) leaveJob() {
	rd := t.progress.Reading
	if rd.Job != nil && rd.Job.ID != "" {
		t.state.Left = append(t.state.Left, rd.Job.ID)
	}
	rd.Job = nil
}

// lostWithin is how much later than it was asked for a job may have been made.
const lostWithin = time.Hour

// dropLostJobs deletes jobs that the reading may have made and whose ids it
// does not know.
func (t *reader) dropLostJobs(ctx context.Context) error {
	asked := t.progress.Reading.Job.Asked
	at := t.api.path("jobs", "query") + "?jobType=V2Query"
	for at != "" {
		var r rest.Reply
		if err := t.api.get(ctx, at, &r); err != nil {
			return err
		}
		for _, j := range r.Value.GetArray("records") {
			made, err := parseTime(string(j.GetStringBytes("createdDate")))
			if err != nil || made.Before(asked) || made.Sub(asked) > lostWithin || !t.mine(j) {
				continue
			}
			if err := t.api.deleteJob(ctx, string(j.GetStringBytes("id"))); err != nil {
				return err
			}
		}
		at = string(r.Value.GetStringBytes("nextRecordsUrl"))
	}
	return nil
}

// mine reports whether an entry of the list of jobs is as one of the reader's.
func (t *reader) mine(j *fastjson.Value) bool {
	return string(j.GetStringBytes("object")) == t.object.name && string(j.GetStringBytes("operation")) == "queryAll" &&
		string(j.GetStringBytes("createdById")) == t.api.user()
}

// tidy deletes the jobs that nobody needs any more, as far as that is possible:
// one that Salesforce has trouble with waits for the next sync.
func (r *run) tidy(ctx context.Context) error {
	for len(r.state.Left) > r.stuck {
		err := r.api.deleteJob(ctx, r.state.Left[r.stuck])
		var refused *rest.StatusError
		switch {
		case err == nil:
			r.state.Left = slices.Delete(r.state.Left, r.stuck, r.stuck+1)
		case setup.AsProblem(err) == nil && errors.As(err, &refused):
			r.stuck++
		default:
			return vendor(err)
		}
	}
	return nil
}

// deleteJob deletes a job, which is ended first if it runs. There is none to
// delete if it is not there, or another user's: Salesforce deletes it after
// seven days.
func (a *api) deleteJob(ctx context.Context, id string) error {
	at := a.path("jobs", "query", id)
	var r rest.Reply
	err := a.send(ctx, http.MethodDelete, at, nil, &r)
	if rest.Status(err) == http.StatusBadRequest {
		if err := a.send(ctx, http.MethodPatch, at, map[string]string{"state": "Aborted"}, &r); err != nil && rest.Status(err)/100 != 4 {
			return err
		}
		err = a.send(ctx, http.MethodDelete, at, nil, &r)
	}
	if status := rest.Status(err); setup.AsProblem(err) == nil && (status == http.StatusNotFound || status == http.StatusBadRequest || status == http.StatusForbidden) {
		return nil
	}
	return err
}
