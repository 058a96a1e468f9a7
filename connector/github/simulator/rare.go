package simulator

// rare gives the first row of lists what rows seldom have, in the shapes of
// GitHub's OpenAPI description (23.0.1, 2026-11).
func (s *Simulator) rare(at func(int) string, person func(int) Doc) {
	const alpha, org = "repos/octo/alpha/", "orgs/octo/"
	add := func(list string, fields Doc) { s.lists[list][0] = with(s.lists[list][0], fields) }

	add("user", Doc{"bio": "Counts", "blog": "https://example.com", "company": "Octo", "location": "London"})
	add("user/repos", Doc{"homepage": "https://example.com/alpha"})
	add(alpha+"labels", Doc{"description": "It is broken"})
	add(alpha+"milestones", Doc{"description": "The first", "closed_at": at(2)})
	add(alpha+"issues", Doc{"state": "closed", "state_reason": "completed", "closed_at": at(3)})
	if s.lists[alpha+"pulls"] != nil {
		pull := s.lists[alpha+"pulls"][0]
		add(alpha+"pulls", Doc{"state": "closed", "closed_at": pull["updated_at"], "merge_commit_sha": "c1", "active_lock_reason": "resolved",
			"head": with(pull["head"].(Doc), Doc{"repo": Doc{"id": int64(12)}})})
		comment := s.lists[alpha+"pulls/comments"][0]
		s.Put(alpha+"pulls/comments", with(comment, Doc{"id": int64(7999), "in_reply_to_id": comment["id"]}))
		dismissed := Doc{"review_id": int64(6999), "state": "commented", "dismissal_message": nil, "dismissal_commit_id": "c2"}
		s.event(alpha, 8999, "review_dismissed", at(9), s.lists[alpha+"issues"][2], Doc{"dismissed_review": dismissed})
	}
	add(alpha+"commits/c0/check-runs", Doc{"external_id": "run-1"})
	add(alpha+"commits/c0/statuses", Doc{"description": "All is well", "target_url": "https://ci.example.com/1"})
	release := s.lists[alpha+"releases"][0]
	add(alpha+"releases", Doc{"body": "News", "updated_at": at(21),
		"assets": []Doc{with(release["assets"].([]Doc)[0], Doc{"content_type": "application/gzip", "download_count": 3, "label": "All"})}})
	add(alpha+"deployments", Doc{"description": "To all", "original_environment": "staging", "production_environment": true, "transient_environment": false})
	add(alpha+"deployments/410/statuses", Doc{"description": "Done"})

	const job = "https://api.github.com/" + alpha + "actions/jobs/422"
	step := Doc{"number": 3, "name": "deploy", "status": "completed", "conclusion": "skipped", "started_at": at(24), "completed_at": at(24)}
	add(alpha+"actions/runs/421/jobs", Doc{"check_run_url": "https://api.github.com/" + alpha + "check-runs/422", "completed_at": at(25), "conclusion": "success",
		"head_branch": "main", "head_sha": "c1", "html_url": "https://github.com/octo/alpha/actions/runs/421/job/422", "node_id": "CR_1", "url": job,
		"run_url": "https://api.github.com/" + alpha + "actions/runs/421", "runner_group_id": 2, "runner_group_name": "Default", "runner_id": 7, "runner_name": "box",
		"started_at": at(24), "workflow_name": "CI", "steps": append(s.lists[alpha+"actions/runs/421/jobs"][0]["steps"].([]Doc), step)})
	run := s.lists[alpha+"actions/runs"][0]
	s.Put(alpha+"actions/runs/421/attempts", with(run, Doc{"run_attempt": 1, "conclusion": "failure"}))
	add(alpha+"actions/runs", Doc{"run_attempt": 2})

	add(org+"teams", Doc{"description": "Those who merge"})
	s.Put(org+"teams", Doc{"id": int64(501), "slug": "inner-core", "name": "Inner core", "privacy": "secret", "parent": Doc{"id": int64(500)}})
	alert := s.lists[org+"dependabot/alerts"][0]
	s.Put(org+"dependabot/alerts", with(alert, Doc{"id": int64(2), "number": 2, "url": "https://api.github.com/" + alpha + "dependabot/alerts/2", "state": "dismissed",
		"dismissed_at": at(6), "dismissed_by": person(0), "dismissed_reason": "not_used", "dismissed_comment": "Only in tests"}))
	advisory := with(alert["security_advisory"].(Doc), Doc{"ghsa_id": "GHSA-2", "withdrawn_at": at(6)})
	s.Put(org+"dependabot/alerts", with(alert, Doc{"id": int64(3), "number": 3, "url": "https://api.github.com/" + alpha + "dependabot/alerts/3", "state": "fixed",
		"fixed_at": at(7), "security_advisory": advisory}))
	add(org+"projectsV2", Doc{"description": "Where we go", "short_description": "Where", "is_template": false, "state": "closed", "closed_at": at(7), "deleted_at": at(8),
		"deleted_by": person(0), "latest_status_update": Doc{"id": int64(610), "creator": person(0), "body": "On time", "status": "ON_TRACK", "start_date": "2026-01-05",
			"target_date": "2026-03-01", "created_at": at(6), "updated_at": at(6)}})
	add(org+"projectsV2/1/items", Doc{"archived_at": at(8)})
}
