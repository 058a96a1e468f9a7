package logship

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/amazontest"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// A vendor is a log service as strict as the real one. It keeps what it takes.
type vendor struct {
	serve func(v *vendor, w http.ResponseWriter, r *http.Request, body []byte)
	good  string // a config that it lets in
	bad   string // one that it does not

	lines  []string
	stream bool                 // CloudWatch's has been made
	newest map[string]time.Time // of Loki's streams
	posts  int
	answer func(n int) int // the status of post n, from 1, in place of the vendor's; 0: that
}

// RoundTrip lets a client talk to the vendor without a network.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	v.posts++
	if v.answer != nil {
		if status := v.answer(v.posts); status != 0 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			return w.Result(), nil
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	}
	v.serve(v, w, r, body)
	return w.Result(), nil
}

// take adds lines, each of which must be an event.
func (v *vendor) take(w http.ResponseWriter, status int, lines ...string) {
	for _, l := range lines {
		var e struct{ Event, Created string }
		if json.Unmarshal([]byte(l), &e) != nil || e.Event == "" || e.Created == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	v.lines = append(v.lines, lines...)
	w.WriteHeader(status)
}

// strict decodes JSON that may have no other fields.
func strict(body []byte, v any) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(v) == nil && !d.More()
}

// refuse answers a request that a vendor does not take, if one of the reasons
// holds.
func refuse(w http.ResponseWriter, reasons map[int]bool) bool {
	for _, status := range []int{404, 405, 415, 401, 403, 413, 400} {
		if reasons[status] {
			w.WriteHeader(status)
			return true
		}
	}
	return false
}

// recent reports whether milliseconds are a time of about now, for vendors
// that take no other.
func recent(ms int64) bool { return time.Since(time.UnixMilli(ms)).Abs() < 18*time.Hour }

func vendors() map[string]*vendor {
	return map[string]*vendor{
		"datadog_log": {good: `{"api_key":"k3y","region":"EU","hostname":"h"}`, bad: `{"api_key":"s3cret"}`,
			serve: func(v *vendor, w http.ResponseWriter, r *http.Request, body []byte) {
				var logs []struct {
					Ddsource, Service, Hostname, Status, Message string
					Timestamp                                    int64
				}
				malformed := !strict(body, &logs)
				var lines []string
				for _, l := range logs {
					malformed = malformed || !recent(l.Timestamp) || !slices.Contains([]string{"info", "warn", "error"}, l.Status) || l.Hostname != "h"
					lines = append(lines, l.Message)
				}
				if !refuse(w, map[int]bool{404: r.URL.String() != "https://http-intake.logs.datadoghq.eu/api/v2/logs" && r.Header.Get("DD-API-KEY") == "k3y", 405: r.Method != "POST",
					415: r.Header.Get("Content-Type") != "application/json", 403: r.Header.Get("DD-API-KEY") != "k3y", 413: len(body) > 5e6 || len(logs) > 1000, 400: malformed}) {
					v.take(w, 202, lines...)
				}
			}},
		"new_relic_log": {good: `{"api_key":"k3y","sub_domain":"FedRAMP"}`, bad: `{"api_key":"s3cret"}`,
			serve: func(v *vendor, w http.ResponseWriter, r *http.Request, body []byte) {
				var blocks []struct {
					Common struct{ Attributes map[string]string }
					Logs   []struct {
						Timestamp  int64
						Message    string
						Attributes map[string]string
					}
				}
				malformed := !strict(body, &blocks)
				var lines []string
				for _, b := range blocks {
					for _, l := range b.Logs {
						malformed = malformed || !recent(l.Timestamp)
						lines = append(lines, l.Message)
					}
				}
				if !refuse(w, map[int]bool{404: r.URL.Path != "/log/v1" || r.Header.Get("Api-Key") == "k3y" && r.URL.Host != "gov-log-api.newrelic.com", 405: r.Method != "POST",
					415: r.Header.Get("Content-Type") != "application/json", 403: r.Header.Get("Api-Key") != "k3y", 413: r.ContentLength > 1e6, 400: malformed}) {
					v.take(w, 202, lines...)
				}
			}},
		"grafana_loki": {good: `{"loki_url":"https://loki.example.com/","username":"u","access_token":"t0ken","tenant_id":"t"}`,
			bad: `{"loki_url":"https://loki.example.com/loki/api/v1/push","access_token":"s3cret"}`, serve: serveLoki},
		"splunkLog": {good: `{"host":"splunk.example.com","token":"t0ken","channel":"c","enable_ssl":false}`, bad: `{"host":"splunk.example.com","token":"s3cret"}`, serve: serveSplunk},
		"cloudwatch": {good: `{"log_group_name":"g","region":"eu-west-1","access_key_id":"AK","access_key_secret":"t0ken"}`,
			bad: `{"log_group_name":"g","region":"eu-west-1","access_key_id":"AK","access_key_secret":"s3cret"}`, serve: serveCloudwatch},
		"dynatrace": {good: `{"environment_id":"abc123","access_token":"t0ken"}`, bad: `{"environment_id":"abc123","access_token":"s3cret"}`,
			serve: func(v *vendor, w http.ResponseWriter, r *http.Request, body []byte) {
				var logs []struct {
					Content, Severity string
					Timestamp         time.Time
					Source            string `json:"log.source"`
				}
				malformed := !strict(body, &logs)
				var lines []string
				for _, l := range logs {
					malformed = malformed || !recent(l.Timestamp.UnixMilli())
					lines = append(lines, l.Content)
				}
				if !refuse(w, map[int]bool{404: r.URL.String() != "https://abc123.live.dynatrace.com/api/v2/logs/ingest", 415: r.Header.Get("Content-Type") != "application/json",
					401: r.Header.Get("Authorization") != "Api-Token t0ken", 413: len(body) > 10<<20, 400: malformed}) {
					v.take(w, 204, lines...)
				}
			}},
	}
}

