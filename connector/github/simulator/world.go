package simulator

import (
	"fmt"
	"time"
)

// populate makes the organization octo with the repositories alpha, which has
// something of everything, and beta, which is empty.
func (s *Simulator) populate() {
	at := func(hours int) string {
		return s.opt.Start.Add(time.Duration(hours) * time.Hour).UTC().Format(time.RFC3339)
	}
	people := []Doc{
		{"id": int64(1), "login": "ada", "type": "User", "site_admin": false, "name": "Ada", "created_at": at(0), "updated_at": at(0)},
		{"id": int64(2), "login": "bob", "type": "User", "site_admin": false, "name": "Bob", "hireable": true, "created_at": at(0), "updated_at": at(0)},
		{"id": int64(3), "login": "ci[bot]", "type": "Bot", "site_admin": false, "created_at": at(0), "updated_at": at(0)},
	}
	org := Doc{"id": int64(100), "login": "octo", "type": "Organization", "created_at": at(0), "updated_at": at(0)}
	for _, p := range append(people, org) {
		s.Put("user", p)
	}
	person := func(i int) Doc {
		p := people[i%len(people)]
		return Doc{"id": p["id"], "login": p["login"], "type": p["type"], "site_admin": false}
	}
	s.Put("user/orgs", org)
	for i, name := range []string{"alpha", "beta"} {
		s.Put("user/repos", Doc{"id": int64(10 + i), "name": name, "full_name": "octo/" + name, "owner": org, "private": i > 0, "fork": false, "archived": false,
			"description": "The " + name, "default_branch": "main", "language": "Go", "forks_count": i, "watchers_count": 3, "created_at": at(i), "topics": []string{"data", name}})
	}
	const alpha = "repos/octo/alpha/"
	label := func(i int) Doc {
		name := []string{"bug", "good first issue", "wontfix"}[i%3]
		return Doc{"id": int64(200 + i%3), "name": name, "color": "d73a4a", "default": i == 0, "description": nil, "url": "https://api.github.com/" + alpha + "labels/" + name}
	}
	milestone := Doc{"id": int64(300), "number": 1, "title": "1.0", "state": "closed", "creator": person(0), "created_at": at(1), "updated_at": at(2), "due_on": at(400)}
	for i := range 3 {
		s.Put(alpha+"labels", label(i))
	}
	s.Put(alpha+"milestones", milestone)
	for i := range s.opt.Issues {
		s.issue(alpha, i, at(3+i), person, label, milestone)
	}
	s.commits(alpha, at, person)
	s.rest(alpha, at, person)
	s.organization(at, person)
	s.rare(at, person)
}

func (s *Simulator) issue(repo string, i int, at string, person, label func(int) Doc, milestone Doc) {
	n := int64(i + 1)
	issue := Doc{"id": 1000 + n, "number": n, "title": fmt.Sprint("Issue ", n), "body": "It \"breaks\".", "state": []string{"open", "closed"}[i%2], "user": person(i), "locked": false,
		"created_at": at, "updated_at": at, "labels": []Doc{label(i)}, "assignees": []Doc{person(i), person(i + 1)}, "milestone": milestone}
	if i%3 == 2 {
		issue["pull_request"] = Doc{"url": "x"}
		s.Put(repo+"pulls", Doc{"id": 5000 + n, "number": n, "user": person(i), "draft": false, "created_at": at, "updated_at": at, "state": issue["state"],
			"base": Doc{"label": "octo:main", "ref": "main", "sha": "b0", "repo": Doc{"id": int64(10)}, "user": Doc{"id": int64(100)}},
			"head": Doc{"label": "ada:fix", "ref": "fix", "sha": "h0", "repo": nil, "user": person(0)}})
		s.Put(fmt.Sprintf("%spulls/%d/reviews", repo, n), Doc{"id": 6000 + n, "commit_id": "h0", "user": person(1), "body": "Good.", "state": "APPROVED", "submitted_at": at})
		s.Put(repo+"pulls/comments", Doc{"id": 7000 + n, "pull_request_url": fmt.Sprintf("https://api.github.com/%spulls/%d", repo, n), "pull_request_review_id": 6000 + n, "user": person(1),
			"body": "Here", "created_at": at, "updated_at": at, "reactions": Doc{"+1": 2, "-1": 1}})
		s.event(repo, 8500+n, "review_requested", at, issue, Doc{"requested_reviewer": person(1), "review_requester": person(0)})
		s.event(repo, 8600+n, "ready_for_review", at, issue, nil)
		s.event(repo, 8700+n, "merged", at, issue, Doc{"commit_id": "c1"})
		s.event(repo, 8800+n, "review_dismissed", at, issue, Doc{"dismissed_review": Doc{"review_id": 6000 + n, "state": "approved", "dismissal_message": "No."}})
	}
	s.Put(repo+"issues", issue)
	s.Put(repo+"issues/comments", Doc{"id": 2000 + n, "issue_url": fmt.Sprintf("https://api.github.com/%sissues/%d", repo, n), "user": person(i + 1), "body": "Me too", "created_at": at, "updated_at": at})
	for j, e := range []struct {
		kind string
		more Doc
	}{
		{"labeled", Doc{"label": Doc{"name": label(i)["name"]}}}, {"assigned", Doc{"assignee": person(i), "assigner": person(0)}},
		{"milestoned", Doc{"milestone": Doc{"title": "1.0"}}}, {"renamed", Doc{"rename": Doc{"from": "a", "to": "b"}}}, {"closed", Doc{"commit_id": "c0"}},
		{"locked", nil}, {"mentioned", nil}, {"referenced", Doc{"commit_id": "c0"}},
	} {
		s.event(repo, 3000+n*10+int64(j), e.kind, at, issue, e.more)
	}
}

