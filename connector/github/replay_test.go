package github

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/rest"
)

// recorded returns the steps of a scenario of @octokit/fixtures 23.1.2 (MIT,
// testdata/octokit/LICENSE.md): answers that GitHub gave, with ids and times
// made equal by whoever recorded them. What the requests must be like is what
// GitHub asks for, not what Octokit sent.
func recorded(t *testing.T, scenario string) []connectortest.Step {
	raw, err := os.ReadFile("testdata/octokit/" + scenario + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Path     string
		Status   int
		Headers  map[string]string
		Response json.RawMessage
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var steps []connectortest.Step
	for _, r := range all {
		steps = append(steps, connectortest.Step{Ask: "GET " + r.Path, Status: r.Status, Header: r.Headers, Answer: string(r.Response),
			With: map[string]string{"Accept": "application/vnd.github+json", "Authorization": "Bearer t", "X-GitHub-Api-Version": "2022-11-28", "If-None-Match": ""}})
	}
	return steps
}

// GitHub's own answers make the rows that they should, through the tables of
// the connector; what is asked for is what was recorded, in its order, the
// connector's parameters left away.
func TestRecordedAnswers(t *testing.T) {
	const org = "octokit-fixture-org/"
	for _, c := range []struct {
		scenario, repository string
		list                 string // the connector's; "": the repository itself
		query                string
		tables               map[string]string // columns, by table
		want                 string
	}{
		{scenario: "get-repository", repository: org + "hello-world", tables: map[string]string{"repository": "full_name default_branch private fork"},
			want: "repository octokit-fixture-org/hello-world|master|false|false\n"},
		{scenario: "rename-repository", repository: org + "rename-repository", tables: map[string]string{"repository": "full_name"},
			want: "repository octokit-fixture-org/rename-repository-newname\n"},
		{scenario: "labels", repository: org + "labels", list: "/labels", tables: map[string]string{"label": "id name color is_default"},
			want: "label 1000|bug|d73a4a|true\nlabel 1001|documentation|0075ca|true\nlabel 1002|duplicate|cfd3d7|true\nlabel 1003|enhancement|a2eeef|true\n" +
				"label 1004|good first issue|7057ff|true\nlabel 1005|help wanted|008672|true\nlabel 1006|invalid|e4e669|true\nlabel 1007|question|d876e3|true\nlabel 1008|wontfix|ffffff|true\n"},
		{scenario: "paginate-issues", repository: org + "paginate-issues", list: "/issues?", query: "per_page=3", tables: map[string]string{"issue": "number title state pull_request locked"},
			want: func() (s string) {
				for n := 13; n > 0; n-- {
					s += fmt.Sprintf("issue %d|Test issue %d|open|false|false\n", n, n)
				}
				return s
			}()},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			base, _ := url.Parse("https://api.github.com/")
			s, err := open([]byte(`{"auth_mode":"PersonalAccessToken","pats":["t"]}`), connector.Env{HTTP: connectortest.NewScript(t, recorded(t, c.scenario)...).Client()})
			if err != nil {
				t.Fatal(err)
			}
			s.client.Base = base
			root := *s.api.Roots[1]
			root.Finds, root.Met, root.Lists = nil, nil, nil
			root.Paths = []string{"repos/" + c.repository}
			if c.list != "" {
				root = *find(t, s.api, c.list)
				root.Finds, root.Met, root.Details, root.Lists, root.Cursor, root.Paths = nil, nil, nil, nil, nil, nil
				root.Whole = rest.Never // no page is asked for twice, as none was when they were recorded
				root.Path, _, _ = strings.Cut(root.Path, "?")
				root.Path = strings.ReplaceAll(root.Path, "{full_name}", c.repository)
			}
			s.api = &rest.API{Roots: []*rest.Resource{&root}, Next: rest.Link, Query: c.query, Funcs: s.funcs()}
			m := &connectortest.Model{}
			if err := m.Sync(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for table, columns := range c.tables {
				for _, r := range m.Rows(table, strings.Fields(columns)...) {
					fmt.Fprintln(&got, table, r)
				}
			}
			if diff := cmp.Diff(c.want, got.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// find returns the resource whose path holds a text.
func find(t *testing.T, api *rest.API, path string) *rest.Resource {
	var look func(rs []*rest.Resource) *rest.Resource
	look = func(rs []*rest.Resource) *rest.Resource {
		for _, r := range rs {
			if strings.Contains(r.Path, path) && !strings.Contains(r.Path, "deployments") {
				return r
			}
			if in := look(append(r.Lists, r.Details...)); in != nil {
				return in
			}
		}
		return nil
	}
	r := look(api.Roots[1:])
	if r == nil {
		t.Fatalf("there is no path with %q", path)
	}
	return r
}
