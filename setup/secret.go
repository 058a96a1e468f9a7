package setup

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Masked is what the API shows in place of a secret.
const Masked = "******"

var masked = json.RawMessage(strconv.Quote(Masked))

func isMask(v json.RawMessage) bool { return string(v) == string(masked) }

// Secrets are the secret values of one config, each under its path in it:
// "password", "scripts/0/token".
type Secrets map[string]string

// Split takes a config in normal form apart: what may be shown, with ****** in
// place of secrets, and the secrets. [Description.Join] puts it together.
func (d *Description) Split(config json.RawMessage) (json.RawMessage, Secrets, error) {
	if !d.secrets {
		return config, nil, nil
	}
	secrets := Secrets{}
	shown, err := swap(d.Fields, config, func(path string, v string) (string, bool) {
		if v == "" || v == Masked {
			return v, true
		}
		secrets[path] = v
		return Masked, true
	})
	return shown, secrets, err
}

// Join undoes [Description.Split]. A secret that is not among secrets is left out.
func (d *Description) Join(shown json.RawMessage, secrets Secrets) (json.RawMessage, error) {
	if !d.secrets {
		return shown, nil
	}
	return swap(d.Fields, shown, func(path string, v string) (string, bool) {
		if v != Masked {
			return v, true
		}
		s, ok := secrets[path]
		return s, ok
	})
}

// swap returns config with its secret fields replaced by what with returns
// for them, or left out.
func swap(fields []Field, config json.RawMessage, with func(path, v string) (string, bool)) (json.RawMessage, error) {
	obj, err := object(config)
	if err != nil {
		return nil, err
	}
	var value func(f *Field, path string, v json.RawMessage) (json.RawMessage, error)
	value = func(f *Field, path string, v json.RawMessage) (json.RawMessage, error) {
		switch {
		case f.Secret && f.Type == Array:
			var items, kept []string
			if err := json.Unmarshal(v, &items); err != nil {
				return nil, invalid(path, "is an array")
			}
			for i, item := range items {
				if s, keep := with(fmt.Sprintf("%s/%d", path, i), item); keep {
					kept = append(kept, s)
				}
			}
			return json.Marshal(kept)
		case f.Secret:
			var s string
			if err := json.Unmarshal(v, &s); err != nil {
				return nil, invalid(path, "is a string")
			}
			s, keep := with(path, s)
			if !keep {
				return nil, nil
			}
			return quote(s), nil
		case f.Type == Object && anySecret(f.Fields):
			obj, err := object(v)
			if err != nil {
				return nil, err
			}
			return rebuild(f.Fields, obj, path+"/", false, value)
		case f.Item == Object && anySecret(f.Fields):
			var items []json.RawMessage
			if err := json.Unmarshal(v, &items); err != nil {
				return nil, invalid(path, "is an array")
			}
			for i, item := range items {
				obj, err := object(item)
				if err != nil {
					return nil, err
				}
				if items[i], err = rebuild(f.Fields, obj, fmt.Sprintf("%s/%d/", path, i), false, value); err != nil {
					return nil, err
				}
			}
			return json.Marshal(items)
		}
		return v, nil
	}
	return rebuild(fields, obj, "", false, value)
}

// Replace returns a config in normal form with some of its secrets replaced,
// unless somebody has given others since it was as before: what they gave
// stays.
func (d *Description) Replace(config, before json.RawMessage, secrets Secrets) (json.RawMessage, error) {
	shown, have, err := d.Split(config)
	if err != nil {
		return nil, err
	}
	_, had, err := d.Split(before)
	if err != nil {
		return nil, err
	}
	for path, v := range secrets {
		_, there := have[path]
		switch {
		case have[path] != had[path]:
			continue
		case !there:
			if f := d.Field(path); f == nil || !f.Secret {
				return nil, fmt.Errorf("config: there is no secret %q", path)
			}
			if shown, err = d.Set(shown, path, Masked); err != nil {
				return nil, err
			}
			if have == nil {
				have = Secrets{}
			}
		}
		have[path] = v
	}
	return d.Join(shown, have)
}
