package simulator

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The simulator refuses what GitHub does not ask for, and pages, tags and
// counts as GitHub does.
func TestSimulator(t *testing.T) {
	s := New(Options{Limit: 22})
	tag := ""
	for _, c := range []struct {
		path   string
		change func(http.Header)
		status int
		header string // part of "Name: value" that it must have
		body   string // part of it
	}{
		{path: "/repos/octo/alpha/issues?state=all&per_page=3", status: 200, header: `Link: </repos/octo/alpha/issues?page=2&per_page=3&state=all>; rel="next", </repos/octo/alpha/issues?page=3&per_page=3&state=all>; rel="last"`, body: `"number":7`},
		{path: "/repos/octo/alpha/issues?state=all&per_page=3&page=3", status: 200, header: `rel="prev"`, body: `"number":1`},
		{path: "/repos/octo/alpha/issues?sort=updated&direction=asc&state=all", status: 200, body: `"number":7`},
		{path: "/repos/octo/alpha/issues?since=2999-01-01T00:00:00Z", status: 200, body: `[]`},
		{path: "/repos/octo/alpha/issues?since=yesterday", status: 422},
		{path: "/repos/octo/alpha/issues?colour=red", status: 422},
		{path: "/repos/octo/alpha/issues?per_page=101", status: 422},
		{path: "/repos/octo/alpha/actions/runs", status: 200, body: `"total_count":1`},
		{path: "/repos/octo/beta/commits", status: 409},
		{path: "/orgs/octo/dependabot/alerts?per_page=1", status: 200, header: `Link: </orgs/octo/dependabot/alerts?after=djI6MQ&per_page=1>; rel="next"`, body: `"security_vulnerability"`},
		{path: "/orgs/octo/dependabot/alerts?per_page=1&after=djI6MQ", status: 200, header: `after=`, body: `"number":2`},
		{path: "/orgs/octo/dependabot/alerts?page=2", status: 422},
		{path: "/orgs/octo/dependabot/alerts?after=nothing", status: 422},
		{path: "/orgs/octo/projectsV2/1/fields", status: 200, body: `"data_type":"title"`},
		{path: "/orgs/octo/projectsV2/1/items", status: 200, body: `"fields":[{"data_type":"title"`},
		{path: "/orgs/octo/projectsV2/1/items?fields=602", status: 200, body: `"fields":[{"data_type":"single_select"`},
		{path: "/orgs/octo/projectsV2/1/items?fields=602,7", status: 422},
		{path: "/repos/octo/alpha/actions/runs/421/attempts/1", status: 200, body: `"conclusion":"failure"`},
		{path: "/repos/octo/alpha/actions/runs/421/attempts/3", status: 404},
		{path: "/repos/octo/nothing/issues", status: 404},
		{path: "/repos/octo/alpha", change: func(h http.Header) { h.Del("X-GitHub-Api-Version") }, status: 400},
		{path: "/repos/octo/alpha", change: func(h http.Header) { h.Del("User-Agent") }, status: 403},
		{path: "/repos/octo/alpha", change: func(h http.Header) { h.Set("Accept", "text/html") }, status: 415},
		{path: "/repos/octo/alpha", change: func(h http.Header) { h.Set("Authorization", "Bearer x") }, status: 401},
		{path: "/app/installations/1/access_tokens", status: 404},
		{path: "/repos/octo/alpha", status: 200, header: "X-Ratelimit-Remaining: 0"},
		{path: "/repos/octo/alpha", change: func(h http.Header) { h.Set("If-None-Match", tag) }, status: 304, header: "X-Ratelimit-Remaining: 0"},
		{path: "/repos/octo/alpha", status: 403, body: "rate limit"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header = http.Header{"Accept": {"application/vnd.github+json"}, "User-Agent": {"test"}, "X-Github-Api-Version": {"2022-11-28"}, "Authorization": {"Bearer " + DefaultToken}}
		if c.change != nil {
			c.change(r.Header)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var header strings.Builder
		w.Header().Write(&header)
		if w.Code != c.status || !strings.Contains(header.String(), c.header) || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s: got %d\n%s%.300s", c.path, w.Code, header.String(), w.Body)
		}
		tag = w.Header().Get("ETag")
	}
}
