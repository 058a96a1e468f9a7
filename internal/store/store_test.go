package store

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/internal/schedule"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/storetest"
	"github.com/penstock-data/penstock/setup"
)

var master = secret.Key{1, 2, 3}

// each runs f on a fresh database of each kind.
func each(t *testing.T, f func(t *testing.T, s *Store)) {
	storetest.Each(t, func(t *testing.T, location string) { f(t, open(t, location)) })
}

func open(t testing.TB, location string) *Store {
	t.Helper()
	s, err := Open(t.Context(), location, master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func same(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("-want +got\n%s", d)
	}
}

// t0 is when things happen in the tests.
var t0 = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// seed makes an account, its owner and a group with a destination.
func seed(t testing.TB, s *Store) (*User, *Group) {
	t.Helper()
	ctx := t.Context()
	a := &Account{Name: "Acme"}
	check(t, s.CreateAccount(ctx, a))
	u := &User{AccountID: a.ID, Email: "owner@example.com", GivenName: "Ada", FamilyName: "Byron", Role: "Account Administrator"}
	check(t, s.CreateUser(ctx, u))
	g := &Group{AccountID: a.ID, Name: "Warehouse", CreatedBy: u.ID}
	check(t, s.CreateGroup(ctx, g))
	check(t, s.CreateDestination(ctx, &Destination{ID: g.ID, Service: "duckdb", Region: "GCP_US_EAST4", TimeZoneOffset: "+1",
		NetworkingMethod: "Directly", Config: json.RawMessage(`{"path":"x"}`)}))
	return u, g
}

// connection returns a connection that is set up and not yet created.
func connection(g *Group, schemaName string) *Connection {
	return &Connection{
		GroupID: g.ID, Service: "postgres", Schema: schemaName, ServiceVersion: 1, CreatedAt: t0,
		Config:       json.RawMessage(`{"host":"db.example.com","password":"hunter2"}`),
		ScheduleType: schedule.Auto, SyncFrequency: 360, DelaySensitivity: schedule.Normal,
		NetworkingMethod: "Directly", SchemaNames: "FIVETRAN_NAMING", SetupState: Connected,
	}
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		c := connection(g, "app")
		c.ConnectedBy = u.ID
		c.Paused, c.PauseAfterTrial = true, true
		c.DailySyncTime, c.DelayThreshold = "03:00", 90
		c.PrivateLinkID, c.ProxyAgentID, c.HybridAgentID, c.SecretsManagerID = "a", "b", "c", "d"
		c.SecretsKeys = map[string]string{"password": "secret/db#password"}
		c.Plan, c.PackageID = &schedule.Plan{Kind: schedule.Cron, Cron: "0 6 * * MON"}, "package"
		c.ConnectCard = json.RawMessage(`{"redirect_uri": "https://example.com"}`)
		c.DestinationConfig = json.RawMessage(`{"virtual_warehouse":"w"}`)
		c.SetupTests = []setup.TestResult{{Title: "Host", Status: setup.Failed, Message: "no",
			Certificate: &setup.Certificate{Hash: "h", Subject: "CN=x", DER: []byte{1, 2}}}}
		c.Tasks = []Alert{{Code: "a", Message: "b", Details: json.RawMessage(`{"c":1}`)}}
		c.Warnings = []Alert{{Code: "d", Message: "e"}}
		c.SourceSyncDetails = json.RawMessage(`{"x":1}`)
		c.StartedAt, c.EndedAt, c.SucceededAt = t0.Add(time.Microsecond), t0.Add(2), t0.Add(time.Hour)
		c.FailedAt, c.RescheduledFor, c.TriggeredAt, c.Failures = t0.Add(3*time.Second), t0.Add(4*time.Second), t0.Add(5*time.Second), 6
		c.EndedAt = t0.Add(2 * time.Microsecond)
		check(t, s.CreateConnection(ctx, c))
		same(t, must(s.Connection(ctx, c.ID))(t), c)

		d := must(s.Destination(ctx, g.ID))(t)
		same(t, string(d.Config), `{"path":"x"}`)
		same(t, must(s.Group(ctx, g.ID))(t), g)
		u.LoggedInAt, u.Verified = t0, true
		same(t, must(s.UpdateUser(ctx, u.ID, func(v *User) error {
			v.LoggedInAt, v.Verified = u.LoggedInAt, u.Verified
			return nil
		}))(t), u)
		same(t, must(s.User(ctx, u.ID))(t), u)
		same(t, must(s.UserByEmail(ctx, u.Email))(t), u)
	})
}

