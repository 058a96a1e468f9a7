package simulator

import (
	"fmt"
	"slices"

	"time"
)

// Check-ins ("reports") are there from the Monday of their week, are due on
// Friday, submitted around then or never, edited once more, reviewed in the
// days after, commented, and in rare cases deleted after a month.

// A checkIn is what is decided about a check-in from the first.
type checkIn struct {
	id, week, user        int64
	x                     uint64
	due                   time.Time // the day
	submitted, reviewed   time.Time // zero: never
	firstComment, removed time.Time // zero: never
	secondComment         time.Time // zero: never
	deleted               time.Time // zero: never
}

// checkIn returns a check-in that the company has, as its user was there.
func (c *company) checkIn(id int64) (r checkIn, ok bool) {
	k, u := c.weekly(id)
	begin := c.weekStart(k)
	if k < 0 || k >= c.weeks() || u < 1 || u > c.users() || !c.active(u, begin) {
		return r, false
	}
	r = checkIn{id: id, week: k, user: u, x: c.chance(chCheckIn, id, 0), due: begin.Add(4 * day)}
	x := r.x
	if one(x, 60) {
		r.deleted = begin.Add(30*day + within(x>>8, 10*day))
	}
	if one(x>>6, 10) {
		return r, c.has(begin, r.deleted)
	}
	r.submitted = r.due.Add(16*hour - 48*hour + within(x>>10, 80*hour))
	if !one(x>>20, 7) {
		r.reviewed = r.submitted.Add(6*hour + within(x>>22, 5*day))
		r.firstComment = r.reviewed
		if one(x>>30, 4) {
			r.secondComment = r.reviewed.Add(26 * hour)
		}
		if one(x>>32, 6) {
			r.removed = r.reviewed.Add(50 * hour)
		}
	}
	return r, c.has(begin, r.deleted)
}

func (c *company) checkInIDs(q query) []int64 {
	var ids []int64
	users := c.users()
	for k := range c.weeks() {
		if !q.in(c.weekStart(k).Add(4 * day)) {
			continue
		}
		for u := int64(1); u <= users; u++ {
			if q.user != 0 && q.user != u {
				continue
			}
			if _, ok := c.checkIn(c.weeklyID(k, u)); ok {
				ids = append(ids, c.weeklyID(k, u))
			}
		}
	}
	return ids
}

func (c *company) checkInRow(id int64, j *object) {
	r, _ := c.checkIn(id)
	j.Int("id", id)
	j.ref("user", c, "user", r.user)
	j.date("due_date", r.due)
	j.Text("reporting_period", "weekly")
	j.time("reporting_period_start", r.due.Add(-6*day))
	j.time("reporting_period_end", r.due.Add(day-time.Second))
	j.time("submit_ts", c.once(r.submitted))
	j.time("reviewed_ts", c.once(r.reviewed))
	if c.past(r.reviewed) {
		j.ref("reviewed_by", c, "user", max(1, c.reviewer(r.user)))
	} else {
		j.Null("reviewed_by")
	}
	if c.past(r.submitted) {
		j.Bool("was_submitted_late", !r.submitted.Before(r.due.Add(day)))
	} else {
		j.Null("was_submitted_late")
	}
}

// once returns t once it has come.
func (c *company) once(t time.Time) time.Time {
	if c.past(t) {
		return t
	}
	return time.Time{}
}

func (c *company) checkInObject(id int64, j *object) {
	c.checkInRow(id, j)
	r, _ := c.checkIn(id)
	submitted := c.past(r.submitted)
	j.Array("answers")
	for n := range c.answers(&r) {
		j.Item()
		j.Open()
		j.Text("object_type", []string{"answer", "answer", "goal"}[n%3])
		j.Text("question_text", c.questionText(n+1))
		c.answerFields(&r, n, j)
		j.Close()
	}
	j.EndArray()
	j.Array("comments")
	if c.past(r.firstComment) && !c.past(r.removed) {
		c.comment(&r, "Well done, let us talk about it.", j)
	}
	if c.past(r.secondComment) {
		c.comment(&r, "And one more thing.", j)
	}
	j.EndArray()
	j.Array("goals")
	if submitted {
		for n := range int64(r.x >> 34 % 3) {
			c.goal(&r, n, j)
		}
	}
	j.EndArray()
	j.Array("accomplishments")
	if submitted && one(r.x>>36, 2) {
		j.Item()
		j.Open()
		j.Text("text", "Finished \""+c.goalText(&r, 7)+"\"")
		j.Close()
	}
	j.EndArray()
	j.Array("high_fives")
	if h, ok := c.highFive(id); ok && c.past(h.created) {
		j.Item()
		j.url(c, "high-five", id)
	}
	j.EndArray()
	j.Array("objectives")
	if one(r.x>>38, 4) {
		j.Item()
		j.Open()
		j.Int("id", r.user*10)
		j.Raw("progress", fmt.Sprintf("%d.5", r.x>>40%100))
		j.Close()
	}
	j.EndArray()
}

