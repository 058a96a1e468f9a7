package setup

import (
	"encoding/json"
	"slices"
)

// Mask returns a config with ****** in place of its secrets. Every request for
// a connection masks one, so what is in normal form is copied in one pass
// without being parsed.
func (d *Description) Mask(config json.RawMessage) (json.RawMessage, error) {
	if !d.secrets {
		return config, nil
	}
	m := masker{in: config, out: make([]byte, 0, len(config)+len(masked))}
	m.object(d.Fields)
	if m.broken || m.at != len(m.in) {
		shown, _, err := d.Split(config)
		return shown, err
	}
	return m.out, nil
}

// A masker copies JSON without white space from in to out.
type masker struct {
	in, out []byte
	at      int  // of in, copied so far
	broken  bool // in is not what it should be
}

// next copies and returns the next byte.
func (m *masker) next() byte {
	if m.at == len(m.in) {
		m.broken = true
		return 0
	}
	c := m.in[m.at]
	m.out = append(m.out, c)
	m.at++
	return c
}

func (m *masker) peek() byte {
	if m.at == len(m.in) {
		m.broken = true
		return 0
	}
	return m.in[m.at]
}

// list copies an object or an array, whose end is given, item by item.
func (m *masker) list(end byte, item func()) {
	m.next()
	if m.peek() == end {
		m.next()
		return
	}
	for !m.broken {
		item()
		if c := m.next(); c == end {
			return
		} else if c != ',' {
			m.broken = true
		}
	}
}

// object copies an object with the fields, its secrets masked.
func (m *masker) object(fields []Field) {
	if m.peek() != '{' {
		m.broken = true
		return
	}
	m.list('}', func() {
		name := m.text()
		if m.next() != ':' {
			m.broken = true
			return
		}
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == string(name) })
		if i < 0 {
			m.value()
			return
		}
		m.field(&fields[i])
	})
}

func (m *masker) field(f *Field) {
	switch {
	case f.Secret && f.Type == Array && m.peek() == '[':
		m.list(']', m.secret)
	case f.Secret:
		m.secret()
	case f.Fields == nil || m.peek() != '{' && m.peek() != '[':
		m.value()
	case f.Type == Object:
		m.object(f.Fields)
	default:
		m.list(']', func() { m.object(f.Fields) })
	}
}

// secret copies a value masked.
func (m *masker) secret() {
	from := len(m.out)
	if m.value(); len(m.out)-from > len(`""`) {
		m.out = append(m.out[:from], masked...)
	}
}

// text copies a string and returns what stands between its quotes.
func (m *masker) text() []byte {
	if m.next() != '"' {
		m.broken = true
		return nil
	}
	from := len(m.out)
	for !m.broken {
		switch m.next() {
		case '\\':
			m.next()
		case '"':
			return m.out[from : len(m.out)-1]
		}
	}
	return nil
}

// value copies any value.
func (m *masker) value() {
	switch m.peek() {
	case '"':
		m.text()
	case '{':
		m.list('}', func() { m.text(); m.next(); m.value() })
	case '[':
		m.list(']', m.value)
	default:
		for !m.broken && m.at < len(m.in) && m.in[m.at] != ',' && m.in[m.at] != '}' && m.in[m.at] != ']' {
			m.next()
		}
	}
}
