package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/penstock-data/penstock/internal/mariatest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/sshtest"
)

// tunnelled returns a config that goes through an SSH server.
func tunnelled(config map[string]any, sshd *sshtest.Server) map[string]any {
	c := maps.Clone(config)
	c["connection_type"], c["tunnel_host"], c["tunnel_port"], c["tunnel_user"] = "SshTunnel", sshd.Host, sshd.Port, sshd.User
	return c
}

// publicKey returns the key with which a group logs in.
func (s *server) publicKey(t testing.TB, group string) string {
	t.Helper()
	var key struct {
		PublicKey string `json:"public_key"`
	}
	s.must(t, "GET", "/v1/groups/"+group+"/public-key", nil, &key)
	return key.PublicKey
}

// A shownKey is a host key as a failed setup test shows it.
type shownKey struct {
	Hash      string `json:"hash"`
	PublicKey string `json:"public_key"`
}

// TestTunnels copies rows between servers that are reached through an SSH
// server, and revokes what it was believed by.
func TestTunnels(t *testing.T) {
	sshd := sshtest.Start(t)
	sshd.Kill()
	hostKey := sshd.SetHostKeys(t, ssh.KeyAlgoED25519)[0]
	sshd.Again(t)
	source, tables := small(t)
	target := pgtest.Database(t)
	s := serve(t, t.TempDir())

	// The destination: believed at once.
	var dest struct {
		SetupStatus      string `json:"setup_status"`
		NetworkingMethod string `json:"networking_method"`
		Config           map[string]any
	}
	sshd.Authorize(t, s.publicKey(t, seedGroup))
	body := map[string]any{"group_id": seedGroup, "service": "postgres_warehouse", "time_zone_offset": "0", "trust_fingerprints": true,
		"config": tunnelled(databaseConfig(t, target), sshd)}
	s.must(t, "POST", "/v1/destinations", body, &dest)
	if dest.SetupStatus != "connected" || dest.NetworkingMethod != "SshTunnel" || dest.Config["tunnel_port"] != fmt.Sprint(sshd.Port) ||
		dest.Config["public_key"] != s.publicKey(t, seedGroup) {
		t.Fatalf("the destination: %+v", dest)
	}

	// The source: somebody looks, and approves.
	d := s.connection(t, tunnelled(sourceConfig(t, source, "src"), sshd))
	title, message, more := d.failedTest()
	var shown shownKey
	if err := json.Unmarshal(more, &shown); err != nil || shown != (shownKey{hostKey[0], hostKey[1]}) || title != "Connecting to SSH tunnel" || d.Status.SetupState != "incomplete" {
		t.Fatalf("the host key is shown as %s %s %s, want %q", title, message, more, hostKey)
	}
	prints := "/v1/connections/" + d.ID + "/fingerprints"
	s.must(t, "POST", prints, shown, nil)
	s.must(t, "POST", "/v1/connections/"+d.ID+"/test", nil, &d)
	if d.Status.SetupState != "connected" || d.SetupTests[0].Title != title || d.SetupTests[0].Status != "PASSED" || len(d.SetupTests) < 3 {
		t.Fatalf("with the host key approved it says %+v", d)
	}
	s.succeeds(t, d.ID)
	equal(t, source, postgresWarehouse(target), tables)
	pgtest.Exec(t, source, `insert into small select i, 'new' from generate_series(501, 700) i`, `delete from small where id < 50`)
	s.succeeds(t, d.ID)
	equal(t, source, postgresWarehouse(target), tables)

	// What is wrong with a tunnel comes first, in words.
	for _, tt := range []struct {
		change map[string]any
		says   string
	}{
		{map[string]any{"tunnel_user": "nobody-of-that-name"}, "authorized_keys"},
		{map[string]any{"tunnel_user": sshd.User, "tunnel_port": 1}, "connection refused"},
	} {
		d = s.patch(t, d.ID, tt.change)
		if title, message, _ := d.failedTest(); title != "Connecting to SSH tunnel" || !strings.Contains(message, tt.says) || len(d.SetupTests) != 1 {
			t.Errorf("with %v it says %+v", tt.change, d.SetupTests)
		}
	}
	if d = s.patch(t, d.ID, map[string]any{"tunnel_port": sshd.Port}); d.Status.SetupState != "connected" {
		t.Fatalf("mended, it says %+v", d)
	}

	// A server that forwards nothing says so when it is asked to.
	sshd.Kill()
	sshd.Again(t, "AllowTcpForwarding no")
	s.must(t, "POST", "/v1/connections/"+d.ID+"/test", nil, &d)
	if title, message, _ := d.failedTest(); title != "Connecting to SSH tunnel" || !strings.Contains(message, "AllowTcpForwarding") || len(d.SetupTests) != 1 {
		t.Errorf("without forwarding it says %+v", d.SetupTests)
	}
	sshd.Kill()
	sshd.Again(t, "AllowTcpForwarding yes")

	// Nobody is believed any more whose approval was revoked.
	s.must(t, "DELETE", prints+"/"+strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(hostKey[0], "=")), nil, nil)
	d = s.fails(t, d.ID)
	if d.Status.SetupState != "broken" || !says(d.Status.Tasks, "ssh_host_key_untrusted", "nobody has approved") {
		t.Errorf("revoked, it says %+v", d.Status)
	}
	if log := s.stderr.String(); strings.Contains(log, "PRIVATE KEY") {
		t.Error("a private key is in the log")
	}
}

