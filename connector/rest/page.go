package rest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// A Page is a page of a list, as a Pager is shown it.
type Page struct {
	URL    *url.URL
	Reply  *Reply
	Number int // from 1
	Rows   int

	// Last is set by Pagers that know which page is the last by now. A list
	// has become shorter when it goes down. 0: unknown.
	Last int

	last int // of the page before
}

// A Pager returns the address of the page after one, which may be relative to
// that one's, or "" if it is the last.
type Pager func(*Page) (string, error)

// NextURL is for pages that have the address of the next in a field.
func NextURL(field ...string) Pager {
	return func(p *Page) (string, error) { return string(p.Reply.Value.GetStringBytes(field...)), nil }
}

// Link is for answers that have the address of the next page in a header
// (RFC 8288).
func Link(p *Page) (string, error) {
	if last, err := url.Parse(link(p.Reply.Header, "last")); err == nil {
		p.Last, _ = strconv.Atoi(last.Query().Get("page")) // 0 if there is none
	}
	return link(p.Reply.Header, "next"), nil
}

// NextToken is for pages with a token in a field that the next is asked for by in
// a parameter. more is a field that is false on the last page, "" if that has
// no token.
func NextToken(param, more string, field ...string) Pager {
	return func(p *Page) (string, error) {
		if more != "" && !p.Reply.Value.GetBool(more) {
			return "", nil
		}
		v := p.Reply.Value.Get(field...)
		if v == nil || v.Type() == fastjson.TypeNull {
			return "", nil
		}
		token := string(v.GetStringBytes())
		if v.Type() == fastjson.TypeNumber {
			token = v.String()
		}
		if token == "" {
			return "", nil
		}
		return p.with(param, token), nil
	}
}

// PageNumber is for pages of size rows that are asked for by their number in a
// parameter, from 1. The last one is shorter; if size is 0, there is none after
// an empty one.
func PageNumber(param string, size int) Pager {
	return func(p *Page) (string, error) {
		if p.Rows < max(size, 1) {
			return "", nil
		}
		n, err := strconv.Atoi(p.URL.Query().Get(param))
		if err != nil {
			n = 1
		}
		return p.with(param, strconv.Itoa(n+1)), nil
	}
}

// Offset is for pages of size rows that are asked for by the number of rows
// before them in a parameter. The last one is shorter; if size is 0, there is
// none after an empty one.
func Offset(param string, size int) Pager {
	return func(p *Page) (string, error) {
		if p.Rows < max(size, 1) {
			return "", nil
		}
		n, _ := strconv.Atoi(p.URL.Query().Get(param)) // 0 if it is not there
		return p.with(param, strconv.Itoa(n+p.Rows)), nil
	}
}

// with returns the page's address with another value of a parameter.
func (p *Page) with(param, value string) string {
	u := *p.URL
	q := u.Query()
	q.Set(param, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// link returns the address of a relation in Link headers. Commas and
// semicolons may stand in addresses.
func link(h http.Header, rel string) string {
	for _, s := range h.Values("Link") {
		for {
			_, after, ok := strings.Cut(s, "<")
			if !ok {
				break
			}
			address, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			own, rest := params, ""
			if i := strings.IndexByte(params, '<'); i >= 0 {
				own, rest = params[:i], params[i:]
			}
			if hasRel(own, rel) {
				return address
			}
			s = rest
		}
	}
	return ""
}

// hasRel reports whether the parameters of a link have a relation.
func hasRel(params, rel string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.Trim(p, " ,"), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for r := range strings.FieldsSeq(strings.Trim(value, ` "`)) {
			if strings.EqualFold(r, rel) {
				return true
			}
		}
	}
	return false
}
