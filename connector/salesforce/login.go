package salesforce

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

// A signer is what an ADVANCED login is signed with.
type signer struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate // nil: none was given
}

// signer returns the key of the config, nil if the login needs none.
func (c *config) signer() (*signer, error) {
	if c.AuthenticationMethod != "ADVANCED" {
		return nil, nil
	}
	if c.PrivateKey == "" {
		return nil, &setup.Problem{Code: "config_incomplete", Message: "authentication_method ADVANCED needs a private_key, and the certificate that belongs to it."}
	}
	key, err := rest.ParseKey(c.PrivateKey)
	if err != nil {
		return nil, &setup.Problem{Code: "config_invalid", Message: "private_key is not an RSA key in PEM form. Enter the whole .key file, with its BEGIN and END lines."}
	}
	if c.Certificate == "" {
		return &signer{key: key}, nil
	}
	block, _ := pem.Decode([]byte(c.Certificate))
	if block == nil {
		return nil, &setup.Problem{Code: "config_invalid", Message: "certificate is not in PEM form. Enter the whole .pem file, with its BEGIN and END lines."}
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, &setup.Problem{Code: "config_invalid", Message: "certificate could not be read: " + err.Error()}
	}
	if public, ok := certificate.PublicKey.(*rsa.PublicKey); !ok || !key.PublicKey.Equal(public) {
		return nil, &setup.Problem{Code: "config_invalid", Message: "private_key and certificate do not belong together. Enter the two files that were made in one step."}
	}
	return &signer{key, certificate}, nil
}

// subject returns the user that an ADVANCED login is for: the one that the
// certificate names, or who was logged in before; "" if neither is known.
func (s *source) subject() string {
	if c := s.key.certificate; c != nil {
		if len(c.EmailAddresses) > 0 {
			return c.EmailAddresses[0]
		}
		if strings.Contains(c.Subject.CommonName, "@") {
			return c.Subject.CommonName
		}
	}
	return s.config.ConnectingUser
}

// grant returns what gets tokens: by the certificate, by the user's refresh
// token, or as the app itself (Salesforce Help, "OAuth authorization flows",
// 2026-07).
func (s *source) grant(answer func(*fastjson.Value) error) (*rest.OAuth, error) {
	base, err := url.Parse(s.address + "/services/oauth2/token")
	if err != nil {
		return nil, err
	}
	access := s.config.Auth.ClientAccess
	o := &rest.OAuth{
		Client: &rest.Client{Name: s.name, Base: base, HTTP: s.env.HTTP, Log: s.env.Log, Now: s.env.Now},
		Name:   s.name, ID: access.ID, Secret: access.Secret, Answer: answer,
	}
	switch {
	case s.key != nil && s.subject() != "":
		// Salesforce wants to be called by its own name, whatever the address.
		o.JWT = &rest.JWT{Key: s.key.key, Issuer: access.ID, Subject: s.subject(), Audience: s.audience(), Life: 2 * time.Minute, Now: s.env.Now}
		o.ID, o.Secret = "", ""
	case s.config.Auth.RefreshToken != "": // of an ADVANCED login too that does not know its user yet
		o.Refresh = &rest.Refresh{Token: s.config.Auth.RefreshToken, Field: connector.AuthField + "/refresh_token", Rotate: s.env.Rotate}
	case s.key != nil:
		return nil, &setup.Problem{Code: "config_incomplete", Message: "It is not known which user to log in as. Make a certificate whose subject (CN) is the Salesforce user name, or give auth.refresh_token for the first login."}
	case access.ID == "" || access.Secret == "":
		return nil, &setup.Problem{Code: "config_incomplete", Message: "There is nothing to log in with. Give auth.client_access and auth.refresh_token, or, for the client credentials flow, auth.client_access and base_url."}
	case s.config.BaseURL == "" && s.env.Endpoint == "":
		return nil, &setup.Problem{Code: "config_incomplete", Message: "Without a refresh token the app logs in itself, which Salesforce allows at your own address only: set base_url to it."}
	}
	return o, nil
}

// audience returns the server for which a signed login is meant.
func (s *source) audience() string {
	if s.name == Sandbox.Name {
		return "https://test.salesforce.com"
	}
	return "https://login.salesforce.com"
}

// login logs in, and returns the way to the organization.
func (s *source) login(ctx context.Context) (*api, error) {
	a := &api{source: s, version: version, clock: clock{any: s.anyTime}}
	var instance string
	o, err := s.grant(func(v *fastjson.Value) error {
		at := string(v.GetStringBytes("instance_url"))
		a.identity = string(v.GetStringBytes("id"))
		if instance == "" {
			instance = at
		}
		if at != instance {
			return fmt.Errorf("the organization has moved from %s to %s", instance, at)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	first, err := o.Fetch(ctx)
	if err != nil {
		return nil, s.refusedLogin(err)
	}
	base, err := url.Parse(strings.TrimRight(instance, "/") + "/")
	if err != nil || base.Host == "" || base.Scheme != o.Client.Base.Scheme {
		return nil, fmt.Errorf("%s named %q as the address of the organization", s.name, instance)
	}
	tokens := &rest.Tokens{Now: s.env.Now, Fetch: func(ctx context.Context) (t rest.Token, err error) {
		if t, first = first, t; t.Value != "" {
			return t, nil
		}
		t, err = o.Fetch(ctx)
		return t, s.refusedLogin(err)
	}}
	a.client = &rest.Client{
		Name: s.name, Base: base, HTTP: s.env.HTTP, Auth: tokens, Log: s.env.Log, Now: s.env.Now, Throttled: throttled,
	}
	return a, nil
}

// refusedLogin says what a person can do about a login that was refused.
func (s *source) refusedLogin(err error) error {
	var refused *rest.StatusError
	if !errors.As(err, &refused) || refused.Status/100 != 4 || setup.AsProblem(err) == nil && refused.Code == "" {
		return err
	}
	said := refused.Detail
	if refused.Code != "" && refused.Code != said {
		said = strings.TrimPrefix(refused.Code+": "+said, ": ")
	}
	message := s.name + " does not accept the login of this connection"
	switch {
	case s.key != nil && s.subject() != "":
		message += fmt.Sprintf(". Check that the connected app has the certificate, that user %s is pre-authorized for the app, and that client_id is the app's consumer key", s.subject())
	case refused.Code == "invalid_client_id" || refused.Code == "invalid_client" || refused.Code == "invalid_client_secret":
		message += ". Check client_id and client_secret: they are the consumer key and secret of the app"
	case s.config.Auth.RefreshToken != "":
		message += ". The refresh token was revoked, has expired, or is not of this app: a user has five for each app, and a sixth login revokes the first. Log in again and enter the new one"
	default:
		message += ". Check that the app has the client credentials flow enabled and a user to run as, and that base_url is your own address"
	}
	return &setup.Problem{Code: "authentication_failed", Message: fmt.Sprintf("%s. Salesforce says %q.", message, said), Err: nil}
}
