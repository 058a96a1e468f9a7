package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConnectCards(t *testing.T) {
	e := newEnv(t)
	c := e.connection()
	a := e.ok("POST", "/v1/connections/"+c+"/connect-card", `{"connect_card_config":{"redirect_uri":"https://your.site/path","hide_setup_guide":true}}`)
	card := a.data["connect_card"].(map[string]any)
	want := map[string]any{"connector_id": c, "connect_card": card, "connect_card_config": map[string]any{"redirect_uri": "https://your.site/path", "hide_setup_guide": true}}
	if diff := cmp.Diff(want, a.data); a.status != 200 || a.message != "Connection Connect Card has been created" || diff != "" {
		t.Error(a.status, a.message, diff)
	}
	token := card["token"].(string)
	if uri := "http://example.com/connect-card/setup?auth=" + token + "&hide_setup_guide=true&redirect_uri=https%3A%2F%2Fyour.site%2Fpath"; card["uri"] != uri {
		t.Errorf("uri %s, want %s", card["uri"], uri)
	}
	if held, err := e.store.ConnectCard(t.Context(), token, e.now); err != nil || held.ConnectionID != c || held.AccountID != e.user.AccountID {
		t.Errorf("card %v, %v", held, err)
	}
	if a := e.ok("GET", "/v1/connections/"+c, ""); strings.Contains(a.body, token) || a.data["connect_card_config"] == nil {
		t.Errorf("got %s", a.body)
	}
	created := e.ok("POST", "/v1/connectors", `{"group_id":"`+e.group("h")+`","service":"15five","run_setup_tests":false,"config":{"schema":"s"},
		"connect_card_config":{"redirect_uri":"http://x"}}`).data
	token = created["connect_card"].(map[string]any)["token"].(string)
	if held, err := e.store.ConnectCard(t.Context(), token, e.now); err != nil || held.ConnectionID != created["id"] {
		t.Errorf("card %v, %v", held, err)
	}
}

func TestPublicURL(t *testing.T) {
	request := func(target string, s *server) string {
		return s.base(&request{Request: httptest.NewRequest("GET", target, nil)})
	}
	for _, tt := range []struct{ public, target, want string }{
		{"", "http://10.0.0.1:8080/x", "http://10.0.0.1:8080"},
		{"", "https://penstock.example.com/x", "https://penstock.example.com"},
		{"https://p.example.com/at/", "http://10.0.0.1:8080/x", "https://p.example.com/at"},
	} {
		if got := request(tt.target, &server{Config: Config{PublicURL: tt.public}}); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
