package github

import (
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/rest"
)

const day = 24 * time.Hour

// inRepository is what is read of each repository, in an order in which what
// others refer to by number or name comes first.
//
// Columns and keys are those of Fivetran's ERD (2026-02), paths and fields of
// GitHub's REST API reference (version 2022-11-28, 2026-11).
func (s *source) inRepository() []*rest.Resource {
	const repo = "repos/{full_name}/"
	return []*rest.Resource{
		{Path: repo + "labels", Whole: day, Met: s.names("label", "name"), Tables: []rest.Table{
			{Name: "label", Columns: `id LONG key, color STRING, description STRING, is_default BOOLEAN = default, name STRING, url STRING`}}},
		{Path: repo + "milestones?state=all", Whole: day, Met: s.names("milestone", "title"), Tables: []rest.Table{
			{Name: "milestone", Columns: `id LONG key, creator_id LONG = creator.id, repository_id LONG = ^id, closed_at UTC_DATETIME,
				created_at UTC_DATETIME, description STRING, due_on UTC_DATETIME, is_deleted BOOLEAN = deleted_at?, number LONG, state STRING,
				title STRING, updated_at UTC_DATETIME`}}},
		{Path: repo + "issues?state=all&sort=updated&direction=asc", Whole: 7 * day, Empty: []int{410}, Met: s.numbered("issue"), Finds: s.users,
			Cursor: &rest.Cursor{Field: "updated_at", LookBack: lookBack, Since: "since"},
			Tables: []rest.Table{{Name: "issue", Columns: `id LONG key, milestone_id LONG = milestone.id, repository_id LONG = ^id, user_id LONG = user.id,
				body STRING, closed_at UTC_DATETIME, created_at UTC_DATETIME, locked BOOLEAN, number LONG, pull_request BOOLEAN = pull_request?,
				state STRING, state_reason STRING, title STRING, updated_at UTC_DATETIME`,
				Children: []rest.Table{
					{Name: "issue_assignee", Each: "assignees", Columns: `issue_id LONG key = ^id, user_id LONG key = id`},
					{Name: "issue_label", Each: "labels", Columns: `issue_id LONG key = ^id, label_id LONG key = id`}}}}},
		{Path: repo + "pulls?state=all&sort=updated&direction=desc", Whole: 7 * day, Met: s.numbered("pull"), Finds: s.users,
			Cursor: &rest.Cursor{Field: "updated_at", LookBack: lookBack},
			Tables: []rest.Table{{Name: "pull_request", Columns: `id LONG key, base_repo_id LONG = base.repo.id, base_user_id LONG = base.user.id,
				head_repo_id LONG = head.repo.id, head_user_id LONG = head.user.id, issue_id LONG = @issue, active_lock_reason STRING,
				base_label STRING = base.label, base_ref STRING = base.ref, base_sha STRING = base.sha, closed_at UTC_DATETIME,
				created_at UTC_DATETIME, draft BOOLEAN, head_label STRING = head.label, head_ref STRING = head.ref, head_sha STRING = head.sha,
				merge_commit_sha STRING, updated_at UTC_DATETIME`}},
			Details: []*rest.Resource{{Path: "repos/{^full_name}/pulls/{number}/reviews", Tables: []rest.Table{
				{Name: "pull_request_review", Columns: `id LONG key, commit_sha STRING = commit_id, pull_request_id LONG = ^id, user_id LONG = user.id,
					body STRING, state STRING, submitted_at UTC_DATETIME`}}}}},
		{Path: repo + "issues/comments?sort=updated&direction=asc", Whole: 7 * day, Empty: []int{410}, Met: s.meet, Finds: s.users,
			Cursor: &rest.Cursor{Field: "updated_at", LookBack: lookBack, Since: "since"},
			Tables: []rest.Table{{Name: "issue_comment", Columns: `id LONG key, issue_id LONG = @issue, user_id LONG = user.id, body STRING,
				created_at UTC_DATETIME, updated_at UTC_DATETIME`}}},
		{Path: repo + "pulls/comments?sort=updated&direction=asc", Whole: 7 * day, Met: s.meet, Finds: s.users,
			Cursor: &rest.Cursor{Field: "updated_at", LookBack: lookBack, Since: "since"},
			Tables: []rest.Table{{Name: "pull_request_review_comments", Columns: `id LONG key, pull_request_id LONG key = @pull,
				parent_comment_id LONG = in_reply_to_id, pull_request_review_id LONG, user_id LONG = user.id, body STRING, created_at UTC_DATETIME,
				reaction_minus_count INT = reactions.-1, reaction_plus_count INT = reactions.+1, updated_at UTC_DATETIME`}}},
		{Path: repo + "issues/events", Whole: rest.Never, Empty: []int{410}, Met: s.meet, Finds: s.users,
			Cursor: &rest.Cursor{Field: "created_at", LookBack: lookBack}, Tables: events},
		{Path: repo + "commits", Whole: 7 * day, Empty: []int{409}, // 409: there is no commit
			Cursor: &rest.Cursor{Field: "commit.committer.date", ID: "sha", LookBack: 3 * day}, Met: s.meet, Finds: s.users,
			Tables: []rest.Table{
				{Name: "commit", Columns: `sha STRING key, author_email STRING = commit.author.email, committer_email STRING = commit.committer.email,
					repository_id LONG = ^id, author_date UTC_DATETIME = commit.author.date, author_name STRING = commit.author.name,
					committer_date UTC_DATETIME = commit.committer.date, committer_name STRING = commit.committer.name, message STRING = commit.message`},
				{Name: "branch_commit_relation", Columns: `branch_name STRING key = ^default_branch, commit_sha STRING key = sha`},
				{Name: "commit_parent", Each: "parents", Fixed: true, Columns: `commit_sha STRING key = ^sha, parent_sha STRING key = sha`},
				{Name: "user_email", Only: has("commit.author.email"), Columns: `email STRING key = commit.author.email, user_id LONG = author.id,
					name STRING = commit.author.name`}},
			Details: inCommit},
		{Path: repo + "releases", PerLogin: true, Whole: day, Tables: []rest.Table{
			{Name: "release", Columns: `id LONG key, author_id LONG = author.id, repository_id LONG = ^id, body STRING, created_at UTC_DATETIME,
				draft BOOLEAN, name STRING, prerelease BOOLEAN, published_at UTC_DATETIME, tag_name STRING, target_commitish STRING, updated_at UTC_DATETIME`,
				Children: []rest.Table{{Name: "asset", Each: "assets", Columns: `id LONG key, release_id LONG = ^id, uploader_id LONG = uploader.id,
					content_type STRING, created_at UTC_DATETIME, download_count INT, label STRING, name STRING, size LONG, state STRING, updated_at UTC_DATETIME`}}}}},
		{Path: repo + "deployments", Whole: 7 * day, Cursor: &rest.Cursor{Field: "created_at", LookBack: 3 * day}, Tables: []rest.Table{
			{Name: "deployment", Columns: `id LONG key, commit_sha STRING = sha, creator_id LONG = creator.id, created_at UTC_DATETIME, description STRING,
				environment STRING, original_environment STRING, payload JSON, production_environment BOOLEAN, ref STRING, task STRING,
				transient_environment BOOLEAN, updated_at UTC_DATETIME`}},
			Details: []*rest.Resource{{Path: "repos/{^full_name}/deployments/{id}/statuses", Tables: []rest.Table{
				{Name: "deployment_status", Columns: `id LONG key, creator_id LONG = creator.id, deployment_id LONG = ^id, created_at UTC_DATETIME,
					description STRING, environment STRING, state STRING, updated_at UTC_DATETIME`}}}}},
		{Path: repo + "actions/workflows", Items: "workflows", Whole: day, Tables: []rest.Table{
			{Name: "workflow", Columns: `id LONG key, repository_id LONG = ^id, created_at UTC_DATETIME, name STRING, path STRING, state STRING, updated_at UTC_DATETIME`}}},
		{Path: repo + "actions/runs", Items: "workflow_runs", Whole: rest.Never, Cursor: &rest.Cursor{Field: "created_at", LookBack: 3 * day},
			Tables: []rest.Table{
				{Name: "workflow_run", Columns: run, Children: []rest.Table{
					{Name: "workflow_run_pull_request", Each: "pull_requests", Fixed: true, Columns: `pull_request_id LONG key = id, workflow_run_id LONG key = ^id`}}},
				{Name: "workflow_run_attempt", Columns: runAttempt}},
			Details: []*rest.Resource{
				{Path: "repos/{^full_name}/actions/runs/{id}/jobs?filter=all", Items: "jobs", Tables: []rest.Table{
					{Name: "workflow_run_job", Columns: `id LONG key, run_id LONG, check_run_url STRING, completed_at STRING, conclusion STRING, created_at STRING,
					head_branch STRING, head_sha STRING, html_url STRING, labels JSON, name STRING, node_id STRING, run_attempt INT, run_url STRING,
					runner_group_id INT, runner_group_name STRING, runner_id INT, runner_name STRING, started_at STRING, status STRING, url STRING,
					workflow_name STRING`,
						Children: []rest.Table{{Name: "workflow_run_job_step", Each: "steps", Fixed: true, Columns: `number INT key,
						workflow_run_job_id LONG key = ^id, completed_at STRING, conclusion STRING, name STRING, started_at STRING, status STRING`}}}}},
				{Path: "repos/{^full_name}/actions/runs/{id}/attempts", Single: true, For: attempts, Empty: []int{404}, Tables: []rest.Table{{Name: "workflow_run_attempt", Columns: runAttempt}}}}},
		{Path: repo + "stargazers", Header: starred, Whole: day, Tables: []rest.Table{
			{Name: "stargazer", Columns: `login STRING key = user.login, repository_id LONG key = ^id, starred_at UTC_DATETIME`}}},
		{Path: repo + "teams", Whole: day, Empty: []int{404}, Tables: []rest.Table{ // 404: the repository is a person's
			{Name: "repo_team", Columns: `repository_id LONG key = ^id, team_id LONG key = id, permission STRING`}}},
		{Path: repo + "collaborators", Whole: day, Met: s.meet, Finds: s.users, Tables: []rest.Table{
			{Name: "repo_collaborator", Columns: `repository_id LONG key = ^id, user_id LONG key = id, admin BOOLEAN = permissions.admin,
				maintain BOOLEAN = permissions.maintain, pull BOOLEAN = permissions.pull, push BOOLEAN = permissions.push, role_name STRING,
				site_admin BOOLEAN, triage BOOLEAN = permissions.triage`}}},
		{Path: repo + "properties/values", Whole: day, Empty: []int{404}, Tables: []rest.Table{
			{Name: "repository_property", Columns: `name STRING key = property_name, repository_id LONG key = ^id, value STRING`}}},
		{Path: repo + "traffic/views", Items: "views", Whole: rest.Never, Tables: []rest.Table{{Name: "page_view", Columns: traffic}}},
		{Path: repo + "traffic/clones", Items: "clones", Whole: rest.Never, Tables: []rest.Table{{Name: "repository_clone", Columns: traffic}}},
	}
}