// TestTunnelToMariaDB is the same with a destination of another kind.
func TestTunnelToMariaDB(t *testing.T) {
	target, err := url.Parse(mariatest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	sshd := sshtest.Start(t)
	source, _ := small(t)
	s := serve(t, t.TempDir())
	sshd.Authorize(t, "restrict,port-forwarding "+s.publicKey(t, seedGroup))
	config := tunnelled(databaseConfig(t, target.String()), sshd)
	config["always_encrypted"] = true // with the certificate that it made itself
	var dest struct {
		SetupStatus string `json:"setup_status"`
	}
	body := map[string]any{"group_id": seedGroup, "service": "maria_warehouse", "time_zone_offset": "0", "config": config,
		"trust_fingerprints": true, "trust_certificates": true}
	if a := s.call(t, "POST", "/v1/destinations", body); json.Unmarshal(a.Data, &dest) != nil || dest.SetupStatus != "connected" {
		t.Fatalf("the destination: %s", a.raw)
	}
	prefix := strings.TrimPrefix(target.Path, "/") // so that the schema goes with the database
	d := s.connection(t, sourceConfig(t, source, prefix))
	d = s.succeeds(t, d.ID)
	got := mariatest.Query(t, target.String(), "SELECT COUNT(*), SUM(id), MAX(x) FROM `"+prefix+"_public`.small")
	if want := []string{"500", "125250", "x99"}; strings.Join(got[0], " ") != strings.Join(want, " ") {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := strings.Count(sshd.Log(), "Accepted publickey"); n == 0 {
		t.Error("nothing went through the tunnel")
	}

	// Who revokes the certificate is not written to any more.
	var list struct{ Items []struct{ ID string } }
	s.must(t, "GET", "/v1/destinations/"+seedGroup+"/certificates", nil, &list)
	for _, c := range list.Items {
		s.must(t, "DELETE", "/v1/destinations/"+seedGroup+"/certificates/"+c.ID, nil, nil)
	}
	pgtest.Exec(t, source, `insert into small values (1000, 'y')`)
	if d = s.fails(t, d.ID); len(list.Items) != 1 || !says(d.Status.Tasks, "certificate_untrusted") {
		t.Errorf("revoked %v, it says %+v", list.Items, d.Status)
	}
}

// TestTunnelBroken ends the SSH server in the middle of a load, and gives it
// another host key.
func TestTunnelBroken(t *testing.T) {
	sshd := sshtest.Start(t)
	source := pgtest.Database(t)
	pgtest.Exec(t, source, `create table large (id int primary key, x text)`, `insert into large select i, repeat(md5(i::text), 8) from generate_series(1, 40000) i`)
	config := sourceConfig(t, source, "src")
	near := newProxy(t, config["host"].(string), config["port"].(string))
	config["host"], config["port"] = near.host, near.port
	s, w := withDuck(t)
	sshd.Authorize(t, s.publicKey(t, seedGroup))
	d := s.connection(t, tunnelled(config, sshd))
	trust := map[string]any{"trust_fingerprints": true}
	s.must(t, "POST", "/v1/connections/"+d.ID+"/test", trust, &d)
	if d.Status.SetupState != "connected" {
		t.Fatalf("trusted, it says %+v", d)
	}

	near.holdAfter(3 << 20)
	s.must(t, "POST", "/v1/connections/"+d.ID+"/sync", nil, nil)
	near.held(t)
	before := s.details(t, d.ID)
	sshd.Kill()
	d = s.after(t, before)
	near.open()
	if d.FailedAt == before.FailedAt || d.Status.SetupState != "connected" || len(d.Status.Tasks) > 0 || !says(d.Status.Warnings, "sync_failed", "SSH tunnel through", "broke") {
		t.Errorf("with the tunnel broken it says %+v", d.Status)
	}
	d = s.fails(t, d.ID)
	if d.Status.SetupState != "connected" || !says(d.Status.Warnings, "SSH server", "refused") {
		t.Errorf("without an SSH server it says %+v", d.Status)
	}
	sshd.Again(t)
	s.succeeds(t, d.ID)
	equal(t, source, w, []compared{one("large")})

	sshd.Kill()
	sshd.SetHostKeys(t, ssh.KeyAlgoED25519)
	sshd.Again(t)
	pgtest.Exec(t, source, `delete from large where id < 100`)
	d = s.fails(t, d.ID)
	if d.Status.SetupState != "broken" || !says(d.Status.Tasks, "ssh_host_key_changed", "HAS CHANGED") {
		t.Errorf("with another host key it says %+v", d.Status)
	}
	s.must(t, "POST", "/v1/connections/"+d.ID+"/test", map[string]any{}, &d)
	if d.Status.SetupState != "broken" {
		t.Errorf("with another host key its tests say %+v", d.SetupTests)
	}
	s.must(t, "POST", "/v1/connections/"+d.ID+"/test", trust, &d)
	s.succeeds(t, d.ID)
	equal(t, source, w, []compared{one("large")})
}
