package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// Policy says where webhooks may lead. Its zero value allows addresses of the
// public internet whose certificates the system trusts.
type Policy struct {
	// Roots are the authorities that sign receivers' certificates; nil: the
	// system's.
	Roots *x509.CertPool

	// Networks may be posted to although they are not the public internet:
	// this machine, private networks, and what clouds keep there. Whoever may
	// make a webhook can knock at every address in them.
	Networks []netip.Prefix
}

// A Sender posts to webhooks. It follows no redirects and uses no proxy.
type Sender struct {
	client *http.Client
	policy Policy
}

const (
	patience  = 10 * time.Second // for an answer, connecting included
	maxAnswer = 64 << 10         // bytes of an answer that are read, so that the connection can be used again
)

// NewSender returns a Sender.
func NewSender(p Policy) *Sender {
	s := &Sender{policy: p}
	dialer := &net.Dialer{Timeout: patience, ControlContext: s.control}
	s.client = &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    PerWebhook,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxAnswer,
		},
	}
	return s
}

// CheckURL refuses what is no address of a webhook, in words that follow the
// name of the field.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return errors.New("it is not a URL")
	case u.Scheme != "https":
		return errors.New("it begins with https")
	case u.User != nil:
		return errors.New("it must not hold a user or a password")
	}
	return nil
}

// Post posts a body to a webhook and returns HTTP's status; 0 if there was no
// answer. Any but 2xx is an error, whose words are for people and do not
// repeat the URL.
func (s *Sender) Post(ctx context.Context, w *store.Webhook, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL is malformed")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Penstock")
	if w.Secret != "" {
		req.Header.Set(fivetran.SignatureHeader, Signature(w.Secret, body))
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, reason(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // what it says does not matter
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return res.StatusCode, fmt.Errorf("the receiver answered %s; redirects are not followed", res.Status)
	case res.StatusCode < 200 || res.StatusCode >= 300:
		return res.StatusCode, fmt.Errorf("the receiver answered %s", res.Status)
	}
	return res.StatusCode, nil
}

// Signature returns the HMAC-SHA256 of a body under a secret, in lower-case
// hexadecimal.
func Signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// reason returns an error of net/http without the URL.
func reason(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		if about.Timeout() {
			return fmt.Errorf("no answer within %v", patience)
		}
		err = about.Err
	}
	return err
}

// errRefused is the error of an address that the policy does not allow.
type errRefused struct{ addr netip.Addr }

func (e errRefused) Error() string {
	return fmt.Sprintf("%s is not an address of the public internet: serve with --webhook-networks to allow its network", e.addr)
}

// control looks at the address that is really connected to, whatever a name
// has led to before.
func (s *Sender) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if addr := ap.Addr().Unmap().WithZone(""); !s.allows(addr) {
		return errRefused{addr}
	}
	return nil
}

func (s *Sender) allows(addr netip.Addr) bool {
	for _, p := range s.policy.Networks {
		if p.Contains(addr) {
			return true
		}
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return addr.IsGlobalUnicast() && !addr.IsPrivate()
}

// special are networks that look public and are not: IANA's special-purpose
// registries (RFC 6890), and the ways to write an IPv4 address in IPv6.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"),
}
