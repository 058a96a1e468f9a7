package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestServeStops sends SIGTERM while a request's body is on its way: the
// request is answered, no further one is taken, and the server ends well.
func TestServeStops(t *testing.T) {
	s := serve(t, t.TempDir())
	addr := strings.TrimPrefix(s.base, "http://")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const body = `{"name":"in flight"}`
	req, err := http.NewRequest("POST", s.base+"/v1/groups", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.key, s.secret)
	fmt.Fprintf(c, "POST /v1/groups HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", req.Header.Get("Authorization"), len(body))
	answer := bufio.NewReader(c)
	if line, err := answer.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") { // its handler has begun
		t.Fatal(line, err)
	}
	if _, err := answer.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "the server takes no further connection", func() bool {
		other, err := net.Dial("tcp", addr)
		if err == nil {
			other.Close()
		}
		return err != nil
	})
	fmt.Fprint(c, body)
	res, err := http.ReadResponse(answer, req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated || !strings.Contains(string(text), "in flight") {
		t.Errorf("got %d %s, %v", res.StatusCode, text, err)
	}
	if code := s.code(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
}
