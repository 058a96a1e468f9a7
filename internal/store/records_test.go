package store

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/setup"
)

func TestAgents(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		proxy := &Agent{AccountID: u.AccountID, Kind: ProxyAgent, Name: "p", Region: "GCP_US_EAST4", CreatedBy: u.ID, CreatedAt: t0, Certificate: []byte{1}}
		check(t, s.CreateAgent(ctx, proxy, "token"))
		same(t, must(s.AgentIn(ctx, ProxyAgent, u.AccountID, proxy.ID))(t), proxy)
		wantErr(t, s.CreateAgent(ctx, &Agent{AccountID: u.AccountID, Kind: ProxyAgent, Name: "p", Certificate: []byte{1}}, "token"), ErrExists)
		for range 2 { // names of these need not differ
			check(t, s.CreateAgent(ctx, &Agent{AccountID: u.AccountID, Kind: HybridAgent, GroupID: g.ID, Name: "p", Environment: "DOCKER", Certificate: []byte{1}}, "token"))
		}
		_, err := s.AgentIn(ctx, HybridAgent, u.AccountID, proxy.ID)
		wantErr(t, err, ErrNotFound)
		_, err = s.AgentIn(ctx, ProxyAgent, "other", proxy.ID)
		wantErr(t, err, ErrNotFound)
		for _, tt := range []struct {
			kind, group string
			scope       access.Scope
			n           int
		}{
			{ProxyAgent, "", access.Everything, 1},
			{HybridAgent, "", access.Everything, 2},
			{HybridAgent, g.ID, access.Scope{Groups: []string{g.ID}}, 2},
			{HybridAgent, "other", access.Everything, 0},
			{HybridAgent, "", access.Scope{}, 0},
			{ProxyAgent, "", access.Scope{IDs: []string{proxy.ID}}, 1},
		} {
			if agents, _, err := s.Agents(ctx, tt.kind, u.AccountID, tt.group, tt.scope, Page{}); err != nil || len(agents) != tt.n {
				t.Errorf("%+v: %d agents, %v", tt, len(agents), err)
			}
		}

		var before, after []byte
		hash := `select token_hash from agents where id = '` + proxy.ID + `'`
		check(t, s.read.QueryRowContext(ctx, hash).Scan(&before))
		check(t, s.ResetAgent(ctx, proxy, "another", []byte{2}))
		check(t, s.read.QueryRowContext(ctx, hash).Scan(&after))
		if bytes.Equal(before, after) || bytes.Contains(after, []byte("another")) || !secret.CheckAPIKey(s.hashKey, proxy.ID, "another", after) {
			t.Errorf("hash %x became %x", before, after)
		}
		same(t, must(s.AgentIn(ctx, ProxyAgent, u.AccountID, proxy.ID))(t), proxy)

		c := connection(g, "app")
		c.ProxyAgentID = proxy.ID
		check(t, s.CreateConnection(ctx, c))
		check(t, s.CreateConnection(ctx, connection(g, "direct")))
		_, err = s.UpdateDestination(ctx, g.ID, func(d *Destination) error { d.ProxyAgentID = proxy.ID; return nil })
		check(t, err)
		want := map[string][]Use{proxy.ID: {{ID: c.ID, GroupID: g.ID, Service: "postgres", Schema: "app"}, {ID: g.ID, GroupID: g.ID, Service: "duckdb"}}}
		same(t, must(s.Uses(ctx, ByProxy, u.AccountID, ""))(t), want)
		same(t, must(s.Uses(ctx, ByProxy, u.AccountID, proxy.ID))(t), want)
		same(t, must(s.Uses(ctx, ByProxy, "other", ""))(t), map[string][]Use{})
		same(t, must(s.Uses(ctx, ByHybridAgent, u.AccountID, ""))(t), map[string][]Use{})
		through, _, err := s.Connections(ctx, ConnectionFilter{AccountID: u.AccountID, ProxyAgentID: proxy.ID, Scope: access.Everything}, Page{})
		check(t, err)
		if len(through) != 1 || through[0].ID != c.ID {
			t.Errorf("%d connections", len(through))
		}
		wantErr(t, s.DeleteAgent(ctx, proxy), ErrInUse)
		check(t, s.DeleteConnection(ctx, c.ID))
		wantErr(t, s.DeleteAgent(ctx, proxy), ErrInUse)
		_, err = s.UpdateDestination(ctx, g.ID, func(d *Destination) error { d.ProxyAgentID = ""; return nil })
		check(t, err)
		check(t, s.DeleteAgent(ctx, proxy))
		wantErr(t, s.DeleteAgent(ctx, proxy), ErrNotFound)
	})
}

