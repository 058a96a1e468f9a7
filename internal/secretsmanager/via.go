package secretsmanager

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/penstock-data/penstock/internal/outside"
)

// via is how a vendor is reached for one Fetch.
type via struct {
	*Fetcher
	vendor   *Type
	endpoint string   // in place of the vendor's own addresses; "": those
	hidden   []string // what lets it in, and must not come back in an error
}

// A refusal is why a manager gives no secret.
type refusal struct {
	reason string // what happened
	todo   string // what a person can do, in a sentence; "": nothing, it passes
}

func (r *refusal) Error() string { return r.reason }

// An answer is a vendor's.
type answer struct {
	status int
	body   []byte
	wait   time.Duration // that it asks for; 0: none
}

func (a *answer) ok() bool { return a.status >= 200 && a.status < 300 }

const (
	tries    = 3
	mostWait = 10 * time.Second // between two tries: who asks for more is left alone until the next sync
	mostSize = 1 << 20          // of an answer, in bytes; AWS keeps 64 KiB in a secret, Vault 1 MiB in all fields of one
)

// do sends what request makes until the vendor answers what does not pass.
func (v *via) do(ctx context.Context, request func() (*http.Request, error)) (*answer, error) {
	for try := 1; ; try++ {
		req, err := request()
		if err != nil {
			return nil, &refusal{reason: "its address, or a region, is malformed", todo: "Correct the config of the secrets manager, or the key."}
		}
		a, err := v.send(req)
		var lasts *refusal
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &lasts):
			return nil, err
		case err == nil && !v.passes(a):
			return a, nil
		}
		wait := time.Second << (try - 1)
		if err == nil {
			wait = max(wait, a.wait)
			err = v.refused(a, "", "")
		}
		if try == tries || wait > mostWait {
			return nil, err
		}
		if err := v.pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func (v *via) send(req *http.Request) (*answer, error) {
	req.Header.Set("User-Agent", "Penstock")
	res, err := v.client.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostSize+1))
	if err != nil {
		return nil, errors.New("the answer was cut off")
	}
	if len(body) > mostSize {
		return nil, &refusal{reason: fmt.Sprintf("the answer is larger than %d MiB", mostSize>>20), todo: "Keep what is smaller in it."}
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		return nil, &refusal{reason: "it redirects to another address, which is not followed", todo: "Give the address that it leads to."}
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return &answer{res.StatusCode, body, time.Duration(seconds) * time.Second}, nil
}

// unreachable returns why a request was not answered: a refusal, if that stays.
func unreachable(err error) error {
	var untrusted x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	reason := outside.Reason(err)
	switch {
	case errors.Is(err, outside.ErrRefused):
		return &refusal{reason: reason.Error(), todo: "Whoever runs the server can allow it."}
	case errors.As(err, &untrusted), errors.As(err, &wrongHost), errors.As(err, &invalid):
		return &refusal{reason: reason.Error(), todo: "Give it a certificate that the server trusts, or serve with --outside-ca."}
	}
	return reason
}

// passes reports whether an answer may be another one soon.
func (v *via) passes(a *answer) bool {
	if a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || a.status >= 500 {
		return true
	}
	if a.ok() {
		return false
	}
	_, passes := v.vendor.said(a)
	return passes
}

// refused returns an answer as a refusal. what is added to what the vendor
// says itself.
func (v *via) refused(a *answer, what, todo string) *refusal {
	reason := strings.TrimSpace(fmt.Sprintf("it answered %d %s", a.status, http.StatusText(a.status)))
	if what != "" {
		reason += ": " + what
	}
	if !a.ok() {
		if message, _ := v.vendor.said(a); message != "" {
			reason += ": " + v.clean(message)
		}
	}
	return &refusal{reason, todo}
}

// clean makes a text of a vendor fit for an error: short, of one line, and
// without what was sent to it.
func (v *via) clean(text string) string {
	for _, s := range v.hidden {
		if s != "" {
			text = strings.ReplaceAll(text, s, "******")
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	text = strings.TrimRight(strings.Join(strings.Fields(text), " "), ".")
	if runes := []rune(text); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return text
}
