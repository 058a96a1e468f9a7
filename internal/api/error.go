package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// An apiError is an error as the client is told it.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.message }

func invalidInput(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, fivetran.InvalidInput, fmt.Sprintf(format, args...)}
}

func fieldRequired(name string) error { return invalidInput("Field '%s' is required", name) }

func conflict(format string, args ...any) error {
	return &apiError{http.StatusConflict, fivetran.Conflict, fmt.Sprintf(format, args...)}
}

func notFound(code, format string, args ...any) error {
	return &apiError{http.StatusNotFound, code, fmt.Sprintf(format, args...)}
}

// ifGone returns gone in place of an error of the store that says that something
// is not there.
func ifGone(err, gone error) error {
	if errors.Is(err, store.ErrNotFound) {
		return gone
	}
	return err
}

// failure is the one place where an error becomes a status, a code and a
// message. It also reports whether the error is ours and belongs in the log.
func failure(err error) (e *apiError, ours bool) {
	var unable *engine.CannotVerify
	var invalid *setup.InvalidConfig
	var over *tooMany
	switch {
	case errors.As(err, &e):
		return e, false
	case errors.As(err, &invalid):
		return &apiError{http.StatusBadRequest, fivetran.InvalidInput, invalid.Message}, false
	case errors.As(err, &over):
		return &apiError{http.StatusTooManyRequests, fivetran.TooManyRequests, over.Error()}, false
	case errors.Is(err, store.ErrCursor):
		return &apiError{http.StatusBadRequest, fivetran.InvalidInput, "Invalid value for parameter 'cursor'"}, false
	case errors.Is(err, engine.ErrPaused), errors.Is(err, engine.ErrIncomplete), errors.Is(err, engine.ErrVerifying),
		errors.Is(err, engine.ErrNotConnected), errors.Is(err, engine.ErrStopping):
		return &apiError{http.StatusConflict, fivetran.Conflict, sentence(err)}, false
	case errors.Is(err, engine.ErrPlanTime):
		return &apiError{http.StatusGatewayTimeout, fivetran.InternalError, sentence(err)}, false
	case errors.Is(err, engine.ErrNoTableResync), errors.As(err, &unable):
		return &apiError{http.StatusBadRequest, fivetran.InvalidInput, sentence(err)}, false
	case errors.Is(err, context.DeadlineExceeded):
		return &apiError{http.StatusGatewayTimeout, fivetran.InternalError, "The request took too long"}, true
	}
	return &apiError{http.StatusInternalServerError, fivetran.InternalError, "Internal server error"}, true
}

// sentence returns an error's words as a message begins.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