func TestPrivateLinksAndHubs(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		l := &PrivateLink{AccountID: u.AccountID, Name: "l", Region: "GCP_US_EAST4", Service: "SOURCE_GCP", Config: json.RawMessage(`{"a":"b"}`), CreatedAt: t0}
		check(t, s.CreatePrivateLink(ctx, l))
		l = must(s.UpdatePrivateLink(ctx, l.ID, t0.Add(time.Hour), func(l *PrivateLink) error { l.Config = json.RawMessage(`{"a":"c"}`); return nil }))(t)
		same(t, must(s.PrivateLinkIn(ctx, u.AccountID, l.ID))(t), l)
		if links, _, err := s.PrivateLinks(ctx, u.AccountID, access.Everything, Page{}); err != nil || len(links) != 1 || !links[0].UpdatedAt.Equal(t0.Add(time.Hour)) {
			t.Errorf("links %v, %v", links, err)
		}
		if links, _, err := s.PrivateLinks(ctx, u.AccountID, access.Scope{Groups: []string{g.ID}}, Page{}); err != nil || len(links) != 0 {
			t.Errorf("links of no group %v, %v", links, err)
		}
		c := connection(g, "app")
		c.PrivateLinkID = l.ID
		check(t, s.CreateConnection(ctx, c))
		wantErr(t, s.DeletePrivateLink(ctx, l.ID), ErrInUse)
		check(t, s.DeleteConnection(ctx, c.ID))
		check(t, s.DeletePrivateLink(ctx, l.ID))
		_, err := s.PrivateLinkIn(ctx, u.AccountID, l.ID)
		wantErr(t, err, ErrNotFound)

		a, b := &Hub{AccountID: u.AccountID, Fingerprint: "f"}, &Hub{AccountID: u.AccountID, Fingerprint: "f"}
		check(t, s.CreateHub(ctx, a, "token"))
		check(t, s.CreateHub(ctx, b, "token"))
		if a.ID == b.ID || a.ID == "" {
			t.Errorf("hubs %q, %q", a.ID, b.ID)
		}
	})
}

func TestPackages(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		file := make([]byte, 2*partBytes+17)
		rand.Read(file)
		p := &Package{AccountID: u.AccountID, Size: int64(len(file)), SHA256: "a", CreatedBy: u.ID}
		check(t, s.CreatePackage(ctx, p, iotest.HalfReader(bytes.NewReader(file))))
		read := func() []byte {
			t.Helper()
			var b bytes.Buffer
			check(t, s.WritePackage(ctx, must(s.PackageIn(ctx, u.AccountID, p.ID))(t), &b))
			return b.Bytes()
		}
		if !bytes.Equal(read(), file) {
			t.Error("the file is not what it was")
		}
		old := must(s.PackageIn(ctx, u.AccountID, p.ID))(t)
		same(t, []string{old.CreatedBy, old.UpdatedBy, old.SHA256, old.ConnectionID}, []string{u.ID, u.ID, "a", ""})

		shorter := file[:partBytes]
		p.Size, p.SHA256, p.UpdatedBy = partBytes, "b", "another"
		check(t, s.ReplacePackage(ctx, p, bytes.NewReader(shorter)))
		if !bytes.Equal(read(), shorter) {
			t.Error("the file is not the new one")
		}
		wantErr(t, s.WritePackage(ctx, old, io.Discard), ErrNotFound)
		broken := *p
		if err := s.ReplacePackage(ctx, &broken, iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(file)))); err == nil {
			t.Error("half a file is accepted")
		}
		if !bytes.Equal(read(), shorter) {
			t.Error("half a file has replaced a whole one")
		}

		c := connection(g, "sdk")
		c.PackageID = p.ID
		check(t, s.CreateConnection(ctx, c))
		twice := connection(g, "sdk2")
		twice.PackageID = p.ID
		wantErr(t, s.CreateConnection(ctx, twice), ErrExists)
		for by, n := range map[string]int{"": 1, u.ID: 1, "another": 0} {
			packages, _, err := s.Packages(ctx, u.AccountID, by, Page{})
			if err != nil || len(packages) != n || n > 0 && packages[0].ConnectionID != c.ID {
				t.Errorf("packages of %q: %v, %v", by, packages, err)
			}
		}
		wantErr(t, s.DeletePackage(ctx, p.ID), ErrInUse)
		check(t, s.DeleteConnection(ctx, c.ID))
		check(t, s.DeletePackage(ctx, p.ID))
		wantErr(t, s.DeletePackage(ctx, p.ID), ErrNotFound)
		var parts int
		check(t, s.read.QueryRowContext(ctx, `select count(*) from sdk_package_parts`).Scan(&parts))
		if parts != 0 {
			t.Errorf("%d parts are left", parts)
		}
	})
}

