package fifteenfive

import (
	"slices"
	"strings"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

// A table has columns, as in a [rest.Table], and is filled from the objects of
// a path, or from a list inside them.
type table struct {
	name    string
	each    string // "": the objects
	columns string
}

var tables = []table{
	{"users", "", `id LONG key, bi_weekly_due_day STRING, bi_weekly_due_day_which_week STRING, current_checkin_streak LONG, due_day STRING,
		email STRING, employee_id STRING, first_login_ts UTC_DATETIME, first_name STRING, hire_date_ts UTC_DATETIME, is_active BOOLEAN,
		is_company_admin BOOLEAN, is_reporter BOOLEAN, is_reviewer BOOLEAN, last_login_ts UTC_DATETIME, last_name STRING, location STRING,
		mention_name STRING, monthly_due_day STRING, monthly_due_day_which_in_month STRING, phone STRING, reporting_period STRING,
		reviewer_id LONG = reviewer_id|reviewer/, skip_company_wide_question BOOLEAN = skip_company_wide_questions, start_date_ts UTC_DATETIME, title STRING`},
	{"company_group_id", "company_groups_ids", `index LONG key = #, users_id LONG key = ^id, company_group_id LONG = ./`},
	{"groups", "", `id LONG key, create_ts UTC_DATETIME, group_admin JSON = group_admins, group_type LONG = group_type/, group_type_name STRING, is_peer_drilldown BOOLEAN,
		is_peer_view BOOLEAN, member JSON = members, members_count LONG, mention_name STRING, name STRING, skip_company_wide_question BOOLEAN = skip_company_wide_questions`},
	{"group_type", "", `id LONG key, company_group_set JSON = company_group_set|company_group_sets, create_ts UTC_DATETIME, name_plural STRING, name_singular STRING`},
	{"check_in", "", `id LONG key, due_date NAIVE_DATE, high_five JSON = high_fives, objective JSON = objectives, reporting_period STRING, reporting_period_end UTC_DATETIME,
		reporting_period_start UTC_DATETIME, reviewed_by LONG = reviewed_by/, reviewed_ts UTC_DATETIME, submit_ts UTC_DATETIME, users LONG = user/, was_submitted_late BOOLEAN`},
	{"check_in_answer", "", `check_in_id LONG = ^id, answer_text STRING = answer_text|., create_ts UTC_DATETIME, goal_completed_ts UTC_DATETIME, goal_status STRING,
		goal_status_comment JSON = goal_status_comments, metrics_value DOUBLE, object_type STRING, question_text STRING`},
	{"check_in_comment", "", `check_in_id LONG = ^id, comment_text STRING = comment_text|text|., users LONG = user/`},
	{"check_in_goal", "", `check_in_id LONG = ^id, goals JSON = *`},
	{"check_in_accomplishment", "", `check_in_id LONG = ^id, goals JSON = *`},
	{"answer", "", `id LONG key, answer_text STRING, comment JSON = comments, create_ts UTC_DATETIME, goal_completed_ts UTC_DATETIME, goal_status STRING,
		goal_status_comment JSON = goal_status_comments, metrics_value DOUBLE, question LONG = question/, users LONG = user/`},
	{"question", "", `id LONG key, groups LONG = group/, is_active BOOLEAN, is_optional BOOLEAN, metrics_params JSON, question_frequency STRING,
		question_text STRING, question_type STRING, users LONG = user/`},
	{"pulse", "", `id LONG key, create_ts UTC_DATETIME, report LONG = report/, users LONG = user/, value LONG`},
	{"one_on_one", "", `id LONG key, user_1_details_id LONG = user_1_details.id|user_1/, user_2_details_id LONG = user_2_details.id|user_2/, create_ts UTC_DATETIME, end_ts UTC_DATETIME, for_date NAIVE_DATE,
		is_draft BOOLEAN, user_1 LONG = user_1/, user_1_role STRING, user_2 LONG = user_2/, user_2_role STRING`},
	{"user_vacation", "", `id LONG key, user_id LONG = user|user_id/, creation_date UTC_DATETIME, end_dt NAIVE_DATE, note STRING, start_dt NAIVE_DATE`},
	{"people_attribute", "", `id LONG key, datatype STRING, is_default BOOLEAN, is_only_admin_editable BOOLEAN, name STRING, slug STRING`},
	{"feature", "", `demographic_attribute BOOLEAN, pulse BOOLEAN`},
	{"security_audit", "", `create_ts UTC_DATETIME key, actor LONG = actor/, type STRING`},
	{"high_five", "", `id LONG key, creator_detail_id LONG = creator_details.id|creator/, create_ts UTC_DATETIME, creator LONG = creator/, creator_id LONG = creator_id|creator/, report LONG = report/, text STRING`},
	{"high_five_receiver", "receivers", `index LONG key = #, high_five_id LONG key = ^id, receiver_id LONG = id|url|./, url STRING = url|.`},
	{"high_five_email_receiver", "email_receivers", `index LONG key = #, high_five_id LONG key = ^id, email STRING = email|.`},
}

func (t *table) rest() *rest.Table { return &rest.Table{Name: t.name, Columns: t.columns} }

func (t *table) schema() schema.Table { return t.rest().Schema() }

func tableOf(name string) *table {
	return &tables[slices.IndexFunc(tables, func(t table) bool { return t.name == name })]
}

// customField says that an audit event's custom_ fields become columns.
func customField(field string) (string, bool) {
	return field, strings.HasPrefix(field, "custom_")
}
