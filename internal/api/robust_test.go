package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A pipes is a listener of connections within the process, which know time as
// a test's bubble has it.
type pipes struct {
	made  chan net.Conn
	close sync.Once
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.made:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.close.Do(func() { close(p.ended) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// dial returns a client's end; nil if nobody listens any more.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case p.made <- server:
		return client
	case <-p.ended:
		return nil
	}
}

// bubble runs f with a server whose time is a bubble's, within it.
func (e *env) bubble(f func(t *testing.T, srv *http.Server, p *pipes)) {
	e.t.Helper()
	synctest.Test(e.t, func(t *testing.T) {
		srv := NewServer(e.handler, slog.New(slog.DiscardHandler))
		p := &pipes{made: make(chan net.Conn), ended: make(chan struct{})}
		served := make(chan error)
		go func() { served <- srv.Serve(p) }()
		f(t, srv, p)
		srv.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// head is the beginning of a request with a body of some length.
func (e *env) head(method, path string, length int) string {
	r, err := http.NewRequest(method, "http://x"+path, nil)
	must(e.t, err)
	r.SetBasicAuth(e.key, e.secret)
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", method, path, r.Header.Get("Authorization"), length)
}

// raw returns the server itself, which the oracle does not stand before: that
// one has no connection to show the server.
func (e *env) raw() *env {
	other := *e
	other.handler = New(Config{Store: e.store, Engine: e.engine, Connectors: testConnectors, Destinations: testDestinations})
	return &other
}

// TestSlowClients shows how long the server waits for one that sends the head
// or the body of a request byte by byte, or does not fetch the answer.
func TestSlowClients(t *testing.T) {
	e := newEnv(t).raw()
	for i := range 5 {
		e.group(strings.Repeat("g", 1000) + fmt.Sprint(i))
	}
	for _, tt := range []struct {
		name, sent string
		body       string
		after      time.Duration
		status     int // 0: the connection ends
	}{
		{"head", "GET /v1/groups HTTP/1.1\r\nHost: x\r\n", "", 10 * time.Second, 0},
		{"body", e.head("POST", "/v1/groups", 1000) + "\r\n", `{"name":`, timeout + slack, http.StatusRequestTimeout},
	} {
		e.bubble(func(t *testing.T, srv *http.Server, p *pipes) {
			c := p.dial()
			start := time.Now()
			for _, b := range []byte(tt.sent + tt.body) {
				if _, err := c.Write([]byte{b}); err != nil {
					t.Fatal(err)
				}
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			switch {
			case tt.status == 0 && err == nil, tt.status != 0 && (err != nil || res.StatusCode != tt.status):
				t.Errorf("%s: got %v, %v", tt.name, res, err)
			}
			if got := time.Since(start); got < tt.after || got > tt.after+time.Second {
				t.Errorf("%s: after %v, want %v", tt.name, got, tt.after)
			}
			c.Close()
		})
	}
	e.bubble(func(t *testing.T, srv *http.Server, p *pipes) {
		c := p.dial()
		start := time.Now()
		fmt.Fprint(c, e.head("GET", "/v1/groups", 0)+"\r\n")
		for { // until the server gives up, which closes its end
			if _, err := c.Write([]byte("x")); err != nil {
				break
			}
			synctest.Wait()
			time.Sleep(time.Second)
		}
		if got := time.Since(start); got > timeout+3*slack {
			t.Errorf("an answer that is not fetched is kept for %v", got)
		}
	})
}

// TestShutdown stops a server while a request is under way: it is answered, and
// no further one is taken.
func TestShutdown(t *testing.T) {
	e := newEnv(t).raw()
	e.bubble(func(t *testing.T, srv *http.Server, p *pipes) {
		const body = `{"name":"in flight"}`
		c := p.dial()
		answer := bufio.NewReader(c)
		fmt.Fprint(c, e.head("POST", "/v1/groups", len(body))+"Expect: 100-continue\r\n\r\n")
		if line, err := answer.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") { // its handler has begun
			t.Fatal(line, err)
		}
		answer.ReadString('\n')
		stopped := make(chan error)
		go func() { stopped <- srv.Shutdown(context.Background()) }()
		<-p.ended
		if p.dial() != nil {
			t.Error("a new request is taken")
		}
		fmt.Fprint(c, body)
		res, err := http.ReadResponse(answer, nil)
		if err != nil || res.StatusCode != http.StatusCreated {
			t.Errorf("got %v, %v", res, err)
		} else if text, _ := io.ReadAll(res.Body); !strings.Contains(string(text), "in flight") {
			t.Errorf("got %s", text)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// TestTooLarge has a client send more than a body may have, as it says before
// or not: it gets to read the answer.
func TestTooLarge(t *testing.T) {
	e := newEnv(t).raw()
	srv := httptest.NewServer(e.handler)
	defer srv.Close()
	big := strings.Repeat("x", maxBody+1)
	for _, body := range []io.Reader{strings.NewReader(big), io.MultiReader(strings.NewReader(big))} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/v1/groups", body)
		must(t, err)
		r.SetBasicAuth(e.key, e.secret)
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), `"code":"BadRequest"`) {
			t.Errorf("got %d %s", res.StatusCode, text)
		}
	}
}

// TestPatchesAtOnce has many clients change one connection at once, each
// another part of it: nothing is lost.
func TestPatchesAtOnce(t *testing.T) {
	e := newEnv(t)
	conn := e.database()
	e.ok("POST", conn+"/schemas/reload", "")
	changes := []struct{ path, body string }{
		{"", `{"paused":true}`}, {"", `{"sync_frequency":480}`}, {"", `{"data_delay_sensitivity":"HIGH"}`}, {"", `{"config":{"host":"other"},"run_setup_tests":false}`},
		{"", `{"config":{"port":1234},"run_setup_tests":false}`}, {"", `{"config":{"database":"e"},"run_setup_tests":false}`}, {"", `{"schedule_type":"manual"}`},
		{"/schemas", `{"schemas":{"Sales":{"tables":{"Order":{"enabled":false}}}}}`}, {"/schemas", `{"schemas":{"hr":{"enabled":false}}}`},
		{"/schemas/Sales/tables/note", `{"enabled":false}`}, {"/schemas/Sales/tables/Order/columns/customerName", `{"hashed":true}`},
	}
	var all sync.WaitGroup
	for _, ch := range changes {
		for range 4 {
			all.Go(func() {
				if a := e.do("PATCH", conn+ch.path, ch.body); a.status != 200 {
					t.Errorf("PATCH %s %s: %d %s", ch.path, ch.body, a.status, a.body)
				}
			})
		}
	}
	all.Wait()
	data := e.ok("GET", conn, "").data
	for field, want := range map[string]any{"paused": true, "sync_frequency": 480.0, "data_delay_sensitivity": "HIGH", "schedule_type": "manual"} {
		if data[field] != want {
			t.Errorf("%s is %v, want %v", field, data[field], want)
		}
	}
	for field, want := range map[string]any{"host": "other", "port": 1234.0, "database": "e", "user": "u"} {
		if got := at(data, "config", field); got != want {
			t.Errorf("config.%s is %v, want %v", field, got, want)
		}
	}
	schemas := e.ok("GET", conn+"/schemas", "").data
	for _, path := range []string{"Sales/tables/Order", "Sales/tables/note", "hr"} {
		if got := at(schemas, append([]string{"schemas"}, append(strings.Split(path, "/"), "enabled")...)...); got != false {
			t.Errorf("%s: enabled is %v", path, got)
		}
	}
	if got := at(schemas, "schemas", "Sales", "tables", "Order", "columns", "customerName", "hashed"); got != true {
		t.Errorf("customerName: hashed is %v", got)
	}
}

// TestClientsAtOnce has 64 clients make, change, read and delete what is theirs
// at once.
func TestClientsAtOnce(t *testing.T) {
	e := newEnv(t)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			c := *e
			must := func(method, path, body string) map[string]any {
				a := c.do(method, path, body)
				if a.code != "Success" {
					t.Errorf("client %d: %s %s: %d %s", i, method, path, a.status, a.body)
				}
				return a.data
			}
			group, _ := must("POST", "/v1/groups", fmt.Sprintf(`{"name":"at once %d"}`, i))["id"].(string)
			id, _ := must("POST", "/v1/connections", `{"group_id":"`+group+`","service":"15five","config":{"schema":"s","api_key":"k"}}`)["id"].(string)
			path := "/v1/connections/" + id
			must("PATCH", path, fmt.Sprintf(`{"sync_frequency":%d}`, []int{5, 15, 30, 60}[i%4]))
			if got := must("GET", path, "")["sync_frequency"]; got != float64([]int{5, 15, 30, 60}[i%4]) {
				t.Errorf("client %d: sync_frequency is %v", i, got)
			}
			if items, _ := must("GET", "/v1/groups/"+group+"/connections", "")["items"].([]any); len(items) != 1 {
				t.Errorf("client %d: %d connections", i, len(items))
			}
			must("DELETE", path, "")
			must("DELETE", "/v1/groups/"+group, "")
		})
	}
	all.Wait()
	if items := e.ok("GET", "/v1/groups", "").data["items"].([]any); len(items) != 0 {
		t.Errorf("%d groups are left", len(items))
	}
}

// TestDeletedTwice deletes things, and again: the second time they are not
// there, and nothing is written.
func TestDeletedTwice(t *testing.T) {
	dir := t.TempDir()
	e := newEnvAt(t, dir)
	things := e.things()
	written := commits(t, dir)
	user := e.newUser("member@example.com", "")
	for _, path := range []string{
		"/v1/transformations/{id}", "/v1/transformation-projects/{id}", "/v1/connections/{id}", "/v1/destinations/{id}", "/v1/teams/{id}", "/v1/system-keys/{id}",
		"/v1/private-links/{id}", "/v1/proxy/{id}", "/v1/hybrid-deployment-agents/{id}", "/v1/external-secrets-managers/{id}", "/v1/external-logging/{id}", "/v1/external-logging/account",
		"/v1/webhooks/{id}", "/v1/connector-sdk/packages/{id}", "/v1/groups/{id}", "/v1/users/" + user,
	} {
		path = fill(path, things)
		e.ok("DELETE", path, "")
		before := written()
		if a := e.do("DELETE", path, ""); a.status != 404 {
			t.Errorf("DELETE %s again: %d %s", path, a.status, a.body)
		}
		if written() != before {
			t.Errorf("DELETE %s again writes", path)
		}
	}
}