func (s *Simulator) event(repo string, id int64, kind, at string, issue, more Doc) {
	s.Put(repo+"issues/events", with(Doc{"id": id, "event": kind, "actor": issue["user"], "created_at": at, "issue": Doc{"id": issue["id"], "number": issue["number"]}}, more))
}

func (s *Simulator) commits(repo string, at func(int) string, person func(int) Doc) {
	for i := range 4 {
		sha := fmt.Sprintf("c%d", i)
		who := Doc{"name": "Ada", "email": "ada@example.com", "date": at(10 + i)}
		parents := []Doc{}
		if i > 0 {
			parents = append(parents, Doc{"sha": fmt.Sprintf("c%d", i-1)})
		}
		c := Doc{"sha": sha, "commit": Doc{"author": who, "committer": who, "message": "work"}, "author": person(0), "committer": person(0), "parents": parents,
			"files": []Doc{{"filename": "a.go", "additions": i, "deletions": 0, "changes": i, "status": "modified"}}}
		s.Put(repo+"commits", c)
		s.Put(repo+"commits/"+sha+"/pulls", Doc{"id": int64(5003)})
		s.Put(repo+"commits/"+sha+"/check-runs", Doc{"id": int64(9000 + i), "name": "test", "status": "completed", "conclusion": "success", "app": Doc{"id": 5, "name": "Actions"},
			"check_suite": Doc{"id": 6}, "started_at": at(11), "completed_at": at(12)})
		s.Put(repo+"commits/"+sha+"/statuses", Doc{"id": int64(9100 + i), "state": "success", "context": "ci", "created_at": at(11), "updated_at": at(11)})
	}
}

func (s *Simulator) rest(repo string, at func(int) string, person func(int) Doc) {
	s.Put(repo+"releases", Doc{"id": int64(400), "tag_name": "v1", "target_commitish": "main", "name": "One", "draft": false, "prerelease": false, "author": person(0), "created_at": at(20),
		"published_at": at(21), "assets": []Doc{{"id": int64(401), "name": "a.tgz", "size": int64(5_000_000_000), "state": "uploaded", "uploader": person(0), "created_at": at(20), "updated_at": at(20)}}})
	s.Put(repo+"deployments", Doc{"id": int64(410), "sha": "c1", "ref": "main", "task": "deploy", "environment": "prod", "payload": Doc{"a": 1}, "creator": person(2), "created_at": at(22), "updated_at": at(22)})
	s.Put(repo+"deployments/410/statuses", Doc{"id": int64(411), "state": "success", "creator": person(2), "environment": "prod", "created_at": at(23), "updated_at": at(23)})
	s.Put(repo+"actions/workflows", Doc{"id": int64(420), "name": "CI", "path": ".github/workflows/ci.yml", "state": "active", "created_at": at(1), "updated_at": at(1)})
	s.Put(repo+"actions/runs", Doc{"id": int64(421), "name": "CI", "actor": person(0), "triggering_actor": person(2), "repository": Doc{"id": int64(10)}, "workflow_id": int64(420), "head_sha": "c1",
		"head_branch": "main", "event": "push", "status": "completed", "conclusion": "success", "run_attempt": 1, "run_number": 7, "created_at": at(24), "updated_at": at(24), "run_started_at": at(24),
		"pull_requests": []Doc{{"id": int64(5003)}}})
	s.Put(repo+"actions/runs/421/jobs", Doc{"id": int64(422), "run_id": int64(421), "name": "test", "labels": []string{"linux"}, "status": "completed", "created_at": at(24), "run_attempt": 1,
		"steps": []Doc{{"number": 1, "name": "checkout", "status": "completed"}, {"number": 2, "name": "test", "status": "completed"}}})
	s.Put(repo+"stargazers", Doc{"id": int64(1), "starred_at": at(2), "user": person(0)})
	s.Put(repo+"teams", Doc{"id": int64(500), "permission": "push"})
	s.Put(repo+"collaborators", with(person(1), Doc{"role_name": "write", "permissions": Doc{"admin": false, "maintain": false, "push": true, "triage": true, "pull": true}}))
	s.Put(repo+"properties/values", Doc{"property_name": "tier", "value": "one"})
	for _, kind := range []string{"views", "clones"} {
		s.Put(repo+"traffic/"+kind, Doc{"timestamp": at(24), "count": 5, "uniques": 2})
	}
}

