package simulator

import (
	"strconv"
	"time"
)

// An object writes JSON, one field after another.
type object struct {
	b []byte
}

func (j *object) comma() {
	if n := len(j.b); n > 0 && j.b[n-1] != '{' && j.b[n-1] != '[' && j.b[n-1] != ':' {
		j.b = append(j.b, ',')
	}
}

func (j *object) name(name string) {
	j.comma()
	j.b = append(j.b, '"')
	j.b = append(j.b, name...)
	j.b = append(j.b, '"', ':')
}

func (j *object) open()  { j.b = append(j.b, '{') }
func (j *object) close() { j.b = append(j.b, '}') }

func (j *object) array(name string) { j.name(name); j.b = append(j.b, '[') }
func (j *object) item()             { j.comma() }
func (j *object) endArray()         { j.b = append(j.b, ']') }

func (j *object) null(name string) { j.name(name); j.b = append(j.b, "null"...) }

func (j *object) raw(name, value string) { j.name(name); j.b = append(j.b, value...) }

func (j *object) int(name string, n int64) {
	j.name(name)
	j.b = strconv.AppendInt(j.b, n, 10)
}

func (j *object) bool(name string, v bool) {
	j.name(name)
	j.b = strconv.AppendBool(j.b, v)
}

func (j *object) text(name, s string) {
	j.name(name)
	j.string(s)
}

// string writes a value without a name.
func (j *object) string(s string) {
	j.b = append(j.b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			j.b = append(j.b, '\\', c)
		case c == '\n':
			j.b = append(j.b, '\\', 'n')
		case c < ' ':
			j.b = append(j.b, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			j.b = append(j.b, c)
		}
	}
	j.b = append(j.b, '"')
}

// time writes a timestamp, or null for the zero time.
func (j *object) time(name string, t time.Time) {
	if t.IsZero() {
		j.null(name)
		return
	}
	j.name(name)
	j.b = append(j.b, '"')
	j.b = t.UTC().AppendFormat(j.b, "2006-01-02T15:04:05Z")
	j.b = append(j.b, '"')
}

func (j *object) date(name string, t time.Time) {
	j.name(name)
	j.b = append(j.b, '"')
	j.b = t.UTC().AppendFormat(j.b, time.DateOnly)
	j.b = append(j.b, '"')
}

// ref writes a reference to another object, or null for id 0.
func (j *object) ref(name string, c *company, resource string, id int64) {
	if id == 0 {
		j.null(name)
		return
	}
	j.name(name)
	j.url(c, resource, id)
}

func (j *object) url(c *company, resource string, id int64) {
	j.b = append(j.b, '"')
	j.b = append(j.b, c.base...)
	j.b = append(j.b, resource...)
	j.b = append(j.b, '/')
	j.b = strconv.AppendInt(j.b, id, 10)
	j.b = append(j.b, '/', '"')
}
