package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/outside"
	"github.com/penstock-data/penstock/internal/store"
)

// A Sender posts to webhooks. It follows no redirects and uses no proxy.
type Sender struct{ client *http.Client }

// NewSender returns a Sender.
func NewSender(p outside.Policy) *Sender { return &Sender{outside.NewClient(p)} }

// CheckURL refuses what is no address of a webhook, in words that follow the
// name of the field.
func CheckURL(text string) error { return outside.CheckURL(text, "https") }

// Post posts a body to a webhook and returns HTTP's status; 0 if there was no
// answer. Any but 2xx is an error, whose words are for people and do not
// repeat the URL.
func (s *Sender) Post(ctx context.Context, w *store.Webhook, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL is malformed")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Penstock")
	if w.Secret != "" {
		req.Header.Set(fivetran.SignatureHeader, Signature(w.Secret, body))
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, outside.Reason(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, outside.MaxAnswer)) // what it says does not matter
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return res.StatusCode, fmt.Errorf("the receiver answered %s; redirects are not followed", res.Status)
	case res.StatusCode < 200 || res.StatusCode >= 300:
		return res.StatusCode, fmt.Errorf("the receiver answered %s", res.Status)
	}
	return res.StatusCode, nil
}

// Signature returns the HMAC-SHA256 of a body under a secret, in lower-case
// hexadecimal.
func Signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
