package access

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/roles.md anew")

// TestDocs: docs/roles.md says what roles allow.
func TestDocs(t *testing.T) {
	const file = "../../docs/roles.md"
	want := rolesPage()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != want {
		t.Errorf("%s is not what the roles are (%v): go test ./internal/access -update writes it anew", file, err)
	}
}

func rolesPage() string {
	var b strings.Builder
	b.WriteString(`# Roles

Users and teams have roles: one for the whole account, others in groups and for connections, and in teams. What somebody may do is all of it together, with what their teams may. What one may not see is as if it were not there: lists leave it out, and single reads answer 404. Nobody can give a role, or take one away, that allows more than they may do themselves; who joins a team is given all that the team has. Whoever creates a group or a connection and could not change it otherwise has the role to manage it. Who is in a group is changed by whoever may delete it.

A system key has permissions in place of roles: READ or MANAGE of each kind of thing, everywhere or in some groups or on some things. NONE takes away: of the permissions that fit a thing the most special one holds alone, one by ids before one by group_ids before one without a filter. A permission by ids creates nothing, for what is not there yet has no id. System keys are managed by people, not by keys.

The names are Fivetran's. What its roles allow in detail is not published in full; this is what they allow here: r read, e edit (and sync, test, approve), c create, d delete.

`)
	heads := []string{"account", "users", "roles", "teams", "webhooks", "agents", "groups, destinations", "transformations", "connections"}
	for _, level := range []struct {
		level Level
		title string
	}{{AccountLevel, "In the account"}, {GroupLevel, "In a group"}, {ConnectionLevel, "For a connection"}, {TeamLevel, "In a team"}} {
		fmt.Fprintf(&b, "## %s\n\n| role | %s | |\n|---|%s---|\n", level.title, strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
		for _, r := range roles {
			if r.Level != level.level {
				continue
			}
			fmt.Fprintf(&b, "| %s |", r.Name)
			for res := Account; res <= Connections; res++ {
				fmt.Fprintf(&b, " %s |", letters(r.Allows(res)))
			}
			fmt.Fprintf(&b, " %s |\n", r.Description)
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func letters(a Actions) (s string) {
	for i, letter := range "recd" {
		if a&(1<<i) != 0 {
			s += string(letter)
		}
	}
	return s
}
