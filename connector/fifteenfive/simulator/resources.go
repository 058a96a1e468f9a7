package simulator

import "time"

// resources is what the API offers, by the first part of the path.
var resources = map[string]*resource{}

func init() {
	for _, r := range []*resource{
		{
			name:   "user",
			list:   func(c *company, _ query) (list, error) { return upTo(c.users()), nil },
			row:    (*company).userRow,
			object: (*company).userObject,
			exists: func(c *company, id int64) bool { return 1 <= id && id <= c.users() },
		},
		{
			name: "group",
			list: func(c *company, _ query) (list, error) {
				var ids []int64
				for g := range c.groups() {
					if c.groupExists(g + 1) {
						ids = append(ids, g+1)
					}
				}
				return listOf(ids), nil
			},
			row:    (*company).groupRow,
			object: (*company).groupObject,
			exists: (*company).groupExists,
		},
		{
			name:   "group-type",
			list:   func(*company, query) (list, error) { return upTo(int64(len(groupTypes))), nil },
			row:    (*company).groupTypeRow,
			object: (*company).groupTypeObject,
			exists: func(_ *company, id int64) bool { return 1 <= id && id <= int64(len(groupTypes)) },
		},
		{
			name:   "report",
			list:   func(c *company, q query) (list, error) { return listOf(c.checkInIDs(q)), nil },
			row:    (*company).checkInRow,
			object: (*company).checkInObject,
			exists: func(c *company, id int64) bool { _, ok := c.checkIn(id); return ok },
			params: []string{"due_date_start", "due_date_end", "user_id"},
		},
		{
			name:   "answer",
			list:   func(c *company, _ query) (list, error) { return listOf(c.answerIDs()), nil },
			row:    (*company).answerRow,
			object: (*company).answerObject,
			exists: func(c *company, id int64) bool { _, _, ok := c.answer(id); return ok },
		},
		{
			name:   "question",
			list:   func(*company, query) (list, error) { return upTo(questions), nil },
			row:    (*company).questionRow,
			object: (*company).questionObject,
			exists: func(_ *company, id int64) bool { return 1 <= id && id <= questions },
		},
		{
			name:   "pulse",
			list:   func(c *company, q query) (list, error) { return c.pulseList(q), nil },
			row:    (*company).pulseRow,
			object: (*company).pulseRow,
			exists: (*company).pulseExists,
			params: []string{"created_on_start", "created_on_end", "order_by"},
		},
		{
			name: "high-five",
			list: func(c *company, q query) (list, error) {
				ids := c.highFiveIDs(q)
				if q.created {
					sortByTime(ids, q.latest, func(id int64) time.Time { h, _ := c.highFive(id); return h.created })
				}
				return listOf(ids), nil
			},
			row:    (*company).highFiveRow,
			object: (*company).highFiveRow,
			exists: func(c *company, id int64) bool { _, ok := c.highFive(id); return ok },
			params: []string{"created_on_start", "created_on_end", "order_by"},
		},
		{
			name:   "one-on-one",
			list:   func(c *company, q query) (list, error) { return listOf(c.oneOnOneIDs(q)), nil },
			row:    (*company).oneOnOneRow,
			object: (*company).oneOnOneRow,
			exists: func(c *company, id int64) bool { _, _, ok := c.oneOnOne(id); return ok },
			params: []string{"scheduled_on_start", "scheduled_on_end"},
		},
		{
			name: "vacation",
			list: func(c *company, _ query) (list, error) { return listOf(c.vacationIDs()), nil },
			row:  (*company).vacationRow,
		},
		{
			name: "attribute",
			list: func(c *company, _ query) (list, error) { return upTo(c.attributes()), nil },
			row:  (*company).attributeRow,
		},
		{
			name: "security-audit",
			list: func(c *company, _ query) (list, error) { return upTo(c.auditEvents()), nil },
			row:  (*company).auditRow,
		},
		{name: "feature-status", single: (*company).features},
	} {
		resources[r.name] = r
	}
}

// upTo returns the ids from 1 to n.
func upTo(n int64) list {
	return list{int(n), func(i int) int64 { return int64(i) + 1 }}
}
