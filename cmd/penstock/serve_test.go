package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
)

// platforms runs a test with each place for Penstock's own database.
func platforms(t *testing.T, f func(t *testing.T, flags []string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, nil) })
	t.Run("postgres", func(t *testing.T) { f(t, []string{"--database-url", pgtest.Database(t)}) })
}

// ordersSource makes the database orders and a way to it that can be watched.
func ordersSource(t *testing.T) (dsn string, near *proxy, config map[string]any) {
	t.Helper()
	dsn = pgtest.Database(t)
	pgtest.Exec(t, dsn, orders...)
	config = sourceConfig(t, dsn, "shop")
	near = newProxy(t, config["host"].(string), config["port"].(string))
	config["host"], config["port"] = near.host, near.port
	return dsn, near, config
}

func ordersCompared() (all []compared) {
	for _, n := range ordersTables {
		all = append(all, compared{
			source: schema.Name{Schema: "public", Table: n}, destination: schema.Name{Schema: "shop_public", Table: n}, keyless: n == "note",
		})
	}
	return all
}

// TestServe is the walk of somebody with curl: a group, its destination, a
// connection, and what its details say before, during and after its syncs.
func TestServe(t *testing.T) {
	platforms(t, func(t *testing.T, flags []string) {
		source, near, config := ordersSource(t)
		file := filepath.Join(t.TempDir(), "w.duckdb")
		data := t.TempDir()
		s := serve(t, data, flags...)

		var group struct{ ID, Name string }
		s.must(t, "POST", "/v1/groups", map[string]any{"name": "Curl"}, &group)
		if !regexp.MustCompile(`^[a-z]+_[a-z]+$`).MatchString(group.ID) || group.Name != "Curl" {
			t.Errorf("the group is %+v", group)
		}
		s.must(t, "POST", "/v1/destinations", map[string]any{
			"group_id": group.ID, "service": "duckdb", "time_zone_offset": "-5", "config": map[string]any{"path": file},
		}, nil)

		var d details
		s.must(t, "POST", "/v1/connections", map[string]any{
			"group_id": group.ID, "service": "postgres", "config": config, "paused": true, "sync_frequency": 60,
		}, &d)
		if !regexp.MustCompile(`^[a-z]+_[a-z]+$`).MatchString(d.ID) || d.Schema != "shop" || d.Config["schema_prefix"] != "shop" || d.GroupID != group.ID {
			t.Errorf("the connection is %+v", d)
		}
		expect(t, s, d.ID, "paused", "connected", true)
		if d.SucceededAt != "" || d.FailedAt != "" || d.DailySyncTime != nil {
			t.Errorf("before its first sync it says %+v", d)
		}
		for _, test := range d.SetupTests {
			if test.Status != "PASSED" && test.Status != "SKIPPED" {
				t.Errorf("setup test %+v", test)
			}
		}
		if a := s.call(t, "POST", "/v1/connections/"+d.ID+"/sync", nil); a.status/100 == 2 {
			t.Errorf("a paused connection can be synced: %s", a.raw)
		}

		// It runs by itself when it is not paused any more.
		near.holdAfter(1 << 20)
		s.must(t, "PATCH", "/v1/connections/"+d.ID, map[string]any{"paused": false}, nil)
		near.held(t)
		expect(t, s, d.ID, "syncing", "connected", true)

		// A sync that is asked for meanwhile is the one that runs; one that is
		// forced takes its place.
		before := s.details(t, d.ID)
		s.must(t, "POST", "/v1/connections/"+d.ID+"/sync", map[string]any{"force": false}, nil)
		if n := strings.Count(s.stderr.String(), `"sync started"`); n != 1 {
			t.Errorf("%d syncs were started", n)
		}
		near.open()
		near.holdAfter(1 << 20)
		near.held(t)
		lines, _ := s.stderr.lines()
		s.must(t, "POST", "/v1/connections/"+d.ID+"/sync", map[string]any{"force": true}, nil)
		s.await(t, &s.stderr, len(lines), `"sync ended"`)
		near.open()
		s.await(t, &s.stderr, len(lines), `"sync started"`)
		after := s.after(t, before)
		if after.SucceededAt == "" || after.FailedAt != "" {
			t.Errorf("after the forced sync it says %+v", after)
		}
		expect(t, s, d.ID, "scheduled", "connected", false)
		equal(t, source, duckWarehouse(file), ordersCompared())

		for _, p := range []struct {
			body  map[string]any
			state string
			check func(details) bool
		}{
			{map[string]any{"schedule_type": "manual"}, "scheduled", func(d details) bool { return d.ScheduleType == "manual" }},
			{map[string]any{"paused": true}, "paused", func(d details) bool { return d.Paused }},
			{map[string]any{"paused": false, "schedule_type": "auto", "sync_frequency": 1440, "daily_sync_time": "03:00"}, "scheduled", func(d details) bool {
				return d.ScheduleType == "auto" && d.SyncFrequency == 1440 && d.DailySyncTime != nil && *d.DailySyncTime == "03:00"
			}},
		} {
			s.must(t, "PATCH", "/v1/connections/"+d.ID, p.body, nil)
			now := s.details(t, d.ID)
			if now.Status.SyncState != p.state || !p.check(now) {
				t.Errorf("after %v it says %+v", p.body, now)
			}
		}

		// Killed in the middle, it goes on when it is started again.
		disturbOrders(t, source)
		before = s.details(t, d.ID)
		s.must(t, "POST", "/v1/connections/"+d.ID+"/resync", map[string]any{}, nil)
		near.holdAfter(2 << 20)
		near.held(t)
		expect(t, s, d.ID, "syncing", "connected", true)
		s.kill()
		near.open()
		s = serve(t, data, flags...)
		if len(flags) == 0 { // with a database of its own, nobody else can have the run
			expect(t, s, d.ID, "syncing", "connected", true)
		}
		if d = s.after(t, before); d.SucceededAt == before.SucceededAt {
			t.Errorf("after kill -9 it says %+v", d)
		}
		if !strings.Contains(s.stderr.String(), `"resumed":true`) {
			t.Errorf("the run was not resumed:\n%s", s.stderr.String())
		}
		expect(t, s, d.ID, "scheduled", "connected", false)
		equal(t, source, duckWarehouse(file), ordersCompared())

		// SIGTERM: to the next checkpoint, and on at the next start.
		disturbOrders(t, source)
		before = s.details(t, d.ID)
		s.must(t, "POST", "/v1/connections/"+d.ID+"/resync", map[string]any{}, nil)
		near.holdAfter(1 << 20)
		near.held(t)
		s.cmd.Process.Signal(syscall.SIGTERM)
		near.open()
		if code := s.code(t); code != 0 {
			t.Errorf("it ended with %d:\n%s", code, s.stderr.String())
		}
		if !strings.Contains(s.stderr.String(), `"outcome":"released"`) {
			t.Errorf("the run was not given back:\n%s", s.stderr.String())
		}
		s = serve(t, data, flags...)
		if d = s.after(t, before); d.SucceededAt == before.SucceededAt || d.FailedAt != "" {
			t.Errorf("after SIGTERM it says %+v", d)
		}
		equal(t, source, duckWarehouse(file), ordersCompared())
		if code := s.terminate(t); code != 0 {
			t.Errorf("an idle server ended with %d", code)
		}
	})
}