func serveLoki(v *vendor, w http.ResponseWriter, r *http.Request, body []byte) {
	var push struct {
		Streams []struct {
			Stream map[string]string
			Values [][2]string
		}
	}
	malformed := !strict(body, &push)
	var lines []string
	var behind strings.Builder
	newest := map[string]time.Time{}
	maps.Copy(newest, v.newest)
	for _, s := range push.Streams {
		malformed = malformed || len(s.Stream) == 0
		stream, last, ignored := fmt.Sprint(s.Stream), int64(0), 0
		for _, l := range s.Values {
			ns, err := strconv.ParseInt(l[0], 10, 64)
			at := time.Unix(0, ns)
			malformed = malformed || err != nil || ns < last || time.Since(at) > 168*time.Hour || len(l[1]) > 256<<10
			last = ns
			if at.Before(newest[stream].Add(-time.Hour)) {
				fmt.Fprintf(&behind, "entry with timestamp %v ignored, reason: 'entry too far behind, entry timestamp is: %v',\n", at, at)
				ignored++
				continue
			}
			newest[stream] = at
			lines = append(lines, l[1])
		}
		if ignored > 0 {
			fmt.Fprintf(&behind, "user 't', total ignored: %d out of %d for stream: %s", ignored, len(s.Values), stream)
		}
	}
	user, password, _ := r.BasicAuth()
	if !refuse(w, map[int]bool{404: r.URL.Path != "/loki/api/v1/push", 415: r.Header.Get("Content-Type") != "application/json",
		401: user != "u" || password != "t0ken" || r.Header.Get("X-Scope-OrgID") != "t", 413: len(body) > 4<<20, 400: malformed}) {
		v.newest = newest
		if behind.Len() > 0 {
			v.take(w, 400, lines...)
			io.WriteString(w, behind.String())
			return
		}
		v.take(w, 204, lines...)
	}
}

