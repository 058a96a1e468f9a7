package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/penstock-data/penstock/schema"
)

// TestVerifications is the life of a connection's verifications.
func TestVerifications(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		due(t, s, g, "c")
		due(t, s, g, "d")
		at := t0
		begin := func(connection string) *Verification {
			t.Helper()
			v := &Verification{ConnectionID: connection, StartedAt: at, Findings: Findings{List: 5, Tables: []schema.Name{{Schema: "s", Table: "t"}}}}
			check(t, s.CreateVerification(ctx, v, at.Add(time.Minute)))
			return v
		}
		v := begin("c")
		begin("d")
		wantErr(t, s.CreateVerification(ctx, &Verification{ConnectionID: "c", StartedAt: at}, at), ErrExists)
		wantErr(t, s.CreateVerification(ctx, &Verification{ConnectionID: "no_such", StartedAt: at}, at), ErrNotFound)

		v.Total, v.Done, v.Wrong, v.Waiting = 2, 1, 1, true
		v.Checks = []TableCheck{{Table: schema.Name{Schema: "s", Table: "t"}, State: CheckDone, Result: json.RawMessage(`{"key":"a secret key"}`)},
			{Table: schema.Name{Schema: "s", Table: "u"}, State: CheckPending}}
		check(t, s.SaveVerification(ctx, v, at.Add(2*time.Minute)))
		same(t, must(s.Verification(ctx, "c", v.ID, at))(t), v)
		_, err := s.Verification(ctx, "d", v.ID, at)
		wantErr(t, err, ErrNotFound)
		var stored []byte
		check(t, s.row(ctx, `select findings from verifications where id = $1`, v.ID).Scan(&stored))
		if bytes.Contains(stored, []byte("secret")) {
			t.Error("what was found is stored in clear")
		}

		// The lease runs out.
		at = at.Add(2*time.Minute + time.Second)
		got := must(s.Verification(ctx, "c", v.ID, at))(t)
		same(t, []any{got.State, got.Reason, got.Waiting, got.EndedAt}, []any{VerificationFailed, Interrupted, false, at.Add(-time.Second)})
		same(t, must(s.CancelVerification(ctx, "c", v.ID, at))(t).State, VerificationFailed)
		later := begin("c")
		wantErr(t, s.SaveVerification(ctx, v, at), ErrStale)

		// It is canceled.
		same(t, must(s.CancelVerification(ctx, "c", later.ID, at))(t).State, VerificationCanceled)
		wantErr(t, s.SaveVerification(ctx, later, at), ErrStale)
		_, err = s.CancelVerification(ctx, "c", "none", at)
		wantErr(t, err, ErrNotFound)

		// It ends.
		at = at.Add(time.Second)
		last := begin("c")
		last.State, last.EndedAt = VerificationDone, at
		check(t, s.SaveVerification(ctx, last, at))
		same(t, must(s.Verification(ctx, "c", last.ID, at.Add(time.Hour)))(t).State, VerificationDone)
		var states []string
		for _, v := range must(s.Verifications(ctx, "c", at))(t) {
			states = append(states, fmt.Sprint(v.State, v.Done, v.Total, v.List))
		}
		same(t, states, []string{"done0 0 0", "canceled0 0 0", "failed1 2 0"})

		for range keptVerifications + 3 {
			at = at.Add(time.Second)
			v := begin("c")
			v.State = VerificationDone
			check(t, s.SaveVerification(ctx, v, at))
		}
		all := must(s.Verifications(ctx, "c", at))(t)
		if len(all) != keptVerifications || !all[0].StartedAt.Equal(at) {
			t.Errorf("%d are kept, the latest of %v", len(all), all[0].StartedAt)
		}
		check(t, s.DeleteConnection(ctx, "c"))
		same(t, len(must(s.Verifications(ctx, "c", at))(t)), 0)
	})
}

// TestVerificationOfADeadServer opens a data folder again.
func TestVerificationOfADeadServer(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, g := seed(t, s)
	due(t, s, g, "c")
	v := &Verification{ConnectionID: "c", StartedAt: now()}
	check(t, s.CreateVerification(t.Context(), v, now().Add(time.Hour)))
	check(t, s.Close())
	s = open(t, dir)
	got := must(s.Verification(t.Context(), "c", v.ID, now()))(t)
	same(t, []any{got.State, got.Reason}, []any{VerificationFailed, Interrupted})
}