// expect checks what a connection says of itself now.
func expect(t *testing.T, s *server, id, syncState, setupState string, historical bool) {
	t.Helper()
	d := s.details(t, id)
	if d.Status.SyncState != syncState || d.Status.SetupState != setupState || d.Status.Historical != historical ||
		d.Status.UpdateState != "on_schedule" || len(d.Status.Tasks)+len(d.Status.Warnings) > 0 {
		t.Errorf("it says %+v, want %s, %s, historical %v", d.Status, syncState, setupState, historical)
	}
}

func disturbOrders(t *testing.T, source string) {
	t.Helper()
	pgtest.Exec(t, source,
		`delete from item where id % 10 = 3`, `update sale set amount = -1 where no % 7 = 1`,
		`delete from note where line like 'a%'`, `update visit set what = 'seen' where id % 5 = 0`)
}

// TestFirstStart looks for the key that is shown once, and for secrets where
// they must not be.
func TestFirstStart(t *testing.T) {
	platforms(t, func(t *testing.T, flags []string) {
		ownPostgres(t)
		pgtest.Exec(t, own.url, `drop role if exists app`, `create role app login superuser password '`+appPassword+`'`,
			`create table if not exists public.small (id int primary key)`)
		data := t.TempDir()
		args := append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "debug"}, flags...)
		s := &server{process: start(t, nil, args...), data: data}
		s.ready(t)
		for _, l := range strings.Split(s.stdout.String(), "\n") {
			if f := strings.Fields(l); len(f) == 2 && f[0] == "key" {
				s.key = f[1]
			} else if len(f) == 2 && f[0] == "secret" {
				s.secret = f[1]
			}
		}
		var account struct {
			AccountName string `json:"account_name"`
		}
		s.must(t, "GET", "/v1/account/info", nil, &account)
		wrong := *s
		wrong.secret = "guessed"
		if a := wrong.call(t, "GET", "/v1/account/info", nil); a.status != 401 {
			t.Errorf("a wrong secret is answered with %d", a.status)
		}

		var group struct{ ID string }
		s.must(t, "POST", "/v1/groups", map[string]any{"name": "G"}, &group)
		file := filepath.Join(t.TempDir(), "w.duckdb")
		s.must(t, "POST", "/v1/destinations", map[string]any{"group_id": group.ID, "service": "duckdb", "time_zone_offset": "0", "config": map[string]any{"path": file}}, nil)
		config := map[string]any{"schema_prefix": "p", "host": "127.0.0.1", "port": own.port, "database": "postgres", "user": "app", "password": appPassword, "always_encrypted": false}
		a := s.call(t, "POST", "/v1/connections", map[string]any{"group_id": group.ID, "service": "postgres", "schedule_type": "manual", "config": config})
		var d details
		if err := json.Unmarshal(a.Data, &d); err != nil || a.status != 201 || d.Config["password"] != "******" {
			t.Fatalf("the connection: %d %s", a.status, a.raw)
		}
		s.succeeds(t, d.ID)
		answers := a.raw
		// A mistake, too, must not bring the password to light.
		answers += s.call(t, "PATCH", "/v1/connections/"+d.ID, map[string]any{"config": map[string]any{"host": "127.0.0.2", "port": 1}}).raw
		answers += s.call(t, "GET", "/v1/connections/"+d.ID, nil).raw
		answers += s.call(t, "GET", "/v1/connections?limit=10", nil).raw
		metrics, err := http.Get(s.base + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(metrics.Body)
		metrics.Body.Close()
		if !strings.Contains(string(text), "process_cpu_seconds_total") {
			t.Errorf("metrics: %s", text)
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			if resp, err := http.Get(s.base + path); err != nil || resp.StatusCode != 200 {
				t.Errorf("%s: %v %v", path, resp, err)
			}
		}
		answers += string(text)
		if code := s.terminate(t); code != 0 {
			t.Errorf("it ended with %d", code)
		}
		secrets := []string{appPassword, s.secret}
		for _, secret := range secrets {
			if strings.Contains(answers+s.stderr.String(), secret) {
				t.Errorf("%q is in the log or an answer:\n%s%s", secret, answers, s.stderr.String())
			}
			if found := filesWith(t, data, secret); found != nil {
				t.Errorf("%q is in %q", secret, found)
			}
		}
		info, err := os.Stat(filepath.Join(data, "master.key"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the master key: %v %v", info, err)
		}

		again := &server{process: start(t, nil, args...), data: data, key: s.key, secret: s.secret}
		again.ready(t)
		if out := again.stdout.String(); strings.Contains(out, "secret") {
			t.Errorf("the second start shows a secret:\n%s", out)
		}
		again.must(t, "GET", "/v1/connections/"+d.ID, nil, nil)
		again.terminate(t)
	})
}

