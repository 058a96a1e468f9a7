package rest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// refusals are lists of one resource that could not be read.
type refusals struct {
	n     int
	first error
}

// refuse takes note of a list that cannot be read, and returns other errors.
func (r *reader) refuse(l *Resource, err error) error {
	var own *ownError
	if errors.As(err, &own) {
		return own.error
	}
	s := Status(err)
	if err == nil || slices.Contains(l.Empty, s) {
		return nil
	}
	if r.account && l == r.list && s/100 == 4 && !slices.Contains([]int{http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests}, s) {
		r.fail(l, err)
		return nil
	}
	switch s {
	case http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusUnavailableForLegalReasons:
	default:
		return &vendorError{err}
	}
	r.deny(l, err)
	return nil
}

// deny notes that a list, or a login's view of it, cannot be read.
func (r *reader) deny(l *Resource, err error) {
	if r.refused[l] == nil {
		r.refused[l] = &refusals{first: err}
	}
	r.refused[l].n++
	r.state.Round.miss(l)
}

// fail says that the tables of a list of the account cannot be read now.
func (r *reader) fail(l *Resource, err error) {
	r.failed[l] = err
	r.state.Round.unsure(l)
	for _, t := range l.tables() {
		if r.asked(t) {
			r.out.Fail(schema.Name{Table: t}, err)
		}
	}
}

// warn tells of the lists that could not be read.
func (r *reader) warn() {
	defer clear(r.refused)
	for l, f := range r.refused {
		r.out.Warn(setup.Warning{Code: "list_not_read", Message: fmt.Sprintf("What %s has could not be read %s. The rows of %s that are there stay as they are. The first refusal: %v.",
			l.name(), times(f.n), strings.Join(l.all(), ", "), f.first)})
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}
