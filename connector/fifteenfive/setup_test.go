package fifteenfive

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/fifteenfive/simulator"
	"github.com/penstock-data/penstock/connector/simulate"
	"github.com/penstock-data/penstock/setup"
)

type refused struct{}

func (refused) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("dial tcp 192.0.2.7:443: connect: connection refused")
}

func TestSetup(t *testing.T) {
	healthy := company(simulator.Options{})
	down := company(simulator.Options{})
	down.Break(simulate.Fault{Status: 503, Count: -1})
	busy := company(simulator.Options{})
	busy.Break(simulate.Fault{Status: 429, RetryAfter: "120"})
	locked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, `{"detail":"No."}`, http.StatusForbidden) })
	moved := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.test/", http.StatusMovedPermanently)
	})

	for _, c := range []struct {
		name      string
		transport http.RoundTripper
		key       string
		want      string // statuses
		message   string // part of the last one's
	}{
		{"good key", direct{healthy}, simulator.DefaultKey, "PASSED PASSED PASSED", ""},
		{"good key with spaces", direct{healthy}, " " + simulator.DefaultKey + "\n", "PASSED PASSED PASSED", ""},
		{"wrong key", direct{healthy}, "nonsense", "PASSED FAILED", "does not accept this API key"},
		{"expired key", direct{healthy}, simulator.DefaultExpiredKey, "PASSED FAILED", "has expired"},
		{"key for high fives", direct{healthy}, simulator.DefaultHighFivesKey, "PASSED PASSED WARNING", "may read high fives only"},
		{"key for nothing", direct{locked}, simulator.DefaultKey, "PASSED PASSED FAILED", "may not read anything"},
		{"no server", refused{}, simulator.DefaultKey, "FAILED", "15five.test could not be reached: dial tcp 192.0.2.7:443: connect: connection refused. Check"},
		{"server down", direct{down}, simulator.DefaultKey, "FAILED", "503 Service Unavailable"},
		{"server busy", direct{busy}, simulator.DefaultKey, "FAILED", "asks to wait for 2m0s. Try again then."},
		{"another server", direct{moved}, simulator.DefaultKey, "FAILED", "https://elsewhere.test/ is not an address of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, _ := json.Marshal(config{Schema: "s", APIKey: c.key})
			src, err := Service.Open(raw, connector.Env{HTTP: &http.Client{Transport: c.transport}, Endpoint: "https://15five.test"})
			if err != nil {
				t.Fatal(err)
			}
			results := src.Test(t.Context())
			var got []string
			for _, r := range results {
				got = append(got, string(r.Status))
				if strings.Contains(r.Message, strings.TrimSpace(c.key)) && c.key != "nonsense" {
					t.Errorf("the key is in %q", r.Message)
				}
				if (r.Message == "") != (r.Status == setup.Passed) {
					t.Errorf("%s is %s: %q", r.Title, r.Status, r.Message)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", results, c.want)
			}
			if last := results[len(results)-1].Message; !strings.Contains(last, c.message) {
				t.Errorf("got message %q, want one with %q", last, c.message)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for config, want := range map[string]string{
		`{"schema":"s","api_key":"k"}`: "",
		`{"schema":"s"}`:               "api_key",
		`{"api_key":"k"}`:              "schema",
	} {
		_, err := Service.Config.Check([]byte(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", config, err, want)
		}
	}
	if Service.ID != "15five" || Service.SchemaFormat != connector.FormatSchema {
		t.Errorf("the service is %q with the schema format %q", Service.ID, Service.SchemaFormat)
	}
}

// The endpoint may be given with the path of the API or without, and the key
// goes into the header as it is.
func TestRequests(t *testing.T) {
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.Path+" "+r.Header.Get("Authorization"))
		w.Write([]byte(`{"count":0,"next":null,"previous":null,"results":[]}`))
	}))
	defer srv.Close()
	for endpoint, want := range map[string]string{
		"":                  "/api/public/user/ k",
		"/":                 "/api/public/user/ k",
		"/api/public":       "/api/public/user/ k",
		"/proxy/to/15five/": "/proxy/to/15five/user/ k",
	} {
		got = nil
		src, err := Service.Open([]byte(`{"schema":"s","api_key":"k"}`), connector.Env{Endpoint: srv.URL + endpoint})
		if err != nil {
			t.Fatal(err)
		}
		src.Test(t.Context())
		if len(got) != 1 || got[0] != want {
			t.Errorf("%q: requests %q, want %q", endpoint, got, want)
		}
	}
}
