package rest

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// An Auth adds credentials to requests. Its methods may be called from several
// goroutines.
type Auth interface {
	// Authorize adds the credentials to r, and gets them first where they have
	// a short life. Its errors are final: what is worth it was tried again.
	Authorize(r *http.Request) error

	// Refused is told that the vendor did not accept what r carries. It
	// reports whether another request may have other credentials.
	Refused(r *http.Request) bool
}

// header is an Auth that sets one header.
type header struct{ name, value string }

// Header returns an Auth that sets a header to a value.
func Header(name, value string) Auth { return header{name, value} }

// Bearer returns an Auth with a token that does not change.
func Bearer(token string) Auth { return header{"Authorization", "Bearer " + token} }

// Basic returns an Auth with a name and a password (RFC 7617).
func Basic(user, password string) Auth {
	return header{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

func (h header) Authorize(r *http.Request) error {
	r.Header.Set(h.name, h.value)
	return nil
}

func (header) Refused(*http.Request) bool { return false }

// A Token is a credential with a short life.
type Token struct {
	Value   string
	Expires time.Time // zero: it is good until it is refused
}

// Tokens is an Auth whose requests share one bearer token, which is fetched
// when it is needed first, has expired, or was refused: once, however many
// requests wait for it.
type Tokens struct {
	// Fetch gets a new token. What it returns comes through as the error of
	// the request that needed it.
	Fetch func(context.Context) (Token, error)

	Scheme string           // before the token; "": "Bearer"
	Now    func() time.Time // nil: time.Now

	once  sync.Once
	turn  chan struct{} // of capacity one: whoever has put something in may use what follows
	token Token
}

// lock waits for its turn, in which a token may be fetched, until ctx ends.
func (t *Tokens) lock(ctx context.Context) error {
	t.once.Do(func() { t.turn = make(chan struct{}, 1) })
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Tokens) unlock() { <-t.turn }

// early is how long before its end a token counts as expired.
const early = time.Minute

// Authorize implements [Auth].
func (t *Tokens) Authorize(r *http.Request) error {
	if err := t.lock(r.Context()); err != nil {
		return err
	}
	defer t.unlock()
	if t.token.Value == "" || !t.token.Expires.IsZero() && t.now().After(t.token.Expires.Add(-early)) {
		token, err := t.Fetch(r.Context())
		if err != nil {
			return err
		}
		t.token = token
	}
	r.Header.Set("Authorization", t.header())
	return nil
}

func (t *Tokens) header() string {
	scheme := t.Scheme
	if scheme == "" {
		scheme = "Bearer"
	}
	return scheme + " " + t.token.Value
}

// Refused implements [Auth]. A token that took the refused one's place already
// stays.
func (t *Tokens) Refused(r *http.Request) bool {
	if t.lock(r.Context()) != nil {
		return false
	}
	defer t.unlock()
	if r.Header.Get("Authorization") == t.header() {
		t.token = Token{}
	}
	return true
}

func (t *Tokens) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

// A JWT is a signed statement of who somebody is (RFC 7523, with RS256). As an
// Auth it is a bearer token itself, as GitHub wants it of apps.
type JWT struct {
	Key      *rsa.PrivateKey
	Issuer   string
	Subject  string           // "": none
	Audience string           // "": none
	KeyID    string           // "": none
	Life     time.Duration    // 0: 3 minutes
	Now      func() time.Time // nil: time.Now
}

// ParseKey reads an RSA key as PEM, PKCS #1 or #8.
func ParseKey(pem string) (*rsa.PrivateKey, error) {
	return jwt.ParseRSAPrivateKeyFromPEM([]byte(pem))
}

// Sign returns the statement as of now. It is dated back by a minute, for
// clocks that differ.
func (j *JWT) Sign() (string, error) {
	now := time.Now()
	if j.Now != nil {
		now = j.Now()
	}
	life := j.Life
	if life == 0 {
		life = 3 * time.Minute
	}
	claims := jwt.RegisteredClaims{
		Issuer: j.Issuer, Subject: j.Subject,
		IssuedAt: jwt.NewNumericDate(now.Add(-time.Minute)), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
	}
	if j.Audience != "" {
		claims.Audience = jwt.ClaimStrings{j.Audience}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	if j.KeyID != "" {
		token.Header["kid"] = j.KeyID
	}
	return token.SignedString(j.Key)
}

// Authorize implements [Auth].
func (j *JWT) Authorize(r *http.Request) error {
	signed, err := j.Sign()
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+signed)
	return nil
}

// Refused implements [Auth].
func (*JWT) Refused(*http.Request) bool { return false }
