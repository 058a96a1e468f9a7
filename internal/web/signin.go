package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

const (
	sessionCookie = "penstock_session"
	passwordMin   = 12 // characters
	passwordMax   = 200
)

// signInForm is what the sign-in page shows.
type signInForm struct {
	Email, Next, Error string
	SSO                string // where single sign-on begins, "": there is none
}

// signInForm returns the form that leads to a page.
func (s *server) signInForm(email, next string) signInForm {
	form := signInForm{Email: strings.TrimSpace(email), Next: local(next)}
	if s.SSO != nil {
		form.SSO = ssoPath + "?" + url.Values{"next": {form.Next}}.Encode()
	}
	return form
}

func (s *server) showSignIn(w http.ResponseWriter, r *http.Request) {
	if _, err := s.visit(w, r); err == nil {
		http.Redirect(w, r, "/connections", http.StatusSeeOther)
		return
	}
	s.show(w, nil, "signin", http.StatusOK, s.signInForm("", r.FormValue("next")))
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	form := s.signInForm(r.PostFormValue("email"), r.PostFormValue("next"))
	who := form.Email + " " + host(r)
	if s.tries.over(who, s.now()) {
		form.Error = "Too many wrong passwords. Try again in a few minutes."
		s.show(w, nil, "signin", http.StatusTooManyRequests, form)
		return
	}
	u, err := s.Store.Login(r.Context(), form.Email, r.PostFormValue("password"))
	switch {
	case errors.Is(err, secret.ErrWrongPassword):
		s.tries.note(who, s.now())
		form.Error = "The email address or the password is wrong."
		s.show(w, nil, "signin", http.StatusUnauthorized, form)
	case err != nil:
		s.fail(w, r, nil, err)
	default:
		s.begin(w, r, u, form.Next)
	}
}

// begin begins a session and goes on to a page.
func (s *server) begin(w http.ResponseWriter, r *http.Request, u *store.User, next string) {
	token, err := s.Store.NewSession(r.Context(), u.ID, s.now())
	if err != nil {
		s.fail(w, r, nil, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: token, Path: "/", HttpOnly: true,
		Secure: s.encrypted(r), SameSite: http.SameSiteLaxMode, MaxAge: int((90 * 24 * time.Hour).Seconds())})
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *server) signOut(v *visit) error {
	cookie, _ := v.Cookie(sessionCookie)
	if err := s.Store.EndSession(v.Context(), cookie.Value); err != nil {
		return err
	}
	http.SetCookie(v.w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
	return v.redirect("/signin")
}

// toSignIn sends somebody to the sign-in page, and from there to where they
// wanted.
func (s *server) toSignIn(w http.ResponseWriter, r *http.Request) {
	next := "/connections"
	if r.Method == http.MethodGet {
		next = r.URL.RequestURI()
	}
	to := "/signin?next=" + url.QueryEscape(next)
	if r.Header.Get("HX-Request") != "" { // the whole page goes, not a part of it
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// welcomeForm is what somebody with a login link sees: a password to choose.
type welcomeForm struct {
	Token, Email, Name, Error string
	Min                       int
}

func (s *server) showWelcome(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	u, err := s.Store.LoginLink(r.Context(), token, s.now())
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.show(w, nil, "message", http.StatusNotFound, message{"This link is not valid any more",
			"It was used already, or it is older than two days. Ask an administrator for another, or make one with: penstock login-link EMAIL"})
	case err != nil:
		s.fail(w, r, nil, err)
	default:
		s.show(w, nil, "welcome", http.StatusOK, welcomeForm{Token: token, Email: u.Email, Name: u.GivenName, Min: passwordMin})
	}
}

func (s *server) welcome(w http.ResponseWriter, r *http.Request) {
	token, password := r.PostFormValue("token"), r.PostFormValue("password")
	u, err := s.Store.LoginLink(r.Context(), token, s.now())
	if errors.Is(err, store.ErrNotFound) {
		s.showWelcome(w, r)
		return
	}
	if err == nil {
		if wrong := unfit(password, r.PostFormValue("again")); wrong != "" {
			s.show(w, nil, "welcome", http.StatusBadRequest, welcomeForm{token, u.Email, u.GivenName, wrong, passwordMin})
			return
		}
		err = s.Store.UseLoginLink(r.Context(), token, s.now())
	}
	if err == nil {
		err = s.Store.SetPassword(r.Context(), u.ID, password)
	}
	if err != nil {
		s.fail(w, r, nil, err)
		return
	}
	s.begin(w, r, u, "/connections")
}

// unfit says why a password cannot be chosen, or "".
func unfit(password, again string) string {
	switch n := len([]rune(password)); {
	case n < passwordMin:
		return "The password needs at least 12 characters."
	case n > passwordMax:
		return "The password has more than 200 characters."
	case password != again:
		return "The two passwords are not the same."
	}
	return ""
}

// local returns a page of this server: path if it is one, else the first.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return "/connections"
	}
	return path
}

func host(r *http.Request) string {
	h, _, _ := net.SplitHostPort(r.RemoteAddr)
	return h
}

// tries counts wrong passwords by who tried whose, in windows of time.
type tries struct {
	mu    sync.Mutex
	since time.Time
	count map[string]int
}

const (
	triesIn   = 10 * time.Minute
	triesMost = 10
)

func newTries() *tries { return &tries{count: map[string]int{}} }

func (t *tries) over(who string, at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(at)
	return t.count[who] >= triesMost
}

func (t *tries) note(who string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(at)
	t.count[who]++
}

func (t *tries) turn(at time.Time) {
	if at.Sub(t.since) >= triesIn {
		t.since = at
		clear(t.count)
	}
}
