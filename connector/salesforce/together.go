package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
)

// mostTogether is how many requests fit into one, which counts as one (REST API
// Developer Guide, "Composite", 2026-07).
const mostTogether = 25

// A subrequest is one of several that are made in one.
type subrequest struct {
	address string
	header  http.Header // nil: none of its own
}

// together asks for up to 25 addresses in one request, and gives what each is
// answered with to each. It asks for all of them again as long as one is
// refused for a reason that passes.
func (a *api) together(ctx context.Context, all []subrequest, r *rest.Reply, each func(i int, v *fastjson.Value, err error) error) error {
	q, err := a.bundle(all)
	if err != nil {
		return err
	}
	q.Within = func(r *rest.Reply) *rest.StatusError {
		for i, v := range r.Value.GetArray("compositeResponse") {
			if e := refusalWithin(v, all, i); e != nil && (rest.Passing(e.Status) || throttled(e) > 0) {
				return e
			}
		}
		return nil
	}
	if err := a.do(ctx, q, r); err != nil {
		return err
	}
	return a.unbundle(all, r, each)
}

// bundle makes one request of several. They are dealt with in their order.
func (a *api) bundle(all []subrequest) (q rest.Request, err error) {
	type request struct {
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Reference string            `json:"referenceId"`
		Headers   map[string]string `json:"httpHeaders,omitempty"`
	}
	var body struct {
		AllOrNone bool      `json:"allOrNone"`
		Collate   bool      `json:"collateSubrequests"`
		Requests  []request `json:"compositeRequest"`
	}
	for i, one := range all {
		headers := map[string]string{}
		for name := range one.header {
			headers[name] = one.header.Get(name)
		}
		body.Requests = append(body.Requests, request{http.MethodGet, "/" + one.address, "r" + strconv.Itoa(i), headers})
	}
	js, err := json.Marshal(body)
	return rest.Request{Method: http.MethodPost, URL: a.path("composite"), Body: js, Type: "application/json"}, err
}

// unbundle gives what each of several requests in one was answered with to each.
func (a *api) unbundle(all []subrequest, r *rest.Reply, each func(i int, v *fastjson.Value, err error) error) error {
	answers := r.Value.GetArray("compositeResponse")
	if len(answers) != len(all) {
		return fmt.Errorf("%s answered %d of %d requests that were made in one", a.name, len(answers), len(all))
	}
	for i, v := range answers {
		var err error
		if e := refusalWithin(v, all, i); e != nil {
			err = a.explain(e)
		}
		if err := each(i, v.Get("body"), err); err != nil {
			return err
		}
	}
	return nil
}

// refusalWithin returns what one of several answers says, if that is no.
func refusalWithin(v *fastjson.Value, all []subrequest, i int) *rest.StatusError {
	status := v.GetInt("httpStatusCode")
	if status/100 == 2 || i >= len(all) {
		return nil
	}
	said := v.Get("body", "0")
	at, _, _ := strings.Cut(all[i].address, "?")
	return &rest.StatusError{Status: status, URL: at, Detail: string(said.GetStringBytes("message")), Code: string(said.GetStringBytes("errorCode"))}
}