func serveSplunk(v *vendor, w http.ResponseWriter, r *http.Request, body []byte) {
	var lines []string
	malformed := false
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var e struct {
			Time                      float64
			Source, Sourcetype, Index string
			Event                     json.RawMessage
			Fields                    map[string]string
		}
		if err := d.Decode(&e); err != nil {
			malformed = malformed || err != io.EOF
			break
		}
		malformed = malformed || !recent(int64(e.Time*1000))
		lines = append(lines, string(e.Event))
	}
	if r.Header.Get("Authorization") != "Splunk t0ken" {
		w.WriteHeader(403)
		io.WriteString(w, `{"text":"Invalid token","code":4}`)
		return
	}
	if !refuse(w, map[int]bool{404: r.URL.String() != "http://splunk.example.com:8088/services/collector/event", 413: len(body) > 1e6,
		400: malformed || r.Header.Get("X-Splunk-Request-Channel") != "c"}) {
		v.take(w, 200, lines...)
	}
}

func serveCloudwatch(v *vendor, w http.ResponseWriter, r *http.Request, body []byte) {
	fail := func(kind string) {
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.logs#%s","message":"no"}`, kind)
	}
	var in struct {
		LogGroupName, LogStreamName string
		LogEvents                   []struct {
			Timestamp int64
			Message   string
		}
	}
	action, known := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "Logs_20140328.")
	switch {
	case !known || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || r.URL.String() != "https://logs.eu-west-1.amazonaws.com/":
		fail("UnknownOperationException")
	case r.Header.Get("Authorization") != amazontest.SigV4(r, body, "AK", "t0ken", "eu-west-1", "logs"):
		fail("InvalidSignatureException")
	case !strict(body, &in) || in.LogGroupName != "g" && in.LogGroupName != "gone":
		fail("InvalidParameterException")
	case in.LogGroupName == "gone" || action == "PutLogEvents" && !v.stream:
		fail("ResourceNotFoundException")
	case action == "CreateLogStream":
		v.stream = true
	case action == "PutLogEvents":
		size, last, lines, rejected := 0, int64(0), []string(nil), map[string]int{}
		for i, e := range in.LogEvents {
			size += len(e.Message) + 26
			if e.Timestamp < last {
				fail("InvalidParameterException")
				return
			}
			last = e.Timestamp
			switch age := time.Since(time.UnixMilli(e.Timestamp)); {
			case age > 14*24*time.Hour:
				rejected["tooOldLogEventEndIndex"] = i + 1
			case age > 10*24*time.Hour: // as long as the group keeps them
				rejected["expiredLogEventEndIndex"] = i + 1
			case age < -2*time.Hour && rejected["tooNewLogEventStartIndex"] == 0:
				rejected["tooNewLogEventStartIndex"] = i
			case age > -2*time.Hour:
				lines = append(lines, e.Message)
			}
		}
		if size > 1<<20 || len(in.LogEvents) > 10_000 || last-in.LogEvents[0].Timestamp > 24*3600*1000 {
			fail("InvalidParameterException")
			return
		}
		v.take(w, 200, lines...)
		if len(rejected) > 0 {
			w.Write(fivetran.Encode(map[string]any{"nextSequenceToken": "1", "rejectedLogEventsInfo": rejected}))
		}
	default:
		fail("UnknownOperationException")
	}
}

