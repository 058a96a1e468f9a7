package salesforce

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fastjson"

	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A reader reads one table in one sync.
type reader struct {
	*run
	object   *object
	table    schema.Table
	progress *progress
	saved    *progress // as of the last checkpoint

	fields []string   // to be selected
	log    *logRead   // of deletes; nil: the reading does not need it
	rows   *rest.Rows // whole rows
	gone   *rest.Rows // keys of deleted ones; nil: the table has no key
	start  int        // the column that says since when a row holds, or -1
	marked int        // rows in gone
	sent   bool       // rows were sent that may be sent again
	wrote  bool       // anything was sent
	noBulk bool       // Bulk API takes no more jobs
	reply  rest.Reply
}

func newReader(r *run, o *object, table schema.Table) *reader {
	p := r.state.Tables[table.Table]
	t := &reader{run: r, object: o, table: table, progress: p, saved: p.clone()}
	t.choose()
	return t
}

// open makes what rows are gathered in.
func (t *reader) open() {
	t.rows = rest.NewRows(t.out, t.table)
	t.rows.Nearest = true
	t.start = t.rows.Column(schema.Start)
	if i := t.table.Index(t.object.key); i >= 0 {
		t.gone = rest.NewRows(t.out, schema.Table{Name: t.table.Name, Columns: t.table.Columns[i : i+1]})
		t.gone.Op = schema.Delete
	}
}

// choose says which fields are selected: those that have a column, and those
// that the reading itself needs.
func (t *reader) choose() {
	t.fields = nil
	for _, f := range t.object.fields {
		needed := f.name == t.object.key || f.name == t.object.cursor || f.name == "IsDeleted"
		if needed || t.table.Index(f.name) >= 0 {
			t.fields = append(t.fields, f.name)
		}
	}
}

// The vendor keeps deleted rows, and its log of them, for 15 days (SOAP API
// Developer Guide, "getDeleted()", 2026-07). A day less is on the safe side.
const kept = 14 * 24 * time.Hour

// lookBack is how much later than the time that it carries a row may show: as
// long as a transaction can take (Apex Developer Guide, "Execution governors
// and limits", 2026-07).
const lookBack = 10 * time.Minute

// idle reports whether nothing is to be read.
func (t *reader) idle() bool {
	return t.progress.Reading == nil && !t.outgrown() && t.upToDate()
}

// outgrown reports whether rows that have not changed must be read again: what
// is new has values in them, and another cursor has other changes.
func (t *reader) outgrown() bool {
	p := t.progress
	return !p.Fields.covers(t.fields) || p.By != "" && p.By != t.object.by()
}

// plan begins the reading, unless it is under way, and says whether it needs the
// log of deletes.
func (t *reader) plan() {
	p := t.progress
	switch {
	case t.outgrown():
		t.begin(true)
	case p.Reading == nil:
		t.begin(t.object.way() == again || p.Since.IsZero() || t.object.way() == byCursor && t.now().Sub(p.Since) > kept)
	}
	if t.looksAtLog() {
		if t.log = t.logRead(); t.log == nil {
			t.begin(true)
		}
	}
}

