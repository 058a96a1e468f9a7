package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var began = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func play(opt Options) *Simulator {
	if opt.Now == nil {
		opt.Now = func() time.Time { return began }
	}
	return New(opt)
}

// ask sends a request to a simulator, and returns the answer and its body.
func ask(t *testing.T, s *Simulator, method, target, token, body string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(b)
}

// grant asks for a token.
func grant(s *Simulator, form string) (*http.Response, map[string]string) {
	r := httptest.NewRequest("POST", "https://org.my.salesforce.com/services/oauth2/token", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var a map[string]string
	json.NewDecoder(w.Body).Decode(&a)
	return w.Result(), a
}

const refresh = "grant_type=refresh_token&client_id=" + DefaultClientID + "&client_secret=" + DefaultClientSecret + "&refresh_token="

// login returns an access token.
func login(t *testing.T, s *Simulator) string {
	t.Helper()
	res, a := grant(s, refresh+s.RefreshToken())
	if res.StatusCode != 200 {
		t.Fatalf("token: %s, %v", res.Status, a)
	}
	return a["access_token"]
}

// soql asks a query of the REST API.
func soql(t *testing.T, s *Simulator, path, q string) (*http.Response, string) {
	t.Helper()
	return ask(t, s, "GET", "/services/data/v63.0/"+path+"?q="+url.QueryEscape(q), login(t, s), "")
}

// Every field of every object can be read, and is JSON.
func TestEverythingCanBeRead(t *testing.T) {
	s := play(Options{})
	for _, name := range s.names {
		o := s.tables[strings.ToLower(name)].object
		var fields []string
		for _, f := range o.Fields {
			fields = append(fields, f.Name)
		}
		res, body := soql(t, s, "queryAll", "SELECT "+strings.Join(fields, ", ")+" FROM "+name)
		if !yes(o.Queryable) {
			if res.StatusCode != 400 || !strings.Contains(body, "INVALID_TYPE_FOR_OPERATION") {
				t.Errorf("%s: %s: %s", name, res.Status, body)
			}
			continue
		}
		var page struct{ Records []map[string]json.RawMessage }
		if err := json.Unmarshal([]byte(body), &page); err != nil || res.StatusCode != 200 || len(page.Records) == 0 {
			t.Errorf("%s: %s %v\n%s", name, res.Status, err, body)
			continue
		}
		if n := len(page.Records[0]); n != len(fields)+1 {
			t.Errorf("%s: %d fields were asked for, %d came", name, len(fields), n-1)
		}
	}
}