// closed are the answers of Copilot's metrics where nobody may have them, or
// GitHub has closed the path (changelog, 2026-01-29).
var closed = []int{404, 410, 422}

// lookBack is for rows that come late into a list in order of their time.
const lookBack = 5 * time.Minute

const (
	repository = `id LONG key, owner_id LONG = owner.id, archived BOOLEAN, created_at UTC_DATETIME, default_branch STRING, description STRING,
		fork BOOLEAN, forks_count INT, full_name STRING, homepage STRING, language STRING, name STRING, private BOOLEAN, watchers_count INT`
	user = `id LONG key, bio STRING, blog STRING, company STRING, created_at UTC_DATETIME, hireable BOOLEAN, location STRING, login STRING,
		name STRING, site_admin BOOLEAN, type STRING, updated_at UTC_DATETIME`
	run = `id LONG key, actor_id LONG = actor.id, head_sha STRING, repository_id LONG = repository.id, triggering_actor_id LONG = triggering_actor.id,
		workflow_id LONG, conclusion STRING, created_at UTC_DATETIME, event STRING, head_branch STRING, name STRING, run_attempt LONG,
		run_number LONG, run_started_at UTC_DATETIME, status STRING, updated_at UTC_DATETIME`
	traffic = `timestamp_value UTC_DATETIME key = timestamp, repository_id LONG key = ^id, count_value INT = count, uniques INT`
)

