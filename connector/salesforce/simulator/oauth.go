package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A UserState says what the org's integration user may.
type UserState int

const (
	Active   UserState = iota
	Inactive           // cannot log in
	NoAPI              // logs in, but lacks the permission "API Enabled"
	Unasked            // has not approved the client: JWT is refused
)

// userID is the integration user, the first of the rows of User.
var userID = value{kind: id, text: "005", num: 1}.String()

// A session is what an access token stands for.
type session struct {
	used     time.Time
	requests int
}

// SetUser changes what the integration user may.
func (s *Simulator) SetUser(u UserState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = u
}

// Revoke makes every access and refresh token that was given out invalid.
func (s *Simulator) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
	for t := range s.refresh {
		s.refresh[t] = false
	}
}

// Restore makes the first refresh token valid again.
func (s *Simulator) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh[s.opt.RefreshToken] = true
}

// EndSessions makes access tokens invalid; refresh tokens go on.
func (s *Simulator) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// RefreshToken returns the refresh token that is valid now; "" if none is.
func (s *Simulator) RefreshToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, ok := range s.refresh {
		if ok {
			return t
		}
	}
	return ""
}

// An oauthError is a refusal as OAuth has them.
type oauthError struct{ code, description string }

func refuseToken(w http.ResponseWriter, e *oauthError) {
	w.Header().Set("Cache-Control", "no-store")
	b, _ := json.Marshal(map[string]string{"error": e.code, "error_description": e.description})
	write(w, http.StatusBadRequest, b)
}

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// token answers at the token endpoint (Salesforce Help, OAuth Authorization
// Flows, 2025: refresh token, JWT bearer and client credentials).
func (s *Simulator) token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		refuseToken(w, &oauthError{"invalid_request", "must use HTTP POST"})
		return
	}
	if t := r.Header.Get("Content-Type"); !strings.HasPrefix(t, "application/x-www-form-urlencoded") {
		refuseToken(w, &oauthError{"invalid_request", "unsupported content type: " + t})
		return
	}
	if err := r.ParseForm(); err != nil {
		refuseToken(w, &oauthError{"invalid_request", err.Error()})
		return
	}
	s.mu.Lock()
	answer, bad := s.grant(r)
	s.mu.Unlock()
	if bad != nil {
		refuseToken(w, bad)
		return
	}
	s.counts.Add("token")
	b, _ := json.Marshal(answer)
	write(w, http.StatusOK, b)
}

// grant checks a request for a token, and gives one. s.mu is held.
func (s *Simulator) grant(r *http.Request) (map[string]string, *oauthError) {
	switch r.PostForm.Get("grant_type") {
	case "":
		return nil, &oauthError{"invalid_request", "missing required parameter: grant_type"}
	case "refresh_token":
		return s.refreshed(r)
	case jwtBearer:
		if bad := s.assertion(r); bad != nil {
			return nil, bad
		}
		a := s.session(r)
		delete(a, "issued_at")
		delete(a, "signature")
		return a, nil
	case "client_credentials":
		if bad := s.client(r, true); bad != nil {
			return nil, bad
		}
		if h := r.Host; strings.HasPrefix(h, "login.") || strings.HasPrefix(h, "test.") {
			return nil, &oauthError{"invalid_grant", "request not supported on this domain"}
		}
		if s.user == Inactive {
			return nil, &oauthError{"invalid_grant", "no client credentials user enabled"}
		}
		return s.session(r), nil
	}
	return nil, &oauthError{"unsupported_grant_type", "grant type not supported"}
}

