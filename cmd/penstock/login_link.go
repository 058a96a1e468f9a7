package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

type loginLinkCmd struct {
	Email       string `arg:"" help:"Of a user."`
	Data        string `default:"penstock-data" help:"The server's folder. The server must be stopped, unless its database is PostgreSQL." placeholder:"DIR"`
	DatabaseURL string `help:"The server's database, if it is PostgreSQL." placeholder:"URL"`
	PublicURL   string `help:"Address by which people reach the server." placeholder:"URL"`
}

// Run prints a link with which somebody signs in who cannot otherwise.
func (c *loginLinkCmd) Run(ctx context.Context) error {
	keyFile := filepath.Join(c.Data, "master.key")
	if _, err := os.Stat(keyFile); err != nil && os.Getenv(secret.MasterKeyVariable) == "" { // or a new one would be made
		return fmt.Errorf("%s has no server's files: name its folder with --data", c.Data)
	}
	master, err := secret.MasterKey(os.Getenv(secret.MasterKeyVariable), keyFile)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, cmp.Or(c.DatabaseURL, c.Data), master)
	if err != nil {
		return err
	}
	defer s.Close()
	u, err := s.UserByEmail(ctx, c.Email)
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("no user has the email address " + c.Email)
	}
	if err != nil {
		return err
	}
	link, err := loginLink(ctx, s, u.ID)
	if err != nil {
		return err
	}
	fmt.Printf("%s chooses a password here, once, within two days:\n\n  %s\n", u.Email, strings.TrimSuffix(cmp.Or(c.PublicURL, "http://127.0.0.1:8080"), "/")+link)
	return nil
}