var runAttempt = strings.Replace(run, "run_attempt LONG", "run_attempt LONG key", 1)

// inCommit is what is read of each commit.
var inCommit = []*rest.Resource{
	{Path: "repos/{^full_name}/commits/{sha}", Single: true, Tables: []rest.Table{
		{Name: "commit_file", Each: "files", Fixed: true, Columns: `commit_sha STRING key = ^sha, filename STRING key, additions LONG, changes LONG,
			deletions LONG, status STRING`}}},
	{Path: "repos/{^full_name}/commits/{sha}/pulls", Tables: []rest.Table{
		{Name: "commit_pull_request", Columns: `commit_sha STRING key = ^sha, pull_request_id LONG key = id`}}},
	{Path: "repos/{^full_name}/commits/{sha}/check-runs?filter=all", Items: "check_runs", Tables: []rest.Table{
		{Name: "commit_check_run", Columns: `id LONG key, commit_sha STRING key = ^sha, app_id LONG = app.id, app_name STRING = app.name,
			check_suite_id LONG = check_suite.id, completed_at UTC_DATETIME, conclusion STRING, external_id STRING, name STRING, started_at UTC_DATETIME, status STRING`}}},
	{Path: "repos/{^full_name}/commits/{sha}/statuses", Tables: []rest.Table{
		{Name: "commit_status", Columns: `id LONG key, commit_sha STRING key = ^sha, context STRING, created_at UTC_DATETIME, description STRING, state STRING,
			target_url STRING, updated_at UTC_DATETIME`}}},
}

