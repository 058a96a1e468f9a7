package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A job is a query of Bulk API 2.0.
type job struct {
	ID              string          `json:"id"`
	Operation       string          `json:"operation"`
	Object          string          `json:"object"`
	CreatedByID     string          `json:"createdById"`
	CreatedDate     string          `json:"createdDate"`
	SystemModstamp  string          `json:"systemModstamp"`
	State           string          `json:"state"`
	ConcurrencyMode string          `json:"concurrencyMode"`
	ContentType     string          `json:"contentType"`
	APIVersion      json.RawMessage `json:"apiVersion"`
	JobType         string          `json:"jobType"`
	LineEnding      string          `json:"lineEnding"`
	ColumnDelimiter string          `json:"columnDelimiter"`
	Processed       int             `json:"numberRecordsProcessed"`
	Retries         int             `json:"retries"`
	TotalTime       int64           `json:"totalProcessingTime"`
	ErrorMessage    string          `json:"errorMessage,omitempty"`

	statement *statement
	query     *query // as it was when the job was worked off
	rows      []int32
	polls     int
	created   time.Time
	fails     *string // what becomes of it; "": it is aborted
}

const jobsKept = 7 * day // Bulk API 2.0 guide: results are deleted after seven days

// noBulk are objects that the Bulk API does not support.
var noBulk = []string{
	"AcceptedEventRelation", "AssetTokenEvent", "AttachedContentNote", "CaseStatus", "ContractStatus", "DeclinedEventRelation",
	"EventWhoRelation", "OrderStatus", "PartnerRole", "QuoteTemplateRichTextData", "RecentlyViewed", "SolutionStatus", "TaskPriority",
	"TaskStatus", "TaskWhoRelation", "UndecidedEventRelation",
}

// FailJob lets the next job that is created fail when it is worked off, with
// this message; without one it is aborted, as by somebody else.
func (s *Simulator) FailJob(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = append(s.failing, message)
}

// Jobs returns how many jobs there are that nobody has deleted.
func (s *Simulator) Jobs() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if s.clock.Now().Sub(j.created) <= jobsKept {
			n++
		}
	}
	return n
}

// createJob makes a query a job (Bulk API 2.0 guide, Create a Query Job).
func (s *Simulator) createJob(c *call) (*answer, *apiError) {
	var b struct {
		Operation       string `json:"operation"`
		Query           string `json:"query"`
		ContentType     string `json:"contentType"`
		ColumnDelimiter string `json:"columnDelimiter"`
		LineEnding      string `json:"lineEnding"`
	}
	if e := c.read(&b); e != nil {
		return nil, e
	}
	setDefault(&b.ContentType, "CSV")
	setDefault(&b.ColumnDelimiter, "COMMA")
	setDefault(&b.LineEnding, "LF")
	switch {
	case b.Operation != "query" && b.Operation != "queryAll":
		return nil, &apiError{http.StatusBadRequest, "INVALIDJOB", "operation must be query or queryAll"}
	case b.ContentType != "CSV", b.ColumnDelimiter != "COMMA", b.LineEnding != "LF":
		return nil, &apiError{http.StatusBadRequest, "INVALIDJOB", "this simulator writes CSV with commas and LF only"}
	}
	st, e := parseQuery(b.Query)
	if e != nil {
		return nil, e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sn := s.snapshot()
	q, e := sn.resolve(st, b.Operation == "queryAll")
	if e != nil {
		return nil, e
	}
	if e := q.bulk(); e != nil {
		return nil, e
	}
	if s.jobsUsed.sum(sn.now) >= s.opt.DailyQueryJobs {
		return nil, &apiError{http.StatusBadRequest, "LIMIT_EXCEEDED", "Max query jobs per day exceeded"}
	}
	s.jobsUsed.add(sn.now, 1)
	s.serial++
	now := timeOf(second(sn.now.UnixMilli())).String()
	j := &job{
		ID: value{kind: id, text: "750", num: s.serial}.String(), Operation: b.Operation, Object: q.view.object.Name, CreatedByID: userID,
		CreatedDate: now, SystemModstamp: now, State: "UploadComplete", ConcurrencyMode: "Parallel", ContentType: "CSV",
		APIVersion: json.RawMessage(strings.TrimPrefix(c.version, "v")), JobType: "V2Query", LineEnding: "LF", ColumnDelimiter: "COMMA", statement: st, created: sn.now,
	}
	if len(s.failing) > 0 {
		j.fails, s.failing = &s.failing[0], s.failing[1:]
	}
	s.jobs[j.ID] = j
	return j.answer()
}

// bulk refuses what the Bulk API does not do (Bulk API 2.0 guide, SOQL
// considerations).
func (q *query) bulk() *apiError {
	unsupported := func(what string) *apiError {
		return &apiError{http.StatusBadRequest, "API_ERROR", what + " not supported in Bulk Query"}
	}
	if name := q.view.object.Name; slices.Contains(noBulk, name) {
		return &apiError{http.StatusBadRequest, "INVALIDENTITY", "Entity '" + name + "' is not supported by the Bulk API."}
	}
	switch {
	case q.aggregates || q.countOnly:
		return unsupported("Aggregate functions are")
	case q.offset > 0:
		return unsupported("OFFSET is")
	}
	for _, c := range q.columns {
		if c.field.compound() {
			return &apiError{http.StatusBadRequest, "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query"}
		}
		if c.field.Type == "base64" {
			return unsupported("Selecting base64 data is")
		}
	}
	return nil
}

func (j *job) answer() (*answer, *apiError) {
	b, _ := json.Marshal(j)
	return &answer{body: b}, nil
}

// onJob calls f with the job that the path names, while s.mu is held.
func onJob(f func(*Simulator, *call, *job) (*answer, *apiError)) func(*Simulator, *call) (*answer, *apiError) {
	return func(s *Simulator, c *call) (*answer, *apiError) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if j := s.jobs[c.args[0]]; j != nil && s.clock.Now().Sub(j.created) <= jobsKept {
			return f(s, c, j)
		}
		return nil, notFound
	}
}

