// Package archtest keeps the map of the code: which package may import which.
package archtest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/penstock-data/penstock/"

// may says what a package may import of this module, nearest to the user
// first. A trailing /* stands for every package in that folder that has no
// line of its own. Read downwards it is the map of the code; ARCHITECTURE.md
// shows the same table.
var may = []struct{ pkg, imports string }{
	{"cmd/penstock", "*"},
	{"internal/bench", ""},
	{"internal/api", "connector destination internal/access internal/engine internal/fivetran internal/logship internal/outside internal/schedule internal/schemaconfig internal/secret internal/secretsmanager internal/store internal/webhook schema setup"},
	{"internal/api", "connector destination internal/access internal/engine internal/fivetran internal/logship internal/outside internal/schedule internal/schemaconfig internal/secret internal/store internal/webhook schema setup"},
	{"internal/web", "connector destination internal/access internal/secret internal/store setup"},
	{"internal/web/browsertest", ""},
	{"internal/web/webtest", ""},
	{"internal/webhook", "internal/fivetran internal/outside internal/rounds internal/store"},
	{"internal/webhook", "internal/fivetran internal/outside internal/rounds internal/store"},
	{"internal/logship", "internal/amazon internal/fivetran internal/outside internal/rounds internal/store setup"},
	{"internal/records", "connector destination internal/fivetran schema setup"},
	{"internal/engine", "destination internal/runner internal/schedule internal/schemaconfig internal/store schema setup"},
	{"internal/runner", "connector destination internal/outside internal/pipe internal/schedule internal/schemaconfig internal/secretsmanager internal/store internal/tunnel internal/verify schema setup"},
	{"internal/verify", "connector destination internal/pipe schema"},
	{"internal/pipe", "connector destination internal/schemaconfig schema setup"},
	{"internal/tunnel", "setup"},
	{"internal/secretsmanager", "internal/amazon internal/outside setup"},
	{"internal/store", "internal/access internal/schedule internal/schemaconfig internal/secret schema setup"},
	{"internal/schemaconfig", "schema"},
	{"internal/access", ""},
	{"internal/schedule", ""},
	{"internal/secret", ""},
	{"internal/fivetran", ""},
	{"internal/outside", ""},
	{"internal/amazon", ""},
	{"internal/rounds", ""},
	{"internal/modelcheck", "connector destination destination/destinationtest internal/pipe internal/schemaconfig schema setup"},
	{"internal/pgtest", ""},
	{"internal/storetest", "internal/pgtest"},
	{"internal/mariatest", ""},
	{"internal/sshtest", ""},
	{"internal/nettest", ""},
	{"internal/amazontest", ""},
	{"internal/vaulttest", ""},
	{"internal/archtest", ""},

	{"connector/all", "connector connector/*"},
	{"connector/connectortest", "connector schema setup"},
	{"connector/fifteenfive/simulator", "connector/simulate"},
	{"connector/github/simulator", "connector/simulate"},
	{"connector/salesforce/simulator", "connector/simulate"},
	{"connector/salesforce/formula", "schema"},
	{"connector/salesforce", "connector connector/rest connector/salesforce/formula schema setup"},
	{"connector/simulate", ""},
	{"connector/rest", "connector schema setup"},
	{"connector/sqlsource", "connector schema setup"},
	{"connector/*", "connector connector/rest connector/sqlsource schema setup"},
	{"connector", "schema setup"},

	{"destination/all", "destination destination/*"},
	{"destination/destinationtest", "destination schema setup"},
	{"destination/sqlwriter", "destination schema setup"},
	{"destination/*", "destination destination/sqlwriter schema setup"},
	{"destination", "schema setup"},

	{"setup", ""},
	{"schema", ""},
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		pkg := strings.TrimPrefix(f[0], module)
		i := slices.IndexFunc(may, func(m struct{ pkg, imports string }) bool { return match(m.pkg, pkg) })
		if i < 0 {
			t.Errorf("%s has no line in the map", pkg)
			continue
		}
		for _, imp := range f[1:] {
			imp, ours := strings.CutPrefix(imp, module)
			ok := func(pattern string) bool { return match(pattern, imp) }
			if ours && !slices.ContainsFunc(strings.Fields(may[i].imports), ok) {
				t.Errorf("%s imports %s", pkg, imp)
			}
		}
	}
}

func match(pattern, pkg string) bool {
	dir, star := strings.CutSuffix(pattern, "*")
	return pattern == pkg || star && strings.HasPrefix(pkg, dir)
}
