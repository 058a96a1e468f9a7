package fivetran

import "encoding/json"

// Encode returns the JSON of what can always be encoded, such as the shapes of
// this package filled with JSON from the store.
func Encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
