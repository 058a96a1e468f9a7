package postgres

import "bytes"

// arrayText returns the decoder of arrays in the form of their output function
// (the documentation's chapter "Arrays", version 17) into what to_json gives for
// them, nil if the elements' type is none of the common ones. element is the
// type of the elements, not a domain.
//
// A function that somebody has made may turn values of other types into JSON.
func arrayText(element uint32) decodeFunc {
	put := map[uint32]func(dst, b []byte) []byte{
		oidBool: jsonBool, oidInt2: jsonNumber, oidInt4: jsonNumber, oidInt8: jsonNumber,
		oidFloat4: jsonNumber, oidFloat8: jsonNumber, oidNumeric: jsonNumber,
		oidText: jsonText, oidVarchar: jsonText, oidBpchar: jsonText, oidName: jsonText, oidUUID: jsonText, oidDate: jsonText,
		oidTimestamp: jsonTimestamp, oidTimestamptz: jsonTimestamp, oidJSON: jsonAsIs, oidJSONB: jsonAsIs,
	}[element]
	if put == nil {
		return nil
	}
	return func(v *vector, row int, b []byte) error {
		data, err := appendArray(v.data, b, put)
		if err != nil {
			return err
		}
		v.data = data
		v.i32[row+1] = int32(len(v.data))
		return nil
	}
}

// appendArray appends an array as JSON, of which put appends an element.
func appendArray(dst, b []byte, put func(dst, b []byte) []byte) ([]byte, error) {
	if len(b) > 0 && b[0] == '[' { // the bounds, which JSON has not
		b = b[bytes.IndexByte(b, '=')+1:]
	}
	depth := 0
	for len(b) > 0 {
		switch b[0] {
		case '{':
			depth++
			dst, b = append(dst, '['), b[1:]
			continue
		case '}':
			depth--
			dst, b = append(dst, ']'), b[1:]
			continue
		case ',':
			dst, b = append(dst, ','), b[1:]
			continue
		case '"':
			value, rest, ok := unquote(b[1:])
			if !ok {
				return nil, errWidth
			}
			dst, b = put(dst, value), rest
			continue
		}
		end := bytes.IndexAny(b, ",}")
		if end < 0 {
			return nil, errWidth
		}
		if value := b[:end]; view(value) == "NULL" {
			dst = append(dst, "null"...)
		} else {
			dst = put(dst, value)
		}
		b = b[end:]
	}
	if depth != 0 {
		return nil, errWidth
	}
	return dst, nil
}

// unquote reads an element up to the quote that ends it, and returns what
// follows that.
func unquote(b []byte) (value, rest []byte, ok bool) {
	end := bytes.IndexAny(b, `"\`)
	if end >= 0 && b[end] == '"' {
		return b[:end], b[end+1:], true
	}
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '"':
			return value, b[i+1:], true
		case b[i] == '\\':
			if i++; i == len(b) {
				return nil, nil, false
			}
		}
		value = append(value, b[i])
	}
	return nil, nil, false
}

func jsonAsIs(dst, b []byte) []byte { return append(dst, b...) }

func jsonBool(dst, b []byte) []byte {
	if view(b) == "t" {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// jsonNumber quotes what is no number in JSON, NaN and the infinities.
func jsonNumber(dst, b []byte) []byte {
	if digit := bytes.TrimPrefix(b, []byte("-")); len(digit) > 0 && digit[0]-'0' <= 9 {
		return append(dst, b...)
	}
	return jsonText(dst, b)
}

// jsonTimestamp has a T before the time of day, and the minutes of a zone.
func jsonTimestamp(dst, b []byte) []byte {
	day, clock, ok := bytes.Cut(b, []byte(" "))
	if !ok { // an infinity
		return jsonText(dst, b)
	}
	clock, era, bc := bytes.Cut(clock, []byte(" "))
	dst = append(append(append(append(dst, '"'), day...), 'T'), clock...)
	if bytes.IndexByte(clock, '+') >= 0 {
		dst = append(dst, ":00"...)
	}
	if bc {
		dst = append(append(dst, ' '), era...)
	}
	return append(dst, '"')
}

// jsonText quotes text as PostgreSQL's escape_json does
// (src/backend/utils/adt/json.c, version 17).
func jsonText(dst, b []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}
