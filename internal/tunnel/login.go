package tunnel

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/penstock-data/penstock/setup"
)

// An UntrustedError says that nobody has approved a server's host key.
type UntrustedError struct {
	Fingerprint setup.Fingerprint
}

func (e *UntrustedError) Error() string { return e.Fingerprint.PublicKey }

// errLate ends a login that takes too long.
var errLate = errors.New("no answer in time")

// login connects to the server and logs in.
func (t *Tunnel) login(ctx context.Context) (*ssh.Client, error) {
	limited, cancel := context.WithTimeoutCause(ctx, t.Patience, errLate)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(limited, "tcp", t.address())
	if err != nil {
		return nil, t.refusal(ctx, limited, err)
	}
	hangUp := context.AfterFunc(limited, func() { conn.Close() })
	defer hangUp()
	c, channels, requests, err := ssh.NewClientConn(conn, t.address(), &ssh.ClientConfig{
		User:              t.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(t.signer)},
		HostKeyCallback:   func(_ string, _ net.Addr, key ssh.PublicKey) error { return t.check(key) },
		HostKeyAlgorithms: t.algorithms(),
	})
	if err == nil && !hangUp() { // too late by a hair: the connection is closed already
		err = errLate
	}
	if err != nil {
		return nil, t.refusal(ctx, limited, err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

// refusal says why the server cannot be used.
func (t *Tunnel) refusal(ctx, limited context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var unknown *UntrustedError
	switch {
	case errors.As(err, &unknown):
		return t.distrust(unknown)
	case limited.Err() != nil:
		return fmt.Errorf("the SSH server %s did not answer within %v; check host and port, and that a firewall lets this machine through", t.address(), t.Patience)
	case strings.Contains(err.Error(), "unable to authenticate"): // as the ssh package says it, in a string only
		return &setup.Problem{Code: "ssh_login_refused", Message: fmt.Sprintf(
			"The SSH server %s refuses the user %q with the group's key. Check the user, and that the file authorized_keys of the user on the server has the line: %s",
			t.address(), t.User, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(t.signer.PublicKey()))))}
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("the SSH server %s cannot be reached: %w; check host and port", t.address(), op.Err)
	}
	return fmt.Errorf("the SSH server %s broke off the login: %w; check that an SSH server listens there", t.address(), err)
}

// distrust is what a person is told of a host key that is not approved.
func (t *Tunnel) distrust(e *UntrustedError) error {
	shown := "SHA256:" + strings.TrimRight(e.Fingerprint.Hash, "=") // as ssh-keygen -l shows it
	if len(t.Approved) > 0 {
		return &setup.Problem{Code: "ssh_host_key_changed", Err: e, Message: fmt.Sprintf(
			"THE HOST KEY OF THE SSH SERVER %s HAS CHANGED: it shows %s, which is not what was approved. Somebody may be listening in between. Find out from who runs the server why it has changed; only then approve the new fingerprint and revoke the old one",
			t.address(), shown)}
	}
	return &setup.Problem{Code: "ssh_host_key_untrusted", Err: e, Message: fmt.Sprintf(
		"Nobody has approved the host key of the SSH server %s. Compare its fingerprint %s with what ssh-keygen -lf shows on the server, and approve it",
		t.address(), shown)}
}

// check accepts a host key that somebody has approved.
func (t *Tunnel) check(key ssh.PublicKey) error {
	sum := sha256.Sum256(key.Marshal())
	hash := base64.StdEncoding.EncodeToString(sum[:])
	if slices.ContainsFunc(t.Approved, func(f setup.Fingerprint) bool { return f.Hash == hash }) {
		return nil
	}
	return &UntrustedError{setup.Fingerprint{Hash: hash, PublicKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))}}
}

// algorithms returns the algorithms of host keys, first those of approved
// keys: a server has several keys and shows the one that it is asked for.
func (t *Tunnel) algorithms() []string {
	var approved, others []string
	for _, a := range ssh.SupportedAlgorithms().HostKeys {
		kind := a
		switch a {
		case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
			kind = ssh.KeyAlgoRSA
		}
		if strings.Contains(a, "-cert-") {
			continue // approved are keys, and not who signs them
		}
		if slices.ContainsFunc(t.Approved, func(f setup.Fingerprint) bool { return strings.HasPrefix(f.PublicKey, kind+" ") }) {
			approved = append(approved, a)
		} else {
			others = append(others, a)
		}
	}
	slices.Reverse(others) // the newer ones first
	return append(approved, others...)
}
