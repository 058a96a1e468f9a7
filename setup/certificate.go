package setup

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
)

// A Certificate is a server's certificate as a person is asked to approve it.
type Certificate struct {
	Hash    string `json:"hash"`    // SHA-256 of the DER form, base64
	Subject string `json:"subject"` // distinguished name
	DER     []byte `json:"der"`
}

// An UntrustedError says that nobody has vouched for a server's certificate.
type UntrustedError struct {
	Certificate Certificate
	Err         error // what the system's roots have against it
}

func (e *UntrustedError) Error() string { return e.Err.Error() }

func (e *UntrustedError) Unwrap() error { return e.Err }

// Failure returns the result of a setup test that ended with err, with the
// certificate that somebody may approve, if it is about one.
func Failure(title string, err error) TestResult {
	result := TestResult{Title: title, Status: Failed, Message: err.Error()}
	var untrusted *UntrustedError
	if errors.As(err, &untrusted) {
		result.Certificate = &untrusted.Certificate
	}
	return result
}

// OnTheWay says what an error of a connection to a server is that did not come
// from the server itself: that ctx has ended, a Problem of the way to it, or a
// certificate for which nobody vouches. Of other errors it returns nil.
func OnTheWay(ctx context.Context, server string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p := AsProblem(err); p != nil {
		return p
	}
	var untrusted *UntrustedError
	if errors.As(err, &untrusted) {
		return &Problem{
			Code:    "certificate_untrusted",
			Message: fmt.Sprintf("Nobody vouches for the certificate of %s (%s). Approve it, or install one that is trusted.", server, untrusted.Certificate.Subject),
			Err:     untrusted,
		}
	}
	return nil
}

// VerifyChain accepts the chain of certificates that a server sent if somebody
// has approved its own by hash, which trusts reports (nil: nobody has), or if
// an authority vouches for it under the name host: one of the system's, or of
// those that somebody has approved (nil: none). Otherwise the error is an
// [UntrustedError].
func VerifyChain(chain []*x509.Certificate, host string, trusts func(hash string) bool, authorities *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("the server sent no certificate")
	}
	leaf := chain[0]
	sum := sha256.Sum256(leaf.Raw)
	hash := base64.StdEncoding.EncodeToString(sum[:])
	if trusts != nil && trusts(hash) {
		return nil
	}
	opt := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		opt.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(opt)
	if err != nil && authorities != nil {
		opt.Roots = authorities
		_, err = leaf.Verify(opt)
	}
	if err != nil {
		return &UntrustedError{Certificate{Hash: hash, Subject: leaf.Subject.String(), DER: leaf.Raw}, err}
	}
	return nil
}
