package simulator

import (
	"crypto/rand"
	"crypto/rsa"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestGrants(t *testing.T) {
	const client = "&client_id=" + DefaultClientID + "&client_secret=" + DefaultClientSecret
	for _, c := range []struct {
		form        string
		user        UserState
		status      int
		error, what string // of OAuth; of an answer: a field that it has
	}{
		{refresh + DefaultRefreshToken, Active, 200, "", "signature"},
		{"grant_type=client_credentials" + client, Active, 200, "", "issued_at"},
		{refresh + "x", Active, 400, "invalid_grant", "expired access/refresh token"},
		{refresh, Active, 400, "invalid_grant", "expired access/refresh token"},
		{refresh + DefaultRefreshToken, Inactive, 400, "invalid_grant", "inactive user"},
		{refresh + DefaultRefreshToken, NoAPI, 200, "", "access_token"},
		{"grant_type=refresh_token&client_id=x&client_secret=y&refresh_token=z", Active, 400, "invalid_client_id", "client identifier invalid"},
		{"grant_type=refresh_token&client_id=" + DefaultClientID + "&client_secret=y&refresh_token=z", Active, 400, "invalid_client", "invalid client credentials"},
		{"grant_type=client_credentials&client_id=" + DefaultClientID, Active, 400, "invalid_client", "invalid client credentials"},
		{"grant_type=client_credentials" + client, Inactive, 400, "invalid_grant", "no client credentials user enabled"},
		{"grant_type=password" + client, Active, 400, "unsupported_grant_type", "grant type not supported"},
		{"a=b", Active, 400, "invalid_request", "missing required parameter: grant_type"},
		{"grant_type=" + jwtBearer + "&assertion=x", Active, 400, "invalid_grant", "invalid assertion"},
	} {
		s := play(Options{})
		s.SetUser(c.user)
		res, a := grant(s, c.form)
		if res.StatusCode != c.status || a["error"] != c.error || c.error != "" && a["error_description"] != c.what || c.error == "" && a[c.what] == "" {
			t.Errorf("%s, user %d: %s, %v; want %d, %s, %s", c.form, c.user, res.Status, a, c.status, c.error, c.what)
		}
	}
}

func TestAssertions(t *testing.T) {
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	claims := func(change func(*jwt.RegisteredClaims)) jwt.RegisteredClaims {
		c := jwt.RegisteredClaims{
			Issuer: DefaultClientID, Subject: DefaultUsername, Audience: jwt.ClaimStrings{"https://login.salesforce.com"},
			ExpiresAt: jwt.NewNumericDate(began.Add(3 * time.Minute)),
		}
		if change != nil {
			change(&c)
		}
		return c
	}
	for _, c := range []struct {
		name   string
		change func(*jwt.RegisteredClaims)
		key    *rsa.PrivateKey
		method jwt.SigningMethod
		user   UserState
		want   string // the description of the error
	}{
		{"good", nil, key, jwt.SigningMethodRS256, Active, ""},
		{"for a sandbox", func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://test.salesforce.com"} }, key, jwt.SigningMethodRS256, Active, ""},
		{"for the host asked", func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://org.my.salesforce.com"} }, key, jwt.SigningMethodRS256, Active, ""},
		{"for another host", func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://example.com"} }, key, jwt.SigningMethodRS256, Active, "audience is invalid"},
		{"expired", func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(began) }, key, jwt.SigningMethodRS256, Active, "assertion is expired"},
		{"for too long", func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(began.Add(time.Hour)) }, key, jwt.SigningMethodRS256, Active, "assertion expires too late"},
		{"for ever", func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil }, key, jwt.SigningMethodRS256, Active, "assertion is expired"},
		{"another key", nil, other, jwt.SigningMethodRS256, Active, "invalid assertion"},
		{"another algorithm", nil, key, jwt.SigningMethodRS512, Active, "invalid assertion"},
		{"another client", func(c *jwt.RegisteredClaims) { c.Issuer = "x" }, key, jwt.SigningMethodRS256, Active, "client identifier invalid"},
		{"another user", func(c *jwt.RegisteredClaims) { c.Subject = "x" }, key, jwt.SigningMethodRS256, Active, "user hasn't approved this consumer"},
		{"not approved", nil, key, jwt.SigningMethodRS256, Unasked, "user hasn't approved this consumer"},
		{"inactive", nil, key, jwt.SigningMethodRS256, Inactive, "inactive user"},
	} {
		s := play(Options{Certificate: &key.PublicKey})
		s.SetUser(c.user)
		signed, err := jwt.NewWithClaims(c.method, claims(c.change)).SignedString(c.key)
		if err != nil {
			t.Fatal(err)
		}
		_, a := grant(s, url.Values{"grant_type": {jwtBearer}, "assertion": {signed}}.Encode())
		if a["error_description"] != c.want || (a["access_token"] == "") != (c.want != "") || a["refresh_token"] != "" {
			t.Errorf("%s: %v, want %q", c.name, a, c.want)
		}
	}
	if _, a := grant(play(Options{}), "grant_type="+url.QueryEscape(jwtBearer)+"&assertion=e30.e30.x"); a["error"] != "invalid_grant" {
		t.Errorf("without a certificate: %v", a)
	}
}

func TestRotation(t *testing.T) {
	s := play(Options{RotateTokens: true})
	_, a := grant(s, refresh+DefaultRefreshToken)
	next := a["refresh_token"]
	if next == "" || next == DefaultRefreshToken || s.RefreshToken() != next {
		t.Fatalf("the new token is %q, the valid one %q", next, s.RefreshToken())
	}
	if res, a := grant(s, refresh+DefaultRefreshToken); res.StatusCode != 400 || a["error"] != "invalid_grant" {
		t.Errorf("a used token: %s, %v", res.Status, a)
	}
	if res, _ := grant(s, refresh+url.QueryEscape(next)); res.StatusCode != 200 {
		t.Errorf("the new token: %s", res.Status)
	}
	if _, a := grant(play(Options{}), refresh+DefaultRefreshToken); a["refresh_token"] != "" {
		t.Errorf("without rotation there is a new token: %v", a)
	}
}

func TestSessions(t *testing.T) {
	now := began
	s := play(Options{Now: func() time.Time { return now }, SessionRequests: 3, SessionTTL: time.Hour})
	try := func(token string) string {
		_, body := ask(t, s, "GET", "/services/data/v63.0/limits", token, "")
		return body
	}
	const expired = `[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`
	token := login(t, s)
	for i, want := range []bool{true, true, true, false, false} {
		if got := try(token); (got != expired) != want {
			t.Errorf("request %d: %s", i, got)
		}
	}
	token = login(t, s)
	now = now.Add(time.Hour + time.Second)
	if got := try(token); got != expired {
		t.Errorf("after an hour: %s", got)
	}
	token = login(t, s)
	s.EndSessions()
	if got := try(token); got != expired {
		t.Errorf("after all ended: %s", got)
	}
	token = login(t, s)
	s.SetUser(NoAPI)
	if got := try(token); !strings.Contains(got, "API_DISABLED_FOR_ORG") {
		t.Errorf("without the permission: %s", got)
	}
	s.SetUser(Active)
	if got := try(""); !strings.Contains(got, "INVALID_AUTH_HEADER") {
		t.Errorf("without a token: %s", got)
	}
	s.Revoke()
	if res, a := grant(s, refresh+DefaultRefreshToken); res.StatusCode != 400 || try(token) != expired || s.RefreshToken() != "" {
		t.Errorf("after revocation: %s, %v", res.Status, a)
	}
}

func TestIdentity(t *testing.T) {
	s := play(Options{Username: "me@example.com"})
	_, a := grant(s, refresh+DefaultRefreshToken)
	res, body := ask(t, s, "GET", a["id"], a["access_token"], "")
	if res.StatusCode != 200 || !strings.Contains(body, `"username":"me@example.com"`) || !strings.Contains(body, `"organization_id":"`+OrganizationID+`"`) || !strings.Contains(body, `"email":"me@example.com"`) {
		t.Errorf("%s: %s: %s", a["id"], res.Status, body)
	}
	if _, body := ask(t, s, "GET", "/services/oauth2/userinfo", a["access_token"], ""); !strings.Contains(body, `"preferred_username":"me@example.com"`) {
		t.Errorf("userinfo: %s", body)
	}
	if res, body := ask(t, s, "GET", a["id"], "x", ""); res.StatusCode != 403 || strings.TrimSpace(body) != "Bad_OAuth_Token" {
		t.Errorf("a bad token: %s: %s", res.Status, body)
	}
	if !strings.HasPrefix(a["instance_url"], "https://org.my.salesforce.com") {
		t.Errorf("instance_url is %s", a["instance_url"])
	}
}

// A token of the login host is good at the org's own host only.
func TestInstance(t *testing.T) {
	s := play(Options{Instance: "https://acme.my.salesforce.com"})
	_, a := grant(s, refresh+DefaultRefreshToken)
	if a["instance_url"] != "https://acme.my.salesforce.com" || !strings.HasPrefix(a["id"], "https://org.my.salesforce.com/id/") {
		t.Errorf("%v", a)
	}
	for host, status := range map[string]int{"https://acme.my.salesforce.com": 200, "https://login.salesforce.com": 401, "http://acme.my.salesforce.com": 401} {
		if res, body := ask(t, s, "GET", host+"/services/data/v63.0/limits", a["access_token"], ""); res.StatusCode != status {
			t.Errorf("%s: %s: %s", host, res.Status, body)
		}
	}
	if res, _ := ask(t, s, "GET", a["id"], a["access_token"], ""); res.StatusCode != 200 {
		t.Errorf("identity: %s", res.Status)
	}
}
