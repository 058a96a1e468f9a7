package store

import (
	"errors"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/secret"
)

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, _ := seed(t, s)
		at := t0

		// A link, once.
		link := must(s.NewLoginLink(ctx, u.ID, at))(t)
		if got := must(s.LoginLink(ctx, link, at.Add(time.Hour)))(t); got.ID != u.ID {
			t.Errorf("got %v", got)
		}
		for _, wrong := range []string{"", "x", link + "x"} {
			_, err := s.LoginLink(ctx, wrong, at)
			wantErr(t, err, ErrNotFound)
		}
		_, err := s.LoginLink(ctx, link, at.Add(LinkLife))
		wantErr(t, err, ErrNotFound)
		check(t, s.UseLoginLink(ctx, link, at))
		wantErr(t, s.UseLoginLink(ctx, link, at), ErrNotFound)

		// A password.
		check(t, s.SetPassword(ctx, u.ID, "correct horse"))
		if got := must(s.Login(ctx, u.Email, "correct horse"))(t); got.ID != u.ID {
			t.Errorf("got %v", got)
		}
		for _, wrong := range [][2]string{{u.Email, "wrong"}, {u.Email, ""}, {"nobody@example.com", "correct horse"}, {"", ""}} {
			if _, err := s.Login(ctx, wrong[0], wrong[1]); !errors.Is(err, secret.ErrWrongPassword) {
				t.Errorf("%q: %v", wrong, err)
			}
		}

		// A session.
		token := must(s.NewSession(ctx, u.ID, at))(t)
		if got := must(s.Session(ctx, token, at))(t); got.ID != u.ID || !got.LoggedInAt.Equal(at) {
			t.Errorf("got %v", got)
		}
		at = at.Add(sessionRest - time.Second)
		must(s.Session(ctx, token, at))(t) // and goes on from here
		at = at.Add(sessionRest - time.Second)
		must(s.Session(ctx, token, at))(t)
		_, err = s.Session(ctx, token, at.Add(sessionRest))
		wantErr(t, err, ErrNotFound)
		for at.Sub(t0) < sessionLife {
			must(s.Session(ctx, token, at))(t)
			at = at.Add(24 * time.Hour)
		}
		_, err = s.Session(ctx, token, at)
		wantErr(t, err, ErrNotFound)

		token = must(s.NewSession(ctx, u.ID, at))(t)
		check(t, s.EndSession(ctx, token))
		check(t, s.EndSession(ctx, token))
		_, err = s.Session(ctx, token, at)
		wantErr(t, err, ErrNotFound)
		token = must(s.NewSession(ctx, u.ID, at))(t)
		check(t, s.SetPassword(ctx, u.ID, "another"))
		_, err = s.Session(ctx, token, at)
		wantErr(t, err, ErrNotFound)
	})
}
