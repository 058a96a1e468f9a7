package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A route is a list of the API.
type route struct {
	pattern string // with * for a segment
	params  string // beside page and per_page
	items   string // the field of a page that has the rows; "": the page is the list
	time    string // what the list is in descending order of; "": the order in which rows came
	commits bool   // refused with 409 in a repository without any
	cursor  bool   // pages are asked for by "after", not by their number
}

var routes = []route{
	{pattern: "user/repos"},
	{pattern: "user/orgs"},
	{pattern: "installation/repositories", items: "repositories"},
	{pattern: "repos/*/*/labels"},
	{pattern: "repos/*/*/milestones", params: "state"},
	{pattern: "repos/*/*/issues", params: "state sort direction since", time: "created_at"},
	{pattern: "repos/*/*/issues/comments", params: "sort direction since"},
	{pattern: "repos/*/*/issues/events", time: "created_at"},
	{pattern: "repos/*/*/pulls", params: "state sort direction", time: "created_at"},
	{pattern: "repos/*/*/pulls/comments", params: "sort direction since"},
	{pattern: "repos/*/*/pulls/*/reviews"},
	{pattern: "repos/*/*/commits", params: "sha since until", time: "commit.committer.date", commits: true},
	{pattern: "repos/*/*/commits/*/pulls"},
	{pattern: "repos/*/*/commits/*/check-runs", params: "filter", items: "check_runs"},
	{pattern: "repos/*/*/commits/*/statuses"},
	{pattern: "repos/*/*/releases"},
	{pattern: "repos/*/*/deployments", time: "created_at"},
	{pattern: "repos/*/*/deployments/*/statuses"},
	{pattern: "repos/*/*/actions/workflows", items: "workflows"},
	{pattern: "repos/*/*/actions/runs", params: "created status", items: "workflow_runs", time: "created_at"},
	{pattern: "repos/*/*/actions/runs/*/jobs", params: "filter", items: "jobs"},
	{pattern: "repos/*/*/stargazers"},
	{pattern: "repos/*/*/teams"},
	{pattern: "repos/*/*/collaborators"},
	{pattern: "repos/*/*/properties/values"},
	{pattern: "repos/*/*/traffic/views", items: "views"},
	{pattern: "repos/*/*/traffic/clones", items: "clones"},
	{pattern: "orgs/*/teams"},
	{pattern: "orgs/*/teams/*/members"},
	{pattern: "orgs/*/members"},
	{pattern: "orgs/*/dependabot/alerts", params: "state sort direction", time: "created_at", cursor: true},
	{pattern: "orgs/*/projectsV2", params: "q", cursor: true},
	{pattern: "orgs/*/projectsV2/*/fields", cursor: true},
	{pattern: "orgs/*/projectsV2/*/items", params: "q fields", cursor: true},
	{pattern: "orgs/*/copilot/metrics"},
	{pattern: "orgs/*/team/*/copilot/metrics"},
}

func find(p string) (route, bool) {
	i := slices.IndexFunc(routes, func(r route) bool {
		ok, _ := path.Match(r.pattern, p) // the patterns are good
		return ok
	})
	if i < 0 {
		return route{}, false
	}
	return routes[i], true
}

// allowed are the values of parameters that have few.
var allowed = map[string]string{"state": "open closed all", "sort": "created updated comments", "direction": "asc desc", "filter": "all latest"}

