package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/setup"
)

// An OAuth gets tokens from an authorization server (RFC 6749): by a refresh
// token, by a [JWT] (RFC 7523), or as the client itself, whichever is set. Its
// Fetch is that of [Tokens].
type OAuth struct {
	Client *Client // of the authorization server; its Base is the token endpoint
	Name   string  // what people log in to

	ID     string // of the client; "": none is sent
	Secret string // "": none is sent
	Basic  bool   // both go into the Authorization header, not into the form

	Refresh *Refresh // nil: another grant
	JWT     *JWT     // nil: the client's own credentials
	Scope   string   // "": the server's default

	// Life is how long tokens are good if the server does not say so. 0: until
	// they are refused.
	Life time.Duration

	// Answer is given what the server answers with beside the token, such as
	// the address of the API. nil: nobody wants it.
	Answer func(*fastjson.Value) error
}

// Fetch gets a token. A login that the server does not accept is a
// [setup.Problem] with the code authentication_failed; a server that wants no
// request for more than two minutes is a [setup.Reschedule], whatever the
// Client's own patience.
func (o *OAuth) Fetch(ctx context.Context) (token Token, err error) {
	if o.Refresh == nil {
		return o.ask(ctx, nil, &Reply{})
	}
	err = o.Refresh.exchange(ctx, func(ctx context.Context, refresh string) (string, error) {
		var r Reply
		if token, err = o.ask(ctx, url.Values{"refresh_token": {refresh}}, &r); err != nil {
			return "", err
		}
		return string(r.Value.GetStringBytes("refresh_token")), nil
	})
	return token, err
}

func (o *OAuth) ask(ctx context.Context, form url.Values, r *Reply) (Token, error) {
	if form == nil {
		form = url.Values{}
	}
	q := Request{Method: http.MethodPost, Type: Form, URL: o.Client.Base.String()}
	switch {
	case form.Has("refresh_token"):
		form.Set("grant_type", "refresh_token")
	case o.JWT != nil:
		signed, err := o.JWT.Sign()
		if err != nil {
			return Token{}, err
		}
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		form.Set("assertion", signed)
	default:
		form.Set("grant_type", "client_credentials")
	}
	if o.Scope != "" {
		form.Set("scope", o.Scope)
	}
	if o.Basic {
		basic := &http.Request{Header: http.Header{}}
		basic.SetBasicAuth(url.QueryEscape(o.ID), url.QueryEscape(o.Secret)) // RFC 6749, 2.3.1
		q.Header = basic.Header
	} else {
		setUnlessEmpty(form, "client_id", o.ID)
		setUnlessEmpty(form, "client_secret", o.Secret)
	}
	q.Body = []byte(form.Encode())
	client := *o.Client
	client.Patience = min(client.patience(), exchangePatience)
	if err := client.Do(ctx, q, r); err != nil {
		return Token{}, o.explain(err)
	}
	return o.token(r)
}

func setUnlessEmpty(form url.Values, name, value string) {
	if value != "" {
		form.Set(name, value)
	}
}

func (o *OAuth) token(r *Reply) (t Token, err error) {
	if t.Value = string(r.Value.GetStringBytes("access_token")); t.Value == "" {
		return t, fmt.Errorf("%s: the answer of %s has no access_token", o.Name, o.Client.Base.Host)
	}
	life := o.Life
	if s := r.Value.GetInt("expires_in"); s > 0 {
		life = time.Duration(s) * time.Second
	}
	if life > 0 {
		t.Expires = o.Client.now().Add(life)
	}
	if o.Answer != nil {
		err = o.Answer(r.Value)
	}
	return t, err
}

// explain makes what only a person can mend a Problem (RFC 6749, 5.2).
func (o *OAuth) explain(err error) error {
	var refused *StatusError
	if !errors.As(err, &refused) || refused.Status/100 != 4 {
		return err
	}
	message := fmt.Sprintf("%s does not accept the login of this connection any more. Log in again.", o.Name)
	switch refused.Code {
	case "invalid_grant", "access_denied":
	case "invalid_client", "unauthorized_client":
		message = fmt.Sprintf("%s does not accept the client of this connection. Check its id, its secret or key, and what it may do.", o.Name)
	default:
		if refused.Status != http.StatusUnauthorized {
			return err
		}
	}
	return &setup.Problem{Code: "authentication_failed", Message: message, Err: err}
}

// A Refresh is a refresh token, which the server may replace when it is used.
type Refresh struct {
	Token string // as the config has it
	Field string // of the config, with its path: "auth/refresh_token"

	// Rotate is the source's [connector.Env.Rotate]. nil: a new token is known
	// as long as the Refresh is.
	Rotate connector.Rotate

	mu       sync.Mutex // guards what follows and Token; held during an exchange
	replaced string     // the stored token, whose place Token has taken and is not stored yet; "": Token is stored
}

// exchange has use use the token, and keeps the one that it returns instead,
// if there is one. It succeeds only when that is stored. A token that could
// not be stored is not forgotten: the next exchange stores it first, unless
// what is stored by then is not the token that it replaces: somebody has given
// another, which counts. Once begun, an exchange is not given up because ctx
// ends: the token that is on its way may be the only one that is good.
//
// A token that is refused is not the end if another was stored meanwhile, by
// another process or a person: then that one is used.
func (r *Refresh) exchange(ctx context.Context, use func(ctx context.Context, token string) (string, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeLimit)
	defer cancel()
	if r.Rotate == nil {
		return r.use(ctx, use)
	}
	if r.replaced != "" {
		if err := r.rotate(ctx, func(context.Context, string) (string, error) { return r.Token, nil }); err != nil {
			return err
		}
	}
	err := r.rotate(ctx, use)
	if used := r.Token; setup.AsProblem(err) != nil {
		again := r.rotate(ctx, func(ctx context.Context, token string) (string, error) {
			if token == used {
				return "", err
			}
			return use(ctx, token)
		})
		return again
	}
	return err
}

// exchangeLimit is how long an exchange may take, and exchangePatience how much
// of that a request for a token may wait because the server asks for it.
const (
	exchangeLimit    = 5 * time.Minute
	exchangePatience = 2 * time.Minute
)

// rotate does one exchange with the token that is stored.
func (r *Refresh) rotate(ctx context.Context, use func(ctx context.Context, token string) (string, error)) error {
	err := r.Rotate(ctx, func(config json.RawMessage) (setup.Secrets, error) {
		if token, ok := stored(config, r.Field); ok && token != r.replaced {
			r.Token, r.replaced = token, ""
		}
		if err := r.use(ctx, use); err != nil || r.replaced == "" {
			return nil, err
		}
		return setup.Secrets{r.Field: r.Token}, nil
	})
	if err == nil {
		r.replaced = ""
	}
	return err
}

func (r *Refresh) use(ctx context.Context, use func(ctx context.Context, token string) (string, error)) error {
	next, err := use(ctx, r.Token)
	if err == nil && next != "" && next != r.Token {
		r.Token, r.replaced = next, cmp.Or(r.replaced, r.Token)
	}
	return err
}

// stored returns a text field of a config, which may be within objects.
func stored(config json.RawMessage, path string) (value string, ok bool) {
	for name := range strings.SplitSeq(path, "/") {
		var fields map[string]json.RawMessage
		if json.Unmarshal(config, &fields) != nil {
			return "", false
		}
		config = fields[name]
	}
	err := json.Unmarshal(config, &value)
	return value, err == nil && value != ""
}