func (c *company) comment(r *checkIn, text string, j *object) {
	j.Item()
	j.Open()
	j.ref("user", c, "user", max(1, c.reviewer(r.user)))
	j.Text("comment_text", text)
	j.Close()
}

func (c *company) goalText(r *checkIn, n int64) string {
	return pick(r.x>>uint(8+n), []string{"Ship the importer", "Write the report", "Hire two people", "Close the quarter", "Fix the queue"})
}

func (c *company) goal(r *checkIn, n int64, j *object) {
	status := "open"
	if one(r.x>>uint(42+n), 2) && c.past(r.submitted.Add(3*day)) {
		status = "done"
	}
	j.Item()
	j.Open()
	j.Text("text", fmt.Sprintf("%s (%d)", c.goalText(r, n), n+1))
	j.Text("status", status)
	j.Close()
}

// Answers have the ids of their check-ins, times ten, from 0 on. One in five
// check-ins loses its last answer two days after it was submitted.

func (c *company) answers(r *checkIn) int64 {
	if !c.past(r.submitted) {
		return 0
	}
	n := 2 + int64(r.x>>44%3)
	if one(r.x>>46, 5) && c.past(r.submitted.Add(2*day)) {
		n--
	}
	return n
}

func (c *company) answer(id int64) (r checkIn, n int64, ok bool) {
	r, ok = c.checkIn(id / 10)
	n = id % 10
	return r, n, ok && n < c.answers(&r)
}

func (c *company) answerIDs() []int64 {
	var ids []int64
	for _, id := range c.checkInIDs(query{}) {
		r, _ := c.checkIn(id)
		for n := range c.answers(&r) {
			ids = append(ids, id*10+n)
		}
	}
	return ids
}

func (c *company) answerRow(id int64, j *object) {
	r, n, _ := c.answer(id)
	j.Int("id", id)
	j.ref("user", c, "user", r.user)
	j.ref("question", c, "question", n+1)
	j.time("create_ts", r.submitted)
}

func (c *company) answerObject(id int64, j *object) {
	r, n, _ := c.answer(id)
	j.Int("id", id)
	j.ref("user", c, "user", r.user)
	j.ref("question", c, "question", n+1)
	c.answerFields(&r, n, j)
	j.Array("comments")
	if n == 0 && c.past(r.firstComment) {
		c.comment(&r, "Interesting!", j)
	}
	j.EndArray()
}

func (c *company) answerFields(r *checkIn, n int64, j *object) {
	x := c.chance(chCheckIn, r.id, n+1)
	text := pick(x, []string{
		"We shipped the new importer and paired a lot.",
		"Two interviews, one offer.\nThe quarter looks good.",
		"I was stuck on \"flaky\" tests, then fixed them.",
		"学習した。Très bien, merci.",
	})
	if one(x>>8, 3) && c.past(r.submitted.Add(20*hour)) {
		text += " (edited)"
	}
	j.Text("answer_text", text)
	j.time("create_ts", r.submitted)
	if n%3 == 2 {
		done := c.past(r.submitted.Add(3 * day))
		j.time("goal_completed_ts", c.once(r.submitted.Add(3*day)))
		if done {
			j.Text("goal_status", "completed")
			j.Raw("goal_status_comments", `[{"text": "done at last", "weight": 1.50}]`)
		} else {
			j.Text("goal_status", "in_progress")
			j.Raw("goal_status_comments", `[]`)
		}
		j.Raw("metrics_value", fmt.Sprintf("%d.%d", x>>12%100, x>>20%10))
	} else {
		j.Null("goal_completed_ts")
		j.Null("goal_status")
		j.Null("goal_status_comments")
		j.Null("metrics_value")
	}
}

