package fifteenfive

import (
	"strings"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
)

// A table has columns, as in a [rest.Table], and fields that they come from
// where the names differ.
type table struct {
	name    string
	columns string
	fields  []rest.Field
}

// ref is a field that refers to another object.
func ref(field, column string) rest.Field {
	return rest.Field{Name: field, Column: column, Cut: rest.LastSegment}
}

func renamed(field, column string) rest.Field { return rest.Field{Name: field, Column: column} }

var tables = []table{
	{"users", `id LONG key, bi_weekly_due_day STRING, bi_weekly_due_day_which_week STRING, current_checkin_streak LONG, due_day STRING,
		email STRING, employee_id STRING, first_login_ts UTC_DATETIME, first_name STRING, hire_date_ts UTC_DATETIME, is_active BOOLEAN,
		is_company_admin BOOLEAN, is_reporter BOOLEAN, is_reviewer BOOLEAN, last_login_ts UTC_DATETIME, last_name STRING, location STRING,
		mention_name STRING, monthly_due_day STRING, monthly_due_day_which_in_month STRING, phone STRING, reporting_period STRING,
		reviewer_id LONG, skip_company_wide_question BOOLEAN, start_date_ts UTC_DATETIME, title STRING`,
		[]rest.Field{ref("reviewer_id", "reviewer_id"), ref("reviewer", "reviewer_id"), renamed("skip_company_wide_questions", "skip_company_wide_question")}},
	{"company_group_id", `index LONG key, users_id LONG key, company_group_id LONG`, nil},
	{"groups", `id LONG key, create_ts UTC_DATETIME, group_admin JSON, group_type LONG, group_type_name STRING, is_peer_drilldown BOOLEAN,
		is_peer_view BOOLEAN, member JSON, members_count LONG, mention_name STRING, name STRING, skip_company_wide_question BOOLEAN`,
		[]rest.Field{renamed("group_admins", "group_admin"), ref("group_type", "group_type"), renamed("members", "member"),
			renamed("skip_company_wide_questions", "skip_company_wide_question")}},
	{"group_type", `id LONG key, company_group_set JSON, create_ts UTC_DATETIME, name_plural STRING, name_singular STRING`,
		[]rest.Field{renamed("company_group_set", "company_group_set"), renamed("company_group_sets", "company_group_set")}},
	{"check_in", `id LONG key, due_date NAIVE_DATE, high_five JSON, objective JSON, reporting_period STRING, reporting_period_end UTC_DATETIME,
		reporting_period_start UTC_DATETIME, reviewed_by LONG, reviewed_ts UTC_DATETIME, submit_ts UTC_DATETIME, users LONG, was_submitted_late BOOLEAN`,
		[]rest.Field{renamed("high_fives", "high_five"), renamed("objectives", "objective"), ref("reviewed_by", "reviewed_by"), ref("user", "users")}},
	{"check_in_answer", `check_in_id LONG, answer_text STRING, create_ts UTC_DATETIME, goal_completed_ts UTC_DATETIME, goal_status STRING,
		goal_status_comment JSON, metrics_value DOUBLE, object_type STRING, question_text STRING`,
		[]rest.Field{renamed("goal_status_comments", "goal_status_comment")}},
	{"check_in_comment", `check_in_id LONG, comment_text STRING, users LONG`,
		[]rest.Field{renamed("comment_text", "comment_text"), renamed("text", "comment_text"), ref("user", "users")}},
	{"check_in_goal", `check_in_id LONG, goals JSON`, nil},
	{"check_in_accomplishment", `check_in_id LONG, goals JSON`, nil},
	{"answer", `id LONG key, answer_text STRING, comment JSON, create_ts UTC_DATETIME, goal_completed_ts UTC_DATETIME, goal_status STRING,
		goal_status_comment JSON, metrics_value DOUBLE, question LONG, users LONG`,
		[]rest.Field{renamed("comments", "comment"), renamed("goal_status_comments", "goal_status_comment"), ref("question", "question"), ref("user", "users")}},
	{"question", `id LONG key, groups LONG, is_active BOOLEAN, is_optional BOOLEAN, metrics_params JSON, question_frequency STRING,
		question_text STRING, question_type STRING, users LONG`,
		[]rest.Field{ref("group", "groups"), ref("user", "users")}},
	{"pulse", `id LONG key, create_ts UTC_DATETIME, report LONG, users LONG, value LONG`,
		[]rest.Field{ref("report", "report"), ref("user", "users")}},
	{"one_on_one", `id LONG key, user_1_details_id LONG, user_2_details_id LONG, create_ts UTC_DATETIME, end_ts UTC_DATETIME, for_date NAIVE_DATE,
		is_draft BOOLEAN, user_1 LONG, user_1_role STRING, user_2 LONG, user_2_role STRING`,
		[]rest.Field{ref("user_1", "user_1"), ref("user_2", "user_2")}},
	{"user_vacation", `id LONG key, user_id LONG, creation_date UTC_DATETIME, end_dt NAIVE_DATE, note STRING, start_dt NAIVE_DATE`,
		[]rest.Field{ref("user", "user_id"), ref("user_id", "user_id")}},
	{"people_attribute", `id LONG key, datatype STRING, is_default BOOLEAN, is_only_admin_editable BOOLEAN, name STRING, slug STRING`, nil},
	{"feature", `demographic_attribute BOOLEAN, pulse BOOLEAN`, nil},
	{"security_audit", `create_ts UTC_DATETIME key, actor LONG, type STRING`, []rest.Field{ref("actor", "actor")}},
	{"high_five", `id LONG key, creator_detail_id LONG, create_ts UTC_DATETIME, creator LONG, creator_id LONG, report LONG, text STRING`,
		[]rest.Field{ref("creator", "creator"), ref("report", "report")}},
	{"high_five_receiver", `index LONG key, high_five_id LONG key, receiver_id LONG, url STRING`, []rest.Field{renamed("id", "receiver_id")}},
	{"high_five_email_receiver", `index LONG key, high_five_id LONG key, email STRING`, nil},
}

func (t *table) schema() schema.Table {
	return (&rest.Table{Name: t.name, Columns: t.columns}).Schema()
}

func fieldsOf(name string) []rest.Field {
	for i := range tables {
		if tables[i].name == name {
			return tables[i].fields
		}
	}
	panic("fifteenfive: no table " + name)
}

// customField says that an audit event's custom_ fields become columns.
func customField(field string) (string, bool) {
	return field, strings.HasPrefix(field, "custom_")
}
