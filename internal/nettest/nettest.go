// Package nettest gives tests servers on loopback that are whatever a function
// makes of them.
package nettest

import (
	"net"
	"testing"
)

// Listen serves what connects to a free port of loopback, each connection in a
// goroutine of its own, until the test ends, and returns the port. A connection
// is closed when serve returns.
func Listen(t testing.TB, serve func(net.Conn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// Closed returns a port of loopback on which nobody listens.
func Closed(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
