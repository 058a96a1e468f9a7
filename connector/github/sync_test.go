package github

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/github/simulator"
	"github.com/penstock-data/penstock/connector/rest"
	"github.com/penstock-data/penstock/connector/simulate"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// direct hands requests to a handler without a network.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

var began = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// A world is a simulator, and the time that it and the syncs go by.
type world struct {
	*simulator.Simulator
	t     *testing.T
	model *connectortest.Model
	raw   json.RawMessage
	every int
}

func newWorld(t *testing.T, opt simulator.Options) *world {
	opt.Start, opt.Now = began, func() time.Time { return began.Add(40 * day) }
	budgets = &rest.Budgets{} // of this test alone
	w := &world{Simulator: simulator.New(opt), t: t, raw: token, every: 12}
	w.model = &connectortest.Model{Clock: w.Clock.Now}
	return w
}

var token = json.RawMessage(`{"schema":"s","auth_mode":"PersonalAccessToken","sync_mode":"AllRepositories","pats":["` + simulator.DefaultToken + `"]}`)

func (w *world) open() connector.Source {
	src, err := open(w.raw, connector.Env{HTTP: &http.Client{Transport: direct{w}}, Endpoint: "https://github.test", Now: w.Clock.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	src.api.Every = w.every
	return src
}

func (w *world) sync() {
	w.t.Helper()
	if err := w.model.Sync(w.t.Context(), w.open()); err != nil {
		w.t.Fatal(err)
	}
	for name, err := range w.model.Failed {
		w.t.Fatalf("%s: %v", name, err)
	}
	w.Clock.Advance(time.Hour)
}

// rows returns the rows of a table that are not deleted.
func (w *world) rows(table string, columns ...string) string {
	rows := w.model.Rows(table, columns...)
	if len(rows) == 0 {
		return ""
	}
	return strings.Join(rows, "\n") + "\n"
}

const alpha = "repos/octo/alpha"

// The suite, with a change of everything that increments look for.
func TestStopAnywhere(t *testing.T) {
	w := newWorld(t, simulator.Options{Issues: 3, Limit: 1_000_000})
	model := connectortest.Run(t, func() connector.Source {
		w.Clock.Advance(time.Second)
		return w.open()
	}, func() {
		w.Put(alpha+"/issues", simulator.Doc{"id": int64(1001), "labels": []simulator.Doc{{"id": 201}}, "assignees": []simulator.Doc{}})
		w.Put(alpha+"/issues/comments", simulator.Doc{"id": int64(2002), "body": "edited"})
	})
	if n := len(model.Warnings); n > 0 {
		t.Errorf("%d warnings: %v", n, model.Warnings)
	}
}

// Every table gets rows from something, and no request is refused.
func TestEveryTableIsFilled(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sync()
	for _, table := range w.open().(*source).api.Tables() {
		if w.rows(table.Name.Table, table.Columns[0].Name) == "" {
			t.Errorf("%s has no rows", table.Name.Table)
		}
	}
	for _, warning := range w.model.Warnings {
		t.Errorf("%v", warning)
	}
}

// The tables are those of Fivetran's ERD, column for column.
func TestColumnsAreThoseOfTheERD(t *testing.T) {
	raw, err := os.ReadFile("../../../shared/reference/services/erd_github.json")
	if err != nil {
		t.Skip("the ERD is not here: ", err)
	}
	var erd struct {
		Tables []struct {
			Name    string
			Columns []struct {
				Name, Type string
				PrimaryKey bool
				WildCard   bool
			}
		}
	}
	if err := json.Unmarshal(raw, &erd); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{"String": "STRING", "Long": "LONG", "Int": "INT", "Boolean": "BOOLEAN", "Instant": "UTC_DATETIME",
		"LocalDate": "NAIVE_DATE", "Double": "DOUBLE", "Json": "JSON"}
	w := newWorld(t, simulator.Options{})
	w.sync()
	ours := map[string]schema.Table{}
	for _, table := range w.open().(*source).api.Tables() {
		ours[table.Name.Table] = table
	}
	columns := 0
	for _, table := range erd.Tables {
		have, ok := ours[table.Name]
		if !ok {
			t.Errorf("there is no table %s", table.Name)
			continue
		}
		delete(ours, table.Name)
		for _, c := range table.Columns {
			columns++
			i := have.Index(c.Name)
			switch {
			case c.WildCard:
				prefix := strings.TrimSuffix(c.Name, "*")
				if !slices.ContainsFunc(w.model.Columns(table.Name), func(c schema.Column) bool { return strings.HasPrefix(c.Name, prefix) }) {
					t.Errorf("%s has no columns %s", table.Name, c.Name)
				}
				continue
			case i < 0:
				t.Errorf("%s has no column %s", table.Name, c.Name)
				continue
			}
			if got := have.Columns[i]; got.Type.String() != types[c.Type] || got.Key != c.PrimaryKey {
				t.Errorf("%s.%s is %v, a key %v; it should be %s, %v", table.Name, c.Name, got.Type, got.Key, types[c.Type], c.PrimaryKey)
			}
			have.Columns = slices.Delete(slices.Clone(have.Columns), i, i+1)
		}
		for _, c := range have.Columns {
			t.Errorf("%s.%s is no column of the ERD", table.Name, c.Name)
		}
	}
	for name := range ours {
		t.Errorf("%s is no table of the ERD", name)
	}
	if len(erd.Tables) != 80 || columns != 573 {
		t.Errorf("the ERD has %d tables with %d columns", len(erd.Tables), columns)
	}
}

// The tables have the columns that a published model reads, with types.
func TestColumnsThatModelsRead(t *testing.T) {
	tables := newWorld(t, simulator.Options{}).open().(*source).api.Tables()
	connectortest.Published(t, "../../../shared/reference/services/dbt_required_columns.json", "dbt_github", "github", tables, Service.Naming)
}

func TestIncrements(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sync()
	if got, want := w.rows("issue_label", "issue_id", "label_id"), "1001|200\n1002|201\n1003|202\n1004|200\n1005|201\n1006|202\n1007|200\n"; got != want {
		t.Errorf("labels:\n%s", got)
	}
	w.Put(alpha+"/issues", simulator.Doc{"id": int64(1001), "title": "Renamed", "labels": []simulator.Doc{{"id": 201}, {"id": 202}}, "assignees": []simulator.Doc{}})
	w.Put(alpha+"/issues/comments", simulator.Doc{"id": int64(2001), "body": "edited"})
	w.sync()
	if got, want := w.rows("issue_label", "issue_id", "label_id"), "1001|201\n1001|202\n1002|201\n1003|202\n1004|200\n1005|201\n1006|202\n1007|200\n"; got != want {
		t.Errorf("labels after a change:\n%s", got)
	}
	if got := w.rows("issue_assignee", "issue_id"); strings.Contains(got, "1001") {
		t.Errorf("assignees after a change:\n%s", got)
	}
	if got := w.rows("issue", "title"); !strings.Contains(got, "Renamed") {
		t.Errorf("issues after a change:\n%s", got)
	}
	if got := w.rows("issue_comment", "issue_id", "body"); !strings.Contains(got, "1001|edited") {
		t.Errorf("comments after a change:\n%s", got)
	}
	// Rows that go away without a trace are found when all is read.
	w.Remove(alpha+"/issues", simulator.Doc{"id": int64(1002)})
	w.Remove(alpha+"/labels", simulator.Doc{"id": int64(202)})
	w.Clock.Advance(8 * day)
	w.sync()
	if got := w.rows("issue", "id"); strings.Contains(got, "1002") {
		t.Errorf("issues after a removal:\n%s", got)
	}
	if got := w.rows("label", "id"); got != "200\n201\n" {
		t.Errorf("labels after a removal:\n%s", got)
	}
	if got := w.rows("issue_label", "issue_id"); strings.Contains(got, "1002") {
		t.Errorf("labels of issues after a removal:\n%s", got)
	}
}

// A sync in which nothing has changed costs little of the rate limit.
func TestNothingChanged(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sync()
	first := w.Used(simulator.DefaultToken)
	w.sync() // the lists in order of time are asked for from another time on
	w.Clock.Advance(time.Minute)
	before := w.Used(simulator.DefaultToken)
	w.sync()
	if used := w.Used(simulator.DefaultToken) - before; used > 12 || first < 60 {
		t.Errorf("the first sync took %d requests, one without changes %d", first, used)
	}
}

func TestRepositoriesComeAndGo(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sync()
	w.Rename("octo/alpha", "octo/omega")
	w.sync()
	if got, want := w.rows("repository", "id", "full_name"), "10|octo/omega\n11|octo/beta\n"; got != want {
		t.Errorf("after a renaming:\n%s", got)
	}
	w.Refuse("repos/octo/omega/labels", 451)
	w.Refuse("repos/octo/beta/issues", 410)
	w.Refuse("repos/octo/omega/traffic", 403)
	w.Clock.Advance(2 * day)
	w.sync()
	if got := w.rows("label", "id"); got != "200\n201\n202\n" {
		t.Errorf("labels that nobody may read:\n%s", got)
	}
	var told []string
	for _, warning := range w.model.Warnings {
		told = append(told, warning.Message)
	}
	if all := strings.Join(told, "\n"); len(told) != 3 || !strings.Contains(all, "451") || !strings.Contains(all, "page_view") {
		t.Errorf("warnings:\n%s", all)
	}
	w.Refuse("repos/octo/omega/labels", 0)
	w.Remove("user/repos", simulator.Doc{"id": int64(10)})
	w.Clock.Advance(8 * day)
	w.sync()
	if got := w.rows("issue", "id") + w.rows("label", "id") + w.rows("repository", "id"); got != "11\n" {
		t.Errorf("rows of a repository that is gone:\n%s", got)
	}
}

// Repositories that are named are read, by the names that they had too; one
// that cannot be found takes no rows with it.
func TestSpecificRepositories(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.Rename("octo/alpha", "octo/omega")
	w.raw = json.RawMessage(strings.Replace(string(token), `"AllRepositories"`, `"SpecificRepositories","repositories":["octo/alpha","11"]`, 1))
	w.sync()
	if got, want := w.rows("repository", "full_name"), "octo/omega\nocto/beta\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	issues := w.rows("issue", "id")
	w.Refuse("repos/octo/omega", 404)
	w.Clock.Advance(8 * day)
	w.sync()
	if got := w.rows("issue", "id"); issues == "" || got != issues || len(w.model.Warnings) != 1 {
		t.Errorf("issues of a repository that cannot be found:\n%s\n%v", got, w.model.Warnings)
	}
}

// A sync that used up the hour goes on in the next, or with another token.
func TestRateLimit(t *testing.T) {
	w := newWorld(t, simulator.Options{Limit: 30})
	for syncs := 1; ; syncs++ {
		err := w.model.Sync(t.Context(), w.open())
		if err == nil {
			if syncs < 3 {
				t.Errorf("%d syncs were enough", syncs)
			}
			break
		}
		var pause *setup.Reschedule
		if !errors.As(err, &pause) || syncs > 10 {
			t.Fatalf("sync %d: %v", syncs, err)
		}
		budgets = &rest.Budgets{} // whose clock is the world's
		w.Clock.Advance(pause.Until.Sub(w.Clock.Now()))
	}
	whole := newWorld(t, simulator.Options{Tokens: []string{"one", "two", simulator.DefaultToken}, Limit: 40})
	whole.raw = json.RawMessage(strings.Replace(string(token), `"pats":[`, `"pats":["one","two",`, 1))
	whole.sync()
	if got, want := w.rows("issue", "id", "title"), whole.rows("issue", "id", "title"); got != want || got == "" {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if whole.Used("one") == 0 || whole.Used("two") == 0 {
		t.Error("the other tokens were not used")
	}
}

func TestApp(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, simulator.Options{ClientID: "Iv1", Key: &key.PublicKey, Tokens: []string{}})
	file := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	w.raw, _ = json.Marshal(config{AuthMode: byApp, ClientID: "Iv1", Username: "octo", PrivateKey: string(file), SyncMode: allRepos})
	w.sync()
	issues := w.rows("issue", "id")
	w.Revoke() // in the middle of what a source lives
	w.sync()
	if got := w.rows("issue", "id"); issues == "" || got != issues {
		t.Errorf("got\n%s", got)
	}
	src := w.open()
	for range 2 {
		for _, r := range src.Test(t.Context()) {
			if r.Status != setup.Passed {
				t.Errorf("%s: %s", r.Title, r.Message)
			}
		}
		w.Revoke()
	}
	w.raw = json.RawMessage(bytes.Replace(w.raw, []byte(`"octo"`), []byte(`"nobody"`), 1))
	if results := w.open().Test(t.Context()); results[len(results)-1].Status != setup.Failed || !strings.Contains(results[len(results)-1].Message, "not installed") {
		t.Errorf("got %v", results)
	}
}

func TestSetup(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		fault     *simulate.Fault
		want      string
		message   string
	}{
		{"good", string(token), nil, "PASSED PASSED PASSED", ""},
		{"wrong token", strings.Replace(string(token), "github_pat", "x", 1), nil, "PASSED FAILED", "does not accept the login"},
		{"no such repository", strings.Replace(string(token), `"AllRepositories"`, `"SpecificRepositories","repositories":["octo/nothing"]`, 1), nil, "PASSED PASSED FAILED", "octo/nothing could not be read"},
		{"none named", strings.Replace(string(token), `"AllRepositories"`, `"SpecificRepositories"`, 1), nil, "PASSED PASSED FAILED", "No repository is named"},
		{"down", string(token), &simulate.Fault{Status: 503, Count: -1}, "FAILED", "503"},
		{"busy", string(token), &simulate.Fault{Status: 403, RetryAfter: "120"}, "FAILED", "asks to wait for 2m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{})
			if w.raw = json.RawMessage(c.raw); c.fault != nil {
				w.Faults.Break(*c.fault)
			}
			var got []string
			results := w.open().Test(t.Context())
			for _, r := range results {
				got = append(got, string(r.Status))
				if strings.Contains(r.Message, simulator.DefaultToken) {
					t.Errorf("the token is in %q", r.Message)
				}
			}
			if last := results[len(results)-1].Message; strings.Join(got, " ") != c.want || !strings.Contains(last, c.message) {
				t.Errorf("got %v", results)
			}
		})
	}
	if _, err := open(json.RawMessage(`{"auth_mode":"PersonalAccessToken"}`), connector.Env{}); err == nil {
		t.Error("no login is a login")
	}
}