func TestMissingTakenAndUsed(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		c := connection(g, "app")
		check(t, s.CreateConnection(ctx, c))

		_, err := s.Connection(ctx, "no_such")
		wantErr(t, err, ErrNotFound)
		_, err = s.Group(ctx, "no_such")
		wantErr(t, err, ErrNotFound)
		_, err = s.Destination(ctx, "no_such")
		wantErr(t, err, ErrNotFound)
		wantErr(t, s.CreateConnection(ctx, connection(&Group{ID: "no_such"}, "app")), ErrNotFound)
		wantErr(t, s.CreateDestination(ctx, &Destination{ID: "no_such"}), ErrNotFound)
		wantErr(t, s.DeleteConnection(ctx, "no_such"), ErrNotFound)
		_, err = s.UpdateUser(ctx, "no_such", func(*User) error { return nil })
		wantErr(t, err, ErrNotFound)

		wantErr(t, s.CreateConnection(ctx, connection(g, "app")), ErrExists)
		wantErr(t, s.CreateDestination(ctx, &Destination{ID: g.ID}), ErrExists)
		wantErr(t, s.CreateGroup(ctx, &Group{AccountID: u.AccountID, Name: "Warehouse"}), ErrExists)

		wantErr(t, s.DeleteGroup(ctx, g.ID), ErrInUse)
		wantErr(t, s.DeleteDestination(ctx, g.ID), ErrInUse)
		check(t, s.DeleteConnection(ctx, c.ID))
		wantErr(t, s.DeleteGroup(ctx, g.ID), ErrInUse)
		check(t, s.DeleteDestination(ctx, g.ID))
		check(t, s.DeleteGroup(ctx, g.ID))
	})
}

func TestPagesAreStable(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		_, other := u, &Group{AccountID: u.AccountID, Name: "Other"}
		check(t, s.CreateGroup(ctx, other))
		var want []string
		for i := range 7 {
			c := connection(g, "app_"+string(rune('a'+i)))
			c.CreatedAt = t0.Add(time.Duration(i/2) * time.Second) // pairs with equal times
			check(t, s.CreateConnection(ctx, c))
			want = append(want, c.ID)
		}
		check(t, s.CreateConnection(ctx, connection(other, "app_z")))
		filter := ConnectionFilter{AccountID: u.AccountID, GroupID: g.ID, Scope: access.Everything}
		var got []string
		page := Page{Limit: 3}
		for {
			items, next, err := s.Connections(ctx, filter, page)
			check(t, err)
			for _, c := range items {
				got = append(got, c.ID)
			}
			if len(got) == 3 { // deleted in between, on a page that was read
				check(t, s.DeleteConnection(ctx, got[0]))
			}
			if next == "" {
				break
			}
			page.Cursor = next
		}
		if len(got) != 7 {
			t.Fatalf("pages give %d items, want 7: %v", len(got), got)
		}
		for _, id := range want {
			if strings.Count(strings.Join(got, " "), id) != 1 {
				t.Errorf("%s is not listed once: %v", id, got)
			}
		}
		items, _, err := s.Connections(ctx, ConnectionFilter{AccountID: u.AccountID, Schema: "app_z", Scope: access.Everything}, Page{})
		check(t, err)
		if len(items) != 1 || items[0].GroupID != other.ID {
			t.Errorf("filter by schema gives %d items", len(items))
		}
		for _, bad := range []string{"x", "!!", "eyJza2lwIjoxfQ"} {
			_, _, err = s.Connections(ctx, filter, Page{Cursor: bad})
			wantErr(t, err, ErrCursor)
		}
		groups, next, err := s.Groups(ctx, u.AccountID, access.Everything, Page{})
		check(t, err)
		if len(groups) != 2 || next != "" {
			t.Errorf("%d groups, next %q", len(groups), next)
		}
		if items, _, err := s.Destinations(ctx, u.AccountID, access.Everything, Page{}); err != nil || len(items) != 1 {
			t.Errorf("%d destinations, %v", len(items), err)
		}
		if items, _, err := s.Users(ctx, u.AccountID, access.Everything, Page{}); err != nil || len(items) != 1 {
			t.Errorf("%d users, %v", len(items), err)
		}
	})
}

