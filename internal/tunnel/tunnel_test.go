package tunnel

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/penstock-data/penstock/internal/nettest"
	"github.com/penstock-data/penstock/internal/sshtest"
	"github.com/penstock-data/penstock/setup"
)

// key logs in, other does not.
var key, other = ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32))), ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", 32)))

// line returns the line of authorized_keys for a key.
func line(t testing.TB, k ed25519.PrivateKey) string {
	t.Helper()
	s, err := ssh.NewSignerFromKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

// approve makes server's host keys, of the types, and restarts it with them.
func approve(t testing.TB, s *sshtest.Server, types ...string) (approved []setup.Fingerprint) {
	t.Helper()
	s.Kill()
	for _, k := range s.SetHostKeys(t, types...) {
		approved = append(approved, setup.Fingerprint{Hash: k[0], PublicKey: k[1]})
	}
	s.Again(t)
	return approved
}

// server returns a Server that lets key in and whose host key is approved.
func server(t testing.TB, options ...string) (*sshtest.Server, Server) {
	t.Helper()
	s := sshtest.Start(t, options...)
	s.Authorize(t, line(t, key))
	return s, Server{Host: s.Host, Port: s.Port, User: s.User, Key: key, Approved: approve(t, s, ssh.KeyAlgoED25519)}
}

func open(t testing.TB, s Server) *Tunnel {
	t.Helper()
	tun, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tun.Close() })
	return tun
}

// echo returns the address of a server that sends back what it gets.
func echo(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(nettest.Listen(t, func(c net.Conn) { io.Copy(c, c) })))
}

// says sends a text and reads it back.
func says(t testing.TB, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v", got, err)
	}
}

func dial(t testing.TB, tun *Tunnel, address string) net.Conn {
	t.Helper()
	c, err := tun.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestParallel(t *testing.T) {
	sshd, s := server(t)
	tun := open(t, s)
	_, port, _ := net.SplitHostPort(echo(t))
	at := "localhost:" + port // the server knows who that is
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			c, err := tun.Dial(t.Context(), "tcp", at)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range 3 {
				says(t, c, strings.Repeat("hello", 40000))
			}
			if a := c.RemoteAddr(); a.Network() != "tcp" || a.String() != at {
				t.Errorf("the other side is %s %s", a.Network(), a)
			}
		})
	}
	group.Wait()
	if n := strings.Count(sshd.Log(), "Accepted publickey"); n != 1 {
		t.Errorf("%d logins", n)
	}
}

func TestDeadlines(t *testing.T) {
	_, s := server(t)
	c := dial(t, open(t, s), echo(t))
	c.SetReadDeadline(time.Unix(1, 0))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	says(t, c, "still there")
}

