package store

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
)

func TestLogServices(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		check(t, s.Record(ctx, Event{GroupID: g.ID, Kind: "before"}))
		l := &LogService{AccountID: g.AccountID, GroupID: g.ID, Service: "splunkLog", Enabled: true, Complete: true, Config: json.RawMessage(`{"token":"s3cret"}`)}
		check(t, s.CreateLogService(ctx, l))
		if err := s.CreateLogService(ctx, l); !errors.Is(err, ErrExists) {
			t.Errorf("a second one: %v", err)
		}
		if err := s.CreateLogService(ctx, &LogService{AccountID: g.AccountID, GroupID: "gone"}); !errors.Is(err, ErrNotFound) {
			t.Errorf("of no group: %v", err)
		}
		var sealed []byte
		check(t, s.write.QueryRowContext(ctx, `select config from log_services`).Scan(&sealed))
		if strings.Contains(string(sealed), "s3cret") {
			t.Error("the config is stored in the clear")
		}
		if _, err := s.LogServiceIn(ctx, "other", g.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("another account's: %v", err)
		}

		claim := func(want int) []LogService {
			t.Helper()
			all, _, err := s.ClaimLogServices(ctx, now().Add(time.Second), time.Minute, 10)
			check(t, err)
			if len(all) != want {
				t.Fatalf("claimed %d, want %d", len(all), want)
			}
			return all
		}
		claim(0) // what was before it is not for it
		check(t, s.Record(ctx, Event{GroupID: g.ID, Kind: "x"}))
		mine := claim(1)[0]
		claim(0)
		events := must(s.EventsFor(ctx, &mine, 10))(t)
		if len(events) != 1 || events[0].Kind != "x" {
			t.Errorf("got %+v", events)
		}
		check(t, s.SettleLogService(ctx, &mine, Shipped{Last: events[0].ID, Sent: true, Due: now(), Release: true}, time.Minute))
		if l := must(s.LogServiceIn(ctx, g.AccountID, g.ID))(t); l.SetupState != Connected {
			t.Errorf("got %+v", l)
		}
		claim(0)
		check(t, s.Record(ctx, Event{GroupID: g.ID, Kind: "y"}))
		mine = claim(1)[0]

		// Whoever ships by a config that has changed has lost the lease.
		must(s.UpdateLogService(ctx, g.AccountID, g.ID, func(l *LogService) error { l.Config = json.RawMessage(`{"token":"other"}`); return nil }))(t)
		if err := s.SettleLogService(ctx, &mine, Shipped{Last: 1 << 40, Due: now()}, time.Minute); err != ErrStale {
			t.Errorf("settled by the old config: %v", err)
		}
		mine = claim(1)[0]
		check(t, s.SettleLogService(ctx, &mine, Shipped{Error: "no", Broken: true, Due: now().Add(time.Hour), Release: true}, time.Minute))
		if l := must(s.LogServiceIn(ctx, g.AccountID, g.ID))(t); l.SetupState != Broken || l.Error != "no" || l.Failures() != 1 {
			t.Errorf("got %+v", l)
		}
		claim(0)
		later, _, err := s.ClaimLogServices(ctx, now().Add(2*time.Hour), time.Minute, 10)
		check(t, err)
		check(t, s.SettleLogService(ctx, &later[0], Shipped{Last: 1 << 40, Due: now(), Release: true}, time.Minute)) // nothing was sent
		if l := must(s.LogServiceIn(ctx, g.AccountID, g.ID))(t); l.SetupState != Broken || l.Error != "no" || l.Failures() != 1 {
			t.Errorf("got %+v", l)
		}
		check(t, s.DeleteDestination(ctx, g.ID))
		check(t, s.DeleteGroup(ctx, g.ID))
		if _, err := s.LogServiceIn(ctx, g.AccountID, g.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("after its group: %v", err)
		}
	})
}