func TestTransformations(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		p := &Project{AccountID: u.AccountID, GroupID: g.ID, Type: "DBT_CORE", Config: json.RawMessage(`{"environment_vars":["DBT_X=hunter2"]}`), CreatedBy: u.ID, CreatedAt: t0}
		check(t, s.CreateProject(ctx, p))
		p = must(s.UpdateProject(ctx, p.ID, func(p *Project) error {
			p.Status, p.SetupTests = ProjectError, []setup.TestResult{{Title: "a", Status: setup.Failed}}
			return nil
		}))(t)
		same(t, must(s.ProjectIn(ctx, u.AccountID, p.ID))(t), p)
		same(t, p.Status, ProjectError)
		var sealed []byte
		check(t, s.read.QueryRowContext(ctx, `select config from transformation_projects`).Scan(&sealed))
		if bytes.Contains(sealed, []byte("hunter2")) {
			t.Error("environment variables are stored in the clear")
		}
		tr := &Transformation{AccountID: u.AccountID, GroupID: g.ID, ProjectID: p.ID, Type: "DBT_CORE", Config: json.RawMessage(`{"name":"n"}`),
			Schedule: json.RawMessage(`{"schedule_type":"INTEGRATED"}`), CreatedBy: u.ID, CreatedAt: t0}
		check(t, s.CreateTransformation(ctx, tr))
		check(t, s.CreateTransformation(ctx, &Transformation{AccountID: u.AccountID, GroupID: g.ID, Type: "QUICKSTART", Config: []byte(`{}`), Schedule: []byte(`{}`)}))
		wantErr(t, s.CreateTransformation(ctx, &Transformation{AccountID: u.AccountID, GroupID: g.ID, ProjectID: "x"}), ErrNotFound)
		tr = must(s.UpdateTransformation(ctx, tr.ID, func(tr *Transformation) error { tr.Paused = true; return nil }))(t)
		if !tr.Paused {
			t.Error("it is not paused")
		}
		at := newest(t, s)
		check(t, s.FailTransformation(ctx, tr, t0.Add(time.Hour), "no dbt"))
		same(t, must(s.TransformationIn(ctx, u.AccountID, tr.ID))(t), tr)
		events := must(s.Events(ctx, at, 10))(t)
		if len(events) != 2 || events[0].Kind != TransformationStart || events[1].Kind != TransformationHasFailed || events[1].GroupID != g.ID ||
			!strings.Contains(string(events[1].Data), `"reason":"no dbt"`) || !strings.Contains(string(events[0].Data), tr.ID) {
			t.Errorf("events %v", events)
		}
		all := TransformationFilter{AccountID: u.AccountID, Scope: access.Everything}
		for _, tt := range []struct {
			change func(*TransformationFilter)
			n      int
		}{
			{func(f *TransformationFilter) {}, 2},
			{func(f *TransformationFilter) { f.GroupID = g.ID }, 2},
			{func(f *TransformationFilter) { f.GroupID = "x" }, 0},
			{func(f *TransformationFilter) { f.ProjectID = p.ID }, 1},
			{func(f *TransformationFilter) { f.Type = "QUICKSTART" }, 1},
			{func(f *TransformationFilter) { f.Scope = access.Scope{} }, 0},
		} {
			f := all
			tt.change(&f)
			if items, _, err := s.Transformations(ctx, f, Page{}); err != nil || len(items) != tt.n {
				t.Errorf("%+v: %d, %v", f, len(items), err)
			}
		}
		if items, _, err := s.Projects(ctx, u.AccountID, access.Scope{Groups: []string{g.ID}}, Page{}); err != nil || len(items) != 1 {
			t.Errorf("projects %v, %v", items, err)
		}
		wantErr(t, s.DeleteProject(ctx, p.ID), ErrInUse)
		check(t, s.DeleteTransformation(ctx, tr.ID))
		check(t, s.DeleteProject(ctx, p.ID))
		wantErr(t, s.DeleteTransformation(ctx, tr.ID), ErrNotFound)
		wantErr(t, s.FailTransformation(ctx, tr, t0, "x"), ErrNotFound)

		check(t, s.CreateProject(ctx, p)) // what goes with its group
		tr.ID = ""
		check(t, s.CreateTransformation(ctx, tr))
		check(t, s.DeleteDestination(ctx, g.ID))
		check(t, s.DeleteGroup(ctx, g.ID))
		_, err := s.TransformationIn(ctx, u.AccountID, tr.ID)
		wantErr(t, err, ErrNotFound)
	})
}