func TestAPIKeys(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, _ := seed(t, s)
		key, sec, err := s.CreateAPIKey(ctx, u.ID)
		check(t, err)
		same(t, must(s.Authenticate(ctx, key, sec))(t), &Caller{KeyID: key, UserID: u.ID, AccountID: u.AccountID, Role: u.Role, Grants: access.OfAccountRole(u.Role)})
		for _, bad := range [][2]string{{key, sec + "x"}, {key, ""}, {"", sec}, {"other", sec}} {
			_, err := s.Authenticate(ctx, bad[0], bad[1])
			wantErr(t, err, ErrNotFound)
		}
		check(t, s.PutAPIKey(ctx, u.ID, "chosen", "one"))
		check(t, s.PutAPIKey(ctx, u.ID, "chosen", "two"))
		_, err = s.Authenticate(ctx, "chosen", "one")
		wantErr(t, err, ErrNotFound)
		must(s.Authenticate(ctx, "chosen", "two"))(t)
		if keys := must(s.APIKeys(ctx, u.ID))(t); len(keys) != 2 {
			t.Errorf("%d keys", len(keys))
		}
		check(t, s.DeleteAPIKey(ctx, key))
		_, err = s.Authenticate(ctx, key, sec)
		wantErr(t, err, ErrNotFound)
	})
}

func TestApprovals(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		c := connection(g, "app")
		check(t, s.CreateConnection(ctx, c))
		cert := &Approval{Owner: ConnectionOwner, OwnerID: c.ID, Kind: Certificates, Hash: "h1", Data: []byte{1}, ValidatedBy: u.ID, ValidatedAt: t0}
		key := &Approval{Owner: ConnectionOwner, OwnerID: c.ID, Kind: Fingerprints, Hash: "h1", Data: []byte("ssh-ed25519 AAAA"), ValidatedAt: t0.Add(time.Second)}
		check(t, s.Approve(ctx, cert))
		check(t, s.Approve(ctx, key))
		again := *cert
		again.ValidatedAt = t0.Add(time.Hour)
		check(t, s.Approve(ctx, &again))
		same(t, must(s.Approval(ctx, ConnectionOwner, c.ID, Certificates, "h1"))(t), cert)
		same(t, must(s.Approval(ctx, ConnectionOwner, c.ID, Fingerprints, "h1"))(t), key)
		same(t, must(s.Approved(ctx, ConnectionOwner, c.ID))(t), []Approval{*cert, *key})
		same(t, must(s.Approved(ctx, DestinationOwner, c.ID))(t), []Approval(nil))
		items, next, err := s.Approvals(ctx, ConnectionOwner, c.ID, Certificates, Page{})
		check(t, err)
		if len(items) != 1 || next != "" {
			t.Errorf("%d certificates", len(items))
		}
		check(t, s.Revoke(ctx, ConnectionOwner, c.ID, Certificates, "h1"))
		wantErr(t, s.Revoke(ctx, ConnectionOwner, c.ID, Certificates, "h1"), ErrNotFound)
		same(t, must(s.Approved(ctx, ConnectionOwner, c.ID))(t), []Approval{*key})
		check(t, s.DeleteConnection(ctx, c.ID))
		same(t, must(s.Approved(ctx, ConnectionOwner, c.ID))(t), []Approval(nil))
	})
}

// TestSecretsAreNotStored looks for secrets in everything that is written.
func TestSecretsAreNotStored(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		u, g := seed(t, s)
		check(t, s.CreateConnection(ctx, connection(g, "app")))
		_, sec, err := s.CreateAPIKey(ctx, u.ID)
		check(t, err)
		for _, query := range []string{`select config from connections`, `select hash from api_keys`, `select sealed from secrets`} {
			var b []byte
			check(t, s.read.QueryRowContext(ctx, query).Scan(&b))
			for _, plain := range []string{"hunter2", sec, string(master[:3])} {
				if len(b) == 0 || strings.Contains(string(b), plain) {
					t.Errorf("%s gives %q", query, b)
				}
			}
		}
	})
}

