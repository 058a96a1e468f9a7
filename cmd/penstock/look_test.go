package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLooking looks at the demonstration's platform from a terminal.
func TestLooking(t *testing.T) {
	data := t.TempDir()
	demo := start(t, nil, "demo", "--data", data)
	m := regexp.MustCompile(`curl -u (\w+):(\w+) (http://[^/]+)/`).FindStringSubmatch(demo.await(t, &demo.stdout, 0, "curl -u "))
	env := []string{"PENSTOCK_KEY=" + m[1], "PENSTOCK_SECRET=" + m[2], "PENSTOCK_URL=" + m[3]}
	ask := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := run(t, env, args...)
		if code != 0 {
			t.Fatalf("%v ended with %d: %s", args, code, stderr)
		}
		return stdout
	}
	for _, tt := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"connections"}, []string{"CONNECTION", "people ", "db ", "fine", "just now"}},
		{[]string{"syncs", "people"}, []string{"RESULT", "succeeded"}},
		{[]string{"logs", "people"}, []string{"INFO     The sync began.", "The sync ended: SUCCESSFUL."}},
		{[]string{"logs", "people", "--follow"}, []string{"The sync began.", "The sync ended: SUCCESSFUL."}},
		{[]string{"schema", "people", "--search", "pulse"}, []string{"15five.pulse", "copied", "people.pulse", "mark deleted rows"}},
		{[]string{"completion", "bash"}, []string{"complete -F _penstock penstock"}},
		{[]string{"completion", "fish"}, []string{"-a login-link"}},
	} {
		out := ask(tt.args...)
		for _, want := range tt.wants {
			if !strings.Contains(out, want) {
				t.Errorf("%v does not say %q:\n%s", tt.args, want, out)
			}
		}
	}
	if out := ask("logs", "people", "--level", "SEVERE"); out != "" {
		t.Errorf("nothing severe happened, but\n%s", out)
	}

	var found []struct{ ID, State string }
	if err := json.Unmarshal([]byte(ask("connections", "--search", "people", "--json")), &found); err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	var runs []struct{ ID, Outcome string }
	if err := json.Unmarshal([]byte(ask("syncs", found[0].ID, "--json", "--limit", "1")), &runs); err != nil || len(runs) != 1 || runs[0].Outcome != "succeeded" {
		t.Fatalf("%v %v", runs, err)
	}
	for line := range strings.Lines(ask("logs", found[0].ID, runs[0].ID, "--json")) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line is %s", line)
		}
	}

	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"syncs", "nothing"}, "there is no connection nothing"},
		{[]string{"connections", "--secret", "wrong"}, "Invalid authorization credentials"},
		{[]string{"logs", "people", "nothing"}, "Run 'nothing'"},
		{[]string{"logs", "people", "nothing", "-f"}, "404"},
		{[]string{"login-link", "owner@localhost", "--data", filepath.Join(data, "platform")}, "another"},
	} {
		if code, _, stderr := run(t, env, tt.args...); code == 0 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v ended with %d and says %s", tt.args, code, stderr)
		}
	}

	demo.terminate(t)
	if out := ask("login-link", "owner@localhost", "--data", filepath.Join(data, "platform")); !strings.Contains(out, "/welcome?token=") {
		t.Errorf("the link: %s", out)
	}
	if code, _, stderr := run(t, env, "login-link", "x@localhost", "--data", filepath.Join(data, "platform")); code == 0 || !strings.Contains(stderr, "no user") {
		t.Errorf("nobody's link: %s", stderr)
	}
}

// TestCompletionIsAScript has bash read what it is given.
func TestCompletionIsAScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	_, script, _ := run(t, nil, "completion", "bash")
	script += `COMP_WORDS=(penstock logs --fol) COMP_CWORD=2; _penstock; echo "${COMPREPLY[@]}"`
	out, err := exec.Command("bash", "-c", script).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "--follow" {
		t.Errorf("%v: %s", err, out)
	}
}
