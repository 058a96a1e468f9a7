package rest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/valyala/fastjson"
)

// A Reply is the answer to a request. It can be used for one request after
// another; its Value is good until the next.
type Reply struct {
	Value  *fastjson.Value // nil: the answer has no body
	Header http.Header

	// Unchanged says that the answer is still what it was when it had the
	// Request's ETag (304). There is no Value then.
	Unchanged bool

	body   bytes.Buffer
	parser fastjson.Parser
	parsed int // bytes since the parser was new
}

// mostParsed is how many bytes one parser is used for, or for one answer. It
// keeps the room that each object took, at its place among all values of the
// answer; where those are others in each answer, that becomes more and more.
const mostParsed = 16 << 20

// read reads the answer to what was asked as JSON.
func (r *Reply) read(res *http.Response, what string) (time.Duration, error) {
	r.Header, r.Value, r.Unchanged = res.Header, nil, res.StatusCode == http.StatusNotModified
	r.body.Reset()
	_, err := r.body.ReadFrom(io.LimitReader(res.Body, bodyLimit+1))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", what, err)
	case r.body.Len() > bodyLimit:
		return hopeless, fmt.Errorf("%s: the answer has more than %d bytes", what, bodyLimit)
	case r.body.Len() == 0 && (r.Unchanged || res.StatusCode == http.StatusNoContent):
		return 0, nil
	}
	if r.parsed += r.body.Len(); r.parsed > mostParsed {
		r.parser, r.parsed = fastjson.Parser{}, r.body.Len()
	}
	if r.Value, err = r.parser.ParseBytes(r.body.Bytes()); err != nil {
		return 0, fmt.Errorf("%s: the answer is no JSON: %w", what, err)
	}
	return 0, nil
}
