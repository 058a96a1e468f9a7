package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime/debug"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/store"
)

// A visit is a request of somebody who is signed in.
type visit struct {
	*http.Request
	s      *server
	w      http.ResponseWriter
	user   *store.User
	caller *store.Caller
}

// signedIn lets through who is signed in, and sends others to the sign-in
// page. An error of f becomes a page that says it.
func (s *server) signedIn(f func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := s.visit(w, r)
		switch {
		case errors.Is(err, store.ErrNotFound):
			s.toSignIn(w, r)
			return
		case err == nil:
			err = v.run(f)
		}
		if err != nil {
			s.fail(w, r, v, err)
		}
	})
}

// visit returns the visit that a request's session makes it; ErrNotFound if it
// has none.
func (s *server) visit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, store.ErrNotFound
	}
	u, err := s.Store.Session(r.Context(), cookie.Value, s.now())
	if err != nil {
		return nil, err
	}
	caller, err := s.Store.CallerOf(r.Context(), u)
	return &visit{r, s, w, u, caller}, err
}

func (v *visit) run(f func(*visit) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f(v)
}

// An apiError is an answer of the API that says no.
type apiError struct {
	Status  int
	Code    string
	Message string
}

func (e *apiError) Error() string { return e.Message }

// api asks the API in the name of whoever is signed in, and decodes the data of
// its answer into data, nil: they do not matter. An answer that says no is an
// *apiError.
func (v *visit) api(method, path string, body, data any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(store.WithCaller(v.Context(), v.caller), method, path, &sent)
	if err != nil {
		return err
	}
	r.RemoteAddr, r.Host = v.RemoteAddr, v.Host
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	v.s.API.ServeHTTP(rec, r)
	answer := struct {
		Code, Message string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if rec.Code >= 400 {
		return &apiError{rec.Code, answer.Code, answer.Message}
	}
	return nil
}

// may reports whether the visitor may do something with a connection or a
// destination that stands in a group, or make one there if it has no id.
func (v *visit) may(of access.Resource, what access.Actions, group, id string) bool {
	return v.caller.Grants.May(of, what, access.Place{Group: group, ID: id})
}

// redirect sends the browser to another page.
func (v *visit) redirect(to string) error {
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
	return nil
}
