package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/penstock-data/penstock/internal/access"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

// BenchmarkDetails is GET /v1/connections/{id} without the network: one
// caller, one row of SQLite, the config decrypted and masked, JSON.
func BenchmarkDetails(b *testing.B) {
	ctx := b.Context()
	st, err := store.Open(ctx, b.TempDir(), secret.NewKey())
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	account := &store.Account{Name: "Acme"}
	user := &store.User{Email: "owner@example.com", Role: access.Administrator}
	group := &store.Group{Name: "g"}
	c := &store.Connection{
		Service: "postgres", Schema: "pg", ScheduleType: "auto", SyncFrequency: 60, DelaySensitivity: "NORMAL", NetworkingMethod: store.Directly,
		Config: []byte(`{"schema_prefix":"pg","host":"h","port":5432,"database":"d","user":"u","password":"p","update_method":"QUERY_BASED"}`),
	}
	var key, keySecret string
	for _, create := range []func() error{
		func() error { return st.CreateAccount(ctx, account) },
		func() error { user.AccountID = account.ID; return st.CreateUser(ctx, user) },
		func() error { key, keySecret, err = st.CreateAPIKey(ctx, user.ID); return err },
		func() error { group.AccountID = account.ID; return st.CreateGroup(ctx, group) },
		func() error { c.GroupID = group.ID; return st.CreateConnection(ctx, c) },
	} {
		if err := create(); err != nil {
			b.Fatal(err)
		}
	}
	h := New(Config{Store: st, Connectors: testConnectors, Destinations: testDestinations})
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", "/v1/connections/"+c.ID, nil)
		r.SetBasicAuth(key, keySecret)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
