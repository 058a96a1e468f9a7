package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// maxBody is how many bytes a request's body may have. Configs, the largest
// that anybody sends, hold keys and lists of names.
const maxBody = 1 << 20

// maxLargeBody is the same for requests that name tables and columns: as
// large as the document that describes thousands of tables.
const maxLargeBody = 64 << 20

// A request is an HTTP request as a handler sees it: routed, its caller known.
type request struct {
	*http.Request
	caller *store.Caller
	legacy bool // came by the older name of the path, "connectors"

	// What the path names, as its route's subject has read it; nil: it names
	// none.
	group       *store.Group
	destination *store.Destination
	connection  *store.Connection
	user        *store.User
	team        *store.Team
	systemKey   *store.SystemKey

	agent          *store.Agent
	link           *store.PrivateLink
	project        *store.Project
	transformation *store.Transformation
	webhook        *store.Webhook
	logService     *store.LogService
	secretsManager *store.SecretsManager
}

// id returns the path's main id.
func (r *request) id() string { return r.PathValue("id") }

// read decodes the body into v, which keeps its values where the body says
// nothing. No body, which some clients send with POST, is an empty object.
func (r *request) read(v any) error {
	body, err := r.body()
	if err != nil || len(body) == 0 {
		return err
	}
	if string(body) == "null" { // which the decoder takes for no change
		return errNoObject
	}
	if err := json.Unmarshal(body, v); err != nil {
		return badJSON(err)
	}
	return nil
}

// value returns a field's value, "" if it is null or absent.
func value(n fivetran.Nullable[string]) string {
	if n.Value == nil {
		return ""
	}
	return *n.Value
}

func (r *request) body() ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, unreadable(err)
	}
	return bytes.TrimSpace(b), nil
}

var (
	errNoObject  = invalidInput("The request body is not a JSON object")
	errTooSlow   = &apiError{http.StatusRequestTimeout, fivetran.BadRequest, "The request body did not arrive in time"}
	errTooLarge  = &apiError{http.StatusRequestEntityTooLarge, fivetran.BadRequest, "The request body is too large"}
	errMediaType = &apiError{http.StatusUnsupportedMediaType, fivetran.UnsupportedMediaType, "HTTP 415 Unsupported Media Type"}
)

// unreadable says why a body could not be read.
func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errTooSlow
	}
	return invalidInput("The request body cannot be read")
}

// badJSON says what is wrong with a body without repeating any of its values.
func badJSON(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		field := wrongType.Field[strings.LastIndexByte(wrongType.Field, '.')+1:]
		return invalidInput("Invalid value for field '%s'", field)
	}
	return errNoObject
}

// checkAccept refuses a request whose client takes no JSON. Whatever the
// version parameter says, there is one version of each operation here.
func checkAccept(h http.Header) error {
	accepts := h["Accept"]
	if len(accepts) == 0 {
		return nil
	}
	for _, line := range accepts {
		for part := range strings.SplitSeq(line, ",") {
			media, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "application/json", "*/*", "application/*", "":
				return nil
			}
		}
	}
	return &apiError{http.StatusNotAcceptable, fivetran.NotAcceptable, "HTTP 406 Not Acceptable"}
}

// checkContentType refuses a body that says it is not JSON.
func checkContentType(r *http.Request) error {
	ct := r.Header.Get("Content-Type")
	if ct == "" || r.Method != http.MethodPost && r.Method != http.MethodPatch {
		return nil
	}
	media, _, err := mime.ParseMediaType(ct)
	if err != nil || media != "application/json" {
		return errMediaType
	}
	return nil
}
