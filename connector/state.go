package connector

import (
	"encoding/json"
	"fmt"
)

// ReadState decodes a state into v, which stays as it is for a nil one.
func ReadState(state json.RawMessage, v any) error {
	if state == nil {
		return nil
	}
	if err := json.Unmarshal(state, v); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	return nil
}

// ForgetIn does the Forget of a [Forgetter] whose state is an S: read decodes
// it, and forget takes out what it says of the tables, and reports whether it
// said anything.
func ForgetIn[S any](state json.RawMessage, read func(json.RawMessage) (S, error), forget func(S) bool) (json.RawMessage, error) {
	s, err := read(state)
	if err != nil {
		return nil, err
	}
	if !forget(s) {
		return state, nil
	}
	return json.Marshal(s)
}
