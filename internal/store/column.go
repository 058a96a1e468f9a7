package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// stamp is a time in a row: microseconds, null for the zero time.
type stamp struct{ t *time.Time }

func (s stamp) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s.t = time.Time{}
	case int64:
		*s.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is %T", v)
	}
	return nil
}

// micros is the inverse of stamp.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// text is a string in a row, null for the empty one.
type text struct{ s *string }

func (t text) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t.s = ""
	case string:
		*t.s = v
	case []byte:
		*t.s = string(v)
	default:
		return fmt.Errorf("a text is %T", v)
	}
	return nil
}

// orNull is the inverse of text.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// document is JSON in a row, null for none.
type document struct{ raw *json.RawMessage }

func (d document) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*d.raw = nil
	case string:
		*d.raw = json.RawMessage(v)
	case []byte:
		*d.raw = append(json.RawMessage(nil), v...)
	default:
		return fmt.Errorf("a document is %T", v)
	}
	return nil
}

func orNullJSON(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return string(raw)
}

// names are texts by names, a JSON object in a row, null for none.
type names struct{ all *map[string]string }

func (n names) Scan(v any) error {
	var raw json.RawMessage
	*n.all = nil
	if err := (document{&raw}).Scan(v); err != nil || raw == nil {
		return err
	}
	return json.Unmarshal(raw, n.all)
}

// encodeNames returns nothing for none.
func encodeNames(all map[string]string) json.RawMessage {
	if len(all) == 0 {
		return nil
	}
	b, _ := json.Marshal(all) // strings can always be encoded
	return b
}

// list is a JSON array in a row, "[]" for none, which is what most are.
type list[T any] struct{ items *[]T }

func (l list[T]) Scan(v any) error {
	var b []byte
	switch v := v.(type) {
	case string:
		b = []byte(v)
	case []byte:
		b = v
	}
	*l.items = nil
	if len(b) <= len("[]") {
		return nil
	}
	return json.Unmarshal(b, l.items)
}

func array[T any](items []T) (string, error) {
	if len(items) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(items)
	return string(b), err
}
