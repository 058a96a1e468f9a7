package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/penstock-data/penstock/internal/store"
)

// A seed declares what an installation begins with, by ids of the caller's
// choice. It may be applied at every start: what is there is left, but for
// names and secrets, which follow the file.
type seed struct {
	Account struct {
		ID   string `json:"id"` // "": made up
		Name string `json:"name"`
	} `json:"account"`
	Users []struct {
		ID         string    `json:"id"`
		Email      string    `json:"email"`
		GivenName  string    `json:"given_name"`
		FamilyName string    `json:"family_name"`
		Phone      string    `json:"phone"`
		Role       string    `json:"role"`
		LoggedInAt time.Time `json:"logged_in_at"`
	} `json:"users"`
	APIKeys []struct {
		Key    string `json:"key"`
		Secret string `json:"secret"`
		UserID string `json:"user_id"`
	} `json:"api_keys"`
	Groups []struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		CreatedBy string `json:"created_by"`
	} `json:"groups"`
}

const ownerRole = "Account Administrator"

// firstStart makes an account, its owner and an API key if there is none, and
// returns the key and the path of the page where the owner chooses a password;
// neither can be had again.
func firstStart(ctx context.Context, s *store.Store) (key, secret, link string, err error) {
	accounts, err := s.Accounts(ctx)
	if err != nil || len(accounts) > 0 {
		return "", "", "", err
	}
	account := store.Account{Name: "Penstock"}
	if err := s.CreateAccount(ctx, &account); err != nil {
		return "", "", "", err
	}
	owner := store.User{AccountID: account.ID, Email: "owner@localhost", GivenName: "Account", FamilyName: "Owner", Role: ownerRole, Verified: true}
	if err := s.CreateUser(ctx, &owner); err != nil {
		return "", "", "", err
	}
	if key, secret, err = s.CreateAPIKey(ctx, owner.ID); err != nil {
		return "", "", "", err
	}
	link, err = loginLink(ctx, s, owner.ID)
	return key, secret, link, err
}

// loginLink returns the path of a page that lets a user in once.
func loginLink(ctx context.Context, s *store.Store, userID string) (string, error) {
	token, err := s.NewLoginLink(ctx, userID, time.Now())
	return "/welcome?token=" + token, err
}

// applySeed brings what the seed file declares into the store.
func applySeed(ctx context.Context, s *store.Store, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var sd seed
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&sd); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := sd.apply(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (sd *seed) apply(ctx context.Context, s *store.Store) error {
	account, err := sd.account(ctx, s)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	for _, u := range sd.Users {
		err := put(
			func() error { _, err := s.User(ctx, u.ID); return err },
			func() error {
				return s.CreateUser(ctx, &store.User{
					ID: u.ID, AccountID: account, Email: u.Email, GivenName: u.GivenName, FamilyName: u.FamilyName,
					Phone: u.Phone, Role: u.Role, LoggedInAt: u.LoggedInAt, Verified: true,
				})
			})
		if err != nil {
			return fmt.Errorf("user %s: %w", u.ID, err)
		}
	}
	for _, k := range sd.APIKeys {
		if err := s.PutAPIKey(ctx, k.UserID, k.Key, k.Secret); err != nil {
			return fmt.Errorf("API key %s: %w", k.Key, err)
		}
	}
	for _, g := range sd.Groups {
		err := put(
			func() error { _, err := s.Group(ctx, g.ID); return err },
			func() error {
				return s.CreateGroup(ctx, &store.Group{ID: g.ID, AccountID: account, Name: g.Name, CreatedBy: g.CreatedBy})
			})
		if err != nil {
			return fmt.Errorf("group %s: %w", g.ID, err)
		}
	}
	return nil
}

func (sd *seed) account(ctx context.Context, s *store.Store) (id string, err error) {
	accounts, err := s.Accounts(ctx)
	if err != nil {
		return "", err
	}
	for _, a := range accounts {
		if sd.Account.ID != "" && a.ID != sd.Account.ID {
			continue
		}
		if sd.Account.Name != "" && a.Name != sd.Account.Name {
			a.Name = sd.Account.Name
			err = s.UpdateAccount(ctx, &a)
		}
		return a.ID, err
	}
	a := store.Account{ID: sd.Account.ID, Name: sd.Account.Name}
	err = s.CreateAccount(ctx, &a)
	return a.ID, err
}

// put makes what get does not find.
func put(get, create func() error) error {
	err := get()
	if errors.Is(err, store.ErrNotFound) {
		return create()
	}
	return err
}
