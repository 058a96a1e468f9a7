package rest_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

type step = connectortest.Step

func base(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return u
}

// scripted returns a client of api.test that asks a script.
func scripted(t *testing.T, steps ...step) *rest.Client {
	return &rest.Client{Name: "Acme", Base: base("https://api.test/v1/"), HTTP: connectortest.NewScript(t, steps...).Client(), Tries: 2}
}

func authorized(v string) map[string]string { return map[string]string{"Authorization": v} }

// numbered returns tokens t1, t2, …
func numbered(life time.Duration) *rest.Tokens {
	n := 0
	return &rest.Tokens{Fetch: func(context.Context) (rest.Token, error) {
		n++
		t := rest.Token{Value: fmt.Sprint("t", n)}
		if life > 0 {
			t.Expires = time.Now().Add(life)
		}
		return t, nil
	}}
}

func TestStaticAuth(t *testing.T) {
	for want, auth := range map[string]rest.Auth{
		"Bearer t":       rest.Bearer("t"),
		"Basic dTpwOnE=": rest.Basic("u", "p:q"),
		"raw":            rest.Header("Authorization", "raw"),
		"Bearer t1":      numbered(0),
	} {
		c := scripted(t, step{Ask: "GET /v1/a", With: authorized(want), Answer: "{}"})
		c.Auth = auth
		if err := c.Get(t.Context(), "a", &rest.Reply{}); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A refused token leads to one new token and one more request.
func TestRefusedToken(t *testing.T) {
	c := scripted(t,
		step{Ask: "GET /v1/a", With: authorized("Bearer t1"), Answer: "{}"},
		step{Ask: "GET /v1/b", With: authorized("Bearer t1"), Status: 401},
		step{Ask: "GET /v1/b", With: authorized("Bearer t2"), Answer: "{}"},
		step{Ask: "GET /v1/c", With: authorized("Bearer t2"), Status: 401},
		step{Ask: "GET /v1/c", With: authorized("Bearer t3"), Status: 401, Answer: `{"message":"Gone."}`})
	c.Auth = numbered(0)
	for _, p := range []struct {
		path   string
		status int
	}{{"a", 0}, {"b", 0}, {"c", 401}} {
		if err := c.Get(t.Context(), p.path, &rest.Reply{}); rest.Status(err) != p.status || err != nil && !strings.Contains(err.Error(), "Gone.") {
			t.Errorf("%s: %v, want %d", p.path, err, p.status)
		}
	}
	static := scripted(t, step{Ask: "GET /v1/a", Status: 401})
	static.Auth = rest.Bearer("t")
	if err := static.Get(t.Context(), "a", &rest.Reply{}); rest.Status(err) != 401 {
		t.Errorf("got %v", err)
	}
}

// Many requests that find the token expired, or refused, fetch one.
func TestOneRefreshAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		fetched, good := 0, "t1"
		tokens := &rest.Tokens{Fetch: func(context.Context) (rest.Token, error) {
			time.Sleep(time.Second)
			fetched++
			return rest.Token{Value: fmt.Sprint("t", fetched), Expires: time.Now().Add(time.Hour)}, nil
		}}
		c := &rest.Client{Name: "Acme", Base: base("https://api.test/"), Auth: tokens, HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
			mu.Lock()
			defer mu.Unlock()
			status := 200
			if r.Header.Get("Authorization") != "Bearer "+good {
				status = 401
			}
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}
		})}}
		all := func() {
			var w sync.WaitGroup
			for range 10 {
				w.Go(func() {
					if err := c.Get(t.Context(), "a", &rest.Reply{}); err != nil {
						t.Error(err)
					}
				})
			}
			w.Wait()
		}
		all()
		good = "t2"
		all()
		time.Sleep(time.Hour - 30*time.Second) // nearly expired
		good = "t3"
		all()
		if fetched != 3 {
			t.Errorf("%d tokens were fetched, want 3", fetched)
		}
	})
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func oauth(t *testing.T, o rest.OAuth, steps ...step) *rest.OAuth {
	o.Name = "Acme"
	o.Client = scripted(t, steps...)
	o.Client.Base = base("https://login.test/token")
	return &o
}

