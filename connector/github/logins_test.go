package github

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/connector/github/simulator"
)

// twoLogins are a token for octo/alpha and one for octo/beta, in any order. The
// first may only read, and is of nobody in the organization.
func twoLogins(t *testing.T, order string) *world {
	w := newWorld(t, simulator.Options{Tokens: []string{"one", "two"}})
	w.raw = json.RawMessage(strings.Replace(string(token), `["`+simulator.DefaultToken+`"]`, order, 1))
	w.RefuseTo("one", "repos/octo/beta", 404)
	w.RefuseTo("one", "orgs/octo", 404)
	w.RefuseTo("two", "repos/octo/alpha", 404)
	w.Put("repos/octo/beta/labels", simulator.Doc{"id": int64(290), "name": "beta's"})
	return w
}

// What only one of several tokens can see is read, and stays.
func TestTokensWithUnlikeRights(t *testing.T) {
	for _, order := range []string{`["one","two"]`, `["two","one"]`} {
		t.Run(order, func(t *testing.T) {
			w := twoLogins(t, order)
			for n := range 6 {
				w.sync()
				if got, want := w.rows("repository", "full_name"), "octo/alpha\nocto/beta\n"; got != want {
					t.Errorf("sync %d: repositories:\n%s", n, got)
				}
				if got, want := w.rows("label", "id"), "200\n201\n202\n290\n"; got != want {
					t.Errorf("sync %d: labels:\n%s", n, got)
				}
				if w.rows("issue", "id") == "" || w.rows("team_membership", "user_id") == "" {
					t.Errorf("sync %d: no issues, or no teams", n)
				}
				for _, warning := range w.model.Warnings {
					t.Errorf("sync %d: %v", n, warning)
				}
				w.Clock.Advance(time.Duration(n) * day)
			}
			// Of a repository that one sees no more the others' rows stay.
			w.RefuseTo("one", "repos/octo/alpha", 404)
			w.Clock.Advance(8 * day)
			w.sync()
			if got, want := w.rows("repository", "full_name")+w.rows("label", "id"), "octo/beta\n290\n"; got != want {
				t.Errorf("after one was shut out:\n%s", got)
			}
		})
	}
}

// What one token may not read another is asked for, whichever comes first.
func TestRefusedToOneToken(t *testing.T) {
	for _, order := range []string{`["one","two"]`, `["two","one"]`} {
		t.Run(order, func(t *testing.T) {
			whole := newWorld(t, simulator.Options{})
			draft := simulator.Doc{"id": int64(499), "draft": true, "name": "Not yet", "assets": []simulator.Doc{}}
			whole.Put(alpha+"/releases", draft)
			whole.sync()
			w := newWorld(t, simulator.Options{Tokens: []string{"one", "two"}})
			w.raw = json.RawMessage(strings.Replace(string(token), `["`+simulator.DefaultToken+`"]`, order, 1))
			w.Put(alpha+"/releases", draft)
			for _, path := range []string{"collaborators", "traffic", "teams"} {
				w.RefuseTo("one", alpha+"/"+path, 403)
			}
			w.RefuseTo("one", "orgs/octo/dependabot", 403)
			w.RefuseTo("two", alpha+"/actions", 404)
			for n := range 3 {
				w.sync()
				w.Clock.Advance(8 * day)
				for _, table := range w.open().(*source).api.Tables() {
					if name := table.Name.Table; count(w.model, name) < count(whole.model, name) {
						t.Errorf("sync %d: %s has %d rows, want %d", n, name, count(w.model, name), count(whole.model, name))
					}
				}
				for _, warning := range w.model.Warnings {
					t.Errorf("sync %d: %v", n, warning)
				}
			}
			w.RefuseTo("two", alpha+"/traffic", 403)
			w.sync()
			if len(w.model.Warnings) != 2 || !strings.Contains(w.model.Warnings[0].Message, "403") {
				t.Errorf("what nobody may read: %v", w.model.Warnings)
			}
		})
	}
}

func count(m *connectortest.Model, table string) int { return len(m.Rows(table)) }

// A token that may not list its repositories takes those of others with it
// neither, and leaves what only it has seen.
func TestRefusedListOfRepositories(t *testing.T) {
	w := twoLogins(t, `["one","two"]`)
	w.sync()
	before := w.rows("repository", "id") + w.rows("label", "id") + w.rows("issue", "id")
	w.RefuseTo("two", "user/repos", 403)
	w.Clock.Advance(8 * day)
	w.sync()
	if got := w.rows("repository", "id") + w.rows("label", "id") + w.rows("issue", "id"); got != before {
		t.Errorf("got\n%swant\n%s", got, before)
	}
	if len(w.model.Warnings) != 1 {
		t.Errorf("%v", w.model.Warnings)
	}
}

// Named repositories are read by whoever sees them.
func TestSpecificRepositoriesOfSeveralTokens(t *testing.T) {
	w := twoLogins(t, `["one","two"]`)
	w.raw = json.RawMessage(strings.Replace(string(w.raw), `"AllRepositories"`, `"SpecificRepositories","repositories":["octo/alpha","octo/beta"]`, 1))
	for range 2 {
		w.sync()
		if got, want := w.rows("label", "id"), "200\n201\n202\n290\n"; got != want || len(w.model.Warnings) > 0 {
			t.Errorf("%s%v", got, w.model.Warnings)
		}
	}
}
