package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// TestCompletion has each shell complete by the script that it is given.
func TestCompletion(t *testing.T) {
	ask := map[string]string{
		"bash": `%s
COMP_WORDS=(%s "$LAST"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _penstock; printf '%%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { :; }; _files() { :; }; _describe() { print -rl -- ${${(P)2}%%%%:*}; }
%s
words=(%s "$LAST"); CURRENT=$#words; _penstock`,
		"fish": `%s
complete -C "%s $LAST" | string replace -r '\t.*' ''; true`,
	}
	dir := t.TempDir()
	if program, err := os.Executable(); err != nil || os.Symlink(program, filepath.Join(dir, "penstock")) != nil {
		t.Fatal("the program has no link", err)
	}
	for shell, command := range ask {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Errorf("%s is not installed: scripts/need %[1]s", shell)
			continue
		}
		_, script, _ := run(t, nil, "completion", shell)
		for _, tt := range []struct{ words, last, want string }{
			{"penstock", "con", "connections connectors"},
			{"penstock", "comple", "completion"}, // and not what the scripts ask
			{"penstock logs", "--fol", "--follow"},
			{"penstock logs people --level", "S", "SEVERE"},
			{"penstock logs -f people", "--level=W", "--level=WARNING"},
			{"penstock simulate", "s", "salesforce"},
			{"penstock simulate 15five", "--li", "--limit --listen"},
			{"penstock completion", "", "bash fish zsh"},
			{"penstock --he", "--he", "--help"},
		} {
			cmd := exec.Command(path, "-c", fmt.Sprintf(command, script, tt.words))
			cmd.Env = environment("LAST="+tt.last, "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			words := strings.Fields(string(out))
			slices.Sort(words)
			if got := strings.Join(words, " "); err != nil || got != tt.want {
				t.Errorf("%s: %s %s: %v: %q, want %q", shell, tt.words, tt.last, err, got, tt.want)
			}
		}
	}
}
