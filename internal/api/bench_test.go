package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

// A bench is a server of an account with connections in some groups, and the
// keys of callers who are allowed in different ways.
type bench struct {
	handler http.Handler
	last    string               // a connection in the last group
	callers map[string][2]string // key and secret by what the caller is
}

// newBench returns a server of connections in as many groups. All callers see
// the last group; the member, and the key with a filter, nothing else.
func newBench(b *testing.B, groups, connections int) *bench {
	ctx := b.Context()
	st, err := store.Open(ctx, b.TempDir(), secret.NewKey())
	ok(b, err)
	b.Cleanup(func() { st.Close() })
	account := &store.Account{Name: "Acme"}
	ok(b, st.CreateAccount(ctx, account))
	s := &bench{callers: map[string][2]string{}}
	var last string
	for i := range groups {
		g := &store.Group{AccountID: account.ID, Name: fmt.Sprint(i)}
		ok(b, st.CreateGroup(ctx, g))
		last = g.ID
		for j := range connections / groups {
			c := &store.Connection{
				GroupID: g.ID, Service: "postgres", Schema: fmt.Sprint("pg", j), ScheduleType: "auto", SyncFrequency: 60, DelaySensitivity: "NORMAL", NetworkingMethod: store.Directly, Paused: true,
				Config: []byte(`{"schema_prefix":"pg","host":"h","port":5432,"database":"d","user":"u","password":"p","update_method":"QUERY_BASED"}`),
			}
			ok(b, st.CreateConnection(ctx, c))
			s.last = c.ID
		}
	}
	s.users(b, ctx, st, account.ID, last)
	for what, p := range map[string]store.Permission{"key": {}, "filtered key": {GroupIDs: []string{last}}, "key with exceptions": {}} {
		p.Resource, p.Level = access.Connections.String(), "READ"
		k := &store.SystemKey{AccountID: account.ID, Name: what, Permissions: []store.Permission{p}}
		if what == "key with exceptions" {
			k.Permissions = append(k.Permissions, store.Permission{Resource: p.Resource, Level: "NONE", IDs: []string{"some_one", "some_other"}})
		}
		sec, err := st.CreateSystemKey(ctx, k)
		ok(b, err)
		s.callers[what] = [2]string{k.Key, sec}
	}
	s.handler = New(Config{Store: st, Connectors: testConnectors, Destinations: testDestinations, RateLimits: os.Getenv("LIMITS") != ""})
	return s
}

func (s *bench) users(b *testing.B, ctx context.Context, st *store.Store, account, group string) {
	for what, role := range map[string]string{"administrator": access.Administrator, "member": ""} {
		u := &store.User{AccountID: account, Email: what, Role: role}
		ok(b, st.CreateUser(ctx, u))
		key, sec, err := st.CreateAPIKey(ctx, u.ID)
		ok(b, err)
		s.callers[what] = [2]string{key, sec}
		if role == "" {
			ok(b, st.CreateMembership(ctx, &store.Membership{
				Member: store.Member{Kind: store.UserMember, ID: u.ID, Level: access.GroupLevel}, Place: group, Role: "View Destination"}))
		}
	}
}

func ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// cpu returns what the process has used of the processor: time on the clock
// says more about who else is at work.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	ok(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// as measures a request of each caller, without the network.
func (s *bench) as(b *testing.B, path string) {
	for what, key := range s.callers {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			requests, before := 0, cpu(b)
			for b.Loop() {
				requests++
				r := httptest.NewRequest("GET", path, nil)
				r.SetBasicAuth(key[0], key[1])
				w := httptest.NewRecorder()
				if s.handler.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/1e3/float64(requests), "cpu-µs/op")
		})
	}
}

// BenchmarkDetails is GET /v1/connections/{id}: one caller, one row of SQLite,
// the config decrypted and masked, JSON.
func BenchmarkDetails(b *testing.B) {
	s := newBench(b, 10, 10)
	s.as(b, "/v1/connections/"+s.last)
}

// BenchmarkList is a list of 1,000 connections of 100,000, which for callers
// who see one group only are the last of all.
func BenchmarkList(b *testing.B) {
	s := newBench(b, 100, 100_000)
	s.as(b, "/v1/connections?limit=1000")
}
