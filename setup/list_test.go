package setup

import (
	"encoding/json"
	"testing"
)

// A list of secrets is masked item by item, and a mask stands for the secret
// that was in its place.
func TestSecretList(t *testing.T) {
	d := Describe("x", struct {
		Name   string   `json:"name"`
		Tokens []string `json:"tokens" secret:"true"`
	}{})
	config, err := d.Check(json.RawMessage(`{"name":"n","tokens":["a","b","******"]}`))
	if err != nil || string(config) != `{"name":"n","tokens":["a","b"]}` {
		t.Fatalf("checked: %s, %v", config, err)
	}
	shown, secrets, err := d.Split(config)
	if want := `{"name":"n","tokens":["******","******"]}`; err != nil || string(shown) != want {
		t.Errorf("shown: %s, %v", shown, err)
	}
	if masked, err := d.Mask(config); err != nil || string(masked) != string(shown) {
		t.Errorf("masked: %s, %v", masked, err)
	}
	if joined, err := d.Join(shown, secrets); err != nil || string(joined) != string(config) {
		t.Errorf("joined: %s, %v", joined, err)
	}
	for patch, want := range map[string]string{
		`{"tokens":["******","c"]}`: `["a","c"]`,
		`{"tokens":["******"]}`:     `["a"]`,
		`{"tokens":["c"]}`:          `["c"]`,
		`{"name":"m"}`:              `["a","b"]`,
		`{"tokens":"******"}`:       `["a","b"]`,
	} {
		merged, err := d.Merge(config, json.RawMessage(patch))
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Tokens json.RawMessage }
		if json.Unmarshal(merged, &got); string(got.Tokens) != want {
			t.Errorf("%s: got %s, want %s", patch, got.Tokens, want)
		}
	}
	if none, err := d.Mask(json.RawMessage(`{"tokens":[]}`)); err != nil || string(none) != `{"tokens":[]}` {
		t.Errorf("masked: %s, %v", none, err)
	}
}
