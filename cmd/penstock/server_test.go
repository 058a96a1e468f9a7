package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the tests' seed file declares.
const (
	seedKey    = "automation"
	seedSecret = "seed-secret-5f1c9e"
	seedGroup  = "warehouse_prod"
	seedFile   = `{
		"account":  {"id": "acme_corp", "name": "Acme"},
		"users":    [{"id": "ann_lee", "email": "ann@example.com", "given_name": "Ann", "family_name": "Lee", "role": "Account Administrator"}],
		"api_keys": [{"key": "` + seedKey + `", "secret": "` + seedSecret + `", "user_id": "ann_lee"}],
		"groups":   [{"id": "` + seedGroup + `", "name": "Warehouse", "created_by": "ann_lee"}]
	}`
)

// A server is `penstock serve` at work, and a client of its API.
type server struct {
	*process
	base string // http://host:port
	data string // folder

	key, secret string
}

// serve starts a server on a data folder, with the tests' seed.
func serve(t testing.TB, data string, more ...string) *server {
	t.Helper()
	return serveBy(t, exec.Command(os.Args[0], serveArgs(t, data, more...)...), data)
}

func serveArgs(t testing.TB, data string, more ...string) []string {
	t.Helper()
	return seedArgs(t, data, seedFile, more...)
}

// seedArgs are the arguments of a server with a seed of the caller's.
func seedArgs(t testing.TB, data, seed string, more ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(file, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--seed", file, "--log-format", "json", "--memory", "128MiB"}, more...)
}

func serveBy(t testing.TB, cmd *exec.Cmd, data string) *server {
	t.Helper()
	s := &server{process: launch(t, cmd, nil), data: data, key: seedKey, secret: seedSecret}
	s.ready(t)
	return s
}

// ready waits until the server says where it serves.
func (s *server) ready(t testing.TB) {
	t.Helper()
	line := s.await(t, &s.stdout, 0, "serving on ")
	s.base = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "serving on "), "/v1")
}

// An answer is what the API answers with.
type answer struct {
	status  int
	raw     string
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// call sends a request. body may be nil.
func (s *server) call(t testing.TB, method, path string, body any) answer {
	t.Helper()
	var payload io.Reader = http.NoBody
	if body != nil {
		js, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.NewReader(js)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.base+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.key, s.secret)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, s.stderr.String())
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, raw: string(raw)}
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("%s %s answered %d %s: %v", method, path, resp.StatusCode, raw, err)
	}
	return a
}

// must sends a request that must succeed and reads the answer's data into out.
func (s *server) must(t testing.TB, method, path string, body, out any) {
	t.Helper()
	a := s.call(t, method, path, body)
	if a.status/100 != 2 {
		t.Fatalf("%s %s answered %d %s", method, path, a.status, a.raw)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		t.Fatalf("%s %s answered %s: %v", method, path, a.raw, err)
	}
}

// A note is a task or a warning.
type note struct{ Code, Message string }

// details is what GET /v1/connections/{id} says, as far as the tests look.
type details struct {
	ID            string
	Service       string
	Schema        string
	GroupID       string `json:"group_id"`
	Paused        bool
	SucceededAt   string  `json:"succeeded_at"`
	FailedAt      string  `json:"failed_at"`
	SyncFrequency int     `json:"sync_frequency"`
	DailySyncTime *string `json:"daily_sync_time"`
	ScheduleType  string  `json:"schedule_type"`
	Status        struct {
		Tasks, Warnings []note
		SetupState      string `json:"setup_state"`
		SyncState       string `json:"sync_state"`
		UpdateState     string `json:"update_state"`
		Historical      bool   `json:"is_historical_sync"`
	}
	SetupTests []struct {
		Title, Status, Message string
		Details                json.RawMessage
	} `json:"setup_tests"`
	Config map[string]any
}

// says reports whether a note holds all of the texts.
func says(notes []note, texts ...string) bool {
	for _, n := range notes {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(strings.ToLower(n.Code+" "+n.Message), strings.ToLower(text))
		}
		if all {
			return true
		}
	}
	return false
}

func (s *server) details(t testing.TB, id string) details {
	t.Helper()
	var d details
	s.must(t, "GET", "/v1/connections/"+id, nil, &d)
	return d
}

// destination gives the seed's group its destination.
func (s *server) destination(t testing.TB, service string, config map[string]any) {
	t.Helper()
	var made struct {
		SetupStatus string `json:"setup_status"`
	}
	a := s.call(t, "POST", "/v1/destinations", map[string]any{
		"group_id": seedGroup, "service": service, "time_zone_offset": "0", "config": config,
	})
	if err := json.Unmarshal(a.Data, &made); err != nil || a.status != 201 || made.SetupStatus != "connected" {
		t.Fatalf("the destination: %d %s", a.status, a.raw)
	}
}

// connection makes a connection that syncs on demand only.
func (s *server) connection(t testing.TB, config map[string]any) details {
	t.Helper()
	var d details
	s.must(t, "POST", "/v1/connections", map[string]any{
		"group_id": seedGroup, "service": "postgres", "schedule_type": "manual", "config": config,
	}, &d)
	return d
}

// sync asks for a sync, waits for its end and returns what is said then.
func (s *server) sync(t testing.TB, id string) details {
	t.Helper()
	before := s.details(t, id)
	s.must(t, "POST", "/v1/connections/"+id+"/sync", nil, nil)
	return s.after(t, before)
}

// after waits until another sync has ended than the last one that before tells of.
func (s *server) after(t testing.TB, before details) details {
	t.Helper()
	var d details
	await(t, "the sync of "+before.ID+" ends", func() bool {
		d = s.details(t, before.ID)
		return d.Status.SyncState != "syncing" && (d.SucceededAt != before.SucceededAt || d.FailedAt != before.FailedAt)
	})
	return d
}

// succeeds is sync for one that must succeed and leave nothing to do.
func (s *server) succeeds(t testing.TB, id string) details {
	t.Helper()
	before := s.details(t, id)
	d := s.sync(t, id)
	if d.SucceededAt == before.SucceededAt || d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 {
		t.Fatalf("the sync did not succeed: %+v\n%s", d, s.stderr.String())
	}
	return d
}

// fails is sync for one that must fail.
func (s *server) fails(t testing.TB, id string) details {
	t.Helper()
	before := s.details(t, id)
	d := s.sync(t, id)
	if d.FailedAt == before.FailedAt || d.SucceededAt != before.SucceededAt {
		t.Fatalf("the sync did not fail: %+v\n%s", d, s.stderr.String())
	}
	return d
}

// sourceConfig is the config of a connection to the database of a URL.
func sourceConfig(t testing.TB, dsn, prefix string) map[string]any {
	t.Helper()
	c := databaseConfig(t, dsn)
	c["schema_prefix"], c["update_method"] = prefix, "QUERY_BASED"
	return c
}

// databaseConfig is what the configs of sources and destinations share.
func databaseConfig(t testing.TB, dsn string) map[string]any {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return map[string]any{
		"host": u.Hostname(), "port": u.Port(), "database": strings.TrimPrefix(u.Path, "/"),
		"user": u.User.Username(), "password": password, "always_encrypted": false,
	}
}
