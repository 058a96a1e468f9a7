package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const seed = `{
  "account": {"name": "Bench"},
  "users": [{"id": "bench_user", "email": "bench@example.com", "given_name": "Bench", "family_name": "Mark", "role": "Account Administrator"}],
  "api_keys": [{"key": "bench", "secret": "bench-secret", "user_id": "bench_user"}],
  "groups": [{"id": "bench_group", "name": "Bench"}]
}`

// connections is how many there are when one is asked for.
const connections = 1000

// apiRequests measures a server with many connections: how soon it answers,
// what it takes when nothing happens, and what a request for a connection's
// details costs it while wrk asks as fast as it can, and whether its memory
// grows with the number of requests.
func apiRequests(ctx context.Context, b *bench) ([]figure, error) {
	began := time.Now()
	server, err := b.serve(ctx, "data")
	if err != nil {
		return nil, err
	}
	started := time.Since(began)
	idle, err := memoryOf(server.pid, "VmRSS")
	if err != nil {
		return nil, err
	}
	ids, err := makeConnections(ctx, server.base, b.path("api.duckdb"))
	if err != nil {
		return nil, err
	}
	script := b.path("wrk.lua")
	if err := os.WriteFile(script, []byte(lua(ids)), 0o600); err != nil {
		return nil, err
	}
	before, err := cpuOf(server.pid)
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c16", "-d5s", "--latency", "-s", script, server.base).Output()
	if err != nil {
		return nil, fmt.Errorf("wrk: %w", err)
	}
	after, err := cpuOf(server.pid)
	if err != nil {
		return nil, err
	}
	m := regexp.MustCompile(`(\d+) requests in`).FindSubmatch(out)
	if m == nil || bytes.Contains(out, []byte("Non-2xx")) {
		return nil, fmt.Errorf("wrk:\n%s", out)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return nil, err
	}
	few, err := peakUnder(ctx, server.pid, server.base, ids, 10_000)
	if err != nil {
		return nil, err
	}
	many, err := peakUnder(ctx, server.pid, server.base, ids, 100_000)
	if err != nil {
		return nil, err
	}
	return []figure{
		{what: "start to first answer", value: float64(started.Milliseconds()), unit: "ms", limit: 300},
		{what: "memory when idle", value: idle, unit: "MB", limit: 60},
		{what: "server CPU per GET of a connection", value: (after - before) / n * 1e6, unit: "µs", limit: 70},
		{what: "requests per second", value: n / 5},
		{what: "peak memory, 64 clients, 10,000 requests", value: few, unit: "MB"},
		{what: "peak memory, 64 clients, 100,000 requests", value: many, unit: "MB", limit: math.Ceil(few * 1.2)},
	}, nil
}

// peakUnder returns the most resident memory, in MB, that a server has while
// 64 clients make so many requests at once: nine of ten for a connection's
// details, the tenth for a page of a hundred.
func peakUnder(ctx context.Context, pid int, base string, ids []string, requests int) (float64, error) {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil { // the peak begins anew
		return 0, err
	}
	const clients = 64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	errs := make(chan error, clients)
	for c := range clients {
		go func() {
			for i := c; i < requests; i += clients {
				path := "/v1/connections/" + ids[i%len(ids)]
				if i/clients%10 == 0 {
					path = "/v1/connections"
				}
				if err := fetch(ctx, client, base+path); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var err error
	for range clients {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return 0, err
	}
	return memoryOf(pid, "VmHWM")
}

func fetch(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth("bench", "bench-secret")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return nil
}

// makeConnections makes paused connections and returns their ids.
func makeConnections(ctx context.Context, base, file string) ([]string, error) {
	if _, err := post(ctx, base+"/v1/destinations", map[string]any{
		"group_id": "bench_group", "service": "duckdb", "time_zone_offset": "0", "config": map[string]any{"path": file},
	}); err != nil {
		return nil, err
	}
	var ids []string
	for i := range connections {
		id, err := post(ctx, base+"/v1/connections", map[string]any{
			"group_id": "bench_group", "service": "postgres", "paused": true, "run_setup_tests": false,
			"config": map[string]any{"schema_prefix": fmt.Sprint("db_", i), "host": "db.example.com", "port": 5432, "user": "penstock", "password": "secret", "database": "shop", "update_method": "QUERY_BASED"},
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// post makes something and returns its id.
func post(ctx context.Context, url string, body any) (id string, err error) {
	var made struct{ ID string }
	err = call(ctx, "POST", url, body, &made)
	return made.ID, err
}

// call sends a request and reads the answer's data into out, if it is not nil.
func call(ctx context.Context, method, url string, body, out any) error {
	js, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(js))
	if err != nil {
		return err
	}
	req.SetBasicAuth("bench", "bench-secret")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Message string
		Data    json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer.Message)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, out)
}

// lua is a wrk script that asks for connections in random order.
func lua(ids []string) string {
	req, _ := http.NewRequest("GET", "http://x", nil)
	req.SetBasicAuth("bench", "bench-secret")
	return fmt.Sprintf(`ids = {"%s"}
wrk.headers["Authorization"] = "%s"
request = function() return wrk.format("GET", "/v1/connections/" .. ids[math.random(#ids)]) end
`, strings.Join(ids, `","`), req.Header.Get("Authorization"))
}
