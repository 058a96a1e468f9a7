// Package browsertest has a browser do what people do with the pages, on the
// demonstration's platform. Each file of tasks is one task; drive.js says what
// they are given, and what is checked on every page that they look at.
package browsertest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long the whole may take.
const patience = 10 * time.Minute

// TestPages runs all tasks, or those that PENSTOCK_TASKS names. Pictures of the
// pages are written to the folder that PENSTOCK_PICTURES names, if it does.
func TestPages(t *testing.T) {
	for _, tool := range []string{"chromium", "node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: scripts/need %[1]s", tool)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	modules := make(chan error, 1)
	cache := moduleFolder(t)
	go func() { modules <- install(ctx, cache) }()
	site := demonstrate(ctx, t, program(ctx, t), surround(t))
	if err := <-modules; err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("tasks/" + cmp.Or(os.Getenv("PENSTOCK_TASKS"), "*") + ".js")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no tasks", err)
	}
	done := drive(ctx, t, append(site, "NODE_PATH="+filepath.Join(cache, "node_modules")), files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".js")
		t.Run(name, func(t *testing.T) {
			r := done[name]
			if r == nil {
				t.Fatal("it was not done")
			}
			if r.Skipped != "" {
				t.Skip(r.Skipped)
			}
			for _, p := range r.Problems {
				t.Error(p)
			}
			t.Logf("%.1f s", r.Seconds)
		})
	}
}

// A result is what drive.js says of a task.
type result struct {
	Task     string
	Seconds  float64
	Skipped  string // why it was not done
	Problems []string
}

// drive runs tasks in one browser.
func drive(ctx context.Context, t *testing.T, env, files []string) map[string]*result {
	cmd := exec.CommandContext(ctx, "node", append([]string{"drive.js"}, files...)...)
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("drive.js: %v\n%s", err, said.String())
	}
	done := map[string]*result{}
	for line := range bytes.Lines(out) {
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			t.Logf("%s", line)
			continue
		}
		done[r.Task] = &r
	}
	return done
}

// program returns the path of penstock, built if PENSTOCK_PROGRAM names none.
func program(ctx context.Context, t *testing.T) string {
	if path := os.Getenv("PENSTOCK_PROGRAM"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "penstock")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "../../../cmd/penstock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// demonstrate starts the demonstration and returns what drive.js is to know of
// it, as environment variables.
func demonstrate(ctx context.Context, t *testing.T, program string, around *surroundings) []string {
	cmd := exec.CommandContext(ctx, program, append([]string{"demo", "--data", t.TempDir(), "--listen", "127.0.0.1:0"}, around.args...)...)
	cmd.Env = append(os.Environ(), around.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the folder goes
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	ready := regexp.MustCompile(`(http://\S+)(/welcome\?token=\S+)|curl -u (\w+):(\w+) `)
	env := around.tell
	for lines := bufio.NewScanner(out); len(env) < len(around.tell)+4; {
		if !lines.Scan() {
			t.Fatal("the demonstration ended")
		}
		switch m := ready.FindStringSubmatch(lines.Text()); {
		case m == nil:
		case m[1] != "":
			env = append(env, "PENSTOCK_URL="+m[1], "PENSTOCK_LINK="+m[1]+m[2])
		default:
			env = append(env, "PENSTOCK_KEY="+m[3], "PENSTOCK_SECRET="+m[4])
		}
	}
	go io.Copy(io.Discard, out)
	return env
}

// moduleFolder is where npm's packages are kept between runs, by what they are.
func moduleFolder(t *testing.T) string {
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, fmt.Sprintf("penstock-browsertest-%x", sha256.Sum256(lock))[:40])
}

// install has npm put its packages into a folder, unless they are there.
func install(ctx context.Context, folder string) error {
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "playwright-core")); err == nil {
		return nil
	}
	work := folder + fmt.Sprintf(".%d", os.Getpid())
	defer os.RemoveAll(work)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), b, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(work, folder); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}