// events are the tables that an issue's events fill.
var events = []rest.Table{
	event("issue_assignee_history", `updated_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id, user_id LONG key = assignee.id,
		assigner_id LONG = assigner.id, assigned BOOLEAN = @on`, "assigned", "unassigned"),
	event("issue_closed_history", `closed BOOLEAN key = @on, updated_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id,
		actor_id LONG = actor.id, commit_sha STRING = commit_id`, "closed", "reopened"),
	event("issue_label_history", `updated_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id, label_id LONG key = @label,
		actor_id LONG = actor.id, labeled BOOLEAN = @on`, "labeled", "unlabeled"),
	event("issue_locked_history", `updated_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id, actor_id LONG = actor.id,
		locked BOOLEAN = @on`, "locked", "unlocked"),
	event("issue_mention", `updated_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id, user_id LONG key = actor.id`, "mentioned"),
	event("issue_merged", `merged_at UTC_DATETIME key = created_at, commit_sha STRING key = commit_id, issue_id LONG key = issue.id,
		actor_id LONG = actor.id`, "merged"),
	event("issue_milestone_history", `updated_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id, actor_id LONG = actor.id,
		milestone_id LONG = @milestone, milestoned BOOLEAN = @on`, "milestoned", "demilestoned"),
	event("issue_referenced", `referenced_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id, actor_id LONG = actor.id,
		commit_sha STRING = commit_id`, "referenced"),
	event("issue_renamed", `updated_at UTC_DATETIME key = created_at, issue_id LONG key = issue.id, actor_id LONG = actor.id,
		from_name STRING = rename.from, to_name STRING = rename.to`, "renamed"),
	event("pull_request_ready_for_review_history", `created_at UTC_DATETIME key, pull_request_id LONG key = @pull, actor_id LONG = actor.id,
		ready_for_review BOOLEAN = @on`, "ready_for_review", "convert_to_draft"),
	event("requested_reviewer_history", `created_at UTC_DATETIME key, requested_id LONG key = requested_reviewer.id|requested_team.id,
		pull_request_id LONG key = @pull, actor_id LONG = review_requester.id|actor.id, removed BOOLEAN = @on,
		requested_reviewer_type STRING = @reviewer`, "review_requested", "review_request_removed"),
	event("pull_request_review_dismissed", `pull_request_review_id LONG key = dismissed_review.review_id, actor_id LONG = actor.id,
		dismissal_commit_sha STRING = dismissed_review.dismissal_commit_id, created_at UTC_DATETIME,
		dismissal_message STRING = dismissed_review.dismissal_message, state STRING = dismissed_review.state`, "review_dismissed"),
}

