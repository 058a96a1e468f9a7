package runner

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// A ServiceError is an error of a connection's source or destination, as
// opposed to one of this program.
type ServiceError struct{ Err error }

func (e *ServiceError) Error() string { return e.Err.Error() }
func (e *ServiceError) Unwrap() error { return e.Err }

// ofService returns what went wrong with a source or destination as a
// ServiceError, unless it was the store that failed on the way.
func ofService(err error) error {
	if err == nil || fromStore(err) {
		return err
	}
	return &ServiceError{err}
}

// A storeError is an error of the store.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// ofStore returns an error of the store, saying what was asked of it.
func ofStore(what string, err error) error {
	if err == nil {
		return nil
	}
	return &storeError{fmt.Errorf("%s: %w", what, err)}
}

func fromStore(err error) bool { return errors.As(err, new(*storeError)) }

// A faultError is a panic.
type faultError struct{ value any }

func (e *faultError) Error() string { return fmt.Sprintf("a fault in the program: %v", e.value) }

// caught, deferred, makes a panic a faultError: a fault in one connection's
// service does not end the process, and with it what it does for others.
func caught(log *slog.Logger, err *error) {
	if p := recover(); p != nil {
		log.Error("panic", "panic", p, "stack", string(debug.Stack()))
		*err = &faultError{p}
	}
}
