package fifteenfive

import (
	"time"

	"github.com/penstock-data/penstock/connector/rest"
)

const day = 24 * time.Hour

// lists are what is read of an account: small ones first, so that what others
// refer to is there early.
//
// Filters: 15five-connect, 15five-to-bigquery-sync and 15five-client (public
// clients, read 2026-11). A check-in changes until it is reviewed; a pulse
// while its check-in may be edited; a one-on-one until it has taken place. It
// is not known in which zone the vendor takes the times of its filters.
func lists() []*rest.Resource {
	dated := func(field, since, format string, lookBack time.Duration) *rest.Cursor {
		return &rest.Cursor{Field: field, Since: since, Window: true, LookBack: lookBack, Format: format, Margin: 2 * day}
	}
	created := func() *rest.Cursor { // in order, as the paths ask for
		c := dated("create_ts", "created_on_start", time.DateTime, 14*day)
		c.Sorted = true
		return c
	}
	one := func(name, columns string, children ...rest.Table) []rest.Table {
		return []rest.Table{{Name: name, Columns: columns, Children: children}}
	}
	return []*rest.Resource{
		{Path: "feature-status/", Single: true, Tables: one("feature", `demographic_attribute BOOLEAN, pulse BOOLEAN`)},
		{Path: "attribute/", Tables: one("people_attribute", `id LONG key, datatype STRING, is_default BOOLEAN, is_only_admin_editable BOOLEAN, name STRING, slug STRING`)},
		{Path: "group-type/", Each: "group-type/{id}/", Tables: one("group_type", `id LONG key, company_group_set JSON = company_group_set|company_group_sets,
			create_ts UTC_DATETIME, name_plural STRING, name_singular STRING`)},
		{Path: "group/", Each: "group/{id}/", Tables: one("groups", `id LONG key, create_ts UTC_DATETIME, group_admin JSON = group_admins, group_type LONG = group_type/,
			group_type_name STRING, is_peer_drilldown BOOLEAN, is_peer_view BOOLEAN, member JSON = members, members_count LONG, mention_name STRING, name STRING,
			skip_company_wide_question BOOLEAN = skip_company_wide_questions`)},
		{Path: "question/", Each: "question/{id}/", Tables: one("question", `id LONG key, groups LONG = group/, is_active BOOLEAN, is_optional BOOLEAN, metrics_params JSON,
			question_frequency STRING, question_text STRING, question_type STRING, users LONG = user/`)},
		{Path: "user/", Each: "user/{id}/", Tables: one("users", `id LONG key, bi_weekly_due_day STRING, bi_weekly_due_day_which_week STRING, current_checkin_streak LONG,
			due_day STRING, email STRING, employee_id STRING, first_login_ts UTC_DATETIME, first_name STRING, hire_date_ts UTC_DATETIME, is_active BOOLEAN,
			is_company_admin BOOLEAN, is_reporter BOOLEAN, is_reviewer BOOLEAN, last_login_ts UTC_DATETIME, last_name STRING, location STRING,
			mention_name STRING, monthly_due_day STRING, monthly_due_day_which_in_month STRING, phone STRING, reporting_period STRING,
			reviewer_id LONG = reviewer_id|reviewer/, skip_company_wide_question BOOLEAN = skip_company_wide_questions, start_date_ts UTC_DATETIME, title STRING`,
			rest.Table{Name: "company_group_id", Each: "company_groups_ids", Columns: `index LONG key = #, users_id LONG key = ^id, company_group_id LONG = ./`})},
		{Path: "vacation/", Tables: one("user_vacation", `id LONG key, user_id LONG = user|user_id/, creation_date UTC_DATETIME, end_dt NAIVE_DATE, note STRING, start_dt NAIVE_DATE`)},
		{Path: "one-on-one/", Whole: 7 * day, Cursor: dated("for_date", "scheduled_on_start", time.DateTime, 35*day),
			Tables: one("one_on_one", `id LONG key, user_1_details_id LONG = user_1_details.id|user_1/, user_2_details_id LONG = user_2_details.id|user_2/,
				create_ts UTC_DATETIME, end_ts UTC_DATETIME, for_date NAIVE_DATE, is_draft BOOLEAN, user_1 LONG = user_1/, user_1_role STRING, user_2 LONG = user_2/,
				user_2_role STRING`)},
		{Path: "high-five/?order_by=create_ts", Whole: 7 * day, Cursor: created(),
			Tables: one("high_five", `id LONG key, creator_detail_id LONG = creator_details.id|creator/, create_ts UTC_DATETIME, creator LONG = creator/,
				creator_id LONG = creator_id|creator/, report LONG = report/, text STRING`,
				rest.Table{Name: "high_five_receiver", Each: "receivers", Columns: `index LONG key = #, high_five_id LONG key = ^id, receiver_id LONG = id|url|./, url STRING = url|.`},
				rest.Table{Name: "high_five_email_receiver", Each: "email_receivers", Columns: `index LONG key = #, high_five_id LONG key = ^id, email STRING = email|.`})},
		{Path: "pulse/?order_by=create_ts", Whole: 7 * day, Cursor: created(),
			Tables: one("pulse", `id LONG key, create_ts UTC_DATETIME, report LONG = report/, users LONG = user/, value LONG`)},
		{Path: "security-audit/", Whole: rest.Never, Tables: one("security_audit", `create_ts UTC_DATETIME key, actor LONG = actor/, type STRING, custom_*`)},
		{Path: "report/", Each: "report/{id}/", Whole: 7 * day, Cursor: dated("due_date", "due_date_start", time.DateOnly, 35*day),
			Tables: one("check_in", `id LONG key, due_date NAIVE_DATE, high_five JSON = high_fives, objective JSON = objectives, reporting_period STRING,
				reporting_period_end UTC_DATETIME, reporting_period_start UTC_DATETIME, reviewed_by LONG = reviewed_by/, reviewed_ts UTC_DATETIME, submit_ts UTC_DATETIME,
				users LONG = user/, was_submitted_late BOOLEAN`,
				rest.Table{Name: "check_in_answer", Each: "answers", Columns: `check_in_id LONG = ^id, answer_text STRING = answer_text|., create_ts UTC_DATETIME,
					goal_completed_ts UTC_DATETIME, goal_status STRING, goal_status_comment JSON = goal_status_comments, metrics_value DOUBLE, object_type STRING, question_text STRING`},
				rest.Table{Name: "check_in_comment", Each: "comments", Columns: `check_in_id LONG = ^id, comment_text STRING = comment_text|text|., users LONG = user/`},
				rest.Table{Name: "check_in_goal", Each: "goals", Columns: `check_in_id LONG = ^id, goals JSON = *`},
				rest.Table{Name: "check_in_accomplishment", Each: "accomplishments", Columns: `check_in_id LONG = ^id, goals JSON = *`})},
		{Path: "answer/", Each: "answer/{id}/", Tables: one("answer", `id LONG key, answer_text STRING, comment JSON = comments, create_ts UTC_DATETIME,
			goal_completed_ts UTC_DATETIME, goal_status STRING, goal_status_comment JSON = goal_status_comments, metrics_value DOUBLE, question LONG = question/, users LONG = user/`)},
	}
}
