package runner

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/internal/tunnel"
	"github.com/penstock-data/penstock/setup"
)

// A way is how a host is reached, and which servers are believed on it. It
// goes by what was approved when it was made.
type way struct {
	tunnel      *tunnel.Tunnel // nil: none
	certificate map[string]bool
	authorities *x509.CertPool // nil: none
}

// way returns the way to the host of a connection or destination.
func (r *Runner) way(ctx context.Context, owner, id, group string, config json.RawMessage) (*way, error) {
	approved, err := r.Store.Approved(ctx, owner, id)
	if err != nil {
		return nil, ofStore("approved certificates and host keys", err)
	}
	w := &way{certificate: map[string]bool{}}
	var hosts []setup.Fingerprint
	for _, a := range approved {
		switch a.Kind {
		case store.Fingerprints:
			hosts = append(hosts, setup.Fingerprint{Hash: a.Hash, PublicKey: string(a.Data)})
		case store.Certificates:
			w.certificate[a.Hash] = true
			if c, err := x509.ParseCertificate(a.Data); err == nil && c.IsCA {
				if w.authorities == nil {
					w.authorities = x509.NewCertPool()
				}
				w.authorities.AddCert(c)
			}
		}
	}
	t, err := setup.TunnelOf(config)
	if err != nil {
		return nil, &setup.Problem{Code: "config_incomplete", Message: err.Error()}
	}
	if t == nil {
		return w, nil
	}
	w.tunnel, err = tunnel.New(tunnel.Server{
		Host: t.TunnelHost, Port: int(t.TunnelPort), User: t.TunnelUser,
		Key: r.Store.GroupKey(group), Approved: hosts,
	})
	return w, err
}

func (w *way) trusts(hash string) bool { return w.certificate[hash] }

// dial returns what connects to the host, nil if nothing special does.
func (w *way) dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	if w.tunnel == nil {
		return nil
	}
	return w.tunnel.Dial
}

// http returns a client that goes the same way.
func (w *way) http(client *http.Client) *http.Client {
	if w.tunnel == nil {
		return client
	}
	through := http.DefaultTransport.(*http.Transport).Clone()
	through.Proxy, through.DialContext = nil, w.tunnel.Dial
	c := http.Client{}
	if client != nil {
		c = *client
	}
	c.Transport = through
	return &c
}

// impassable returns a problem if a source or destination is to be reached on a
// way that this program does not know: it must not be reached then.
func impassable(what string, w store.Way) error {
	by := ""
	switch {
	case w.HybridAgent != "":
		by = "hybrid deployment agent " + w.HybridAgent
	case w.Method == store.ViaProxyAgent || w.ProxyAgent != "":
		by = "proxy agent " + w.ProxyAgent
	case w.Method == store.ViaPrivateLink || w.PrivateLink != "":
		by = "private link " + w.PrivateLink
	default:
		return nil
	}
	return &setup.Problem{Code: "networking_not_supported", Message: fmt.Sprintf("The %s is to be reached through %s, which this server cannot do. "+
		"Nothing was sent. To let it be reached directly, set networking_method to Directly and hybrid_deployment_agent_id to null.", what, by)}
}

// explain returns err or, where one of the tunnels broke, that. Tunnels have
// nothing to do with the store's errors, nor with a sync that was to end.
func explain(ctx context.Context, err error, tunnels ...*tunnel.Tunnel) error {
	if ctx.Err() != nil || fromStore(err) || errors.Is(err, store.ErrStale) || errors.Is(err, errStopped) || errors.Is(err, errCaptured) {
		return err
	}
	for _, t := range tunnels {
		err = t.Explain(err)
	}
	return err
}

// titleTunnel is as in the definition's example of POST
// /v1/destinations/{destinationId}/test (2026-07).
const titleTunnel = "Connecting to SSH tunnel"

// testThrough runs the tests of what is behind a tunnel, after those of the
// tunnel itself. A server may refuse to connect anywhere although it lets its
// user in: that is found out by what is behind it.
func testThrough(ctx context.Context, t *tunnel.Tunnel, test func(context.Context) []setup.TestResult) []setup.TestResult {
	if t == nil {
		return test(ctx)
	}
	if err := t.Connect(ctx); err != nil {
		return tunnelFailed(err)
	}
	results := test(ctx)
	if err := t.Barred(); err != nil {
		return tunnelFailed(err)
	}
	return append([]setup.TestResult{{Title: titleTunnel, Status: setup.Passed}}, results...)
}

func tunnelFailed(err error) []setup.TestResult {
	result := setup.TestResult{Title: titleTunnel, Status: setup.Failed, Message: err.Error()}
	var untrusted *tunnel.UntrustedError
	if errors.As(err, &untrusted) {
		result.Fingerprint = &untrusted.Fingerprint
	}
	return []setup.TestResult{result}
}