// inOrganization is what is read of each organization.
func (s *source) inOrganization() []*rest.Resource {
	const org = "orgs/{login}/"
	return []*rest.Resource{
		{Path: org + "teams", PerLogin: true, Tables: []rest.Table{
			{Name: "team", Columns: `id LONG key, org_id LONG = ^id, parent_id LONG = parent.id, description STRING, name STRING, privacy STRING, slug STRING`}},
			Details: []*rest.Resource{
				{Path: "orgs/{^login}/teams/{slug}/members", Tables: []rest.Table{
					{Name: "team_membership", Columns: `team_id LONG key = ^id, user_id LONG key = id`}}},
				{Path: "orgs/{^login}/team/{slug}/copilot/metrics", Empty: closed, Tables: copilot("_team", "^^login", "^id")}}},
		{Path: org + "members", PerLogin: true, Whole: day, Met: s.meet, Finds: s.users},
		{Path: org + "dependabot/alerts?sort=updated&direction=desc", Whole: 7 * day, Cursor: &rest.Cursor{Field: "updated_at", ID: "url", LookBack: lookBack},
			Tables: []rest.Table{
				{Name: "security_alert", Columns: `number LONG key, repository_id LONG key = repository.id, dismissed_by LONG = dismissed_by.id,
					security_advisory_ghsa_id STRING = security_advisory.ghsa_id, vulnerability_id STRING = @vulnerable, created_at UTC_DATETIME,
					dependency_manifest_path STRING = dependency.manifest_path, dependency_package_ecosystem STRING = dependency.package.ecosystem,
					dependency_package_name STRING = dependency.package.name, dependency_scope STRING = dependency.scope, dismissed_at UTC_DATETIME,
					dismissed_comment STRING, dismissed_reason STRING, fixed_at UTC_DATETIME, state STRING, updated_at UTC_DATETIME`},
				{Name: "security_advisory", Each: "security_advisory", Columns: `ghsa_id STRING key, cve_id STRING, cvss_score DOUBLE = cvss.score,
					cvss_vector_string STRING = cvss.vector_string, description STRING, published_at UTC_DATETIME, severity STRING,
					updated_at UTC_DATETIME, withdrawn_at UTC_DATETIME`,
					Children: []rest.Table{
						{Name: "security_advisory_cwe", Each: "cwes", Columns: `cwe_id STRING key, security_advisory_id STRING key = ^ghsa_id`},
						{Name: "security_cwe", Each: "cwes", Columns: `cwe_id STRING key, name STRING`},
						{Name: "security_advisory_vulnerability", Each: "vulnerabilities", Columns: `security_advisory_id STRING key = ^ghsa_id, vulnerability_id STRING key = @vulnerability`},
						{Name: "security_vulnerability", Each: "vulnerabilities", Columns: `_fivetran_id STRING key = @vulnerability, package_ecosystem STRING = package.ecosystem,
							package_name STRING = package.name, patched_version_identifier STRING = first_patched_version.identifier, severity STRING, vulnerable_version_range STRING`},
						{Name: "security_reference", Each: "references", Columns: `url STRING key, security_advisory_ghsa_id STRING key = ^ghsa_id`}}},
			}},
		{Path: org + "projectsV2", PerLogin: true, Empty: []int{404}, Tables: []rest.Table{
			{Name: "project_v_2", Columns: `id LONG key, creator_id LONG = creator.id, deleted_by_id LONG = deleted_by.id,
				latest_status_update_creator_id LONG = latest_status_update.creator.id, owner_id LONG = owner.id, closed_at UTC_DATETIME,
				created_at UTC_DATETIME, deleted_at UTC_DATETIME, description STRING, is_public BOOLEAN = public, is_template BOOLEAN,
				latest_status_update_body STRING = latest_status_update.body, latest_status_update_created_at UTC_DATETIME = latest_status_update.created_at,
				latest_status_update_id LONG = latest_status_update.id, latest_status_update_start_date NAIVE_DATE = latest_status_update.start_date,
				latest_status_update_status STRING = latest_status_update.status, latest_status_update_target_date NAIVE_DATE = latest_status_update.target_date,
				latest_status_update_updated_at UTC_DATETIME = latest_status_update.updated_at, number LONG, short_description STRING, state STRING,
				title STRING, updated_at UTC_DATETIME`}},
			Details: []*rest.Resource{{Path: "orgs/{^login}/projectsV2/{number}/items", For: items, Tables: []rest.Table{
				{Name: "project_v_2_item", Columns: `id LONG key, creator_id LONG = creator.id, milestone_id LONG = content.milestone.id,
					parent_issue_id LONG = content.parent.id, project_v_2_id LONG = ^id, repository_id LONG = content.repository.id, archived_at UTC_DATETIME,
					created_at UTC_DATETIME, status STRING = @status, updated_at UTC_DATETIME, content_* = content`,
					Children: []rest.Table{{Name: "project_v_2_custom_field", Each: "fields", Columns: `project_v_2_field_id LONG key = id,
						project_v_2_item_id LONG key = ^id, data_type STRING, name STRING, value STRING`}}}}}}},
		{Path: org + "copilot/metrics", Whole: rest.Never, Empty: closed, Tables: copilot("", "^login", "")},
	}
}

