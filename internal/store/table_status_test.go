package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// TestTableStatuses is a table's life over several runs.
func TestTableStatuses(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		name := func(table string) schema.Name { return schema.Name{Schema: "s", Table: table} }
		at := t0
		want := func(step string, want ...string) {
			t.Helper()
			var got []string
			for _, st := range must(s.TableStatuses(ctx, "c"))(t) {
				line := fmt.Sprintf("%s %s %d/%d %s", st.Table.Table, st.Status, st.Rows, st.Expected, st.Error)
				if !st.SyncedAt.IsZero() {
					line += " synced"
				}
				if !st.FailedAt.IsZero() {
					line += " failed"
				}
				got = append(got, line)
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("%s: %q, want %q", step, got, want)
			}
		}
		progress := func(r *Run, tables ...TableProgress) {
			t.Helper()
			check(t, s.SetProgress(ctx, r.Token(), RunProgress{Tables: tables}, at))
		}
		finish := func(r *Run, kind string, tables ...RunTable) {
			t.Helper()
			check(t, s.Finish(ctx, r.Token(), Outcome{Kind: kind, EndedAt: at, Tables: tables}))
			at = at.Add(24 * time.Hour) // the next is due by then
		}
		want("at first")
		r := claim(t, s, "a", at)
		progress(r, TableProgress{name("a"), 5, 50, 10}, TableProgress{name("b"), 1, 10, 0})
		want("under way", "a syncing 5/10 ", "b syncing 1/0 ")
		progress(r, TableProgress{name("a"), 7, 70, 10})
		want("further", "a syncing 7/10 ", "b syncing 1/0 ")
		finish(r, RunCanceled)
		want("canceled before anything was read to the end")
		wantErr(t, s.SetProgress(ctx, r.Token(), RunProgress{Tables: []TableProgress{{name("a"), 9, 90, 10}}}, at), ErrStale)

		r = claim(t, s, "a", at)
		finish(r, RunSucceeded, RunTable{Source: name("a"), Upserted: 8, Deleted: 2}, RunTable{Source: name("b"), Error: "permission denied"})
		want("one failed", "a synced 10/0  synced", "b failed 0/0 permission denied failed")

		r = claim(t, s, "a", at)
		progress(r, TableProgress{name("a"), 3, 30, 4}, TableProgress{name("b"), 1, 10, 0})
		want("under way again", "a syncing 3/4  synced", "b syncing 1/0 permission denied failed")
		finish(r, RunFailed, RunTable{Source: name("a"), Upserted: 3}, RunTable{Source: name("c"), Error: "gone"})
		want("the sync failed", "a synced 3/4  synced", "b failed 1/0 permission denied failed", "c failed 0/0 gone failed")

		r = claim(t, s, "a", at)
		finish(r, RunSucceeded, RunTable{Source: name("a")}, RunTable{Source: name("b"), Upserted: 1}, RunTable{Source: name("c")})
		want("all is well", "a synced 0/0  synced", "b synced 1/0  synced failed", "c synced 0/0  synced failed")
	})
}
