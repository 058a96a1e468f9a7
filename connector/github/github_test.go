package github

import (
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

func TestThrottled(t *testing.T) {
	for _, c := range []struct {
		status int
		detail string
		want   time.Duration
	}{
		{403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", time.Minute},
		{429, "API rate limit exceeded", time.Minute},
		{403, "Resource not accessible by personal access token", 0},
		{404, "rate limit", 0},
	} {
		if got := throttled(&rest.StatusError{Status: c.status, Detail: c.detail}); got != c.want {
			t.Errorf("%d %s: %v, want %v", c.status, c.detail, got, c.want)
		}
	}
}

func TestBase(t *testing.T) {
	for host, want := range map[string]string{
		"":                                   "https://api.github.com/",
		"github.example.com/api/v3":          "https://github.example.com/api/v3/",
		"https://github.example.com/api/v3/": "https://github.example.com/api/v3/",
	} {
		s := &source{config: config{HostURL: host}}
		if got, err := s.base(""); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v", host, got, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for given, want := range map[string]string{
		`{"schema":"s","pats":["a"]}`: `{"schema":"s","auth_mode":"PersonalAccessToken","pats":["a"],"sync_mode":"AllRepositories"}`,
		`{"schema":"s","auth_mode":"JWT","client_id":"i","username":"o","private_key":"k","repositories":["1"],"sync_mode":"SpecificRepositories","use_webhooks":true,"host_url":"h"}`: `{"schema":"s","auth_mode":"JWT","username":"o","client_id":"i","private_key":"k","host_url":"h","sync_mode":"SpecificRepositories","repositories":["1"],"use_webhooks":true}`,
		`{"schema":"s","auth_mode":"nonsense"}`: "",
		`{"pats":["a"]}`:                        "",
	} {
		got, err := Service.Config.Check([]byte(given))
		if string(got) != want && !(want == "" && err != nil) {
			t.Errorf("%s: got %s, %v", given, got, err)
		}
	}
	for _, raw := range []string{`{"auth_mode":"JWT","private_key":"no key"}`, `{"auth_mode":"OAuth"}`} {
		if _, err := Service.Open([]byte(raw), connector.Env{}); err == nil {
			t.Errorf("%s is a login", raw)
		}
	}
	s, err := open([]byte(`{"auth_mode":"PersonalAccessToken","pats":["a"],"sync_mode":"SpecificRepositories"}`), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if p := setup.AsProblem(s.Sync(t.Context(), connector.Request{}, nil)); p == nil || p.Code != "config_incomplete" {
		t.Errorf("got %v", p)
	}
}

// Connections with the same token on the same host share a budget.
func TestBudgets(t *testing.T) {
	client := func(token, host string) *rest.Client {
		s, err := open([]byte(`{"auth_mode":"PersonalAccessToken","pats":["`+token+`"],"host_url":"`+host+`"}`), connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return s.client
	}
	one := client("a", "")
	if client("a", "").Budget != one.Budget || client("b", "").Budget == one.Budget || client("a", "github.example.com").Budget == one.Budget {
		t.Error("a credential has not one budget of its own")
	}
}