// TestLogServiceOfADeadServer opens a data folder again: nobody ships by the
// lease that was held there.
func TestLogServiceOfADeadServer(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir)
	_, g := seed(t, s)
	check(t, s.CreateLogService(ctx, &LogService{AccountID: g.AccountID, GroupID: g.ID, Service: "splunkLog", Enabled: true, Complete: true, Config: json.RawMessage(`{}`)}))
	check(t, s.Record(ctx, Event{GroupID: g.ID, Kind: "x"}))
	for range 2 {
		all, _, err := s.ClaimLogServices(ctx, now(), time.Hour, 10)
		check(t, err)
		if len(all) != 1 {
			t.Fatalf("claimed %d", len(all))
		}
		check(t, s.Close())
		s = open(t, dir)
	}
}

func TestSecretsManagers(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		m := &SecretsManager{AccountID: g.AccountID, Type: "HASHICORP_VAULT", Name: "n", Config: json.RawMessage(`{"secret_id":"s3cret"}`)}
		check(t, s.CreateSecretsManager(ctx, m))
		if err := s.CreateSecretsManager(ctx, &SecretsManager{AccountID: g.AccountID, Name: "n"}); !errors.Is(err, ErrExists) {
			t.Errorf("a name twice: %v", err)
		}
		var sealed []byte
		check(t, s.write.QueryRowContext(ctx, `select config from secrets_managers`).Scan(&sealed))
		if strings.Contains(string(sealed), "s3cret") {
			t.Error("the config is stored in the clear")
		}
		if _, err := s.SecretsManagerIn(ctx, "other", m.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("another account's: %v", err)
		}
		c := &Connection{GroupID: g.ID, Service: "s", Schema: "x", Config: json.RawMessage(`{}`), SecretsManagerID: m.ID}
		check(t, s.CreateConnection(ctx, c))
		waits := func(what string, change func() error) {
			t.Helper()
			_, err := s.UpdateConnection(ctx, c.ID, func(c *Connection) error { c.Failures = 5; return nil })
			check(t, err)
			check(t, change())
			if n := must(s.Connection(ctx, c.ID))(t).Failures; n != 0 {
				t.Errorf("%s: the connection still waits after %d failures", what, n)
			}
		}
		waits("other keys of the destination", func() error {
			_, err := s.UpdateDestination(ctx, g.ID, func(d *Destination) error {
				d.SecretsManagerID, d.SecretsKeys = m.ID, map[string]string{"password": "p"}
				return nil
			})
			return err
		})
		waits("another secret id", func() error {
			_, err := s.UpdateSecretsManager(ctx, m.ID, t0, func(m *SecretsManager) error { m.Config = json.RawMessage(`{"secret_id":"other"}`); return nil })
			return err
		})
		if d := must(s.Destination(ctx, g.ID))(t); d.SecretsKeys["password"] != "p" {
			t.Errorf("the destination's keys are %v", d.SecretsKeys)
		}
		one, other := access.Scope{IDs: []string{c.ID}}, access.Scope{Groups: []string{"other"}}
		for _, tt := range []struct {
			connections, destinations access.Scope
			want                      []string
		}{
			{access.Everything, access.Everything, []string{c.ID, g.ID}},
			{one, other, []string{c.ID}},
			{other, access.Scope{Groups: []string{g.ID}}, []string{g.ID}},
			{access.Scope{}, access.Scope{All: true, NotGroups: []string{g.ID}}, nil},
		} {
			uses, _, err := s.SecretsUses(ctx, g.AccountID, m.ID, tt.connections, tt.destinations, Page{})
			check(t, err)
			var got []string
			for _, u := range uses {
				got = append(got, u.ID)
				if u.Destination != (u.ID == g.ID) {
					t.Errorf("%+v", u)
				}
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("%+v: got %v, want %v", tt, got, tt.want)
			}
		}
		_, err := s.UpdateDestination(ctx, g.ID, func(d *Destination) error { d.SecretsManagerID = ""; return nil })
		check(t, err)
		if err := s.DeleteSecretsManager(ctx, m.ID); !errors.Is(err, ErrInUse) {
			t.Errorf("deleted while in use: %v", err)
		}
		check(t, s.DeleteConnection(ctx, c.ID))
		check(t, s.DeleteSecretsManager(ctx, m.ID))
	})
}
