package simulator

import (
	"strconv"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// An object writes JSON with times and references as 15Five has them.
type object struct{ simulate.Object }

// time writes a timestamp, or null for the zero time.
func (j *object) time(name string, t time.Time) {
	if t.IsZero() {
		j.Null(name)
		return
	}
	j.Name(name)
	j.Bytes = append(j.Bytes, '"')
	j.Bytes = t.UTC().AppendFormat(j.Bytes, "2006-01-02T15:04:05Z")
	j.Bytes = append(j.Bytes, '"')
}

func (j *object) date(name string, t time.Time) {
	j.Name(name)
	j.Bytes = append(j.Bytes, '"')
	j.Bytes = t.UTC().AppendFormat(j.Bytes, time.DateOnly)
	j.Bytes = append(j.Bytes, '"')
}

// ref writes a reference to another object, or null for id 0.
func (j *object) ref(name string, c *company, resource string, id int64) {
	if id == 0 {
		j.Null(name)
		return
	}
	j.Name(name)
	j.url(c, resource, id)
}

func (j *object) url(c *company, resource string, id int64) {
	j.Bytes = append(j.Bytes, '"')
	j.Bytes = append(j.Bytes, c.base...)
	j.Bytes = append(j.Bytes, resource...)
	j.Bytes = append(j.Bytes, '/')
	j.Bytes = strconv.AppendInt(j.Bytes, id, 10)
	j.Bytes = append(j.Bytes, '/', '"')
}
