package outside

import (
	"net/netip"
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
		{"169.254.169.254", false}, {"100.64.0.1", false}, {"224.0.0.1", false}, {"255.255.255.255", false},
		{"::1", false}, {"::", false}, {"fe80::1", false}, {"fd00::1", false}, {"ff02::1", false},
		{"64:ff9b::7f00:1", false}, {"2002:7f00:1::", false},
	} {
		if got := p.allows(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("%s: %v", tt.addr, got)
		}
	}
	if err := p.control(t.Context(), "tcp", "[::ffff:127.0.0.1]:443", nil); err == nil {
		t.Error("an IPv4 address in IPv6 gets through")
	}
}
