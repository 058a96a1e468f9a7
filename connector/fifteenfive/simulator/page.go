package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// A resource is what one path of the API offers.
type resource struct {
	name string

	// list returns the ids that a query selects.
	list func(c *company, q query) (list, error)

	// row writes the row of a list, and object the whole object; nil if there
	// is no path for a single one. exists reports whether an id is there.
	row    func(c *company, id int64, j *object)
	object func(c *company, id int64, j *object)
	exists func(c *company, id int64) bool

	// single writes the one object that the path answers with instead.
	single func(c *company, j *object)

	params []string // of the query, besides page
}

// A list is the ids that a query selects, n of them.
type list struct {
	n  int
	at func(i int) int64
}

func listOf(ids []int64) list {
	return list{len(ids), func(i int) int64 { return ids[i] }}
}

// A query is the filters of a request. Times are zero if they are not given.
type query struct {
	from, to time.Time // inclusive
	user     int64     // 0: any
	latest   bool      // order_by=-create_ts
	created  bool      // order_by=create_ts
}

// in reports whether a row of that time is selected.
func (q *query) in(t time.Time) bool {
	return (q.from.IsZero() || !t.Before(q.from)) && (q.to.IsZero() || !t.After(q.to))
}

// A refusal is an answer other than 200.
type refusal struct {
	status int
	body   []byte
}

func detailBody(detail string) []byte {
	var j object
	j.Open()
	j.Text("detail", detail)
	j.Close()
	return j.Bytes
}

func badParameter(name, why string) *refusal {
	body, _ := json.Marshal(map[string][]string{name: {why}})
	return &refusal{http.StatusBadRequest, body}
}

var notFound = &refusal{http.StatusNotFound, detailBody("Not found.")}

// parse reads the query, which may have the page and params and nothing else.
func parse(values url.Values, params []string) (q query, page int, bad *refusal) {
	page = 1
	for name, vs := range values {
		if name != "page" && !slices.Contains(params, name) {
			return q, 0, badParameter(name, "Unknown parameter.")
		}
		if len(vs) != 1 {
			return q, 0, badParameter(name, "Give one value.")
		}
		v := vs[0]
		switch name {
		case "page":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				return q, 0, &refusal{http.StatusNotFound, detailBody("Invalid page.")}
			}
			page = n
		case "user_id":
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return q, 0, badParameter(name, "Enter a number.")
			}
			q.user = n
		case "order_by":
			switch v {
			case "create_ts":
				q.created = true
			case "-create_ts":
				q.created, q.latest = true, true
			default:
				return q, 0, badParameter(name, "Select a valid choice.")
			}
		default:
			t, err := time.Parse(time.DateTime, v)
			if err != nil {
				t, err = time.Parse(time.DateOnly, v)
			}
			if err != nil {
				return q, 0, badParameter(name, "Enter a valid date/time.")
			}
			if slices.Contains([]string{"due_date_end", "created_on_end", "scheduled_on_end"}, name) {
				q.to = t
			} else {
				q.from = t
			}
		}
	}
	return q, page, nil
}

// page answers a request for a page of a list.
func (res *resource) page(c *company, r *http.Request, size int) ([]byte, *refusal) {
	values := r.URL.Query()
	q, page, bad := parse(values, res.params)
	if bad != nil {
		return nil, bad
	}
	l, err := res.list(c, q)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, detailBody(err.Error())}
	}
	from := (page - 1) * size
	if from >= l.n && page > 1 {
		return nil, &refusal{http.StatusNotFound, detailBody("Invalid page.")}
	}
	to := min(from+size, l.n)
	link := func(p int) string {
		values.Set("page", strconv.Itoa(p))
		if p == 1 {
			values.Del("page")
		}
		u := c.base + res.name + "/"
		if e := values.Encode(); e != "" {
			u += "?" + e
		}
		return u
	}
	var j object
	j.Bytes = make([]byte, 0, 256*(to-from)+256)
	j.Open()
	j.Int("count", int64(l.n))
	if to < l.n {
		j.Text("next", link(page+1))
	} else {
		j.Null("next")
	}
	if page > 1 {
		j.Text("previous", link(page-1))
	} else {
		j.Null("previous")
	}
	j.Array("results")
	for i := from; i < to; i++ {
		j.Item()
		j.Open()
		res.row(c, l.at(i), &j)
		j.Close()
	}
	j.EndArray()
	j.Close()
	return j.Bytes, nil
}

// one answers a request for a single object.
func (res *resource) one(c *company, id string, r *http.Request) ([]byte, *refusal) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || !res.exists(c, n) {
		return nil, notFound
	}
	for name := range r.URL.Query() {
		return nil, badParameter(name, "Unknown parameter.")
	}
	var j object
	j.Open()
	res.object(c, n, &j)
	j.Close()
	return j.Bytes, nil
}

// whole answers a request for a path that is no list.
func (res *resource) whole(c *company, r *http.Request) ([]byte, *refusal) {
	for name := range r.URL.Query() {
		return nil, badParameter(name, "Unknown parameter.")
	}
	var j object
	j.Open()
	res.single(c, &j)
	j.Close()
	return j.Bytes, nil
}