// copilot returns the tables of Copilot's metrics of each day: an
// organization's, or those of its teams. org and team are where the name and
// the id are from a day's object on.
func copilot(suffix, org, team string) []rest.Table {
	table := func(name, each string, depth int, columns string, children ...rest.Table) rest.Table {
		up := strings.Repeat("^", depth)
		key := "organization STRING key = " + up + org
		if team != "" {
			key += ", team_id LONG key = " + up + team
		}
		if depth > 0 {
			key += ", report_date STRING key = " + up + "date"
		}
		return rest.Table{Name: name + suffix, Each: each, Fixed: true, Children: children, Columns: key + ", " + columns}
	}
	const (
		engaged = "name STRING key, total_engaged_users LONG"
		model   = engaged + ", custom_model_training_date STRING, is_custom_model BOOLEAN"
	)
	return []rest.Table{
		table("copilot_metric", "", 0, `date STRING key, dotcom_chat_total_engaged_users LONG = copilot_dotcom_chat.total_engaged_users,
			dotcom_pull_request_total_engaged_users LONG = copilot_dotcom_pull_requests.total_engaged_users,
			ide_chat_total_engaged_users LONG = copilot_ide_chat.total_engaged_users,
			ide_code_completion_total_engaged_users LONG = copilot_ide_code_completions.total_engaged_users, total_active_users LONG, total_engaged_users LONG`),
		table("ide_code_completions_total_language", "copilot_ide_code_completions.languages", 1, engaged),
		table("ide_code_completion_editor", "copilot_ide_code_completions.editors", 1, engaged,
			table("ide_code_completion_editor_model", "models", 2, "editor_name STRING key = ^name, "+model,
				table("ide_code_completion_editor_model_language", "languages", 3, `editor_name STRING key = ^^name, model_name STRING key = ^name,
					total_code_acceptances LONG, total_code_lines_accepted LONG, total_code_lines_suggested LONG, total_code_suggestions LONG, `+engaged))),
		table("ide_chat_editor", "copilot_ide_chat.editors", 1, engaged,
			table("ide_chat_editor_model", "models", 2, `editor_name STRING key = ^name, total_chat_copy_events LONG, total_chat_insertion_events LONG,
				total_chats LONG, `+model)),
		table("dotcom_chat_model", "copilot_dotcom_chat.models", 1, "total_chats LONG, "+model),
		table("dotcom_pull_request_repository", "copilot_dotcom_pull_requests.repositories", 1, engaged,
			table("dotcom_pull_request_repository_model", "models", 2, "repository_name STRING key = ^name, total_pr_summaries_created LONG, "+model)),
	}
}
