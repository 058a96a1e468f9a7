package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
)

// A testResult is the outcome of one setup test, as the API has it.
type testResult struct {
	Title   string
	Status  string
	Message string
	Details *struct {
		Hash        string
		Subject     string
		EncodedCert string `json:"encoded_cert"`
		PublicKey   string `json:"public_key"`
	}
}

// Word is the outcome in one word.
func (t testResult) Word() string { return strings.ToLower(t.Status) }

// Asks reports whether a person is asked to approve something.
func (t testResult) Asks() bool {
	return t.Status == "FAILED" && t.Details != nil && (t.Details.EncodedCert != "" || t.Details.PublicKey != "")
}

// Certificate is the certificate to be approved, nil if it is a key.
func (t testResult) Certificate() *x509.Certificate {
	der, err := base64.StdEncoding.DecodeString(t.Details.EncodedCert)
	if err != nil || len(der) == 0 {
		return nil
	}
	c, _ := x509.ParseCertificate(der)
	return c
}

// Digest is the hash of what is to be approved, as other programs show it: in
// hexadecimal of a certificate, as ssh-keygen does of a key.
func (t testResult) Digest() string {
	if c := t.Certificate(); c != nil {
		sum := sha256.Sum256(c.Raw)
		return strings.TrimSuffix(strings.ToUpper(strings.ReplaceAll(fmt.Sprintf("% x", sum), " ", ":")), ":")
	}
	return "SHA256:" + strings.TrimRight(t.Details.Hash, "=")
}

// A subject is a connection or a destination whose setup somebody sees to: where
// the API has it, and the address of its page.
type subject struct {
	Kind string // "connections" or "destinations"
	ID   string
	Page string // where forms go: /connections/ID/setup
	Auth string // the Connect Card's token; "": somebody is signed in
}

func (t subject) api() string { return "/v1/" + t.Kind + "/" + t.ID }

// Back is the address of the page itself.
func (t subject) Back() string {
	if t.Auth != "" {
		return t.Page + "?auth=" + t.Auth
	}
	return t.Page
}

// Tests is the address of how the tests stand.
func (t subject) Tests() string {
	if t.Auth != "" {
		return t.Page + "/tests?auth=" + t.Auth
	}
	return t.Page + "/tests"
}

// A testsView is how setup tests stand.
type testsView struct {
	subject
	Running bool
	Results []testResult
	Error   string // why they could not be run
	State   string // of the setup: "connected", "incomplete", "broken"
	Fresh   bool   // of a connection: nothing has been synced yet
	MayEdit bool   // whoever looks may change what is tested
	ended   bool   // a run of this process has just ended
	Done    string // where to go when all is well, "": nowhere
}

// Subject is what is tested.
func (t *testsView) Subject() subject { return t.subject }

// Passed reports whether the tests have shown that all is well.
func (t *testsView) Passed() bool {
	return !t.Running && t.State == "connected" && len(t.Results) > 0 && t.Error == ""
}

// A testRun is a run of setup tests that this process has begun. It goes on
// when nobody looks.
type testRun struct {
	mu      sync.Mutex
	results []testResult
	done    bool
	end     tested // what the tests have led to
	err     string // why they could not be run
}

// testRuns are the runs of setup tests, the last of each subject, by its path in
// the API.
type testRuns struct {
	mu   sync.Mutex
	last map[string]*testRun
}

// begin begins to run a subject's setup tests, unless they are running: then is
// called with what the tests have led to, if they could be run.
func (ts *testRuns) begin(v *visit, t subject, then func(context.Context, *testsView)) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if last := ts.last[t.api()]; last != nil && !last.ended() {
		return
	}
	run := &testRun{}
	ts.last[t.api()] = run
	ctx := store.WithCaller(context.WithoutCancel(v.Context()), v.caller)
	r, err := http.NewRequestWithContext(ctx, "POST", "/v1/penstock/"+t.Kind+"/"+t.ID+"/test", strings.NewReader("{}"))
	if err != nil {
		panic(err) // ids can be part of a path
	}
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = v.RemoteAddr
	go func() {
		w := &testWriter{run: run, header: http.Header{}}
		v.s.API.ServeHTTP(w, r)
		if w.end.Status.SetupState+w.end.SetupStatus != "" && then != nil {
			then(ctx, w.view(t))
		}
		run.finish(w.end, w.failed())
		time.AfterFunc(testsKept, func() { ts.forget(t, run) })
	}()
}

// testsKept is how long it is told how a run has ended; later it is as stored.
const testsKept = time.Minute

func (ts *testRuns) forget(t subject, run *testRun) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.last[t.api()] == run {
		delete(ts.last, t.api())
	}
}