func (s *Simulator) organization(at func(int) string, person func(int) Doc) {
	const org = "orgs/octo/"
	s.Put(org+"teams", Doc{"id": int64(500), "slug": "core", "name": "Core", "privacy": "closed", "parent": nil})
	s.Put(org+"teams/core/members", person(0))
	s.Put(org+"teams/core/members", person(1))
	s.Put(org+"members", person(0))
	vulnerable := Doc{"package": Doc{"ecosystem": "go", "name": "x"}, "severity": "high", "vulnerable_version_range": "< 1.2.3", "first_patched_version": Doc{"identifier": "1.2.3"}}
	s.Put(org+"dependabot/alerts", Doc{"number": 1, "id": int64(1), "url": "https://api.github.com/repos/octo/alpha/dependabot/alerts/1", "state": "open", "repository": Doc{"id": int64(10)}, "created_at": at(5), "updated_at": at(5),
		"security_vulnerability": vulnerable,
		"dependency":             Doc{"manifest_path": "go.mod", "scope": "runtime", "package": Doc{"ecosystem": "go", "name": "x"}},
		"security_advisory": Doc{"ghsa_id": "GHSA-1", "cve_id": "CVE-1", "severity": "high", "description": "Bad", "cvss": Doc{"score": 7.5, "vector_string": "CVSS:3.1"},
			"cwes": []Doc{{"cwe_id": "CWE-1", "name": "One"}}, "references": []Doc{{"url": "https://example.com/1"}}, "published_at": at(4), "updated_at": at(4),
			"vulnerabilities": []Doc{vulnerable, with(vulnerable, Doc{"vulnerable_version_range": ">= 2.0.0, < 2.0.1", "first_patched_version": nil})}}})
	s.Put(org+"projectsV2", Doc{"id": int64(600), "number": 1, "title": "Roadmap", "owner": Doc{"id": int64(100)}, "creator": person(0), "public": false, "state": "open", "created_at": at(5), "updated_at": at(5)})
	s.Put(org+"projectsV2/1/items", Doc{"id": int64(601), "creator": person(0), "created_at": at(6), "updated_at": at(6), "content_type": "Issue",
		"content": Doc{"id": int64(1001), "number": 1, "title": "Issue 1", "state": "open", "user": person(0), "milestone": Doc{"id": int64(300)}, "parent": Doc{"id": int64(1002)}, "repository": Doc{"id": int64(10)}},
		"fields": []Doc{{"id": int64(602), "name": "Status", "data_type": "single_select", "value": Doc{"id": "98236657", "name": Doc{"raw": "Todo", "html": "Todo"}}},
			{"id": int64(603), "name": "Title", "data_type": "title", "value": Doc{"raw": "Issue 1", "html": "Issue 1"}}}})
	for id, kind := range map[int64]string{602: "single_select", 603: "title"} {
		s.Put(org+"projectsV2/1/fields", Doc{"id": id, "name": kind, "data_type": kind, "created_at": at(5), "updated_at": at(5)})
	}
	model := []Doc{{"name": "default", "is_custom_model": false, "total_engaged_users": 2, "custom_model_training_date": "2026-01-01", "total_chats": 5, "total_chat_copy_events": 1, "total_chat_insertion_events": 2, "total_pr_summaries_created": 1,
		"languages": []Doc{{"name": "go", "total_engaged_users": 2, "total_code_suggestions": 9, "total_code_acceptances": 4, "total_code_lines_accepted": 8, "total_code_lines_suggested": 20}}}}
	day := Doc{"id": int64(1), "date": "2026-01-06", "total_active_users": 3, "total_engaged_users": 2,
		"copilot_ide_code_completions": Doc{"total_engaged_users": 2, "languages": []Doc{{"name": "go", "total_engaged_users": 2}}, "editors": []Doc{{"name": "vim", "total_engaged_users": 2, "models": model}}},
		"copilot_ide_chat":             Doc{"total_engaged_users": 1, "editors": []Doc{{"name": "vim", "total_engaged_users": 1, "models": model}}},
		"copilot_dotcom_chat":          Doc{"total_engaged_users": 1, "models": model},
		"copilot_dotcom_pull_requests": Doc{"total_engaged_users": 1, "repositories": []Doc{{"name": "octo/alpha", "total_engaged_users": 1, "models": model}}}}
	s.Put(org+"copilot/metrics", day)
	s.Put(org+"team/core/copilot/metrics", day)
}