// pollJob tells a job's state, and works on it.
func (s *Simulator) pollJob(_ *call, j *job) (*answer, *apiError) {
	if j.State == "UploadComplete" || j.State == "InProgress" {
		if j.polls++; j.polls >= 2*s.opt.Polls {
			s.work(j)
		} else if j.polls >= s.opt.Polls {
			j.State = "InProgress"
		}
	}
	return j.answer()
}

// work finds a job's rows, as they are now.
func (s *Simulator) work(j *job) {
	sn := s.snapshot()
	j.SystemModstamp = timeOf(second(sn.now.UnixMilli())).String()
	j.TotalTime = sn.now.Sub(j.created).Milliseconds()
	if j.fails != nil {
		if j.State, j.ErrorMessage = "Failed", *j.fails; *j.fails == "" {
			j.State = "Aborted"
		}
		return
	}
	q, e := sn.resolve(j.statement, j.Operation == "queryAll")
	if e != nil {
		j.State, j.ErrorMessage = "Failed", e.code+": "+e.message
		return
	}
	j.query, j.rows, j.State = q, q.rows(), "JobComplete"
	j.Processed = len(j.rows)
}

func invalidState(what string, j *job) *apiError {
	return &apiError{http.StatusBadRequest, "INVALIDJOBSTATE", fmt.Sprintf("%s is not possible in state %s", what, j.State)}
}

// abortJob ends a job (Bulk API 2.0 guide, Abort a Query Job).
func (s *Simulator) abortJob(c *call, j *job) (*answer, *apiError) {
	var b struct {
		State string `json:"state"`
	}
	if e := c.read(&b); e != nil {
		return nil, e
	}
	if b.State != "Aborted" {
		return nil, &apiError{http.StatusBadRequest, "INVALIDJOB", "state can be set to Aborted only"}
	}
	if j.State != "UploadComplete" && j.State != "InProgress" {
		return nil, invalidState("Aborting", j)
	}
	j.State = "Aborted"
	return j.answer()
}

func (s *Simulator) dropJob(_ *call, j *job) (*answer, *apiError) {
	if j.State == "InProgress" {
		return nil, invalidState("Deleting", j)
	}
	delete(s.jobs, j.ID)
	return &answer{status: http.StatusNoContent}, nil
}

func (s *Simulator) listJobs(*call) (*answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []*job{}
	for _, j := range s.jobs {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b *job) int { return strings.Compare(a.ID, b.ID) })
	b, _ := json.Marshal(map[string]any{"done": true, "records": all, "nextRecordsUrl": nil})
	return &answer{body: b}, nil
}

// results answers with rows as CSV (Bulk API 2.0 guide, Get Results for a
// Query Job): every field is quoted, null is empty, lines end with LF.
func (s *Simulator) results(c *call, j *job) (*answer, *apiError) {
	if j.State != "JobComplete" {
		return nil, invalidState("Reading results", j)
	}
	from, most := 0, s.opt.ResultRows
	if l := c.query.Get("locator"); l != "" {
		b, err := base64.RawURLEncoding.DecodeString(l)
		if err == nil {
			from, err = strconv.Atoi(string(b))
		}
		if err != nil || from <= 0 || from >= len(j.rows) {
			return nil, &apiError{http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid locator: " + l}
		}
	}
	if m := c.query.Get("maxRecords"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 {
			return nil, &apiError{http.StatusBadRequest, "INVALIDJOB", "maxRecords must be a positive number"}
		}
		most = n
	}
	to := min(from+most, len(j.rows))
	locator := "null"
	if to < len(j.rows) {
		locator = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	h := http.Header{}
	h.Set("Content-Type", "text/csv;charset=UTF-8")
	h.Set("Sforce-Locator", locator)
	h.Set("Sforce-NumberOfRecords", strconv.Itoa(to-from))
	q, rows := j.query, j.rows[from:to]
	return &answer{header: h, stream: func(w io.Writer) error { return q.csv(w, rows) }}, nil
}

// csv writes a header and rows.
func (q *query) csv(w io.Writer, rows []int32) error {
	buf := make([]byte, 0, 96<<10)
	for i := range q.columns {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(append(append(buf, '"'), q.columns[i].name...), '"')
	}
	buf = append(buf, '\n')
	var r row
	for _, n := range rows {
		r, _ = q.view.row(int64(n))
		for i := range q.columns {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = q.value(&q.columns[i], &r).csv(buf)
		}
		buf = append(buf, '\n')
		if len(buf) > 64<<10 {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err := w.Write(buf)
	return err
}
