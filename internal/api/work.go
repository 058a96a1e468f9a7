package api

import (
	"encoding/base64"
	"errors"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/setup"
)

func (s *server) testConnection(r *request) (any, error) {
	var req fivetran.Tests
	if err := r.read(&req); err != nil {
		return nil, err
	}
	_, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	return s.testedConnection(r, src, r.id(), req)
}

// testedConnection runs a connection's setup tests and returns it as it is then.
func (s *server) testedConnection(r *request, src *source, id string, req fivetran.Tests) (any, error) {
	c, err := s.Engine.TestConnection(r.Context(), id, trust(r, req))
	if err != nil {
		return nil, ifGone(err, noConnection(r, id))
	}
	return s.wireConnection(src, c)
}

func (s *server) testedDestination(r *request, target *destination.Service, id string, req fivetran.Tests) (any, error) {
	d, err := s.Engine.TestDestination(r.Context(), id, trust(r, req))
	if err != nil {
		return nil, ifGone(err, noDestination(id))
	}
	return wireDestination(target, d)
}

func trust(r *request, req fivetran.Tests) engine.Trust {
	return engine.Trust{Certificates: isTrue(req.TrustCertificates), Fingerprints: isTrue(req.TrustFingerprints), By: r.caller.UserID}
}

func wireTests(results []setup.TestResult) []fivetran.SetupTest {
	if results == nil {
		return nil
	}
	tests := make([]fivetran.SetupTest, len(results))
	for i, t := range results {
		tests[i] = fivetran.SetupTest{Title: t.Title, Status: string(t.Status), Message: t.Message}
		if c := t.Certificate; c != nil {
			tests[i].Details = fivetran.CertificateDetails{
				Hash: c.Hash, EncodedCert: base64.StdEncoding.EncodeToString(c.DER), Subject: c.Subject,
			}
		}
		if f := t.Fingerprint; f != nil {
			tests[i].Details = fivetran.FingerprintDetails{Hash: f.Hash, PublicKey: f.PublicKey}
		}
	}
	return tests
}

func (s *server) syncConnection(r *request) (any, error) {
	var req fivetran.SyncRequest
	if err := r.read(&req); err != nil {
		return nil, err
	}
	_, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	err = s.Engine.Sync(r.Context(), r.id(), req.Force)
	if src.Absent == nil || !errors.Is(err, engine.ErrIncomplete) {
		return nil, err
	}
	// The tests make why it does not sync a task of the connection.
	if _, err := s.Engine.TestConnection(r.Context(), r.id(), engine.Trust{}); err != nil {
		return nil, ifGone(err, noConnection(r, r.id()))
	}
	return nil, conflict("%s", src.Absent.Message)
}
