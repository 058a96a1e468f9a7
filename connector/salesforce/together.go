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

// together asks for up to 25 addresses in one request, and gives what each is
// answered with to each. It asks for all of them again as long as one is
// refused for a reason that passes.
func (a *api) together(ctx context.Context, addresses []string, r *rest.Reply, each func(i int, v *fastjson.Value, err error) error) error {
	type request struct {
		Method    string `json:"method"`
		URL       string `json:"url"`
		Reference string `json:"referenceId"`
	}
	var requests []request
	for i, at := range addresses {
		requests = append(requests, request{http.MethodGet, "/" + at, "r" + strconv.Itoa(i)})
	}
	body, err := json.Marshal(map[string]any{"allOrNone": false, "compositeRequest": requests})
	if err != nil {
		return err
	}
	q := rest.Request{Method: http.MethodPost, URL: a.path("composite"), Body: body, Type: "application/json", Within: func(r *rest.Reply) *rest.StatusError {
		for i, v := range r.Value.GetArray("compositeResponse") {
			if e := refusalWithin(v, addresses, i); e != nil && (rest.Passing(e.Status) || throttled(e) > 0) {
				return e
			}
		}
		return nil
	}}
	if err := a.do(ctx, q, r); err != nil {
		return err
	}
	answers := r.Value.GetArray("compositeResponse")
	if len(answers) != len(addresses) {
		return fmt.Errorf("%s answered %d of %d requests that were made in one", a.name, len(answers), len(addresses))
	}
	for i, v := range answers {
		var err error
		if e := refusalWithin(v, addresses, i); e != nil {
			err = a.explain(e)
		}
		if err := each(i, v.Get("body"), err); err != nil {
			return err
		}
	}
	return nil
}

// refusalWithin returns what one of several answers says, if that is no.
func refusalWithin(v *fastjson.Value, addresses []string, i int) *rest.StatusError {
	status := v.GetInt("httpStatusCode")
	if status/100 == 2 || i >= len(addresses) {
		return nil
	}
	said := v.Get("body", "0")
	at, _, _ := strings.Cut(addresses[i], "?")
	return &rest.StatusError{Status: status, URL: at, Detail: string(said.GetStringBytes("message")), Code: string(said.GetStringBytes("errorCode"))}
}