// TestRefusals tries what can be wrong with a tunnel.
func TestRefusals(t *testing.T) {
	sshd, good := server(t)
	strict, noForwarding := server(t, "AllowTcpForwarding no")
	_, onlyElsewhere := server(t, "PermitOpen 127.0.0.1:1")
	both := sshtest.Start(t)
	both.Authorize(t, line(t, key))
	keys := approve(t, both, ssh.KeyAlgoED25519, ssh.KeyAlgoRSA)

	closed := nettest.Closed(t)
	target, behind := echo(t), net.JoinHostPort("127.0.0.1", strconv.Itoa(closed))
	silent := nettest.Listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	web := nettest.Listen(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	for _, tt := range []struct {
		name    string
		server  Server
		edit    func(*Server)
		target  string
		problem string // "": it works; "-": an error that is tried again
		message []string
	}{
		{"all well", good, nil, target, "", nil},
		{"wrong user", good, func(s *Server) { s.User = "nobody-of-that-name" }, target, "ssh_login_refused", []string{`"nobody-of-that-name"`, "authorized_keys", line(t, key)}},
		{"key not authorised", good, func(s *Server) { s.Key = other }, target, "ssh_login_refused", []string{"authorized_keys", line(t, other)}},
		{"host key not approved", good, func(s *Server) { s.Approved = nil }, target, "ssh_host_key_untrusted", []string{"SHA256:" + strings.TrimRight(good.Approved[0].Hash, "="), "approve"}},
		{"host key changed", good, func(s *Server) { s.Approved = keys }, target, "ssh_host_key_changed", []string{"HAS CHANGED", "SHA256:" + strings.TrimRight(good.Approved[0].Hash, "=")}},
		{"approved in words that are no key", good, func(s *Server) { s.Approved = []setup.Fingerprint{{Hash: "test_hash", PublicKey: "test_public_key"}} }, target, "ssh_host_key_changed", nil},
		{"the second of two host keys approved", Server{Host: both.Host, Port: both.Port, User: both.User, Key: key, Approved: keys[1:]}, nil, target, "", nil},
		{"no forwarding", noForwarding, nil, target, "ssh_forwarding_refused", []string{"AllowTcpForwarding", target}},
		{"forwarding elsewhere only", onlyElsewhere, nil, target, "ssh_forwarding_refused", []string{"PermitOpen", target}},
		{"nobody listens behind it", good, nil, behind, "-", []string{"cannot reach " + behind, "refused"}},
		{"a name that is not known behind it", good, nil, "no.such.host.invalid:1", "-", []string{"cannot reach no.such.host.invalid:1"}},
		{"nobody listens", good, func(s *Server) { s.Port = closed }, target, "-", []string{"connection refused", strconv.Itoa(closed)}},
		{"no such host", good, func(s *Server) { s.Host = "no.such.host.invalid" }, target, "-", []string{"no.such.host.invalid"}},
		{"no answer", good, func(s *Server) { s.Port, s.Patience = silent, 20*time.Millisecond }, target, "-", []string{"did not answer within 20ms", "firewall"}},
		{"no SSH server", good, func(s *Server) { s.Port = web }, target, "-", []string{"broke off the login", "SSH server"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.edit != nil {
				tt.edit(&tt.server)
			}
			tun := open(t, tt.server)
			c, err := tun.Dial(t.Context(), "tcp", tt.target)
			if err == nil {
				defer c.Close()
				says(t, c, "hello")
			}
			p := setup.AsProblem(err)
			if (err == nil) != (tt.problem == "") || (p == nil) != (len(tt.problem) < 2) || p != nil && p.Code != tt.problem {
				t.Fatalf("got %v, want the problem %q", err, tt.problem)
			}
			for _, m := range tt.message {
				if !strings.Contains(err.Error(), m) {
					t.Errorf("%q does not say %q", err, m)
				}
			}
			if barred := tun.Barred() != nil; barred != (tt.problem == "ssh_forwarding_refused") {
				t.Errorf("barred: %v", tun.Barred())
			}
			var untrusted *UntrustedError
			if errors.As(err, &untrusted) != strings.Contains(tt.problem, "host_key") || untrusted != nil && untrusted.Fingerprint != good.Approved[0] {
				t.Errorf("to be approved is %+v, want %+v", untrusted, good.Approved[0])
			}
		})
	}
	if log := sshd.Log() + strict.Log(); strings.Contains(log, "rror") {
		t.Logf("the servers said: %s", log)
	}
}

// TestCanceled cancels a dial while the server takes its time, and another
// one that waits for the first.
func TestCanceled(t *testing.T) {
	came := make(chan struct{}, 1)
	s := Server{Host: "127.0.0.1", User: "u", Key: key, Patience: time.Hour}
	s.Port = nettest.Listen(t, func(c net.Conn) { came <- struct{}{}; io.Copy(io.Discard, c) })
	tun := open(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := tun.Dial(ctx, "tcp", "db:5432")
			done <- err
		}()
	}
	<-came
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// TestBroken ends the server while connections go through it.
func TestBroken(t *testing.T) {
	sshd, s := server(t)
	tun := open(t, s)
	c := dial(t, tun, echo(t))
	says(t, c, "hello")
	sshd.Kill()
	_, err := c.Read(make([]byte, 1))
	if err == nil {
		t.Fatal("the connection lives on")
	}
	err = tun.Explain(err)
	if setup.AsProblem(err) != nil || !strings.Contains(err.Error(), "the SSH tunnel through "+s.address()+" broke") || !errors.Is(err, io.EOF) {
		t.Errorf("explained as %v", err)
	}
	sshd.Again(t)
	if _, err := tun.Dial(t.Context(), "tcp", echo(t)); err == nil || !strings.Contains(err.Error(), "broke") {
		t.Errorf("the broken tunnel dials: %v", err)
	}
	problem := &setup.Problem{Code: "x"}
	if tun.Explain(problem) != error(problem) || tun.Explain(nil) != nil {
		t.Error("explained what needs no explanation")
	}
	says(t, dial(t, open(t, s), echo(t)), "hello again")
	if err := open(t, s).Explain(io.EOF); err != io.EOF {
		t.Errorf("before it is connected: %v", err)
	}
}

// TestSilence is a server that is gone without a word.
func TestSilence(t *testing.T) {
	_, s := server(t)
	gone, there := make(chan struct{}), s.address()
	relay := nettest.Listen(t, func(c net.Conn) {
		up, err := net.Dial("tcp", there)
		if err != nil {
			return
		}
		defer up.Close()
		go io.Copy(up, c)
		buf := make([]byte, 4096)
		for {
			n, err := up.Read(buf)
			if err != nil {
				return
			}
			select {
			case <-gone: // and say nothing any more
			default:
				c.Write(buf[:n])
			}
		}
	})
	s.Port, s.KeepAlive = relay, 500*time.Millisecond
	tun := open(t, s)
	c := dial(t, tun, echo(t))
	says(t, c, "hello")
	close(gone)
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("something was read")
	}
	if err := tun.Explain(io.EOF); !strings.Contains(err.Error(), "no sign of life for 500ms") {
		t.Errorf("explained as %v", err)
	}
}

func TestClose(t *testing.T) {
	_, s := server(t)
	tun := open(t, s)
	c := dial(t, tun, echo(t))
	tun.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlives its tunnel")
	}
	if _, err := tun.Dial(t.Context(), "tcp", echo(t)); !errors.Is(err, errClosed) {
		t.Errorf("the closed tunnel dials: %v", err)
	}
	var none *Tunnel
	if none.Close() != nil || none.Explain(io.EOF) != io.EOF {
		t.Error("no tunnel is no trouble")
	}
}
