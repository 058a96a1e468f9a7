package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/setup"
)

func links(s string) map[string]string { return map[string]string{"Link": s} }

func TestPagers(t *testing.T) {
	get := func(query, answer string) step { return step{Ask: "GET /v1/u" + query, Answer: answer} }
	linked := func(query, link, answer string) step {
		return step{Ask: "GET /v1/u" + query, Answer: answer, Header: links(link)}
	}
	for _, c := range []struct {
		name   string
		next   rest.Pager
		items  []string
		steps  []step
		ids    string
		shrunk bool
		err    string
	}{
		{name: "links", next: rest.Link, ids: "1 2 3", steps: []step{
			linked("", `<https://api.test/v1/u?page=2&a=,;>; rel="next", <https://api.test/v1/u?page=3>; rel="last"`, `[{"id":1}]`),
			linked("?page=2&a=,;", `</v1/u?page=3>; title="x"; rel="prefetch next" , </v1/u?page=3>; rel=last`, `[{"id":2}]`),
			linked("?page=3", `</v1/u?page=1>; rel="first"`, `[{"id":3}]`)}},
		{name: "links to a list that shrinks", next: rest.Link, ids: "1 2", shrunk: true, steps: []step{
			linked("", `</v1/u?page=2>; rel="next", </v1/u?page=3>; rel="last"`, `[{"id":1}]`),
			linked("?page=2", `</v1/u?page=2>; rel="last"`, `[{"id":2}]`)}},
		{name: "a cursor", next: rest.NextToken("after", "", "paging", "next"), items: []string{"data"}, ids: "1 2", steps: []step{
			get("", `{"data":[{"id":1}],"paging":{"next":"x y"}}`), get("?after=x+y", `{"data":[{"id":2}],"paging":{"next":null}}`)}},
		{name: "a cursor and a flag", next: rest.NextToken("after", "has_more", "last"), items: []string{"data"}, ids: "1 2", steps: []step{
			get("", `{"data":[{"id":1}],"has_more":true,"last":7}`), get("?after=7", `{"data":[{"id":2}],"has_more":false,"last":8}`)}},
		{name: "page numbers", next: rest.PageNumber("page", 2), ids: "1 2 3", steps: []step{
			get("", `[{"id":1},{"id":2}]`), get("?page=2", `[{"id":3}]`)}},
		{name: "page numbers until there is nothing", next: rest.PageNumber("page", 0), ids: "1 2", steps: []step{
			get("", `[{"id":1}]`), get("?page=2", `[{"id":2}]`), get("?page=3", `[]`)}},
		{name: "offsets", next: rest.Offset("skip", 2), ids: "1 2 3 4", steps: []step{
			get("", `[{"id":1},{"id":2}]`), get("?skip=2", `[{"id":3},{"id":4}]`), get("?skip=4", `[]`)}},
		{name: "the same page for ever", next: rest.PageNumber("page", 2), ids: "1 2", err: "came twice", steps: []step{
			get("", `[{"id":1},{"id":2}]`), get("?page=2", `[{"id":1},{"id":2}]`)}},
		{name: "a cursor in circles", next: rest.NextToken("after", "", "next"), items: []string{"data"}, ids: "1", err: "the page itself or one before", steps: []step{
			get("", `{"data":[{"id":1}],"next":"x"}`), get("?after=x", `{"data":[{"id":2}],"next":"x"}`)}},
		{name: "another host", next: rest.Link, ids: "1", err: "not an address", steps: []step{
			linked("", `<https://evil.test/u>; rel="next"`, `[{"id":1}]`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &rest.List{Client: scripted(t, c.steps...), Path: "u", Next: c.next, Items: c.items}
			var ids []string
			var err error
			for page, perr := range l.Pages(t.Context()) {
				if err = perr; err != nil {
					break
				}
				for _, v := range page {
					ids = append(ids, fmt.Sprint(v.GetInt("id")))
				}
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
			if got := strings.Join(ids, " "); got != c.ids || l.Shrunk != c.shrunk {
				t.Errorf("got %q, shrunk %v", got, l.Shrunk)
			}
		})
	}
}

func TestUnchanged(t *testing.T) {
	tag := map[string]string{"ETag": `W/"1"`}
	l := &rest.List{Path: "u", Next: rest.Link, Client: scripted(t,
		step{Ask: "GET /v1/u", With: map[string]string{"If-None-Match": ""}, Header: tag, Answer: `[{"id":1}]`},
		step{Ask: "GET /v1/u", With: map[string]string{"If-None-Match": `W/"1"`}, Header: tag, Status: 304})}
	pages := func() (n int) {
		for _, err := range l.Pages(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	if n := pages(); n != 1 || l.Tag != `W/"1"` || l.Unchanged {
		t.Errorf("%d pages, %q", n, l.Tag)
	}
	l.ETag = l.Tag
	if n := pages(); n != 0 || !l.Unchanged {
		t.Errorf("%d pages of a list that is unchanged", n)
	}
}

// Whoever has used up what the vendor lets go waits, by the vendor's headers,
// and a client with other credentials takes over.
func TestRateLimits(t *testing.T) {
	used := func(remaining, reset string) map[string]string {
		return map[string]string{"X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}
	}
	in := func(d time.Duration) string {
		return fmt.Sprint(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Unix())
	}
	get := func(path string, header map[string]string) step {
		return step{Ask: "GET /v1/" + path, Header: header, Answer: "{}", With: map[string]string{"Authorization": ""}}
	}
	for _, c := range []struct {
		name  string
		steps []step
		took  time.Duration
		err   string
	}{
		{name: "none is left", steps: []step{get("a", used("0", in(time.Minute))), get("b", nil)}, took: 61 * time.Second},
		{name: "none is left for seconds", steps: []step{get("a", map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}), get("b", nil)}, took: 30 * time.Second},
		{name: "some are left", steps: []step{get("a", used("7", in(time.Minute))), get("b", nil)}},
		{name: "none is left for long", steps: []step{get("a", used("0", in(time.Hour)))}, err: "asks to wait for 1h0m1s"},
		{name: "refused", steps: []step{
			{Ask: "GET /v1/a", Status: 403, Header: used("0", in(time.Minute))}, get("a", nil), get("b", nil)}, took: 61 * time.Second},
		{name: "secondary limit", steps: []step{
			{Ask: "GET /v1/a", Status: 403, Header: map[string]string{"Retry-After": "10"}}, get("a", nil), get("b", nil)}, took: 10 * time.Second},
		{name: "by its own account", steps: []step{
			{Ask: "GET /v1/a", Status: 403, Answer: `{"message":"slow down"}`}, get("a", nil), get("b", nil)}, took: 20 * time.Second},
		{name: "forbidden", steps: []step{{Ask: "GET /v1/a", Status: 403, Answer: `{"message":"No."}`}}, err: "403 Forbidden: No."},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := scripted(t, c.steps...)
				cl.Budget = rest.OnDemand(1000, time.Second)
				cl.Throttled = func(e *rest.StatusError) time.Duration {
					if e.Detail == "slow down" {
						return 20 * time.Second
					}
					return 0
				}
				begin := time.Now()
				err := cl.Get(t.Context(), "a", &rest.Reply{})
				if err == nil {
					err = cl.Get(t.Context(), "b", &rest.Reply{})
				}
				if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
					t.Errorf("got %v, want %q", err, c.err)
				}
				if took := time.Since(begin); took < c.took || took > c.took+time.Second {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}

	synctest.Test(t, func(t *testing.T) {
		var budgets rest.Budgets
		make := func() *rest.Budget { return rest.OnDemand(1000, time.Second) }
		one := scripted(t, step{Ask: "GET /v1/b", With: authorized("Bearer 1"), Status: 403, Header: used("0", in(time.Hour))})
		one.Auth, one.Budget = rest.Bearer("1"), budgets.Of("1", make)
		two := scripted(t, step{Ask: "GET /v1/b", With: authorized("Bearer 2"), Answer: "{}"},
			step{Ask: "GET /v1/a", With: authorized("Bearer 2"), Header: used("0", in(2*time.Hour)), Answer: "{}"})
		two.Auth, two.Budget = rest.Bearer("2"), budgets.Of("2", make)
		one.Spare = []*rest.Client{two}
		for _, path := range []string{"b", "a"} { // b is the first one's
			if err := one.Get(t.Context(), path, &rest.Reply{}); err != nil {
				t.Error(err)
			}
		}
		var pause *setup.Reschedule
		if err := one.Get(t.Context(), "c", &rest.Reply{}); !asPause(err, &pause) || time.Until(pause.Until) < 59*time.Minute || time.Until(pause.Until) > 61*time.Minute {
			t.Errorf("got %v", err)
		}
		if budgets.Of("1", make) != one.Budget || budgets.Of("3", make) == one.Budget {
			t.Error("a credential has not one budget of its own")
		}
	})
}

func asPause(err error, p **setup.Reschedule) (ok bool) {
	*p, ok = err.(*setup.Reschedule)
	return ok
}

func TestOpen(t *testing.T) {
	cl := scripted(t,
		step{Ask: "POST /v1/q", Status: 502, Body: "{}"},
		step{Ask: "POST /v1/q", With: map[string]string{"Content-Type": "application/json", "Accept": "text/csv"}, Body: "{}", Answer: "a,b\n1,2\n"},
		step{Ask: "DELETE /v1/q", Status: 204},
		step{Ask: "POST /v1/jobs", Status: 502}, step{Ask: "DELETE /v1/jobs", Status: 204}, step{Ask: "POST /v1/jobs", Answer: "{}"},
		step{Ask: "POST /v1/once", Status: 502})
	res, err := cl.Open(t.Context(), rest.Request{Method: "POST", URL: "q", Body: []byte("{}"), Type: "application/json", Header: map[string][]string{"Accept": {"text/csv"}}})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "a,b\n1,2\n" {
		t.Errorf("got %q, %v", b, err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	var r rest.Reply
	if err := cl.Do(t.Context(), rest.Request{Method: "DELETE", URL: "q"}, &r); err != nil || r.Value != nil {
		t.Errorf("got %v, %v", r.Value, err)
	}
	undo := func(ctx context.Context) error {
		return cl.Do(ctx, rest.Request{Method: "DELETE", URL: "jobs"}, &rest.Reply{})
	}
	if err := cl.Do(t.Context(), rest.Request{Method: "POST", URL: "jobs", Again: undo}, &r); err != nil {
		t.Error(err)
	}
	once := errors.New("not again")
	if err := cl.Do(t.Context(), rest.Request{Method: "POST", URL: "once", Again: func(context.Context) error { return once }}, &r); err != once {
		t.Errorf("got %v", err)
	}
}
