package setup

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTunnelOf(t *testing.T) {
	for _, tt := range []struct {
		config string
		want   *Tunnel
		err    string
	}{
		{`{}`, nil, ""},
		{`{"connection_type":"Directly","tunnel_host":"t"}`, nil, ""},
		{`{"connection_type":"SshTunnel","tunnel_host":"t","tunnel_user":"u"}`, &Tunnel{TunnelHost: "t", TunnelPort: 22, TunnelUser: "u"}, ""},
		{`{"connection_type":"SshTunnel","tunnel_host":"t","tunnel_user":"u","tunnel_port":2222}`, &Tunnel{TunnelHost: "t", TunnelPort: 2222, TunnelUser: "u"}, ""},
		{`{"connection_type":"SshTunnel","tunnel_host":"t","tunnel_user":"u","tunnel_port":"2222"}`, &Tunnel{TunnelHost: "t", TunnelPort: 2222, TunnelUser: "u"}, ""},
		{`{"connection_type":"SshTunnel","tunnel_user":"u"}`, &Tunnel{TunnelPort: 22, TunnelUser: "u"}, "Field 'tunnel_host' is required"},
		{`{"connection_type":"SshTunnel","tunnel_host":"t"}`, &Tunnel{TunnelHost: "t", TunnelPort: 22}, "Field 'tunnel_user' is required"},
	} {
		got, err := TunnelOf(json.RawMessage(tt.config))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || text != tt.err {
			t.Errorf("%s: %q %s", tt.config, text, diff)
		}
	}
}

// TestTunnelFields is the config of a service that shows ports as strings, and
// of one that does not.
func TestTunnelFields(t *testing.T) {
	for _, tt := range []struct {
		d    *Description
		want string
	}{
		{Describe("Source", struct {
			Way string `json:"connection_type"`
			Tunnel
		}{}), `{"connection_type":"SshTunnel","tunnel_host":"t","tunnel_port":22}`},
		{Describe("Destination", struct {
			Way    string `json:"connection_type"`
			Tunnel `quoted:"true"`
		}{}), `{"connection_type":"SshTunnel","tunnel_host":"t","tunnel_port":"22"}`},
	} {
		for _, port := range []string{`22`, `"22"`} {
			got, err := tt.d.Normalize(json.RawMessage(`{"connection_type":"SshTunnel","tunnel_host":"t","public_key":"x","tunnel_port":` + port + `}`))
			if err != nil || string(got) != tt.want {
				t.Errorf("%s: got %s (%v), want %s", tt.d.Title, got, err, tt.want)
			}
			if diff := cmp.Diff([]string{"tunnel_user"}, tt.d.Missing(got)); diff != "" {
				t.Errorf("%s: missing %s", tt.d.Title, diff)
			}
		}
		with, err := tt.d.Set(json.RawMessage(tt.want), "public_key", "k & k")
		if want := tt.want[:len(tt.want)-1] + `,"public_key":"k & k"}`; err != nil || string(with) != want {
			t.Errorf("%s: got %s (%v), want %s", tt.d.Title, with, err, want)
		}
		if without, err := tt.d.Set(with, "public_key", ""); err != nil || string(without) != tt.want {
			t.Errorf("%s: got %s (%v), want %s", tt.d.Title, without, err, tt.want)
		}
	}
}
