package setup

import (
	"encoding/json"
	"strconv"
)

// SSHTunnel is the value of connection_type, and of networking_method, that
// asks for a tunnel.
const SSHTunnel = "SshTunnel"

// Reaches reports whether a service gets to its host as its connection_type
// says; dials: it was given a way to dial.
func Reaches(connectionType string, dials bool) bool {
	return connectionType == "" || connectionType == "Directly" || connectionType == SSHTunnel && dials
}

// A Tunnel has the fields of a config that name the SSH server through which
// a host is reached, as in Fivetran's API definition (2026-07). The config of a
// service that can be reached so embeds it, beside a field connection_type;
// with the tag quoted:"true" where the config's ports are shown as strings.
type Tunnel struct {
	TunnelHost string `json:"tunnel_host,omitempty" title:"SSH host" help:"Name or address of the SSH server, in front of the host." when:"connection_type=SshTunnel"`
	TunnelPort Port   `json:"tunnel_port,omitempty" title:"SSH port" help:"Port of the SSH server; 22 if it is left out." when:"connection_type=SshTunnel"`
	TunnelUser string `json:"tunnel_user,omitempty" title:"SSH user" help:"User on the SSH server. The group's public key must be in its authorized_keys." when:"connection_type=SshTunnel"`
	PublicKey  string `json:"public_key,omitempty" title:"Public key" help:"The group's public key, with which it logs in to the SSH server." when:"connection_type=SshTunnel" readonly:"true"`
}

// A Port is a TCP port. In JSON it may be a number or a string.
type Port int

// String returns the port as net.JoinHostPort takes it.
func (p Port) String() string { return strconv.Itoa(int(p)) }

// UnmarshalJSON implements json.Unmarshaler.
func (p *Port) UnmarshalJSON(b []byte) error {
	var n json.Number // takes both
	if err := json.Unmarshal(b, &n); err != nil || n == "" {
		return err
	}
	i, err := strconv.Atoi(n.String())
	*p = Port(i)
	return err
}

// TunnelOf returns the tunnel that a config in normal form asks for, nil if it
// asks for none, and an [InvalidConfig] if it lacks a field of it.
func TunnelOf(config json.RawMessage) (*Tunnel, error) {
	var c struct {
		ConnectionType string `json:"connection_type"`
		Tunnel
	}
	if err := Decode(config, &c); err != nil || c.ConnectionType != SSHTunnel {
		return nil, err
	}
	if c.TunnelPort == 0 {
		c.TunnelPort = 22
	}
	if missing := c.missing(); missing != "" {
		return &c.Tunnel, fieldRequired(missing)
	}
	return &c.Tunnel, nil
}

// missing returns the name of a field that must be given, or "".
func (t *Tunnel) missing() string {
	switch {
	case t.TunnelHost == "":
		return "tunnel_host"
	case t.TunnelUser == "":
		return "tunnel_user"
	}
	return ""
}

// A Fingerprint is the host key of an SSH server as a person is asked to
// approve it.
type Fingerprint struct {
	Hash      string `json:"hash"`       // SHA-256 of the key's wire form, base64
	PublicKey string `json:"public_key"` // as in a line of authorized_keys
}
