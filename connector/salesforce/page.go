package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
)

// Salesforce's words for what is wrong that can be helped (SOAP API Developer
// Guide, "ExceptionCode", 2026-07).
const (
	invalidField   = "INVALID_FIELD"
	invalidLocator = "INVALID_QUERY_LOCATOR"
	queryTimeout   = "QUERY_TIMEOUT"
	noJobsLeft     = "LIMIT_EXCEEDED"
)

// readPages reads the rows by REST from where the reading is.
func (t *reader) readPages(ctx context.Context) error {
	rd := t.progress.Reading
	restarts, read := 0, int64(0)
	next := ""
	for first := true; ; first = false {
		v, err := t.getPage(ctx, next)
		switch {
		case code(err) == invalidLocator && restarts < tries: // only without an order; else there is no locator
			restarts++
			next, read, t.rows.Fresh = "", 0, false
			continue
		case code(err) == queryTimeout && t.object.bulk() && !t.noBulk:
			return t.readBulk(ctx)
		case err != nil:
			return vendor(err)
		}
		total, records := v.GetInt64("totalSize"), v.GetArray("records")
		if first {
			t.out.Progress(t.table.Name, rd.Rows+total)
		}
		for _, rec := range records {
			if err := t.record(ctx, rec); err != nil {
				return err
			}
		}
		if read += int64(len(records)); t.query().keyset() {
			read = int64(len(records)) // total is as of this page
		}
		switch done := v.GetBool("done"); {
		case done && read < total:
			return vendor(t.odd("Salesforce sends %d of %d rows and says that there are no more", read, total))
		case done:
			return nil
		}
		if len(records) == 0 {
			return vendor(t.odd("Salesforce says that there are more rows and sends none"))
		}
		if next = string(v.GetStringBytes("nextRecordsUrl")); t.query().keyset() {
			next = ""
			at := t.placeOf(records[len(records)-1])
			if at == rd.After {
				return vendor(t.odd("Salesforce sends the same rows again"))
			}
			rd.After = at
			if t.largely(total - int64(len(records))) {
				return t.readBulk(ctx)
			}
			if err := t.page(ctx); err != nil {
				return err
			}
		}
	}
}

// odd returns the error of an answer to a query that cannot be right.
func (t *reader) odd(format string, args ...any) error {
	return &brokenAnswer{of: "query", err: fmt.Errorf(format, args...)}
}

// pageValues is how many values a page may have, which is in memory as a whole,
// and bulkPages for how many pages Bulk API is worth its requests.
const pageValues, bulkPages = 100_000, 5

// pageRows returns how many rows a page is to have.
func (t *reader) pageRows() int {
	return min(max(pageValues/max(len(t.fields), 1), fewestRows), mostRows)
}

// largely reports whether that many rows are better read by Bulk API.
func (t *reader) largely(rows int64) bool {
	from := t.bulkFrom
	if from == 0 {
		from = int64(bulkPages * t.pageRows())
	}
	return t.object.bulk() && !t.noBulk && rows >= from
}

// tries is how often something that Salesforce gave up is begun again.
const tries = 3

// getPage asks for the page at an address, or the one behind the last row.
func (t *reader) getPage(ctx context.Context, next string) (*fastjson.Value, error) {
	if next != "" {
		err := t.api.get(ctx, next, &t.reply)
		return t.reply.Value, err
	}
	v, err := t.api.query(ctx, t.query().ordered(), t.pageRows(), &t.reply)
	if code(err) != invalidField {
		return v, err
	}
	changed, lerr := t.lost(ctx)
	switch {
	case lerr != nil:
		return nil, lerr
	case !changed:
		return nil, err
	}
	return t.api.query(ctx, t.query().ordered(), t.pageRows(), &t.reply)
}

// placeOf returns the place of a row.
func (t *reader) placeOf(rec *fastjson.Value) place {
	p := place{Key: string(rec.GetStringBytes(t.object.key))}
	if t.query().windowed() {
		at, err := parseTime(string(rec.GetStringBytes(t.object.cursor)))
		if err == nil {
			p.At = literal(at)
		}
	}
	return p
}

// A goneError is about an object that is not there any more.
type goneError struct{ object string }

func (e *goneError) Error() string {
	return fmt.Sprintf("Salesforce has no object %s, or the user of this connection may not read it. "+
		"Give the user read access to it, or exclude the table.", e.object)
}

func errGone(object string) error { return &goneError{object} }

// explainTable says what a person can do about an object that cannot be read.
func explainTable(object string, err *rest.StatusError) error {
	if _, why, ok := strings.Cut(err.Detail, "\nERROR at Row:"); ok { // what comes before is the query
		_, why, _ = strings.Cut(why, "\n")
		short := *err
		short.Detail, err = why, &short
	}
	switch {
	case err.Code == "INVALID_TYPE" || err.Status == http.StatusNotFound:
		return errGone(object)
	case err.Code == queryTimeout:
		return fmt.Errorf("%s takes Salesforce too long to read: exclude columns, or ask Salesforce for an index: %w", object, err)
	}
	return fmt.Errorf("%s: %w", object, err)
}