func TestFilesAreTheOwners(t *testing.T) {
	dir := t.TempDir()
	seed(t, open(t, dir))
	files := must(filepath.Glob(filepath.Join(dir, "*")))(t)
	if len(files) < 3 {
		t.Errorf("files are %v", files)
	}
	for _, f := range files {
		if mode := must(os.Stat(f))(t).Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %04o", f, mode)
		}
	}
}

// TestDueIsIndexed asks SQLite how it finds what is due.
func TestDueIsIndexed(t *testing.T) {
	s := open(t, t.TempDir())
	for query, index := range map[string]string{
		dueFirst:        "connections_due",
		takeOver + ")":  "runs_lease",
		connectionByID:  "sqlite_autoindex_connections_1",
		callerByKey:     "sqlite_autoindex_api_keys_1",
		runsPage:        "runs_connection",
		endedDeliveries: "webhook_deliveries_ended (webhook_id=? AND event_id<?)",
	} {
		var plan strings.Builder
		rows := must(s.read.Query("explain query plan "+query, 1, 2, 3))(t)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			check(t, rows.Scan(&id, &parent, &unused, &detail))
			plan.WriteString(detail + "\n")
		}
		check(t, rows.Close())
		if p := plan.String(); !strings.Contains(p, index) || strings.Contains(p, "SCAN") || strings.Contains(p, "TEMP B-TREE") {
			t.Errorf("%s\n%s", query, p)
		}
	}
}

func TestAnotherMasterKeyIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, at string) {
		s := open(t, at)
		check(t, s.Close())
		_, err := Open(t.Context(), at, secret.Key{9})
		wantErr(t, err, ErrMasterKey)
		open(t, at) // the refused one has let go of everything
	})
}

func TestSecondProcessOnAFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(t.Context(), dir, master)
	if err == nil || !strings.Contains(err.Error(), dir+" is in use by another Penstock, process ") {
		t.Fatalf("error is %v", err)
	}
	open(t, t.TempDir()) // another folder is free
	check(t, s.Close())
	open(t, dir)
}

func TestTwoProcessesShareAPostgres(t *testing.T) {
	at := pgtest.Database(t)
	a, b := open(t, at), open(t, at)
	u, _ := seed(t, a)
	key, sec, err := a.CreateAPIKey(t.Context(), u.ID)
	check(t, err)
	must(b.Authenticate(t.Context(), key, sec))(t)
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, at string) {
		s := open(t, at)
		_, err := s.write.Exec(`insert into goose_db_version (version_id, is_applied) values (99999, true)`)
		check(t, err)
		check(t, s.Close())
		_, err = Open(t.Context(), at, master)
		if err == nil || !strings.Contains(err.Error(), "newer Penstock") {
			t.Fatalf("error is %v", err)
		}
	})
}

func TestBadLocations(t *testing.T) {
	const password = "hunter2"
	server := must(url.Parse(pgtest.Server(t)))(t)
	server.User = url.UserPassword("nobody_at_all", password)
	for _, at := range []string{
		"postgres://u:" + password + "@127.0.0.1:1/x?sslmode=disable",
		"postgres://u:" + password + "@host:port:port/x",
		server.String(),
		filepath.Join("/dev/null", "x"),
	} {
		s, err := Open(context.Background(), at, master)
		if err == nil {
			s.Close()
			t.Errorf("%s opens", at)
		} else if strings.Contains(err.Error(), password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := wordID()
		a, b, ok := strings.Cut(id, "_")
		if !ok || a == "" || b == "" || strings.ToLower(id) != id {
			t.Fatalf("id %q is not two words", id)
		}
		seen[id] = true
	}
	if len(seen) < 990 {
		t.Errorf("%d of 1000 ids differ", len(seen))
	}
	if a, b := timeID(t0), timeID(t0.Add(time.Millisecond)); a >= b || len(a) != 26 {
		t.Errorf("%s, then %s", a, b)
	}
	listed := map[string]bool{}
	for _, w := range words {
		if listed[w] {
			t.Errorf("%s is listed twice", w)
		}
		listed[w] = true
	}
}