func TestOAuth(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"access_token":"a1","expires_in":3600,"instance_url":"https://x.test"}`
	for _, c := range []struct {
		name string
		o    rest.OAuth
		step step
		code string // of the problem
		err  string
	}{
		{name: "client credentials", o: rest.OAuth{ID: "i", Secret: "s", Scope: "read"},
			step: step{Body: "client_id=i&client_secret=s&grant_type=client_credentials&scope=read", Answer: good}},
		{name: "in the header", o: rest.OAuth{ID: "i", Secret: "s", Basic: true},
			step: step{Body: "grant_type=client_credentials", With: authorized("Basic aTpz"), Answer: good}},
		{name: "refresh token", o: rest.OAuth{ID: "i", Refresh: &rest.Refresh{Token: "r"}},
			step: step{Body: "client_id=i&grant_type=refresh_token&refresh_token=r", Answer: good}},
		{name: "revoked", o: rest.OAuth{Refresh: &rest.Refresh{Token: "r"}},
			step: step{Status: 400, Answer: `{"error":"invalid_grant","error_description":"expired access/refresh token"}`},
			code: "authentication_failed", err: "Log in again"},
		{name: "unknown client", step: step{Status: 401, Answer: `{"error":"invalid_client"}`}, code: "authentication_failed", err: "Check its id"},
		{name: "unauthorized", step: step{Status: 401}, code: "authentication_failed", err: "Log in again"},
		{name: "wrong request", step: step{Status: 400, Answer: `{"error":"invalid_request"}`}, err: "invalid_request"},
		{name: "no token", step: step{Answer: `{}`}, err: "no access_token"},
		{name: "signed", o: rest.OAuth{JWT: &rest.JWT{Key: key, Issuer: "me", Subject: "you", Audience: "https://login.test"}},
			step: step{Answer: good}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.step.Ask = "POST /token"
			if c.step.With == nil {
				c.step.With = map[string]string{}
			}
			c.step.With["Content-Type"] = "application/x-www-form-urlencoded"
			o := oauth(t, c.o, c.step)
			token, err := o.Fetch(t.Context())
			if c.err != "" {
				p := setup.AsProblem(err)
				if err == nil || !strings.Contains(err.Error(), c.err) || (p == nil) != (c.code == "") || p != nil && p.Code != c.code {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || token.Value != "a1" || time.Until(token.Expires) < 50*time.Minute {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
}

// A server that wants no requests for a while is obeyed as long as an exchange
// may last; a longer pause ends the sync until then.
func TestOAuthThrottled(t *testing.T) {
	for after, pause := range map[string]bool{"90": false, "600": true} {
		synctest.Test(t, func(t *testing.T) {
			steps := []step{{Ask: "POST /token", Status: 429, Header: map[string]string{"Retry-After": after}}}
			if !pause {
				steps = append(steps, step{Ask: "POST /token", Answer: `{"access_token":"a1"}`})
			}
			k := &keeper{config: map[string]string{"refresh_token": "r1"}}
			o := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}}, steps...)
			began := time.Now()
			_, err := o.Fetch(t.Context())
			var until *setup.Reschedule
			if errors.As(err, &until) != pause || pause && (!until.Until.Equal(began.Add(10*time.Minute)) || time.Since(began) > 0) {
				t.Errorf("a pause of %s seconds: %v after %v", after, err, time.Since(began))
			}
		})
	}
}

func TestJWT(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	j := &rest.JWT{Key: key, Issuer: "me", Subject: "you", Audience: "them", KeyID: "k1", Now: func() time.Time { return at }}
	signed, err := j.Sign()
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.RegisteredClaims
	token, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(func() time.Time { return at })).
		ParseWithClaims(signed, &claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil })
	if err != nil {
		t.Fatal(err)
	}
	if claims.Issuer != "me" || claims.Subject != "you" || claims.Audience[0] != "them" || token.Header["kid"] != "k1" ||
		!claims.IssuedAt.Equal(at.Add(-time.Minute)) || !claims.ExpiresAt.Equal(at.Add(3*time.Minute)) {
		t.Errorf("got %+v, %v", claims, token.Header)
	}
}

// A keeper is where secrets are stored: Env.Rotate of a source.
type keeper struct {
	config map[string]string
	fails  int // how often storing fails
	stored []string
}

func (k *keeper) rotate(ctx context.Context, exchange func(json.RawMessage) (setup.Secrets, error)) error {
	raw, _ := json.Marshal(k.config)
	secrets, err := exchange(raw)
	if err != nil || secrets == nil {
		return err
	}
	if k.fails > 0 {
		k.fails--
		return errors.New("the disk is full")
	}
	for name, v := range secrets {
		k.config[name] = v
		k.stored = append(k.stored, v)
	}
	return nil
}

func exchanged(with, access, refresh string) step {
	return step{Ask: "POST /token", Body: "grant_type=refresh_token&refresh_token=" + with,
		Answer: fmt.Sprintf(`{"access_token":%q,"refresh_token":%q}`, access, refresh)}
}

// A new refresh token is stored before the access token that came with it is
// used, and none that was returned is forgotten.
func TestRotation(t *testing.T) {
	refused := func(with string) step {
		return step{Ask: "POST /token", Body: "grant_type=refresh_token&refresh_token=" + with, Status: 400, Answer: `{"error":"invalid_grant"}`}
	}
	fetch := func(t *testing.T, o *rest.OAuth, want string) {
		t.Helper()
		if token, err := o.Fetch(t.Context()); err != nil || token.Value != want {
			t.Fatalf("got %q, %v, want %q", token.Value, err, want)
		}
	}
	t.Run("stored before it is used", func(t *testing.T) {
		k := &keeper{config: map[string]string{"refresh_token": "r1"}}
		o := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}},
			exchanged("r1", "a1", "r2"), exchanged("r2", "a2", "r2"), exchanged("r2", "a3", ""))
		fetch(t, o, "a1")
		fetch(t, o, "a2")
		fetch(t, o, "a3")
		if got := strings.Join(k.stored, " "); got != "r2" {
			t.Errorf("stored %q", got)
		}
	})
	t.Run("cannot be stored at first", func(t *testing.T) {
		k := &keeper{config: map[string]string{"refresh_token": "r1"}, fails: 2}
		o := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}},
			exchanged("r1", "a1", "r2"), exchanged("r2", "a2", "r3"))
		for range 2 {
			if token, err := o.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "disk is full") {
				t.Fatalf("got %q, %v", token.Value, err)
			}
		}
		fetch(t, o, "a2")
		if got := strings.Join(k.stored, " "); got != "r2 r3" {
			t.Errorf("stored %q", got)
		}
	})
	t.Run("cannot be stored, and a person gives another", func(t *testing.T) {
		k := &keeper{config: map[string]string{"refresh_token": "r1"}, fails: 2}
		o := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}},
			exchanged("r1", "a1", "r2"), exchanged("p1", "a2", "p2"), exchanged("p2", "a3", ""))
		for range 2 {
			o.Fetch(t.Context())
		}
		k.config["refresh_token"] = "p1"
		fetch(t, o, "a2")
		fetch(t, o, "a3")
		if got := strings.Join(k.stored, " "); got != "p2" {
			t.Errorf("stored %q", got)
		}
	})
	t.Run("another process was faster", func(t *testing.T) {
		k := &keeper{config: map[string]string{"refresh_token": "r1"}}
		first := refused("r1")
		first.Then = func() { k.config["refresh_token"] = "r2" }
		o := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}},
			first, exchanged("r2", "a2", "r3"))
		fetch(t, o, "a2")
	})
	t.Run("refused", func(t *testing.T) {
		k := &keeper{config: map[string]string{"refresh_token": "r1"}}
		o := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}}, refused("r1"))
		if _, err := o.Fetch(t.Context()); setup.AsProblem(err) == nil {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a process dies before it stores", func(t *testing.T) {
		k := &keeper{config: map[string]string{"refresh_token": "r1"}, fails: 1}
		dies := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}}, exchanged("r1", "a1", "r2"))
		dies.Fetch(t.Context())
		next := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}}, exchanged("r1", "a2", "r3")) // the vendor's grace
		fetch(t, next, "a2")
	})
	t.Run("the sync is stopped meanwhile", func(t *testing.T) {
		k := &keeper{config: map[string]string{"refresh_token": "r1"}}
		ctx, stop := context.WithCancel(t.Context())
		first := exchanged("r1", "a1", "r2")
		first.Then = stop
		o := oauth(t, rest.OAuth{Refresh: &rest.Refresh{Token: "r1", Field: "refresh_token", Rotate: k.rotate}}, first)
		if _, err := o.Fetch(ctx); err != nil || k.config["refresh_token"] != "r2" {
			t.Errorf("stored %v, %v", k.config, err)
		}
		if _, err := o.Fetch(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
