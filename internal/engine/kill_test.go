package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/secret"
	"github.com/penstock-data/penstock/internal/store"
)

// childVariable names the data folder to a copy of the test program that is
// there to be killed.
const childVariable = "PENSTOCK_TEST_ENGINE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println("child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child runs an engine on the data folder. It prints each checkpoint, and
// needs a byte of its input for it.
func child(dir string) error {
	s, err := store.Open(context.Background(), dir, secret.Key{1})
	if err != nil {
		return err
	}
	w := &world{at: dir, store: s, alive: map[string]int{}, behave: counting(dir, func(n int) {
		fmt.Println(n)
		os.Stdin.Read(make([]byte, 1))
	})}
	return w.another().Run(context.Background())
}

const last = 300

// counting writes the numbers up to last into a file, with a checkpoint after
// each that says which is next.
func counting(dir string, saved func(n int)) behavior {
	return func(ctx context.Context, req connector.Request, out connector.Output) error {
		var n int
		if req.State != nil {
			if err := json.Unmarshal(req.State, &n); err != nil {
				return err
			}
		}
		f, err := os.OpenFile(filepath.Join(dir, "numbers"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		for ; n < last; n++ {
			fmt.Fprintln(f, n)
			if err := out.Checkpoint(ctx, n+1); err != nil {
				return err
			}
			saved(n + 1)
		}
		return nil
	}
}

// TestKilled kills the process that runs a sync again and again. Each next
// one goes on at once with the same run, from no earlier than the last
// checkpoint that was reported, and in the end nothing is missing.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	w := &world{t: t, at: dir, alive: map[string]int{}}
	w.open()
	w.seed()
	c := &store.Connection{ID: "c", GroupID: w.group.ID, Service: "source", Schema: "c", Config: json.RawMessage(`{"schema":"c"}`),
		SetupState: store.Connected, ScheduleType: "auto", SyncFrequency: 1440}
	w.check(w.store.CreateConnection(ctx, c))
	w.check(w.store.Close())

	reported, starts := 0, int64(0)
	for reported < last-60 { // none gets to the end
		starts++
		reported = killAfter(t, dir, reported, 1+rand.IntN(40))
	}

	w.open()
	done := make(chan struct{})
	first := 0
	w.behave = counting(dir, func(n int) {
		if first == 0 {
			first = n - 1
		}
		if n == last {
			close(done)
		}
	})
	w.engine = w.another()
	run, halt := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- w.engine.Run(run) }()
	<-done
	halt()
	w.check(<-ended)
	defer w.store.Close()
	if first < reported {
		t.Errorf("went on from %d, though %d had been saved", first, reported)
	}
	runs, err := w.store.Runs(ctx, "c", 10)
	w.check(err)
	if len(runs) != 1 || runs[0].Fence != starts+1 || runs[0].Outcome != store.RunSucceeded {
		t.Errorf("after %d starts: %+v", starts+1, runs)
	}
	b, err := os.ReadFile(filepath.Join(dir, "numbers"))
	w.check(err)
	have := map[string]int{}
	for _, n := range strings.Fields(string(b)) {
		have[n]++
	}
	for n := range last {
		if have[fmt.Sprint(n)] == 0 {
			t.Errorf("%d is missing", n)
		}
	}
}

// killAfter starts a child and kills it when it has reported so many
// checkpoints. It returns the last that it reported.
func killAfter(t *testing.T, dir string, from, reports int) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Write(make([]byte, reports+10)) // it is killed on its way to the tenth after
	lines := bufio.NewScanner(out)
	at := from
	for ; reports > 0 && at < last && lines.Scan(); reports-- {
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		if n < from {
			t.Fatalf("went on at %d, though %d had been saved", n, from)
		}
		at = n
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it reported before it died
		fmt.Sscan(lines.Text(), &at)
	}
	cmd.Wait()
	if at == from {
		t.Fatal("the child did nothing")
	}
	return at
}