// service returns a log service with a config as people give it.
func service(t *testing.T, id, config string) *store.LogService {
	t.Helper()
	c, err := ServiceOf(id).Config.Check(json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	return &store.LogService{AccountID: "a", Service: id, Config: c, Enabled: true, Complete: true}
}

func sender(v http.RoundTripper) *Sender {
	return &Sender{client: &http.Client{Transport: v}, now: time.Now}
}

func TestVendors(t *testing.T) {
	for id, v := range vendors() {
		t.Run(id, func(t *testing.T) {
			s := sender(v)
			if r := s.Test(t.Context(), service(t, id, v.good)); r[0].Status != setup.Passed || len(v.lines) != 1 {
				t.Errorf("got %+v, %d lines", r, len(v.lines))
			}
			var entries []entry
			at := time.Now().Add(-time.Hour)
			for i, level := range []string{store.Info, store.Severe, store.Warning, store.Info} {
				e := store.Event{Kind: "sync_end", Level: level, At: at.Add(time.Duration(i) * time.Second), ConnectionID: fmt.Sprint(i), Data: []byte(`{"status":"SUCCESSFUL"}`)}
				entries = append(entries, newEntry(&e))
			}
			if err := s.send(t.Context(), service(t, id, v.good), entries); err != nil || len(v.lines) != 5 {
				t.Errorf("got %v, %d lines", err, len(v.lines))
			}
			r := s.Test(t.Context(), service(t, id, v.bad))
			if r[0].Status != setup.Failed || strings.Contains(r[0].Message, "s3cret") || len(v.lines) != 5 {
				t.Errorf("wrong secret: %+v", r)
			}
			err := s.send(t.Context(), service(t, id, v.bad), entries)
			if !lasting(err) {
				t.Errorf("wrong secret: %v passes by itself", err)
			}
			for _, status := range []int{429, 500, 503} {
				v.answer = func(int) int { return status }
				if err := s.send(t.Context(), service(t, id, v.good), entries); err == nil || lasting(err) || backoff(0, err) != 7*time.Second {
					t.Errorf("%d: %v", status, err)
				}
			}
		})
	}
}

func TestConfigs(t *testing.T) {
	v := vendors()["cloudwatch"]
	for _, tt := range []struct{ id, config, want string }{
		{"splunkLog", `{"host":"h","token":"wrong","channel":"c"}`, "403 Forbidden: the token is invalid"},
		{"cloudwatch", `{"log_group_name":"gone","region":"eu-west-1","access_key_id":"AK","access_key_secret":"t0ken"}`, "there is no such log group"},
		{"cloudwatch", `{"log_group_name":"g","region":"eu-west-1","role_arn":"arn"}`, "give access_key_id"},
		{"cloudwatch", `{"log_group_name":"g","region":"eu-west-1","role_arn":"arn","access_key_id":"AK","access_key_secret":"t0ken"}`, "takes on no roles"},
		{"cloudwatch", `{"log_group_name":"g","region":"evil.example.com/","access_key_id":"AK","access_key_secret":"t0ken"}`, "the region is malformed"},
		{"dynatrace", `{"environment_id":"evil.example.com/","access_token":"t"}`, "environment's id is malformed"},
		{"grafana_loki", `{"loki_url":"::"}`, "the address is malformed"},
		{"grafana_loki", `{"loki_url":"loki.example.com"}`, "the address is malformed: it is not a URL"},
		{"grafana_loki", `{"loki_url":"https://u:t0ken@loki.example.com"}`, "it must not hold a user or a password"},
	} {
		v := v
		if tt.id != "cloudwatch" {
			v = vendors()[tt.id]
		}
		if r := sender(v).Test(t.Context(), service(t, tt.id, tt.config)); r[0].Status != setup.Failed || !strings.Contains(r[0].Message, tt.want) {
			t.Errorf("%s: got %+v", tt.config, r)
		}
	}
}

// TestLeftOut: a vendor that has not taken all that it was sent says so.
func TestLeftOut(t *testing.T) {
	entries := func(ages ...time.Duration) (all []entry) {
		for _, age := range ages {
			all = append(all, newEntry(&store.Event{Kind: "warning", Level: store.Info, At: time.Now().Add(-age)}))
		}
		return all
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		id    string
		ages  []time.Duration
		out   int
		taken int
	}{
		{"cloudwatch", []time.Duration{time.Hour, 0}, 0, 2},
		{"cloudwatch", []time.Duration{15 * day, 15*day - time.Hour, 14*day + time.Minute}, 3, 0},
		{"cloudwatch", []time.Duration{14*day + time.Hour, 13*day + 2*time.Hour}, 2, 0},
		{"cloudwatch", []time.Duration{10*day + time.Hour, 9*day + 2*time.Hour}, 1, 1},
		{"cloudwatch", []time.Duration{0, -time.Hour, -3 * time.Hour, -4 * time.Hour}, 2, 2},
		{"grafana_loki", []time.Duration{2 * time.Hour, time.Hour, 0}, 0, 3},
	} {
		v := vendors()[tt.id]
		err := sender(v).send(t.Context(), service(t, tt.id, v.good), entries(tt.ages...))
		var part *leftOut
		if out := errors.As(err, &part); out != (tt.out > 0) || out && part.entries != tt.out || err != nil && !out || len(v.lines) != tt.taken {
			t.Errorf("%s %v: %v, took %d", tt.id, tt.ages, err, len(v.lines))
		}
	}

	// Loki's newest entry is what others are compared with.
	v := vendors()["grafana_loki"]
	s, l := sender(v), service(t, "grafana_loki", v.good)
	var part *leftOut
	if err := s.send(t.Context(), l, entries(0)); err != nil {
		t.Error(err)
	}
	if err := s.send(t.Context(), l, entries(3*time.Hour, 2*time.Hour, time.Minute)); !errors.As(err, &part) || part.entries != 2 || len(v.lines) != 2 {
		t.Errorf("got %v, took %d", err, len(v.lines))
	}

	// A test event that is left out has not arrived.
	s = sender(vendors()["cloudwatch"])
	s.now = func() time.Time { return time.Now().Add(-15 * day) }
	r := s.Test(t.Context(), service(t, "cloudwatch", vendors()["cloudwatch"].good))
	const want = "The test event was not taken: the log service left out 1 of the entries, which are too old, or too far ahead."
	if r[0].Status != setup.Failed || r[0].Message != want {
		t.Errorf("got %+v", r)
	}

	for answer, want := range map[string]int{
		"entry for stream '{}' has timestamp too old: 2020, oldest acceptable timestamp is: 2026":                                                  1,
		"12 errors like: entry for stream '{}' has timestamp too new: 2030; 3 errors like: Max entry size '262144' bytes exceeded for stream '{}'": 15,
		"error at least one label pair is required per stream":                                                                                     0,
		"2 errors like: stream '{}' has label name too long: 'x'":                                                                                  0,
		"": 0,
	} {
		if got := ignored([]byte(answer)); got != want {
			t.Errorf("%q: %d", answer, got)
		}
	}
}

func TestCut(t *testing.T) {
	line := func(n int, at time.Time) entry { return entry{at: at, line: make([]byte, n)} }
	var now time.Time
	for _, tt := range []struct {
		name string
		s    Service
		in   []entry
		want int
	}{
		{"all", Service{bytes: 100}, []entry{line(10, now), line(90, now)}, 2},
		{"bytes", Service{bytes: 100}, []entry{line(10, now), line(90, now), line(1, now)}, 2},
		{"extra bytes", Service{bytes: 100, extra: 5}, []entry{line(10, now), line(90, now)}, 1},
		{"one that is too large", Service{bytes: 100}, []entry{line(200, now), line(1, now)}, 1},
		{"time", Service{bytes: 100, within: time.Hour}, []entry{line(1, now), line(1, now.Add(time.Hour)), line(1, now.Add(-time.Second))}, 2},
	} {
		if got := tt.s.cut(tt.in); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestLongLine(t *testing.T) {
	e := store.Event{Kind: "warning", Data: fivetran.Encode(strings.Repeat("x", 300<<10)), At: time.Unix(0, 0).UTC()}
	if got, want := string(newEntry(&e).line), `{"event":"warning","data":{"left_out":"307202 bytes, which are more than log services take"},"created":"1970-01-01T00:00:00Z"}`; got != want {
		t.Errorf("got %s", got)
	}
}