// read reads what was planned.
func (t *reader) read(ctx context.Context) error {
	t.open()
	t.api.quiet = t.progress.Reading.Whole
	if t.log != nil {
		known, err := t.readDeletes(ctx)
		if err != nil {
			return err
		}
		if !known {
			t.begin(true)
			t.api.quiet = true
		}
	}
	t.rows.Fresh = t.progress.Reading.Whole && !t.sent
	if err := t.readRows(ctx); err != nil {
		return err
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	t.finish()
	return nil
}

// looksAtLog reports whether the reading needs the log of deletes: where rows
// that are gone show nowhere else, and once a day for all others, because a
// row may leave the recycle bin before it was seen there.
func (t *reader) looksAtLog() bool {
	if t.progress.Reading.Whole || t.progress.Reading.After != (place{}) || t.progress.Reading.Job != nil {
		return false
	}
	switch t.object.way() {
	case byLog:
		return true
	case byCursor:
		return t.now().Format(time.DateOnly) != t.progress.DeletesSince.Format(time.DateOnly)
	}
	return false
}

// upToDate reports whether nothing is to be read although the table can only
// be read as a whole.
func (t *reader) upToDate() bool {
	p := t.progress
	if t.object.way() != again || p.Whole.IsZero() || t.config.UpdateInfrequentObjectsInEverySync {
		return false
	}
	return t.now().Format(time.DateOnly) == p.Whole.Format(time.DateOnly)
}

// begin starts a reading.
func (t *reader) begin(whole bool) {
	if t.progress.Reading != nil {
		t.leaveJob()
	}
	t.progress.Reading = &reading{Whole: whole, Until: t.now()}
	if !whole {
		t.progress.Reading.From = t.progress.Since.Add(-lookBack)
	} else {
		t.progress.Fields, t.progress.By = fieldsOf(t.fields), t.object.by()
		t.state.Deferred.Add(t.table.Name, t.req.Start)
	}
}

// finish ends the reading.
func (t *reader) finish() {
	p := t.progress
	p.Since, p.Fields, p.By = p.Reading.Until, fieldsOf(t.fields), t.object.by()
	if p.Reading.Whole {
		p.Whole, p.DeletesSince = p.Reading.Until, p.Reading.Until
	}
	p.Reading = nil
}

// query returns what the reading has to ask for.
func (t *reader) query() *query {
	rd := t.progress.Reading
	q := &query{object: t.object, fields: t.fields, after: rd.After}
	if !rd.Whole {
		q.from, q.to = rd.From, rd.Until
	}
	return q
}

// readRows reads the rows, by the interface that takes fewer requests.
func (t *reader) readRows(ctx context.Context) error {
	rd := t.progress.Reading
	if rd.Job != nil {
		return t.readBulk(ctx)
	}
	if t.counts() {
		v, err := t.api.query(ctx, t.query().count(), mostRows, &t.reply)
		n := v.GetInt64("totalSize")
		switch {
		case code(err) == queryTimeout && t.object.bulk():
			return t.readBulk(ctx)
		case err != nil:
			return vendor(err)
		case n == 0:
			return nil
		}
		t.out.Progress(t.table.Name, n)
		if t.largely(n) {
			return t.readBulk(ctx)
		}
	}
	return t.readPages(ctx)
}

// counts reports whether the rows are to be counted, so that nothing large is
// sorted for nothing. For increments, and tables read as a whole day by day, the
// first page says how many rows there are.
func (t *reader) counts() bool {
	rd := t.progress.Reading
	return rd.Whole && t.object.way() != again && rd.After == (place{})
}

// record sends a row that came by REST.
func (t *reader) record(ctx context.Context, v *fastjson.Value) error {
	t.rows.Record(v.GetObject())
	if t.start >= 0 {
		t.rows.Value(t.start, v.Get(t.object.cursor), nil)
	}
	if err := t.rows.End(ctx); err != nil {
		return err
	}
	t.progress.Reading.Rows++
	if v.GetBool("IsDeleted") {
		return t.mark(ctx, v.GetStringBytes(t.object.key))
	}
	return nil
}

// mark has a row marked as deleted by the next flush.
func (t *reader) mark(ctx context.Context, key []byte) error {
	if t.gone == nil || len(key) == 0 {
		return nil
	}
	t.gone.Text(0, key)
	if err := t.gone.End(ctx); err != nil {
		return err
	}
	if t.marked++; t.marked == mostMarked {
		return t.flush(ctx)
	}
	return nil
}

// mostMarked is how many keys of deleted rows are gathered. They are less than
// a batch: one that was sent by itself would go before the rows it is about.
const mostMarked = 50_000

// flush sends the rows gathered, and then marks the deleted ones among them.
func (t *reader) flush(ctx context.Context) error {
	t.wrote = t.wrote || t.marked > 0 || t.progress.Reading != nil && t.progress.Reading.Rows > 0
	if err := t.rows.Flush(ctx); err != nil || t.gone == nil {
		return err
	}
	t.marked = 0
	return t.gone.Flush(ctx)
}

// page ends a page: all of it is sent if rows of it were deleted, so that one
// that comes back in the next is not marked, and saved if it is time.
func (t *reader) page(ctx context.Context) error {
	t.unsaved++
	switch {
	case t.unsaved >= t.save:
		return t.saveReading(ctx)
	case t.marked > 0:
		return t.flush(ctx)
	}
	return nil
}

// saveReading makes what was read so far durable.
func (t *reader) saveReading(ctx context.Context) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	if err := t.checkpoint(ctx); err != nil {
		return err
	}
	t.saved = t.progress.clone()
	return nil
}

// lost looks at the object again after a field of the query was unknown, and
// reports whether fields that are gone were the reason: it goes on without.
func (t *reader) lost(ctx context.Context) (bool, error) {
	before := t.fields
	delete(t.objects, t.object.name)
	if err := t.api.describe(ctx, []string{t.object.name}, func(string, error) {}); err != nil {
		return false, vendor(err)
	}
	o := t.objects[t.object.name]
	if o == nil || o.key != t.object.key || o.cursor != t.object.cursor {
		return false, nil
	}
	t.object = o
	t.choose()
	gone := slices.DeleteFunc(slices.Clone(before), func(f string) bool { return slices.Contains(t.fields, f) })
	for _, f := range gone {
		t.out.Warn(setup.Warning{Code: "column_gone", Message: fmt.Sprintf(
			"Field %s of %s was there when the sync began and is not any more, or the user may not see it any more: rows read since have no value of it.", f, t.object.name)})
	}
	return len(gone) > 0, nil
}
