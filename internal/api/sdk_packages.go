package api

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// connectorSDK is the service whose connections run packages.
const connectorSDK = "connector_sdk"

// maxPackage is how many bytes a package's file may have.
const maxPackage = 200 << 20

func (s *server) listPackages(r *request) (any, error) {
	by := r.caller.ID()
	if r.seesPackages() {
		by = ""
	}
	return paged(r, wirePackage, func(page store.Page) ([]store.Package, string, error) {
		return s.Store.Packages(r.Context(), r.caller.AccountID, by, page)
	})
}

// seesPackages reports whether the caller sees the packages of others too.
func (r *request) seesPackages() bool {
	return r.caller.Grants.May(access.Account, access.Read, access.Place{})
}

// findPackage returns a package, if the caller may see it.
func (s *server) findPackage(r *request, id string) (*store.Package, error) {
	p, err := s.Store.PackageIn(r.Context(), r.caller.AccountID, id)
	if err == nil && p.CreatedBy != r.caller.ID() && !r.seesPackages() {
		err = store.ErrNotFound
	}
	return p, ifGone(err, noSDKPackage(id))
}

// ownPackage returns the package that the path names, if the caller may change
// it.
func (s *server) ownPackage(r *request) (*store.Package, error) {
	p, err := s.findPackage(r, r.id())
	if err == nil && p.CreatedBy != r.caller.ID() && !r.caller.Grants.May(access.Account, access.Edit, access.Place{}) {
		err = &apiError{http.StatusForbidden, fivetran.Forbidden, "User is not the package owner or an account administrator"}
	}
	return p, err
}

func noSDKPackage(id string) error {
	return notFound(fivetran.NotFoundPackage, "Connector SDK package with id '%s' does not exist.", id)
}

func (s *server) createPackage(r *request) (any, error) {
	p := &store.Package{AccountID: r.caller.AccountID, CreatedBy: r.caller.ID()}
	err := r.upload(p, func(file io.Reader) error { return s.Store.CreatePackage(r.Context(), p, file) })
	if err != nil {
		return nil, err
	}
	return wirePackage(p), nil
}

func (s *server) updatePackage(r *request) (any, error) {
	p, err := s.ownPackage(r)
	if err != nil {
		return nil, err
	}
	p.UpdatedBy = r.caller.ID()
	err = r.upload(p, func(file io.Reader) error { return s.Store.ReplacePackage(r.Context(), p, file) })
	if err != nil {
		return nil, ifGone(err, noSDKPackage(r.id()))
	}
	return wirePackage(p), nil
}

func (s *server) showPackage(r *request) (any, error) {
	p, err := s.findPackage(r, r.id())
	if err != nil {
		return nil, err
	}
	return wirePackage(p), nil
}

func (s *server) deletePackage(r *request) (any, error) {
	p, err := s.ownPackage(r)
	if err != nil {
		return nil, err
	}
	err = s.Store.DeletePackage(r.Context(), p.ID)
	if errors.Is(err, store.ErrInUse) {
		return nil, &apiError{http.StatusForbidden, fivetran.Forbidden, "Package is associated with a connection and cannot be deleted"}
	}
	return nil, ifGone(err, noSDKPackage(r.id()))
}

func (s *server) downloadPackage(r *request) (any, error) {
	p, err := s.findPackage(r, r.id())
	if err != nil {
		return nil, err
	}
	return &download{s, "code.zip", p.Size, func(ctx context.Context, w io.Writer) error { return s.Store.WritePackage(ctx, p, w) }}, nil
}

func wirePackage(p *store.Package) fivetran.Package {
	return fivetran.Package{ID: p.ID, ConnectionID: optional(p.ConnectionID), CreatedBy: p.CreatedBy, LastUpdatedBy: p.UpdatedBy,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, FileSHA256Hash: p.SHA256}
}

// upload reads the zip file of a multipart request, writes its size and hash
// into p, and hands it to keep. It lies in a temporary file meanwhile: a zip
// is known only by its end.
func (r *request) upload(p *store.Package, keep func(io.Reader) error) error {
	part, err := r.filePart()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "penstock-package-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	hash := sha256.New()
	if p.Size, err = io.Copy(io.MultiWriter(file, hash), part); err != nil {
		return unreadable(err)
	}
	if p.Size > maxPackage {
		return errTooLarge
	}
	if _, err := zip.NewReader(file, p.Size); err != nil {
		return invalidInput("Invalid package file: it is not a zip file")
	}
	p.SHA256 = hex.EncodeToString(hash.Sum(nil))
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return keep(file)
}

// filePart returns the part of a multipart request that is called file.
func (r *request) filePart() (io.Reader, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "multipart/form-data" {
		return nil, errMediaType
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, invalidInput("The request body cannot be read")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, fieldRequired("file")
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if part.FormName() == "file" {
			return part, nil
		}
	}
}

// packageOf returns the package that a connection's config names; "" if it is
// no Connector SDK connection or names none.
func packageOf(service string, config json.RawMessage) string {
	var c struct {
		PackageID string `json:"package_id"`
	}
	if service != connectorSDK || !given(config) || json.Unmarshal(config, &c) != nil {
		return ""
	}
	return c.PackageID
}

// freePackage refuses a package that the caller does not see or that is a
// connection's.
func (s *server) freePackage(r *request, id string) error {
	if id == "" {
		return nil
	}
	p, err := s.findPackage(r, id)
	if err != nil {
		return err
	}
	if p.ConnectionID != "" {
		return conflict("Package '%s' is associated with another connection", id)
	}
	return nil
}
