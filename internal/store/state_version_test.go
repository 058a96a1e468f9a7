package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// TestStateVersions saves states in several runs and looks what is kept.
func TestStateVersions(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		at := t0
		latest := map[string]int64{} // version by run
		var last int64
		for run := range 75 {
			r := claim(t, s, "a", at)
			for i := range 1 + run%4*8 {
				at = at.Add(time.Second)
				state := json.RawMessage(fmt.Sprintf(`{"run":%d,"i":%d}`, run, i))
				check(t, s.SetState(ctx, r.Token(), state, int64(i), at))
				check(t, s.SetState(ctx, r.Token(), state, int64(i), at)) // nothing has happened in between
				last++
			}
			latest[r.ID] = last
			check(t, s.Finish(ctx, r.Token(), Outcome{Kind: RunSucceeded, EndedAt: at}))
			at = at.Add(24 * time.Hour)
		}
		versions := must(s.StateVersions(ctx, "c"))(t)
		if n := len(versions); n > keptVersions || n < keptVersions*9/10 {
			t.Errorf("%d versions are kept", len(versions))
		}
		for i, v := range versions {
			if i < recentVersions && v.Version != last-int64(i) {
				t.Errorf("version %d is %d back", v.Version, i)
			}
			if i >= recentVersions && v.Version != latest[v.RunID] {
				t.Errorf("version %d of run %s is kept, which is not its latest", v.Version, v.RunID)
			}
		}
		v, state, err := s.StateVersion(ctx, "c", versions[3].Version)
		check(t, err)
		same(t, *v, versions[3])
		same(t, string(state), fmt.Sprintf(`{"run":74,"i":%d}`, v.Rows))
		_, _, err = s.StateVersion(ctx, "c", 1)
		wantErr(t, err, ErrNotFound)

		// A return is a version of its own.
		check(t, s.ReplaceState(ctx, "c", state))
		versions = must(s.StateVersions(ctx, "c"))(t)
		if versions[0].Version != last+1 || versions[0].RunID != "" {
			t.Errorf("after a return the latest is %+v", versions[0])
		}
		large := json.RawMessage(`{"x":"` + strings.Repeat("page ", 50_000) + `"}`)
		check(t, s.ReplaceState(ctx, "c", large))
		v, state, err = s.StateVersion(ctx, "c", last+2)
		check(t, err)
		if !bytes.Equal(state, large) || v.Bytes > int64(len(large)/10) {
			t.Errorf("a large state takes %d bytes", v.Bytes)
		}
	})
}

// TestVersionsOfALongRun saves a state every second for an hour.
func TestVersionsOfALongRun(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		r := claim(t, s, "a", t0)
		at := t0
		for i := range 900 {
			at = at.Add(time.Second)
			check(t, s.SetState(ctx, r.Token(), json.RawMessage(fmt.Sprint(i)), int64(i), at))
		}
		versions := must(s.StateVersions(ctx, "c"))(t)
		if len(versions) != recentVersions {
			t.Errorf("%d versions are kept", len(versions))
		}
		if !versions[0].SavedAt.Equal(at) || versions[0].Rows != 899 {
			t.Errorf("the latest is %+v", versions[0])
		}
		for i, v := range versions[2:] {
			if apart := versions[i+1].SavedAt.Sub(v.SavedAt); apart < versionsApart {
				t.Errorf("two of them are %v apart", apart)
			}
		}
	})
}

// TestForget takes tables out of the state with which a run begins.
func TestForget(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		b, a := schema.Name{Schema: "s", Table: "b"}, schema.Name{Schema: "s", Table: "a"}
		calls := 0
		forget := func(state json.RawMessage, tables []schema.Name) (json.RawMessage, error) {
			calls++
			same(t, tables, []schema.Name{a, b})
			return json.RawMessage(`{"without":` + string(state) + `}`), nil
		}
		wantErr(t, s.AskResync(ctx, "no_such", []schema.Name{a}), ErrNotFound)
		check(t, s.AskResync(ctx, "c", []schema.Name{b, a}))
		check(t, s.AskResync(ctx, "c", []schema.Name{a}))
		same(t, must(s.AskedResyncs(ctx, "c"))(t), []schema.Name{a, b})

		// Nothing was read yet, so there is nothing to forget.
		r := claim(t, s, "a", t0)
		if state := must(s.Forget(ctx, r.Token(), t0, forget))(t); state != nil || calls != 0 {
			t.Errorf("state %s, %d calls", state, calls)
		}
		same(t, must(s.AskedResyncs(ctx, "c"))(t), []schema.Name(nil))

		check(t, s.SetState(ctx, r.Token(), json.RawMessage(`1`), 0, t0))
		check(t, s.AskResync(ctx, "c", []schema.Name{a, b}))
		refused := errors.New("no")
		_, err := s.Forget(ctx, r.Token(), t0, func(json.RawMessage, []schema.Name) (json.RawMessage, error) { return nil, refused })
		wantErr(t, err, refused)
		stale := r.Token()
		stale.Fence--
		_, err = s.Forget(ctx, stale, t0, forget)
		wantErr(t, err, ErrStale)
		same(t, must(s.AskedResyncs(ctx, "c"))(t), []schema.Name{a, b})
		same(t, string(must(s.Forget(ctx, r.Token(), t0, forget))(t)), `{"without":1}`)
		same(t, string(must(s.Forget(ctx, r.Token(), t0, forget))(t)), `{"without":1}`)
		same(t, string(must(s.State(ctx, "c"))(t)), `{"without":1}`)
		if calls != 1 {
			t.Errorf("forgotten %d times", calls)
		}
		if n := len(must(s.StateVersions(ctx, "c"))(t)); n != 2 {
			t.Errorf("%d versions", n)
		}

		// All is read again anyway.
		check(t, s.AskResync(ctx, "c", []schema.Name{a}))
		check(t, s.Finish(ctx, r.Token(), Outcome{Kind: RunSucceeded, EndedAt: t0}))
		_, err = s.UpdateConnection(ctx, "c", func(c *Connection) error { c.Reset, c.TriggeredAt = true, t0; return nil })
		check(t, err)
		claim(t, s, "a", t0)
		same(t, must(s.AskedResyncs(ctx, "c"))(t), []schema.Name(nil))
	})
}
