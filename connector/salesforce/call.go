package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/rest"
)

// A call is a request that was made for an increment.
type call struct {
	method, uri string
	at          time.Time
}

// mostCalls is how many calls are remembered until they are sent.
const mostCalls = 10_000

// note remembers a call, unless it is one of a whole reading.
func (a *api) note(q rest.Request) {
	if a.quiet || len(a.calls) == mostCalls {
		return
	}
	method := q.Method
	if method == "" {
		method = http.MethodGet
	}
	a.calls = append(a.calls, call{method, "/" + strings.TrimPrefix(brief(q.URL), "/"), a.env.Now()})
}

// brief returns an address without the fields that its query selects: with
// them, what is noted of calls would be more than what they bring.
func brief(address string) string {
	path, query, _ := strings.Cut(address, "?")
	soql, err := url.QueryUnescape(strings.TrimPrefix(query, "q="))
	if err != nil || !strings.HasPrefix(soql, "SELECT ") {
		return address
	}
	_, from, ok := strings.Cut(soql, " FROM ")
	if !ok {
		return address
	}
	return path + "?q=SELECT … FROM " + from
}

// sendCalls sends the calls made since the last time. Those of a first sync
// are not wanted ("FIVETRAN_API_CALL" in Fivetran's Salesforce documentation).
func (r *run) sendCalls(ctx context.Context) error {
	calls := r.api.calls
	r.api.calls = nil
	table := r.wanted(callTable)
	if table == nil || r.req.State == nil || len(calls) == 0 {
		return nil
	}
	rows := rest.NewRows(r.out, *table)
	for _, c := range calls {
		r.called++
		set(rows, "id", fmt.Sprintf("%d-%06d", r.req.Start.UnixMicro(), r.called))
		set(rows, "method", c.method)
		set(rows, "uri", c.uri)
		set(rows, "called_at", c.at.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano))
		if err := rows.End(ctx); err != nil {
			return err
		}
	}
	return rows.Flush(ctx)
}
