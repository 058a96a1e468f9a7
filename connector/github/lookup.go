package github

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
)

// A lookup has the ids of what one repository's lists refer to by number or
// name.
type lookup struct {
	repository string
	ids        map[string]int64 // by "issue 7"; 0: there is none
}

// lookupLimit bounds how many ids are kept.
const lookupLimit = 200_000

func newLookup() *lookup { return &lookup{ids: map[string]int64{}} }

// in makes l that of the repository which is around an object.
func (l *lookup) in(o *rest.Object) {
	if name := o.Text("^full_name"); name != l.repository || len(l.ids) > lookupLimit {
		l.repository = name
		clear(l.ids)
	}
}

// meet notes the users in an object, for the table of users.
func (s *source) meet(_ context.Context, o *rest.Object) error {
	for _, path := range []string{"user.id", "actor.id", "author.id", "committer.id", "assignee.id", "owner.id", "merged_by.id"} {
		if id := o.Int(path); id != 0 {
			o.Find(s.users[0], userPath(id))
		}
	}
	for _, u := range o.Value.GetArray("assignees") {
		o.Find(s.users[0], userPath(u.GetInt64("id")))
	}
	if t := o.Text("type"); (t == "User" || t == "Bot") && o.Text("login") != "" { // the object is one
		o.Find(s.users[0], userPath(o.Int("id")))
	}
	return nil
}

// numbered notes which id has which number, and the users.
func (s *source) numbered(kind string) func(context.Context, *rest.Object) error {
	return func(ctx context.Context, o *rest.Object) error {
		s.found.in(o)
		s.found.ids[kind+" "+o.Text("number")] = o.Int("id")
		return s.meet(ctx, o)
	}
}

// names notes which id has which name.
func (s *source) names(kind, field string) func(context.Context, *rest.Object) error {
	return func(_ context.Context, o *rest.Object) error {
		s.found.in(o)
		s.found.ids[kind+" "+o.Text(field)] = o.Int("id")
		return nil
	}
}

// id returns the id of what a repository has under a number or name; NULL if
// it is there no more.
func (s *source) id(ctx context.Context, o *rest.Object, kind, name, path string) (*fastjson.Value, error) {
	if name == "" {
		return nil, nil
	}
	s.found.in(o)
	id, ok := s.found.ids[kind+" "+name]
	if !ok {
		var r rest.Reply
		err := o.Read(ctx, "repos/"+o.Text("^full_name")+"/"+path+url.PathEscape(name), &r)
		switch status := rest.Status(err); {
		case slices.Contains([]int{http.StatusNotFound, http.StatusGone, http.StatusForbidden}, status):
		case err != nil:
			return nil, err
		default:
			id = r.Value.GetInt64("id")
		}
		s.found.ids[kind+" "+name] = id
	}
	if id == 0 {
		return nil, nil
	}
	return rest.Number(id), nil
}

// turnedOn are events that set what others of their table take back.
var turnedOn = []string{"assigned", "labeled", "locked", "milestoned", "closed", "ready_for_review", "review_request_removed"}

func (s *source) funcs() map[string]rest.Func {
	return map[string]rest.Func{
		"issue": func(ctx context.Context, o *rest.Object) (*fastjson.Value, error) {
			return s.id(ctx, o, "issue", number(o, "issue_url"), "issues/")
		},
		"pull": func(ctx context.Context, o *rest.Object) (*fastjson.Value, error) {
			return s.id(ctx, o, "pull", number(o, "pull_request_url"), "pulls/")
		},
		"label": func(ctx context.Context, o *rest.Object) (*fastjson.Value, error) {
			return s.id(ctx, o, "label", o.Text("label.name"), "labels/")
		},
		"milestone": s.milestone,
		"on": func(_ context.Context, o *rest.Object) (*fastjson.Value, error) {
			return rest.Bool(slices.Contains(turnedOn, o.Text("event"))), nil
		},
		"vulnerable": func(_ context.Context, o *rest.Object) (*fastjson.Value, error) {
			return vulnerability(o.Get("security_vulnerability")), nil
		},
		"vulnerability": func(_ context.Context, o *rest.Object) (*fastjson.Value, error) { return vulnerability(o.Value), nil },
		"reviewer": func(_ context.Context, o *rest.Object) (*fastjson.Value, error) {
			if o.Get("requested_team.id") != nil {
				return rest.String("Team"), nil
			}
			return o.Get("requested_reviewer.type"), nil
		},
		"status": func(_ context.Context, o *rest.Object) (*fastjson.Value, error) {
			for _, f := range o.Value.GetArray("fields") {
				if string(f.GetStringBytes("name")) == "Status" {
					return f.Get("value", "name", "raw"), nil
				}
			}
			return nil, nil
		},
	}
}

// vulnerability returns the id of a vulnerability, of which the API has none: a
// hash of what it is.
func vulnerability(v *fastjson.Value) *fastjson.Value {
	if v == nil {
		return nil
	}
	h := sha256.New()
	for _, path := range [][]string{{"package", "ecosystem"}, {"package", "name"}, {"vulnerable_version_range"}, {"first_patched_version", "identifier"}, {"severity"}} {
		h.Write(append(v.GetStringBytes(path...), 0))
	}
	return rest.String(base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:20]))
}

// items returns the path of a project's items, with all fields: without their
// ids GitHub gives the title only ("REST API endpoints for Project items",
// 2026-11).
func items(ctx context.Context, o *rest.Object) ([]string, error) {
	project := fmt.Sprintf("orgs/%s/projectsV2/%d/", url.PathEscape(o.Text("^login")), o.Int("number"))
	var ids []string
	err := o.ReadAll(ctx, project+"fields", func(f *fastjson.Value) { ids = append(ids, f.Get("id").String()) })
	if ids == nil {
		return []string{project + "items"}, err
	}
	return []string{project + "items?fields=" + strings.Join(ids, ",")}, err
}

// attempts returns the paths of a workflow run's attempts before the latest.
func attempts(_ context.Context, o *rest.Object) (paths []string, err error) {
	for n := range max(o.Int("run_attempt")-1, 0) {
		paths = append(paths, fmt.Sprintf("repos/%s/actions/runs/%d/attempts/%d", o.Text("^full_name"), o.Int("id"), n+1))
	}
	return paths, nil
}

// number returns the number of an issue or pull request that an object is, is
// an event of, or refers to by a URL.
func number(o *rest.Object, address string) string {
	if u := o.Text(address); u != "" {
		return rest.LastSegment(u)
	}
	if n := o.Text("issue.number"); n != "" {
		return n
	}
	return o.Text("number")
}

// milestone returns the id of an event's milestone, of which it has the title
// only: of a repository's milestones there is no single one by title.
func (s *source) milestone(ctx context.Context, o *rest.Object) (*fastjson.Value, error) {
	s.found.in(o)
	if _, read := s.found.ids["milestones"]; !read {
		s.found.ids["milestones"] = 1
		err := o.ReadAll(ctx, "repos/"+o.Text("^full_name")+"/milestones?state=all", func(m *fastjson.Value) {
			s.found.ids["milestone "+string(m.GetStringBytes("title"))] = m.GetInt64("id")
		})
		if err != nil {
			return nil, err
		}
	}
	if id := s.found.ids["milestone "+o.Text("milestone.title")]; id != 0 {
		return rest.Number(id), nil
	}
	return nil, nil
}
