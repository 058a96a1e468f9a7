// Package tunnel reaches hosts through an SSH server: hosts that only the
// server can reach, by names that only the server may know.
//
// All connections through a [Tunnel] share one to its server. When that breaks
// they break with it, and the Tunnel is of no more use: it does not connect
// again, so that nobody takes half of his connections for the whole of them.
package tunnel

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/penstock-data/penstock/setup"
)

// A Server is an SSH server, and how to log in to it.
type Server struct {
	Host string
	Port int
	User string
	Key  ed25519.PrivateKey

	// Approved are the host keys that the server may have. A server that
	// shows another is an [UntrustedError].
	Approved []setup.Fingerprint

	Patience  time.Duration // with connecting and logging in; 0: 20 seconds
	KeepAlive time.Duration // between two signs of life, and to wait for one; 0: 30 seconds
}

func (s *Server) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// A Tunnel is a way through a server. Its methods may be called from several
// goroutines; those of a nil Tunnel, which is no tunnel, are Explain and Close.
type Tunnel struct {
	Server
	signer ssh.Signer
	turn   chan struct{} // held while connecting

	mu     sync.Mutex
	client *ssh.Client // nil: not connected yet
	broken error       // why it is of no more use; nil: it is
	barred error       // that the server lets nothing through; nil: it did not say so
}

var errClosed = errors.New("the SSH tunnel is closed")

// New returns a tunnel. It connects when it is first needed.
func New(s Server) (*Tunnel, error) {
	signer, err := ssh.NewSignerFromKey(s.Key)
	if err != nil {
		return nil, errors.New("the key for SSH tunnels cannot be used")
	}
	if s.Patience == 0 {
		s.Patience = 20 * time.Second
	}
	if s.KeepAlive == 0 {
		s.KeepAlive = 30 * time.Second
	}
	return &Tunnel{Server: s, signer: signer, turn: make(chan struct{}, 1)}, nil
}

// Connect logs in to the server, if that has not been done. Its errors say
// what is wrong and are [setup.Problem]s where a person must mend it.
func (t *Tunnel) Connect(ctx context.Context) error {
	_, err := t.connected(ctx)
	return err
}

func (t *Tunnel) connected(ctx context.Context) (*ssh.Client, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if c, err := t.state(); c != nil || err != nil {
		return c, err
	}
	c, err := t.login(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil { // closed meanwhile
		c.Close()
		return nil, t.broken
	}
	t.client = c
	go t.watch(c)
	return c, nil
}

func (t *Tunnel) state() (*ssh.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.client, t.broken
}

// Dial connects from the server to a host. The host's name is looked up
// there. A server that lets nobody do so is a [setup.Problem].
func (t *Tunnel) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := t.connected(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.DialContext(ctx, network, address)
	var refused *ssh.OpenChannelError
	switch {
	case err == nil:
		return through(conn, network, address), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !errors.As(err, &refused):
		return nil, t.Explain(err)
	case refused.Reason == ssh.Prohibited:
		err = &setup.Problem{Code: "ssh_forwarding_refused", Message: fmt.Sprintf(
			"The SSH server %s does not let the user %q connect to %s. Allow it there: AllowTcpForwarding yes, and PermitOpen if it is set, in sshd_config, and no restriction in authorized_keys.",
			t.address(), t.User, address)}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.barred = err
		return nil, err
	}
	return nil, fmt.Errorf("the SSH server %s cannot reach %s: %s", t.address(), address, refused.Message)
}

// Barred returns the error of the last Dial that the server would not allow,
// nil if there was none.
func (t *Tunnel) Barred() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.barred
}

// watch notices when the connection to the server breaks.
func (t *Tunnel) watch(c *ssh.Client) {
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	tick := time.NewTicker(t.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			t.breaks(err)
			return
		case <-tick.C:
			t.ping(c)
		}
	}
}

// ping asks the server for a sign of life, without which the tunnel is broken.
func (t *Tunnel) ping(c *ssh.Client) {
	answer := make(chan error, 1)
	go func() {
		_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
		answer <- err
	}()
	late := time.NewTimer(t.KeepAlive)
	defer late.Stop()
	select {
	case err := <-answer:
		if err != nil {
			t.breaks(err)
		}
	case <-late.C:
		t.breaks(fmt.Errorf("the server gave no sign of life for %v", t.KeepAlive))
	}
}

// breaks makes the tunnel useless.
func (t *Tunnel) breaks(err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("the server hung up")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		t.broken = fmt.Errorf("the SSH tunnel through %s broke: %w", t.address(), err)
	}
	if t.client != nil {
		t.client.Close()
	}
}

// Explain returns err or, if the tunnel is broken, that: whoever used the
// tunnel knows no more than that his connection ended. A [setup.Problem] stays
// what it is.
func (t *Tunnel) Explain(err error) error {
	if t == nil || err == nil || setup.AsProblem(err) != nil {
		return err
	}
	c, broken := t.state()
	if c != nil && broken == nil { // it may be so new that nobody noticed
		t.ping(c)
		_, broken = t.state()
	}
	if broken == nil || errors.Is(err, broken) {
		return err
	}
	return &brokenError{broken, err}
}

// A brokenError is an error that a broken tunnel has caused.
type brokenError struct{ broken, err error }

func (e *brokenError) Error() string { return e.broken.Error() }

func (e *brokenError) Unwrap() []error { return []error{e.broken, e.err} }

// Close ends the tunnel and what goes through it.
func (t *Tunnel) Close() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		t.broken = errClosed
	}
	if t.client != nil {
		t.client.Close()
	}
	return nil
}
