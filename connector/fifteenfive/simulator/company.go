package simulator

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

const (
	hour = time.Hour
	day  = 24 * hour
	week = 7 * day
)

// epoch is the Monday from which weeks are counted in ids. No company began before.
var epoch = time.Date(2020, 1, 6, 0, 0, 0, 0, time.UTC)

// monday returns the beginning of t's week.
func monday(t time.Time) time.Time {
	return epoch.Add(t.Sub(epoch).Truncate(week))
}

// A company is all there is at one moment.
type company struct {
	seed   uint64
	first  int       // users at the start
	pulses int       // of the year before the start
	start  time.Time // a Monday
	now    time.Time
	base   string // of references: scheme, host and path, with a slash
}

func (s *Simulator) company() *company {
	return &company{
		seed: uint64(s.opt.Seed), first: s.opt.Users, pulses: s.opt.Pulses, start: s.opt.Start, now: s.Now(),
		base: "https://my.15five.com" + prefix,
	}
}

// Subjects of chance, so that one has nothing to do with the other.
const (
	chUser = iota + 1
	chGroup
	chMember
	chCheckIn
	chPulse
	chOldPulse
	chHighFive
	chOneOnOne
	chVacation
	chAudit
)

// chance returns a number that depends on the seed and on its arguments alone.
func (c *company) chance(subject, a, b int64) uint64 { return simulate.Chance(c.seed, subject, a, b) }

// one reports whether something with a chance of 1 in n comes true.
func one(x uint64, n uint64) bool { return x%n == 0 }

// within returns a time span below d, in whole minutes.
func within(x uint64, d time.Duration) time.Duration {
	return time.Duration(x%uint64(d/time.Minute)) * time.Minute
}

func pick(x uint64, words []string) string { return words[x%uint64(len(words))] }

// weeks returns how many weeks of the company have begun.
func (c *company) weeks() int64 {
	if c.now.Before(c.start) {
		return 0
	}
	return int64(c.now.Sub(c.start)/week) + 1
}

func (c *company) weekStart(k int64) time.Time { return c.start.Add(time.Duration(k) * week) }

// Ids of what happens once a week per user tell the week and the user.
const perWeek = 100_000

func (c *company) weeklyID(k, user int64) int64 {
	return (int64(c.start.Sub(epoch)/week)+k)*perWeek + user
}

func (c *company) weekly(id int64) (k, user int64) {
	return id/perWeek - int64(c.start.Sub(epoch)/week), id % perWeek
}

// has reports whether something that begins and may end exists now.
func (c *company) has(begin, end time.Time) bool {
	return !c.now.Before(begin) && (end.IsZero() || c.now.Before(end))
}

func (c *company) past(t time.Time) bool { return !t.IsZero() && !c.now.Before(t) }

// Users have the ids from 1 on.

func (c *company) users() int64 {
	hired := int64(0)
	if c.now.After(c.start) {
		hired = int64(c.now.Sub(c.start) / (9 * day))
	}
	return int64(c.first) + hired
}

func (c *company) hiredAt(u int64) time.Time {
	if n := u - int64(c.first); n > 0 {
		return c.start.Add(time.Duration(n) * 9 * day)
	}
	return c.start.Add(-30*day - within(c.chance(chUser, u, 0), 900*day))
}

func (c *company) leavesAt(u int64) time.Time {
	if x := c.chance(chUser, u, 1); one(x, 8) {
		return c.hiredAt(u).Add(40*day + within(x>>8, 200*day)).Add(max(0, c.start.Sub(c.hiredAt(u))))
	}
	return time.Time{}
}

func (c *company) active(u int64, at time.Time) bool {
	left := c.leavesAt(u)
	return !c.hiredAt(u).After(at) && (left.IsZero() || at.Before(left))
}

// reviewer returns a user's superior, or 0 for the first.
func (c *company) reviewer(u int64) int64 {
	if u == 1 {
		return 0
	}
	return int64(c.chance(chUser, u, 2)%uint64(min(u-1, max(1, int64(c.first)/6)))) + 1
}

var (
	firstNames = []string{"Ada", "Grace", "Edsger", "Barbara", "Alan", "Frances", "Jürgen", "Zoë", "Renée", "Olu", "Søren", "Mei"}
	lastNames  = []string{"Lovelace", "Hopper", "Dijkstra", "Liskov", "Turing", "Allen", "Groß", "O'Neill", "Adeyemi", "Kjær", "王", "García"}
	titles     = []string{"Engineer", "Designer", "Analyst", "Writer", "Account Manager", "Recruiter"}
	locations  = []string{"London", "Lagos", "São Paulo", "Remote", "Taipei"}
)

func (c *company) userName(u int64) (first, last string) {
	x := c.chance(chUser, u, 3)
	return pick(x, firstNames), pick(x>>16, lastNames)
}

func (c *company) userRow(u int64, j *object) {
	first, last := c.userName(u)
	j.Int("id", u)
	j.Text("first_name", first)
	j.Text("last_name", last)
	j.Text("email", fmt.Sprintf("user%d@example.com", u))
}