// page answers a request for a page of docs.
func (rt *route) page(u *url.URL, docs []Doc, no func(int, string) ([]byte, int, map[string]string)) ([]byte, int, map[string]string) {
	q := u.Query()
	size, page, after := 30, 1, ""
	for name := range q {
		v := q.Get(name)
		n, err := strconv.Atoi(v)
		switch {
		case len(q[name]) != 1:
			return no(http.StatusUnprocessableEntity, name+" is given twice.")
		case name == "per_page" && err == nil && 0 < n && n <= 100:
			size = n
		case name == "page" && err == nil && n > 0 && !rt.cursor:
			page = n
		case name == "after" && rt.cursor:
			after = v
		case !slices.Contains(strings.Fields(rt.params), name), allowed[name] != "" && !slices.Contains(strings.Fields(allowed[name]), v):
			return no(http.StatusUnprocessableEntity, name+" must not be "+v+".")
		case name == "since":
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				return no(http.StatusUnprocessableEntity, "since is no time.")
			}
		}
	}
	docs = rt.chosen(docs, q)
	from := (page - 1) * size
	if after != "" {
		if from = slices.IndexFunc(docs, func(d Doc) bool { return cursor(d) == after }) + 1; from == 0 {
			return no(http.StatusUnprocessableEntity, "after is no cursor.")
		}
	}
	last := max((len(docs)+size-1)/size, 1)
	rows := docs[min(from, len(docs)):min(from+size, len(docs))]
	if rows == nil {
		rows = []Doc{}
	}
	var answer any = rows
	if rt.items != "" {
		answer = Doc{"total_count": len(docs), rt.items: rows}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return no(http.StatusInternalServerError, err.Error())
	}
	header := map[string]string{}
	l := link(u, page, last)
	if rt.cursor {
		if l = ""; from+size < len(docs) {
			q.Set("after", cursor(rows[len(rows)-1]))
			l = fmt.Sprintf(`<%s?%s>; rel="next"`, u.Path, q.Encode())
		}
	}
	if l != "" {
		header["Link"] = l
	}
	return body, http.StatusOK, header
}

// cursor returns what stands for a row in "after".
func cursor(d Doc) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Append(nil, "v2:", d["id"]))
}

// withFields returns items of a project with the fields that are asked for:
// without any the title, which all have ("REST API endpoints for Project
// items"). It returns nil if a field is none of the project's.
func withFields(items, fields []Doc, asked string) []Doc {
	out := []Doc{}
	known := map[string]bool{}
	for _, f := range fields {
		known[fmt.Sprint(f["id"])] = true
		if f["data_type"] == "title" && asked == "" {
			asked = fmt.Sprint(f["id"])
		}
	}
	for id := range strings.SplitSeq(asked, ",") {
		if !known[id] {
			return nil
		}
	}
	for _, d := range items {
		has, _ := d["fields"].([]Doc)
		out = append(out, with(d, Doc{"fields": slices.DeleteFunc(slices.Clone(has), func(f Doc) bool {
			return !slices.Contains(strings.Split(asked, ","), fmt.Sprint(f["id"]))
		})}))
	}
	return out
}

// chosen returns the rows that parameters select, in their order.
func (rt *route) chosen(docs []Doc, q url.Values) []Doc {
	since := q.Get("since") // times in UTC compare as texts
	docs = slices.DeleteFunc(slices.Clone(docs), func(d Doc) bool {
		state, _ := d["state"].(string)
		if !strings.Contains(rt.pattern, "dependabot") && strings.Contains(rt.params, "state ") || rt.pattern == "repos/*/*/milestones" {
			if want := q.Get("state"); want != "all" && state != "" && state != max(want, "open") && want != state {
				return true
			}
		}
		return since != "" && text(d, "updated_at") < since
	})
	by, descending := rt.time, true
	if q.Get("sort") == "updated" {
		by = "updated_at"
	}
	if d := q.Get("direction"); d != "" {
		descending = d == "desc"
	}
	if by != "" {
		slices.SortStableFunc(docs, func(a, b Doc) int {
			c := strings.Compare(text(a, by), text(b, by))
			if descending {
				return -c
			}
			return c
		})
	}
	return docs
}

// text returns a text in an object, "" if it has none.
func text(d Doc, field string) string {
	for name := range strings.SplitSeq(field, ".") {
		switch v := d[name].(type) {
		case Doc:
			d = v
		case string:
			return v
		}
	}
	return ""
}