// of returns the last run of a subject's tests, nil if there is none.
func (ts *testRuns) of(t subject) *testRun {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.last[t.api()]
}

func (r *testRun) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

func (r *testRun) finish(end tested, err string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done, r.end, r.err = true, end, err
}

func (r *testRun) add(t testResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.results, func(old testResult) bool { return old.Title == t.Title }); i >= 0 {
		r.results = r.results[:i] // the tests are run again
	}
	r.results = append(r.results, t)
}

// tested is what was tested, as the API shows it.
type tested struct {
	Status struct {
		SetupState string `json:"setup_state"`
	}
	SetupStatus string       `json:"setup_status"` // of a destination
	SetupTests  []testResult `json:"setup_tests"`
}

func (t *tested) state() string { return t.Status.SetupState + t.SetupStatus }

// A testWriter reads the API's events of setup tests.
type testWriter struct {
	run    *testRun
	header http.Header
	status int
	kept   []byte // an event whose end has not come yet, or an answer that is none
	end    tested
	why    struct{ Message string }
}

func (w *testWriter) Header() http.Header    { return w.header }
func (w *testWriter) WriteHeader(status int) { w.status = status }

func (w *testWriter) Write(b []byte) (int, error) {
	w.kept = append(w.kept, b...)
	for w.status < 400 {
		event, rest, whole := bytes.Cut(w.kept, []byte("\n\n"))
		if !whole {
			break
		}
		w.kept = rest
		kind, data, named := bytes.Cut(event, []byte("\ndata: "))
		if !named {
			data = bytes.TrimPrefix(event, []byte("data: "))
		}
		switch string(kind) {
		case "event: begin":
		case "event: end":
			json.Unmarshal(data, &w.end)
		case "event: failed":
			json.Unmarshal(data, &w.why)
		default:
			var t testResult
			if json.Unmarshal(data, &t) == nil {
				w.run.add(t)
			}
		}
	}
	return len(b), nil
}

// failed says why the tests could not be run, "" if they were.
func (w *testWriter) failed() string {
	if w.status >= 400 {
		json.Unmarshal(w.kept, &w.why)
	}
	if w.why.Message == "" && w.end.state() == "" {
		return "The tests could not be run. The server's log says why."
	}
	return w.why.Message
}

func (w *testWriter) view(t subject) *testsView {
	return &testsView{subject: t, Results: w.end.SetupTests, State: w.end.state()}
}

// tests returns how a subject's tests stand: as this process knows that they
// run, or as they are stored.
func (v *visit) tests(t subject, stored *configured) testsView {
	view := testsView{subject: t, Results: stored.SetupTests, State: stored.state(), Fresh: t.Kind == "connections" && t.Auth == "" && stored.Paused && stored.SucceededAt == nil}
	of := map[string]access.Resource{"connections": access.Connections, "destinations": access.Destinations}[t.Kind]
	view.MayEdit = v.may(of, access.Edit, stored.GroupID, stored.ID)
	if run := v.s.testings.of(t); run != nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		switch {
		case !run.done:
			view.Running, view.Results = true, slices.Clone(run.results)
		case run.err == "": // what is stored may have been read before the end
			view.ended, view.Results, view.State = true, run.end.SetupTests, run.end.state()
		}
		view.Error = run.err
	}
	return view
}

// approve approves what a test has shown, and runs the tests again.
func (v *visit) approve(t subject, then func(context.Context, *testsView)) error {
	body := map[string]string{"hash": v.PostFormValue("hash")}
	kind := "fingerprints"
	if cert := v.PostFormValue("encoded_cert"); cert != "" {
		kind, body["encoded_cert"] = "certificates", cert
	} else {
		body["public_key"] = v.PostFormValue("public_key")
	}
	if err := v.api("POST", t.api()+"/"+kind, body, nil); err != nil {
		return err
	}
	v.s.testings.begin(v, t, then)
	return nil
}

// An approval is a certificate or an SSH host key that somebody has approved.
type approval struct {
	Kind        string // "certificates" or "fingerprints"
	Hash        string
	Name        string // of a certificate: its subject
	SHA256      string
	PublicKey   string    `json:"public_key"`
	ValidatedBy string    `json:"validated_by"`
	ValidatedAt time.Time `json:"validated_date"`
}

// approvals returns what has been approved for a subject.
func (v *visit) approvals(t subject) (all []approval, err error) {
	for _, kind := range []string{"certificates", "fingerprints"} {
		var list struct{ Items []approval }
		if err := v.api("GET", t.api()+"/"+kind+"?limit=100", nil, &list); err != nil {
			return nil, err
		}
		for _, a := range list.Items {
			a.Kind = kind
			all = append(all, a)
		}
	}
	return all, nil
}
