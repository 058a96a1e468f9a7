package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// A digestSource makes digests of the rows that a function says there are.
type digestSource struct {
	source
	digest func(schema.DigestQuery) []schema.Digest
}

func (s digestSource) Digest(_ context.Context, _ json.RawMessage, q schema.DigestQuery, yield func(schema.Digest) error) error {
	for _, d := range s.digest(q) {
		if err := yield(d); err != nil {
			return err
		}
	}
	return nil
}

// A digestTarget has every table, and no rows.
type digestTarget struct{ target }

func (digestTarget) Digest(context.Context, schema.DigestQuery, func(schema.Digest) error) error {
	return nil
}

func (d digestTarget) Writer(context.Context, destination.Options) (destination.Writer, error) {
	return digestWriter{writer{d.f}}, nil
}

type digestWriter struct{ writer }

func (w digestWriter) Table(_ context.Context, n schema.Name) (*schema.Table, error) {
	return &schema.Table{Name: n, Columns: w.f.tables[0].Columns}, nil
}

// digests makes both sides ones that can be compared. digest is told of the
// config that the source was opened with.
func (f *fixture) digests(digest func(config string, q schema.DigestQuery) []schema.Digest) {
	f.runner.connectors["source"].Open = func(raw json.RawMessage, env connector.Env) (connector.Source, error) {
		return digestSource{source{f, env.Trusts}, func(q schema.DigestQuery) []schema.Digest { return digest(string(raw), q) }}, nil
	}
	f.runner.destinations["target"].Open = func(json.RawMessage, destination.Env) (destination.Destination, error) {
		return digestTarget{target{f: f}}, nil
	}
}

// rowsOf returns a digest of n rows, or of each of them.
func rowsOf(q schema.DigestQuery, n int) (all []schema.Digest) {
	if q.Parts > 0 {
		return []schema.Digest{{Rows: int64(n), Columns: []schema.ColumnDigest{{Values: int64(n), Sum: 1}}}}
	}
	for i := range n {
		all = append(all, schema.Digest{Key: []string{fmt.Sprint(i)}, Rows: 1, Columns: []schema.ColumnDigest{{Values: 1, Sum: 1}}})
	}
	return all
}

// TestVerifyOpensAgain has a sync begin while a table is compared, and the
// connection's config change: what is compared after it is what it says then.
func TestVerifyOpensAgain(t *testing.T) {
	f := newFixture(t)
	f.run(ctx, Watch{})
	var asked []string
	f.digests(func(config string, q schema.DigestQuery) []schema.Digest {
		if asked = append(asked, config); len(asked) == 1 {
			f.configure(`{"schema":"elsewhere"}`)
			f.run(ctx, Watch{})
		}
		return rowsOf(q, 1)
	})
	var last Progress
	f.ok(f.runner.Verify(ctx, &store.Verification{ConnectionID: "c"}, func(p Progress) { last = p }))
	if len(asked) < 2 || asked[1] != `{"schema":"elsewhere"}` || len(last.Checks) != 1 || last.Checks[0].State != store.CheckDone {
		t.Errorf("asked %q, %+v", asked, last.Checks)
	}
	if len(f.runner.turns) > 0 {
		t.Error("it holds its turn")
	}
}

// TestVerifyListsSome: many damaged tables do not list all of their rows.
func TestVerifyListsSome(t *testing.T) {
	f := newFixture(t)
	const tables, list = 25, 1000
	for i := range tables {
		n := f.tables[0]
		n.Name.Table = fmt.Sprint("t", i)
		f.tables = append(f.tables, n)
	}
	f.run(ctx, Watch{})
	f.digests(func(_ string, q schema.DigestQuery) []schema.Digest { return rowsOf(q, list) })
	var last Progress
	f.ok(f.runner.Verify(ctx, &store.Verification{ConnectionID: "c", Findings: store.Findings{List: list}}, func(p Progress) { last = p }))
	listed := 0
	for i, c := range last.Checks {
		var r VerifyResult
		f.ok(json.Unmarshal(c.Result, &r))
		if listed += len(r.Differences); r.Lost+r.Late != list || i == 0 && len(r.Differences) != list {
			t.Errorf("of table %d %d rows are listed, lost are %d", i, len(r.Differences), r.Lost)
		}
	}
	if len(last.Checks) != tables+1 || listed != mostListed {
		t.Errorf("%d rows of %d tables are listed", listed, len(last.Checks))
	}
}
