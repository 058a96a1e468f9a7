// Package outside makes requests to addresses that users of the API give:
// receivers of webhooks, log services, secrets managers. What such an address
// leads to is not for its giver alone to say.
package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Policy says where requests may lead. Its zero value allows addresses of the
// public internet whose certificates the system trusts.
type Policy struct {
	// Roots are the authorities that sign servers' certificates; nil: the
	// system's.
	Roots *x509.CertPool

	// Networks may be reached although they are not the public internet:
	// this machine, private networks, and what clouds keep there. Whoever may
	// give an address can knock at every one in them.
	Networks []netip.Prefix
}

const (
	patience = 10 * time.Second // for an answer, connecting included

	// MaxAnswer is how many bytes of an answer are worth reading, so that the
	// connection can be used again.
	MaxAnswer = 64 << 10

	perHost = 4 // idle connections
)

// NewClient returns a client that follows no redirects, uses no proxy, and
// waits for ten seconds.
func NewClient(p Policy) *http.Client {
	dialer := &net.Dialer{Timeout: patience, ControlContext: p.control}
	return &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    perHost,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: MaxAnswer,
		},
	}
}

// CheckURL refuses what is no address to make requests to, in words that
// follow the name of the field. A secret in it would be shown with it.
func CheckURL(text string, schemes ...string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("it is not a URL")
	case !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("it begins with %s", strings.Join(schemes, " or "))
	case u.User != nil:
		return errors.New("it must not hold a user or a password")
	}
	return nil
}

// Reason returns an error of a client for those who gave the address: without
// the URL, which may hold what is secret, and without what they need not know
// of the network here, such as the address that a name leads to.
func Reason(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		if about.Timeout() {
			return fmt.Errorf("no answer within %v", patience)
		}
		err = about.Err
	}
	var name *net.DNSError
	if errors.As(err, &name) {
		return fmt.Errorf("the name %s could not be looked up", name.Name)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err
}

// ErrRefused is the error of an address that the policy does not allow.
var ErrRefused = errors.New("the host is not on the public internet: serve with --outside-networks to allow its network")

// control looks at the address that is really connected to, whatever a name
// has led to before.
func (p Policy) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if addr := ap.Addr().Unmap().WithZone(""); !p.allows(addr) {
		return ErrRefused
	}
	return nil
}

func (p Policy) allows(addr netip.Addr) bool {
	for _, n := range p.Networks {
		if n.Contains(addr) {
			return true
		}
	}
	for _, n := range special {
		if n.Contains(addr) {
			return false
		}
	}
	return addr.IsGlobalUnicast() && !addr.IsPrivate()
}

// special are networks that look public and are not: IANA's special-purpose
// registries (RFC 6890), the site-local addresses of old (RFC 3879), the ways to
// write an IPv4 address in IPv6, and what Azure has for its virtual machines
// (documentation, "What is IP address 168.63.129.16?", 2026-11).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("::ffff:0:0:0/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("fec0::/10"),
}
