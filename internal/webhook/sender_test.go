package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/store"
)

// loopback lets tests post to this machine.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// receiver returns a server, and a Sender that trusts it.
func receiver(t *testing.T, h http.HandlerFunc) (*httptest.Server, *Sender) {
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv, NewSender(outside.Policy{Roots: roots, Networks: loopback})
}

// hmacOf computes an HMAC-SHA256 by its definition in RFC 2104, for secrets
// that are no longer than a block.
func hmacOf(secret string, body []byte) string {
	pad := func(x byte) []byte {
		block := make([]byte, sha256.BlockSize)
		copy(block, secret)
		for i := range block {
			block[i] ^= x
		}
		return block
	}
	inner := sha256.Sum256(append(pad(0x36), body...))
	outer := sha256.Sum256(append(pad(0x5c), inner[:]...))
	return hex.EncodeToString(outer[:])
}

func TestSignature(t *testing.T) {
	// The second case of RFC 4231.
	const want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	body := []byte("what do ya want for nothing?")
	if got := Signature("Jefe", body); got != want || got != hmacOf("Jefe", body) {
		t.Errorf("got %s", got)
	}
}

func TestPost(t *testing.T) {
	var elsewhere int
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer plain.Close()
	body := []byte(`{"event":"sync_end"}`)
	srv, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || string(got) != string(body) || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, got, r.Header)
		}
		switch sig := r.Header.Get("X-Fivetran-Signature-256"); {
		case r.URL.Path == "/unsigned" && r.Header[fivetran.SignatureHeader] != nil, r.URL.Path != "/unsigned" && sig != hmacOf("s3cret", got):
			t.Errorf("%s is signed %q", r.URL.Path, sig)
		}
		switch r.URL.Path {
		case "/fails":
			http.Error(w, "s3cret things", http.StatusInternalServerError)
		case "/moved":
			http.Redirect(w, r, plain.URL, http.StatusFound)
		case "/endless":
			for chunk := make([]byte, 1<<16); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	for path, want := range map[string]struct {
		status int
		err    string
	}{
		"/ok":       {204, ""},
		"/unsigned": {204, ""},
		"/endless":  {200, ""},
		"/fails":    {500, "the receiver answered 500 Internal Server Error"},
		"/moved":    {302, "the receiver answered 302 Found; redirects are not followed"},
	} {
		w := &store.Webhook{URL: srv.URL + path, Secret: "s3cret"}
		if path == "/unsigned" {
			w.Secret = ""
		}
		status, err := s.Post(t.Context(), w, body)
		if status != want.status || (err == nil) != (want.err == "") || err != nil && err.Error() != want.err {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}
	// Nobody trusts the server's certificate but its own Sender.
	if _, err := NewSender(outside.Policy{Networks: loopback}).Post(t.Context(), &store.Webhook{URL: srv.URL}, body); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
	// Loopback is no public address, by whatever name.
	for _, u := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)} {
		_, err := NewSender(outside.Policy{}).Post(t.Context(), &store.Webhook{URL: u + "/token-in-path"}, body)
		if err == nil || !strings.Contains(err.Error(), "--outside-networks") || strings.Contains(err.Error(), "token-in-path") {
			t.Errorf("%s: %v", u, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, err := s.Post(ctx, &store.Webhook{URL: srv.URL}, body); status != 0 || err == nil {
		t.Errorf("canceled: %d, %v", status, err)
	}
}

func TestCheckURL(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://example.com/hook?x=1": true, "https://localhost:12345": true,
		"http://example.com": false, "ftp://x": false, "https://": false, "https://:80": false, "example.com": false, "": false, "https://u:p@x": false, "://": false,
	} {
		if err := CheckURL(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBodies(t *testing.T) {
	at := time.Date(2026, 11, 2, 12, 0, 0, 123456789, time.UTC)
	e := store.Event{AccountID: "a", GroupID: "g", ConnectionID: "c", Service: "postgres", Schema: "shop", RunID: "04hjkkd64vi28di51s4fbbvu3g",
		Kind: store.SyncEnd, At: at, Data: []byte(`{"status":"FAILURE","reason":"no"}`)}
	for got, want := range map[string]string{
		string(body(&e)): `{"event":"sync_end","created":"2026-11-02T12:00:00.123Z","connector_type":"postgres","connector_id":"c","connector_name":"shop",` +
			`"sync_id":"` + e.SyncID() + `","destination_group_id":"g","data":{"reason":"no","status":"FAILED"}}`,
		string(Test("test_event", at)): `{"event":"test_event","created":"2026-11-02T12:00:00.123Z","connector_type":"_connector_type","connector_id":"_connector_1","group_id":"_destination_1"}`,
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if e.Data = []byte(`{"status":"FAILURE_WITH_TASK"}`); string(data(&e)) != string(e.Data) || len(e.SyncID()) != 36 {
		t.Errorf("got %s", data(&e))
	}
	for _, kind := range []string{store.SyncStart, store.CreateConnector, store.PauseConnector, store.ResumeConnector, store.EditConnector, store.DeleteConnector,
		store.ForceUpdate, store.ResyncConnector, store.ResyncTable, store.ConnectionSuccessful, store.ConnectionFailure} {
		if !slices.Contains(fivetran.WebhookEvents, kind) {
			t.Errorf("no webhook can be told of %s", kind)
		}
	}
}