func TestConnectCards(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		c := connection(g, "app")
		check(t, s.CreateConnection(ctx, c))
		token := must(s.NewConnectCard(ctx, u.AccountID, c.ID, t0))(t)
		card := must(s.ConnectCard(ctx, token, t0.Add(cardLife-time.Second)))(t)
		same(t, card, &ConnectCard{ID: card.ID, ConnectionID: c.ID, AccountID: u.AccountID, ExpiresAt: t0.Add(cardLife)})

		refused := func(token string, at time.Time, want error) {
			t.Helper()
			_, err := s.ConnectCard(ctx, token, at)
			wantErr(t, err, want)
		}
		refused(token, t0.Add(cardLife), ErrCardExpired)
		forged := func(method jwt.SigningMethod, key any, claims jwt.Claims) string {
			return must(jwt.NewWithClaims(method, claims).SignedString(key))(t)
		}
		claims := cardClaims{jwt.RegisteredClaims{ID: card.ID, Subject: c.ID, ExpiresAt: jwt.NewNumericDate(card.ExpiresAt)}, u.AccountID}
		forever := claims
		forever.ExpiresAt = nil
		head, rest, _ := strings.Cut(token, ".")
		for name, bad := range map[string]string{
			"empty":          "",
			"cut":            token[:len(token)-1],
			"another's head": head + "x." + rest,
			"another's key":  forged(jwt.SigningMethodHS256, []byte("x"), claims),
			"another hash":   forged(jwt.SigningMethodHS512, s.cardKey(), claims),
			"no signature":   forged(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims),
			"no end":         forged(jwt.SigningMethodHS256, s.cardKey(), forever),
		} {
			t.Run(name, func(t *testing.T) {
				_, err := s.ConnectCard(ctx, bad, t0)
				wantErr(t, err, ErrCardInvalid)
			})
		}

		newer := must(s.NewConnectCard(ctx, u.AccountID, c.ID, t0))(t)
		refused(token, t0, ErrCardReplaced)
		wantErr(t, s.UseConnectCard(ctx, card, t0), ErrCardUsed)
		card = must(s.ConnectCard(ctx, newer, t0))(t)
		check(t, s.UseConnectCard(ctx, card, t0))
		wantErr(t, s.UseConnectCard(ctx, card, t0), ErrCardUsed)
		refused(newer, t0, ErrCardUsed)
		again := must(s.NewConnectCard(ctx, u.AccountID, c.ID, t0))(t)
		must(s.ConnectCard(ctx, again, t0))(t)

		_, err := s.NewConnectCard(ctx, u.AccountID, "no_such", t0)
		wantErr(t, err, ErrNotFound)
		check(t, s.DeleteConnection(ctx, c.ID))
		refused(again, t0, ErrCardInvalid)
	})
}

// TestPlansAreDue shows that due times follow plans, and that those follow the
// destination's clock.
func TestPlansAreDue(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s) // at UTC+1
		c := connection(g, "app")
		c.StartedAt = t0
		c.Plan = &schedule.Plan{Kind: schedule.Cron, Cron: "30 6 * * *"}
		check(t, s.CreateConnection(ctx, c))
		due := func() string { return must(s.Connection(ctx, c.ID))(t).DueAt.Format(time.DateTime) }
		same(t, due(), "2026-11-03 05:30:00")
		_, err := s.UpdateDestination(ctx, g.ID, func(d *Destination) error { d.TimeZoneOffset = "-2"; return nil })
		check(t, err)
		same(t, due(), "2026-11-03 08:30:00")
		_, err = s.UpdateConnection(ctx, c.ID, func(c *Connection) error { c.ScheduleType = schedule.Manual; return nil })
		check(t, err)
		same(t, due(), "0001-01-01 00:00:00")
	})
}

func TestRunsBetween(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, g := seed(t, s)
		c := connection(g, "app")
		check(t, s.CreateConnection(ctx, c))
		var ids []string
		for hour := range 5 {
			_, err := s.UpdateConnection(ctx, c.ID, func(c *Connection) error { c.TriggeredAt = t0; return nil })
			check(t, err)
			run := must(s.Claim(ctx, "test", t0.Add(time.Duration(hour)*time.Hour), time.Hour))(t)
			check(t, s.Finish(ctx, run.Token(), Outcome{Kind: RunSucceeded, EndedAt: run.StartedAt.Add(time.Minute)}))
			ids = append(ids, run.ID)
		}
		var got []string
		page := Page{Limit: 2}
		for {
			runs, next, err := s.RunsBetween(ctx, c.ID, t0.Add(time.Hour), t0.Add(4*time.Hour), page)
			check(t, err)
			for _, r := range runs {
				got = append(got, r.ID)
			}
			if page.Cursor = next; next == "" {
				break
			}
		}
		same(t, got, ids[1:4])
	})
}