// filesWith returns the files of a folder that hold a text.
func filesWith(t *testing.T, folder, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSeed applies the seed file again and again.
func TestSeed(t *testing.T) {
	platforms(t, func(t *testing.T, flags []string) {
		data := t.TempDir()
		var last string
		for i := range 3 {
			s := serve(t, data, flags...)
			if strings.Contains(s.stdout.String(), seedSecret) {
				t.Errorf("the secret was printed:\n%s", s.stdout.String())
			}
			var group struct{ ID, Name string }
			s.must(t, "GET", "/v1/groups/"+seedGroup, nil, &group)
			var account struct {
				AccountID   string `json:"account_id"`
				AccountName string `json:"account_name"`
			}
			s.must(t, "GET", "/v1/account/info", nil, &account)
			var user struct{ ID, Email string }
			s.must(t, "GET", "/v1/users/ann_lee", nil, &user)
			got := fmt.Sprintf("%+v %+v %+v %s", group, account, user, s.call(t, "GET", "/v1/users", nil).Data)
			if i > 0 && got != last {
				t.Errorf("start %d: %s\nbefore: %s", i+1, got, last)
			}
			last = got
			if group.Name != "Warehouse" || account.AccountID != "acme_corp" || account.AccountName != "Acme" || user.Email != "ann@example.com" {
				t.Errorf("the seed made %s", got)
			}
			s.terminate(t)
		}
	})
	t.Run("broken", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "seed.json")
		for content, says := range map[string]string{
			`{"accounts": {}}`: `accounts`,
			`{"account": `:     `seed.json`,
			`{"api_keys": [{"key": "k", "secret": "verysecret1", "user_id": "nobody"}]}`: `API key k`,
		} {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := run(t, nil, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--seed", file)
			if code != 1 || !strings.Contains(stderr, says) || strings.Contains(stdout+stderr, "verysecret1") {
				t.Errorf("with %s it ended with %d and printed\n%s%s", content, code, stdout, stderr)
			}
		}
	})
}

// TestTwoServers has a second server on a folder that one is working on.
func TestTwoServers(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data)
	code, stdout, stderr := run(t, nil, serveArgs(t, data)...)
	if code != 1 || !strings.Contains(stderr, data) || strings.Contains(stdout, "serving") {
		t.Errorf("the second ended with %d and printed\n%s%s", code, stdout, stderr)
	}
	t.Logf("the second says: %s", strings.TrimSpace(stderr))
	s.must(t, "GET", "/v1/account/info", nil, nil)
	s.kill()
	serve(t, data) // a lock does not outlive its holder
}
