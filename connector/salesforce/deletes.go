package salesforce

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock-data/penstock/connector/rest"
)

// A logRead is what is to be read of the log of deletes.
type logRead struct {
	since, until time.Time
	address      string
}

// logRead returns what the reading needs of the log, nil if that does not reach
// back far enough. Deletes show late, too.
func (t *reader) logRead() *logRead {
	if t.progress.DeletesSince.IsZero() {
		return nil
	}
	l := &logRead{since: t.progress.DeletesSince.Add(-lookBack), until: t.now()}
	if l.until.Sub(l.since) > kept {
		return nil
	}
	// The two must be more than a minute apart.
	if latest := l.until.Add(-2 * time.Minute); l.since.After(latest) {
		l.since = latest
	}
	l.address = t.api.path("sobjects", t.object.name, "deleted/") + "?" +
		url.Values{"start": {l.since.Format(time.RFC3339)}, "end": {l.until.Format(time.RFC3339)}}.Encode()
	return l
}

// readDeletes marks the rows that the log of deletes has. It is not known what
// was deleted if the log has been cut, or has too much.
//
// The log may have rows that were undeleted since. They changed when they were:
// the reading, which follows, goes back to the first of the deletes.
func (t *reader) readDeletes(ctx context.Context) (known bool, err error) {
	p, since, now := t.progress, t.log.since, t.log.until
	if err := t.api.get(ctx, t.log.address, &t.reply); err != nil {
		switch code(err) {
		case "EXCEEDED_ID_LIMIT", "INVALID_REPLICATION_DATE":
			return false, nil
		}
		if rest.Status(err) == http.StatusNotFound || rest.Status(err) == http.StatusMethodNotAllowed {
			return false, nil
		}
		return false, vendor(err)
	}
	v := t.reply.Value
	if earliest, err := parseTime(string(v.GetStringBytes("earliestDateAvailable"))); err == nil && earliest.After(since) {
		return false, nil
	}
	for _, d := range v.GetArray("deletedRecords") {
		t.sent = true
		at, err := parseTime(string(d.GetStringBytes("deletedDate")))
		if err != nil {
			at = since
		}
		if at = at.Add(-lookBack); at.Before(p.Reading.From) {
			p.Reading.From = at
		}
		if err := t.mark(ctx, d.GetStringBytes("id")); err != nil {
			return false, err
		}
	}
	if err := t.flush(ctx); err != nil {
		return false, err
	}
	p.DeletesSince = now
	if covered, err := parseTime(string(v.GetStringBytes("latestDateCovered"))); err == nil && covered.Before(now) {
		p.DeletesSince = covered
	}
	return true, nil
}