func (c *company) userObject(u int64, j *object) {
	c.userRow(u, j)
	x := c.chance(chUser, u, 4)
	j.Text("employee_id", fmt.Sprintf("E%05d", u))
	title := pick(x, titles)
	if c.past(c.start.Add(within(x>>4, 120*day))) {
		title = "Senior " + title
	}
	j.Text("title", title)
	j.Text("location", pick(x>>8, locations))
	j.Text("mention_name", fmt.Sprintf("user%d", u))
	if one(x>>12, 3) {
		j.Null("phone")
	} else {
		j.Text("phone", fmt.Sprintf("+1 555 %04d", x>>16%10000))
	}
	active := c.active(u, c.now)
	j.Bool("is_active", active)
	j.Bool("is_company_admin", u == 1)
	j.Bool("is_reporter", true)
	j.Bool("is_reviewer", u <= max(1, int64(c.first)/6))
	if r := c.reviewer(u); r != 0 {
		j.Int("reviewer_id", r)
	} else {
		j.Null("reviewer_id")
	}
	j.Bool("skip_company_wide_questions", one(x>>20, 10))
	hired := c.hiredAt(u)
	j.time("hire_date_ts", hired.Truncate(day))
	j.time("start_date_ts", hired.Truncate(day))
	j.time("first_login_ts", hired.Add(9*hour))
	seen := c.now
	if left := c.leavesAt(u); !active && !left.IsZero() {
		seen = left
	}
	j.time("last_login_ts", seen.Truncate(day).Add(-time.Duration(x>>24%4)*day).Add(8*hour))
	j.Int("current_checkin_streak", int64(x>>28%8))
	j.Text("reporting_period", "weekly")
	j.Text("due_day", "Friday")
	j.Null("bi_weekly_due_day")
	j.Null("bi_weekly_due_day_which_week")
	j.Null("monthly_due_day")
	j.Null("monthly_due_day_which_in_month")
	j.Array("company_groups_ids")
	for g := range c.groups() {
		if c.groupExists(g+1) && c.member(u, g+1) {
			j.Item()
			j.Bytes = fmt.Append(j.Bytes, g+1)
		}
	}
	j.EndArray()
}

// Groups have the ids from 1 on; some are deleted.

func (c *company) groups() int64 {
	later := int64(0)
	if c.now.After(c.start) {
		later = int64(c.now.Sub(c.start) / (30 * day))
	}
	return c.firstGroups() + later
}

func (c *company) firstGroups() int64 { return 3 + int64(c.first)/10 }

func (c *company) groupSince(g int64) time.Time {
	if n := g - c.firstGroups(); n > 0 {
		return c.start.Add(time.Duration(n) * 30 * day)
	}
	return c.start.Add(-100 * day)
}

func (c *company) groupExists(g int64) bool {
	end := time.Time{}
	if g%4 == 3 {
		end = c.groupSince(g).Add(125*day + within(c.chance(chGroup, g, 0), 60*day))
	}
	return g >= 1 && g <= c.groups() && c.has(c.groupSince(g), end)
}

// member reports whether u belongs to g now; some come and go.
func (c *company) member(u, g int64) bool {
	x := c.chance(chMember, u, g)
	in := one(x, uint64(c.firstGroups()))
	if one(x>>8, 5) && c.past(c.start.Add(within(x>>16, 100*day))) {
		return !in
	}
	return in
}

var groupNames = []string{"Engineering", "Sales", "People", "Finance", "Support", "Research", "Design", "Legal"}

func (c *company) groupName(g int64) string {
	return fmt.Sprintf("%s %d", pick(uint64(g-1), groupNames), g)
}

func (c *company) groupRow(g int64, j *object) {
	j.Int("id", g)
	j.Text("name", c.groupName(g))
}

func (c *company) groupObject(g int64, j *object) {
	c.groupRow(g, j)
	j.Text("mention_name", strings.ToLower(strings.ReplaceAll(c.groupName(g), " ", "")))
	j.ref("group_type", c, "group-type", g%3+1)
	j.Text("group_type_name", groupTypes[g%3].singular)
	j.time("create_ts", c.groupSince(g))
	j.Bool("is_peer_view", g%2 == 0)
	j.Bool("is_peer_drilldown", g%3 == 0)
	j.Bool("skip_company_wide_questions", false)
	j.Array("group_admins")
	j.Item()
	j.url(c, "user", g%max(1, int64(c.first))+1)
	j.EndArray()
	n := int64(0)
	j.Array("members")
	for u := range c.users() {
		if c.member(u+1, g) {
			j.Item()
			j.url(c, "user", u+1)
			n++
		}
	}
	j.EndArray()
	j.Int("members_count", n)
}

var groupTypes = []struct{ singular, plural string }{{"Department", "Departments"}, {"Team", "Teams"}, {"Location", "Locations"}}

func (c *company) groupTypeRow(t int64, j *object) {
	j.Int("id", t)
	j.Text("name_singular", groupTypes[t-1].singular)
}

func (c *company) groupTypeObject(t int64, j *object) {
	c.groupTypeRow(t, j)
	j.Text("name_plural", groupTypes[t-1].plural)
	j.time("create_ts", c.start.Add(-200*day))
	j.Array("company_group_set")
	for g := range c.groups() {
		if (g+1)%3+1 == t && c.groupExists(g+1) {
			j.Item()
			j.url(c, "group", g+1)
		}
	}
	j.EndArray()
}

// Attributes of people: five, and another after two months, when one gets a
// new name.

func (c *company) attributes() int64 {
	if c.past(c.start.Add(60 * day)) {
		return 6
	}
	return 5
}

func (c *company) attributeRow(a int64, j *object) {
	names := []string{"Location", "Gender", "Pronouns", "Level", "Cost center", "Remote"}
	name := names[a-1]
	if a == 5 && c.past(c.start.Add(60*day)) {
		name = "Budget"
	}
	j.Int("id", a)
	j.Text("name", name)
	j.Text("slug", strings.ToLower(strings.ReplaceAll(names[a-1], " ", "-")))
	j.Text("datatype", []string{"string", "choice"}[a%2])
	j.Bool("is_default", a <= 3)
	j.Bool("is_only_admin_editable", a >= 4)
}

func (c *company) features(j *object) {
	j.Bool("pulse", true)
	j.Bool("demographic_attribute", c.past(c.start.Add(75*day)))
}
