package simulate

import "strconv"

// An Object writes JSON, one field after another. The zero value is empty.
type Object struct {
	Bytes []byte
}

func (j *Object) comma() {
	if n := len(j.Bytes); n > 0 && j.Bytes[n-1] != '{' && j.Bytes[n-1] != '[' && j.Bytes[n-1] != ':' {
		j.Bytes = append(j.Bytes, ',')
	}
}

// Name writes a field's name; its value is to follow.
func (j *Object) Name(name string) {
	j.comma()
	j.Bytes = append(j.Bytes, '"')
	j.Bytes = append(j.Bytes, name...)
	j.Bytes = append(j.Bytes, '"', ':')
}

// Open and Close write an object's braces.
func (j *Object) Open()  { j.Bytes = append(j.Bytes, '{') }
func (j *Object) Close() { j.Bytes = append(j.Bytes, '}') }

// Array begins a field that is an array, Item an item of it, EndArray ends it.
func (j *Object) Array(name string) { j.Name(name); j.Bytes = append(j.Bytes, '[') }
func (j *Object) Item()             { j.comma() }
func (j *Object) EndArray()         { j.Bytes = append(j.Bytes, ']') }

// Null writes a field that is null.
func (j *Object) Null(name string) { j.Name(name); j.Bytes = append(j.Bytes, "null"...) }

// Raw writes a field whose value is JSON already.
func (j *Object) Raw(name, value string) { j.Name(name); j.Bytes = append(j.Bytes, value...) }

// Int writes a field that is a whole number.
func (j *Object) Int(name string, n int64) {
	j.Name(name)
	j.Bytes = strconv.AppendInt(j.Bytes, n, 10)
}

// Bool writes a field that is true or false.
func (j *Object) Bool(name string, v bool) {
	j.Name(name)
	j.Bytes = strconv.AppendBool(j.Bytes, v)
}

// Text writes a field that is a string.
func (j *Object) Text(name, s string) {
	j.Name(name)
	j.String(s)
}

// String writes a string without a name.
func (j *Object) String(s string) {
	j.Bytes = append(j.Bytes, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			j.Bytes = append(j.Bytes, '\\', c)
		case c == '\n':
			j.Bytes = append(j.Bytes, '\\', 'n')
		case c == '\r':
			j.Bytes = append(j.Bytes, '\\', 'r')
		case c < ' ':
			j.Bytes = append(j.Bytes, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			j.Bytes = append(j.Bytes, c)
		}
	}
	j.Bytes = append(j.Bytes, '"')
}
