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
