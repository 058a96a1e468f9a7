package simulator

import (
	"fmt"
	"slices"
	"time"
)

// High fives: one in three users gives one each week. Some texts are edited,
// some lose receivers, some are deleted. Their ids are those of the check-ins
// of the same week and user, which they may stand in.

type highFive struct {
	user             int64
	x                uint64
	created, deleted time.Time
}

func (c *company) highFive(id int64) (h highFive, ok bool) {
	k, u := c.weekly(id)
	begin := c.weekStart(k)
	h = highFive{user: u, x: c.chance(chHighFive, id, 0)}
	if k < 0 || k >= c.weeks() || u < 1 || u > c.users() || !c.active(u, begin) || !one(h.x, 3) {
		return h, false
	}
	h.created = begin.Add(within(h.x>>4, 6*day))
	if one(h.x>>16, 15) {
		h.deleted = h.created.Add(4*day + within(h.x>>20, 8*day))
	}
	return h, c.has(h.created, h.deleted)
}

func (c *company) weeklyIDs(exists func(id int64) bool, weeks int64) []int64 {
	var ids []int64
	users := c.users()
	for k := range weeks {
		for u := int64(1); u <= users; u++ {
			if id := c.weeklyID(k, u); exists(id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (c *company) highFiveIDs(q query) []int64 {
	return c.weeklyIDs(func(id int64) bool {
		h, ok := c.highFive(id)
		return ok && q.in(h.created)
	}, c.weeks())
}

func (c *company) highFiveRow(id int64, j *object) {
	h, _ := c.highFive(id)
	j.Int("id", id)
	if r, ok := c.checkIn(id); ok && c.past(r.due) {
		j.ref("report", c, "report", id)
	} else {
		j.Null("report")
	}
	j.time("create_ts", h.created)
	text := pick(h.x>>8, []string{"Thanks for the review!", "You saved my week \U0001F64F", "Great talk, \"really\"."})
	if one(h.x>>24, 6) && c.past(h.created.Add(day)) {
		text += " (edited)"
	}
	j.Text("text", text)
	j.ref("creator", c, "user", h.user)
	j.Int("creator_id", h.user)
	j.Name("creator_details")
	j.Open()
	j.Int("id", h.user)
	first, last := c.userName(h.user)
	j.Text("full_name", first+" "+last)
	j.Close()
	n := 1 + int64(h.x>>28%4)
	if n > 1 && one(h.x>>32, 3) && c.past(h.created.Add(2*day)) {
		n-- // a receiver was taken out
	}
	j.Array("receivers")
	for i := range n {
		to := (h.user+i*3)%int64(c.first) + 1
		j.Item()
		j.Open()
		j.Int("id", to)
		j.ref("url", c, "user", to)
		j.Close()
	}
	j.EndArray()
	j.Array("email_receivers")
	if one(h.x>>36, 5) {
		j.Item()
		j.String(fmt.Sprintf("guest%d@example.org", h.x>>40%50))
	}
	j.EndArray()
}

// One-on-ones: every other week of each user with a reviewer. They are there
// a week before they take place, and some are cancelled after.

func (c *company) oneOnOne(id int64) (x uint64, on time.Time, ok bool) {
	k, u := c.weekly(id)
	begin := c.weekStart(k)
	x = c.chance(chOneOnOne, id, 0)
	if k < 0 || k > c.weeks() || (k+u)%2 != 0 || u < 2 || u > c.users() || !c.active(u, begin) {
		return x, on, false
	}
	on = begin.Add(time.Duration(u%5) * day)
	deleted := time.Time{}
	if one(x, 12) {
		deleted = on.Add(2 * day)
	}
	return x, on, c.has(begin.Add(-week), deleted)
}

func (c *company) oneOnOneIDs(q query) []int64 {
	return c.weeklyIDs(func(id int64) bool {
		_, on, ok := c.oneOnOne(id)
		return ok && q.in(on)
	}, c.weeks()+1)
}

func (c *company) oneOnOneRow(id int64, j *object) {
	_, on, _ := c.oneOnOne(id)
	_, u := c.weekly(id)
	j.Int("id", id)
	side := func(n int, user int64, role string) {
		j.ref(fmt.Sprintf("user_%d", n), c, "user", user)
		j.Name(fmt.Sprintf("user_%d_details", n))
		j.Open()
		j.Int("id", user)
		j.Close()
		j.Text(fmt.Sprintf("user_%d_role", n), role)
	}
	side(1, c.reviewer(u), "manager")
	side(2, u, "report")
	j.Bool("is_draft", !c.past(on))
	j.date("for_date", on)
	j.time("create_ts", on.Truncate(week).Add(-week).Add(9*hour))
	j.time("end_ts", c.once(on.Add(15*hour)))
}

// Vacations: at most one in six weeks per user, asked for ten days before;
// some get another note, some are cancelled.

func (c *company) vacation(id int64) (x uint64, asked time.Time, ok bool) {
	k, u := c.weekly(id)
	x = c.chance(chVacation, id, 0)
	if k < 0 || k%6 != 0 || k >= c.weeks() || u < 1 || u > c.users() || !one(x, 3) {
		return x, asked, false
	}
	asked = c.weekStart(k).Add(within(x>>4, 20*day))
	deleted := time.Time{}
	if one(x>>16, 6) {
		deleted = asked.Add(5 * day)
	}
	return x, asked, c.active(u, asked) && c.has(asked, deleted)
}

func (c *company) vacationIDs() []int64 {
	return c.weeklyIDs(func(id int64) bool { _, _, ok := c.vacation(id); return ok }, c.weeks())
}

func (c *company) vacationRow(id int64, j *object) {
	x, asked, _ := c.vacation(id)
	_, u := c.weekly(id)
	j.Int("id", id)
	j.ref("user", c, "user", u)
	j.time("creation_date", asked)
	j.date("start_dt", asked.Add(10*day))
	j.date("end_dt", asked.Add(10*day+time.Duration(1+x>>20%10)*day))
	if one(x>>24, 2) && c.past(asked.Add(3*day)) {
		j.Text("note", "By train.")
	} else {
		j.Null("note")
	}
}

// The audit log: an event in 55 hours, never deleted. What an event has
// besides its time, actor and type depends on the type; one number is larger
// than 64 bits hold, and one field has had more than one type.

func (c *company) auditEvents() int64 {
	if c.now.Before(c.start) {
		return 0
	}
	return int64(c.now.Sub(c.start)/(55*hour)) + 1
}

func (c *company) auditRow(id int64, j *object) {
	n := id - 1
	x := c.chance(chAudit, n, 0)
	j.time("create_ts", c.start.Add(time.Duration(n)*(55*hour)+time.Duration(x%3000)*time.Second))
	j.ref("actor", c, "user", int64(x>>12%uint64(c.first))+1)
	switch n % 3 {
	case 0:
		j.Text("type", "login")
		j.Text("custom_ip", fmt.Sprintf("192.0.2.%d", x>>20%256))
		j.Bool("custom_sso", one(x>>28, 2))
	case 1:
		j.Text("type", "export")
		if n%12 == 10 {
			j.Raw("custom_bytes", "36893488147419103232")
		} else {
			j.Raw("custom_bytes", fmt.Sprint(x>>40))
		}
	case 2:
		j.Text("type", "permission_change")
		if n < 12 {
			j.Int("custom_subject", n)
		} else {
			j.Text("custom_subject", fmt.Sprintf("group-%d", n))
		}
		j.Raw("custom_before", `{"role": "reporter", "scopes": [1, 2.50]}`)
	}
}

func sortByTime(ids []int64, latest bool, at func(id int64) time.Time) {
	slices.SortStableFunc(ids, func(a, b int64) int { return at(a).Compare(at(b)) })
	if latest {
		slices.Reverse(ids)
	}
}
