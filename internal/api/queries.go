package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/engine"
	"github.com/penstock-data/penstock/internal/fivetran"
)

// How much a query answers, and how much when nothing is said.
const (
	queryRows  = 1000
	queryMost  = 100_000
	queryBytes = 16 << 20
	querySQL   = 100_000 // characters of a statement
)

// queryDestination answers a query about a destination's tables. It takes the
// right to edit the destination: to read what is known of one is not yet to read
// what is in it.
func (s *server) queryDestination(r *request) (any, error) {
	var req fivetran.Query
	if err := r.read(&req); err != nil {
		return nil, err
	}
	rows := queryRows
	if req.Limit != nil {
		rows = *req.Limit
	}
	switch {
	case strings.TrimSpace(req.SQL) == "":
		return nil, fieldRequired("sql")
	case len(req.SQL) > querySQL:
		return nil, invalidInput("Invalid value for field 'sql': it has more than %d characters", querySQL)
	case rows < 1 || rows > queryMost:
		return nil, invalidInput("Invalid value for field 'limit': it is a number from 1 to %d", queryMost)
	}
	start := s.now()
	a, err := s.Engine.Query(r.Context(), r.id(), destination.Query{SQL: req.SQL, Rows: rows, Bytes: queryBytes})
	var said *destination.QueryError
	var of *engine.ServiceError
	switch {
	case errors.As(err, &said):
		return nil, invalidInput("%s", said.Message)
	case errors.Is(err, engine.ErrNoQueries):
		return nil, invalidInput("%s", sentence(err))
	case errors.As(err, &of) && r.Context().Err() == nil:
		return nil, &apiError{http.StatusBadRequest, fivetran.BadRequest, "The query cannot be answered: " + err.Error()}
	case err != nil:
		return nil, err
	}
	w := fivetran.QueryAnswer{Columns: []fivetran.QueryColumn{}, Rows: a.Rows, More: a.More, Milliseconds: s.now().Sub(start).Milliseconds()}
	for _, c := range a.Columns {
		w.Columns = append(w.Columns, fivetran.QueryColumn{Name: c.Name, Type: c.Type})
	}
	return w, nil
}