// client checks who asks: in the form, or by Basic authentication.
func (s *Simulator) client(r *http.Request, secret bool) *oauthError {
	id, key, basic := r.BasicAuth()
	if !basic {
		id, key = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	switch {
	case id != s.opt.ClientID:
		return &oauthError{"invalid_client_id", "client identifier invalid"}
	case secret && key != s.opt.ClientSecret:
		return &oauthError{"invalid_client", "invalid client credentials"}
	}
	return nil
}

func (s *Simulator) refreshed(r *http.Request) (map[string]string, *oauthError) {
	if bad := s.client(r, true); bad != nil {
		return nil, bad
	}
	t := r.PostForm.Get("refresh_token")
	switch {
	case !s.refresh[t]:
		return nil, &oauthError{"invalid_grant", "expired access/refresh token"}
	case s.user == Inactive:
		return nil, &oauthError{"invalid_grant", "inactive user"}
	}
	a := s.session(r)
	if s.opt.RotateTokens {
		s.refresh[t] = false
		s.serial++
		t = fmt.Sprintf("5Aep861rotated%d.%s", s.serial, s.sign(fmt.Sprint("refresh", s.serial)))
		s.refresh[t] = true
		a["refresh_token"] = t
	}
	return a, nil
}

// assertion checks a JWT: signed with RS256 by the registered certificate's
// key, iss the client, sub the user, aud a login host, exp at most three
// minutes ahead.
func (s *Simulator) assertion(r *http.Request) *oauthError {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(r.PostForm.Get("assertion"), &claims, func(*jwt.Token) (any, error) {
		if s.key == nil {
			return nil, fmt.Errorf("no certificate is registered")
		}
		return s.key, nil
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	now := s.clock.Now()
	hosts := append([]string{"https://login.salesforce.com", "https://test.salesforce.com", base(r)}, s.opt.Audiences...)
	known := func(a string) bool { return slices.Contains(hosts, strings.TrimSuffix(a, "/")) }
	switch {
	case err != nil && claims.Issuer == "":
		return &oauthError{"invalid_grant", "invalid assertion"}
	case claims.Issuer != s.opt.ClientID:
		return &oauthError{"invalid_client_id", "client identifier invalid"}
	case err != nil:
		return &oauthError{"invalid_grant", "invalid assertion"}
	case len(claims.Audience) != 1 || !known(claims.Audience[0]):
		return &oauthError{"invalid_grant", "audience is invalid"}
	case claims.ExpiresAt == nil || !claims.ExpiresAt.After(now):
		return &oauthError{"invalid_grant", "assertion is expired"}
	case claims.ExpiresAt.After(now.Add(3*time.Minute + time.Second)):
		return &oauthError{"invalid_grant", "assertion expires too late"}
	case claims.Subject != s.opt.Username, s.user == Unasked:
		return &oauthError{"invalid_grant", "user hasn't approved this consumer"}
	case s.user == Inactive:
		return &oauthError{"invalid_grant", "inactive user"}
	}
	return nil
}

// session opens one, and returns the answer that tells of it.
func (s *Simulator) session(r *http.Request) map[string]string {
	now := s.clock.Now()
	s.serial++
	token := fmt.Sprintf("%s!AQ%06d.%s", OrganizationID[:15], s.serial, s.sign(fmt.Sprint("access", s.serial)))
	s.sessions[token] = &session{used: now}
	idURL := base(r) + "/id/" + OrganizationID + "/" + userID
	issued := fmt.Sprint(now.UnixMilli())
	return map[string]string{
		"access_token": token, "instance_url": s.instance(r), "id": idURL, "token_type": "Bearer", "scope": "refresh_token id api",
		"issued_at": issued, "signature": s.sign(idURL + issued),
	}
}

func (s *Simulator) sign(what string) string {
	m := hmac.New(sha256.New, []byte(s.opt.ClientSecret))
	m.Write([]byte(what))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// revoke answers at the revocation endpoint.
func (s *Simulator) revoke(w http.ResponseWriter, r *http.Request) {
	t := r.FormValue("token")
	s.mu.Lock()
	_, access := s.sessions[t]
	refresh := s.refresh[t]
	delete(s.sessions, t)
	if refresh {
		s.refresh[t] = false
		clear(s.sessions)
	}
	s.mu.Unlock()
	if !access && !refresh {
		refuseToken(w, &oauthError{"unsupported_token_type", "this token type is not supported"})
		return
	}
	w.WriteHeader(http.StatusOK)
}

// enter returns an error if the request's access token is no good.
func (s *Simulator) enter(r *http.Request) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "Bearer" && scheme != "OAuth" {
		return &apiError{http.StatusUnauthorized, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"}
	}
	now := s.clock.Now()
	x := s.sessions[token]
	if strings.HasPrefix(r.URL.Path, "/services/data/") && base(r) != s.instance(r) {
		x = nil // a session of another host
	}
	if x == nil || now.Sub(x.used) > s.opt.SessionTTL || s.opt.SessionRequests > 0 && x.requests >= s.opt.SessionRequests || s.user == Inactive {
		if x != nil {
			delete(s.sessions, token)
		}
		return &apiError{http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid"}
	}
	x.used = now
	x.requests++
	if s.user == NoAPI {
		return &apiError{http.StatusForbidden, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"}
	}
	return nil
}

// identity answers at the identity URL and at userinfo.
func (s *Simulator) identity(w http.ResponseWriter, r *http.Request) {
	if e := s.enter(r); e != nil && e.status == http.StatusUnauthorized {
		http.Error(w, "Bad_OAuth_Token", http.StatusForbidden)
		return
	}
	who := map[string]any{
		"user_id": userID, "organization_id": OrganizationID, "email": s.opt.Username, "language": "en_US", "locale": "en_US",
		"user_type": "STANDARD", "active": true, "timezone": Zone,
	}
	if strings.HasPrefix(r.URL.Path, "/id/") {
		if r.URL.Path != "/id/"+OrganizationID+"/"+userID {
			http.Error(w, "Bad_Id", http.StatusNotFound)
			return
		}
		who["id"], who["asserted_user"], who["username"], who["display_name"] = base(r)+r.URL.Path, true, s.opt.Username, "Integration User"
		who["urls"] = map[string]string{"rest": s.instance(r) + "/services/data/v{version}/", "sobjects": s.instance(r) + "/services/data/v{version}/sobjects/"}
	} else {
		who["sub"], who["preferred_username"], who["name"] = base(r)+"/id/"+OrganizationID+"/"+userID, s.opt.Username, "Integration User"
	}
	s.counts.Add("identity")
	b, _ := json.Marshal(who)
	write(w, http.StatusOK, b)
}