// A login that is refused under way is for a person to mend.
func TestRefusedLogin(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.Faults.Break(simulate.Fault{Path: "issues", Status: 401, Count: -1})
	if p := setup.AsProblem(w.model.Sync(t.Context(), w.open())); p == nil || p.Code != "authentication_failed" {
		t.Errorf("got %v", p)
	}
}

// Tables are read again, and with them those of the same list.
func TestForget(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sync()
	src := w.open().(*source)
	for table, want := range map[string]bool{"issue_label": true, "user": true, "label": true, "nothing": false} {
		state, err := src.Forget(w.model.State, []schema.Name{{Table: table}})
		if err != nil || bytes.Equal(state, w.model.State) == want {
			t.Errorf("%s: known %v, %v", table, !want, err)
		}
	}
	before := w.model.Dump()
	var err error
	if w.model.State, err = src.Forget(w.model.State, []schema.Name{{Table: "issue_label"}, {Table: "user"}}); err != nil {
		t.Fatal(err)
	}
	w.sync()
	if diff := cmp.Diff(before, w.model.Dump()); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

// What lists refer to by number or name is known from the lists before.
func TestNothingIsLookedUpTwice(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sync()
	for _, path := range []string{"/issues/3", "/pulls/3", "/labels/bug"} {
		if n := w.Counts.Of(alpha + path); n != 0 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
}

// Every column gets a value from something that GitHub answers with.
func TestEveryColumnIsFilled(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sync()
	for _, table := range w.open().(*source).api.Tables() {
		for _, c := range table.Columns {
			if strings.Trim(strings.ReplaceAll(w.rows(table.Name.Table, c.Name), "NULL", ""), "\n") == "" {
				t.Errorf("%s.%s is empty", table.Name.Table, c.Name)
			}
		}
	}
}
