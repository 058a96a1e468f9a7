package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests of this package run the program as a program: a process of its
// own, which they start, talk to over HTTP, and kill. The test binary stands
// in for it, so that there is nothing to build twice.
const asProgram = "PENSTOCK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	code := m.Run()
	stopOwnServers()
	os.Exit(code)
}

// patient is how long the tests wait for anything before they say that it
// does not happen.
const patient = 90 * time.Second

// await polls until done returns true.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patient)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patient, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// An output is what a process has printed so far.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed at the next write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// lines returns the whole lines so far, and a channel that is closed when
// there may be more.
func (o *output) lines() ([]string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	all := strings.SplitAfter(o.text.String(), "\n")
	return all[:len(all)-1], o.changed
}

// A process is the program at work.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
	err            error // of its end
}

// environment is that of the tests less what would configure the program.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "PENSTOCK_") || strings.HasPrefix(s, "PG")
	})
	return append(append(env, asProgram+"=1"), more...)
}

// start starts the program with arguments. It is killed when the test ends.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return launch(t, exec.Command(os.Args[0], args...), env)
}

func launch(t testing.TB, cmd *exec.Cmd, env []string) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	p.cmd.Env = environment(env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// terminate sends SIGTERM and returns the exit code.
func (p *process) terminate(t testing.TB) int {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	return p.code(t)
}

// code waits for the end of the process and returns its exit code.
func (p *process) code(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patient):
		t.Fatalf("the program does not end; it printed\n%s%s", p.stdout.String(), p.stderr.String())
		return -1
	}
}

// await waits for a line that holds the text and comes after the first seen
// lines, and returns it.
func (p *process) await(t testing.TB, o *output, seen int, text string) string {
	t.Helper()
	deadline := time.After(patient)
	for {
		lines, more := o.lines()
		for _, l := range lines[min(seen, len(lines)):] {
			if strings.Contains(l, text) {
				return l
			}
		}
		select {
		case <-more:
		case <-p.ended:
			if after, _ := o.lines(); len(after) == len(lines) {
				t.Fatalf("the program ended (%v) without %q; it printed\n%s%s", p.err, text, p.stdout.String(), p.stderr.String())
			}
		case <-deadline:
			t.Fatalf("waited in vain for %q; the program printed\n%s%s", text, p.stdout.String(), p.stderr.String())
		}
	}
}

// run runs the program to its end and returns the exit code and what it printed.
func run(t testing.TB, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, env, args...)
	code = p.code(t)
	return code, p.stdout.String(), p.stderr.String()
}

// syncJSON runs `penstock sync --json`, which must succeed.
func syncJSON(t testing.TB, args ...string) summary {
	t.Helper()
	code, stdout, stderr := run(t, nil, append([]string{"sync", "--json"}, args...)...)
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != 0 {
		t.Fatalf("penstock sync ended with %d (%v) and printed\n%s%s", code, err, stdout, stderr)
	}
	return s
}

// shell runs a script of the repository.
func shell(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "PENSTOCK_PG_BUFFERS=32MB")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, problems.String())
	}
	return strings.TrimSpace(out.String()), nil
}
