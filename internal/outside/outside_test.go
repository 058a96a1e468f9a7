package outside

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAllows(t *testing.T) {
	p := Policy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for _, tt := range []struct {
		addr string
		want bool
	}{
		{"93.184.216.34", true}, {"2606:2800:220:1::1", true}, {"10.1.2.3", true},
		{"10.2.0.1", false}, {"192.168.1.1", false}, {"172.16.0.1", false}, {"127.0.0.1", false}, {"0.0.0.0", false},
		{"169.254.169.254", false}, {"100.64.0.1", false}, {"224.0.0.1", false}, {"255.255.255.255", false}, {"168.63.129.16", false}, {"168.63.129.17", true},
		{"::1", false}, {"::", false}, {"fe80::1", false}, {"fd00::1", false}, {"ff02::1", false},
		{"64:ff9b::7f00:1", false}, {"2002:7f00:1::", false}, {"::ffff:0:7f00:1", false}, {"fec0::1", false},
	} {
		if got := p.allows(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("%s: %v", tt.addr, got)
		}
	}
	if err := p.control(t.Context(), "tcp", "[::ffff:127.0.0.1]:443", nil); err == nil {
		t.Error("an IPv4 address in IPv6 gets through")
	}
}

func TestCheckURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.com/hook?x=1": "", "http://localhost:12345": "",
		"ftp://x": "it begins with https or http", "https://u@x": "it must not hold a user or a password",
		"https://": "it is not a URL", "https://:80": "it is not a URL", "example.com": "it is not a URL", "": "it is not a URL", "://": "it is not a URL",
	} {
		if err := CheckURL(text, "https", "http"); err == nil != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestReason: what went wrong says neither where the URL leads nor what it is.
func TestReason(t *testing.T) {
	_, err := NewClient(Policy{}).Get("http://localhost:1/token")
	if err = Reason(err); err != ErrRefused {
		t.Errorf("got %v", err)
	}
	_, err = NewClient(Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}).Get("http://localhost:1/token")
	if err = Reason(err); err == nil || err.Error() != "connect: connection refused" {
		t.Errorf("got %v", err)
	}
	addr := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443}
	for want, err := range map[string]error{
		"read: connection reset by peer": &net.OpError{Op: "read", Net: "tcp", Source: addr, Addr: addr, Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"the name internal.example.com could not be looked up": &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "internal.example.com",
			Server: "10.1.2.3:53", IsNotFound: true}},
	} {
		got := Reason(&url.Error{Op: http.MethodPost, URL: "https://x/token", Err: err}).Error()
		if got != want || strings.Contains(got, "10.1.2.3") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
