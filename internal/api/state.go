package api

import (
	"encoding/json"
	"errors"

	"github.com/penstock-data/penstock/internal/fivetran"
	"github.com/penstock-data/penstock/internal/store"
)

// stateful reports whether the state of src's connections is their author's
// own, to be read and written: that of functions and Connector SDK code.
func stateful(src *source) bool { return src.Kind == "Function" || src.ID == "connector_sdk" }

var errNotStateful = invalidInput("The specified connection does not support state management. Only Function and Connector SDK connectors support this operation.")

var errSyncing = conflict("Connection cannot be updated because the sync is in progress.")

func (s *server) connectionState(r *request) (any, error) {
	_, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	if !stateful(src) {
		return nil, errNotStateful
	}
	return s.state(r)
}

func (s *server) state(r *request) (any, error) {
	state, err := s.Store.State(r.Context(), r.id())
	if err != nil {
		return nil, err
	}
	if state == nil {
		return nil, invalidInput("The state of connection '%s' does not exist", r.id())
	}
	return fivetran.ConnectionState{State: state}, nil
}

func (s *server) updateConnectionState(r *request) (any, error) {
	_, src, err := s.findConnection(r)
	if err != nil {
		return nil, err
	}
	if !stateful(src) {
		return nil, errNotStateful
	}
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, invalidInput("The request body is missing")
	}
	var req fivetran.ConnectionState
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, badJSON(err)
	}
	if !given(req.State) {
		return s.state(r)
	}
	if req.State[0] != '{' {
		return nil, invalidInput("Invalid value for field 'state'")
	}
	err = s.Store.ReplaceState(r.Context(), r.id(), req.State)
	if errors.Is(err, store.ErrRunning) {
		return nil, errSyncing
	}
	if err != nil {
		return nil, err
	}
	return s.state(r)
}