// Questions: four for all, and one for a group that is asked no more after
// fifty days.

const questions = 5

func (c *company) questionText(q int64) string {
	text := []string{"What went well?", "What did not?", "How is your goal?", "Any ideas?", "How was the release?"}[q-1]
	if q == 4 && c.past(c.start.Add(65*day)) {
		text = "Any ideas for us?"
	}
	return text
}

func (c *company) questionRow(q int64, j *object) {
	j.Int("id", q)
	j.Text("question_text", c.questionText(q))
}

func (c *company) questionObject(q int64, j *object) {
	c.questionRow(q, j)
	j.Text("question_type", []string{"text", "metrics"}[q%2])
	j.Text("question_frequency", []string{"every_check_in", "monthly"}[q/4%2])
	j.Bool("is_active", q != 5 || !c.past(c.start.Add(50*day)))
	j.Bool("is_optional", q > 2)
	if q == 3 {
		j.Raw("metrics_params", `{"unit": "%", "max": 100.00}`)
	} else {
		j.Null("metrics_params")
	}
	if q == 5 {
		j.ref("group", c, "group", 1)
	} else {
		j.Null("group")
	}
	j.Null("user")
}

// Pulses: one with each check-in submitted, its id the check-in's, edited or
// deleted once in a while, and before these the pulses of the year before the
// start, with the ids from 1 on, which stay as they are.

const pulseYear = 365 * day

func (c *company) oldPulse(id int64) time.Time {
	return c.start.Add(-pulseYear + time.Duration(id-1)*(pulseYear/time.Duration(c.pulses))).Truncate(time.Second)
}

func (c *company) pulseExists(id int64) bool {
	if id <= int64(c.pulses) {
		return id > 0
	}
	r, ok := c.checkIn(id)
	if !ok || !c.past(r.submitted) {
		return false
	}
	x := c.chance(chPulse, id, 0)
	return !one(x, 40) || !c.past(r.submitted.Add(9*day))
}

func (c *company) pulseTime(id int64) time.Time {
	if id <= int64(c.pulses) {
		return c.oldPulse(id)
	}
	r, _ := c.checkIn(id)
	return r.submitted
}

func (c *company) pulseList(q query) list {
	first, last := int64(1), int64(c.pulses)
	for last >= first && !q.from.IsZero() && c.oldPulse(first).Before(q.from) { // most of a year at once
		n := max(1, int64(q.from.Sub(c.oldPulse(first))/(pulseYear/time.Duration(c.pulses)))-1)
		first = min(first+n, last+1)
	}
	for last >= first && !q.to.IsZero() && c.oldPulse(last).After(q.to) {
		n := max(1, int64(c.oldPulse(last).Sub(q.to)/(pulseYear/time.Duration(c.pulses)))-1)
		last = max(last-n, first-1)
	}
	var recent []int64
	for k := range c.weeks() {
		for u := int64(1); u <= c.users(); u++ {
			if id := c.weeklyID(k, u); c.pulseExists(id) && q.in(c.pulseTime(id)) {
				recent = append(recent, id)
			}
		}
	}
	if q.created {
		slices.SortStableFunc(recent, func(a, b int64) int { return c.pulseTime(a).Compare(c.pulseTime(b)) })
	}
	old := int(max(last-first+1, 0))
	l := list{old + len(recent), func(i int) int64 {
		if i < old {
			return first + int64(i)
		}
		return recent[i-old]
	}}
	if !q.latest {
		return l
	}
	return list{l.n, func(i int) int64 { return l.at(l.n - 1 - i) }}
}

func (c *company) pulseRow(id int64, j *object) {
	j.Int("id", id)
	u, report := id%perWeek, id
	created := c.pulseTime(id)
	var value int64
	if id <= int64(c.pulses) {
		x := c.chance(chOldPulse, id, 0)
		u, report, value = int64(x%uint64(c.first))+1, 0, int64(x>>32%5)+1
	} else {
		x := c.chance(chPulse, id, 0)
		value = int64(x>>8%5) + 1
		if one(x>>16, 8) && c.past(created.Add(2*day)) {
			value = value%5 + 1
		}
	}
	j.Int("value", value)
	j.time("create_ts", created)
	j.ref("user", c, "user", u)
	j.ref("report", c, "report", report)
}
