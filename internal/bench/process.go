package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A bench is what the benchmarks share.
type bench struct {
	dir, sql, program string
	gb                int    // of the long table
	own               string // URL of the server's superuser; see admin
	server            string // URL of the database that holds the tables; see postgres
	stop              []func()
}

// close stops what was started, the latest first.
func (b *bench) close() {
	for _, f := range slices.Backward(b.stop) {
		f()
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// postgres returns the URL of a database with the benchmark tables.
func (b *bench) postgres(ctx context.Context) (string, error) {
	if b.server != "" {
		return b.server, nil
	}
	admin, err := b.admin(ctx)
	if err != nil {
		return "", err
	}
	if err := psql(ctx, admin, "drop database if exists penstock_bench with (force)", "create database penstock_bench"); err != nil {
		return "", err
	}
	db := withDatabase(admin, "penstock_bench")
	if os.Getenv("PENSTOCK_BENCH_POSTGRES") != "" {
		b.stop = append(b.stop, func() {
			_ = psql(context.Background(), admin, "drop database if exists penstock_bench with (force)", "drop database if exists penstock_bench_target with (force)")
		})
	}
	fmt.Println("filling the tables lineitem and wide …")
	for _, f := range []string{"lineitem.sql", "wide.sql"} {
		if out, err := exec.CommandContext(ctx, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", db, "-f", filepath.Join(b.sql, f)).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", f, err, out)
		}
	}
	b.server = db
	return db, nil
}

// admin returns the URL of a superuser of the database server.
func (b *bench) admin(ctx context.Context) (string, error) {
	if url := os.Getenv("PENSTOCK_BENCH_POSTGRES"); url != "" {
		return url, nil
	}
	if b.own != "" {
		return b.own, nil
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	data := b.path("postgres")
	cmd := exec.CommandContext(ctx, "scripts/postgres", "start", data, strconv.Itoa(port))
	cmd.Env = append(os.Environ(), "PENSTOCK_PG_BUFFERS=2GB")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	b.stop = append(b.stop, func() { _ = exec.Command("scripts/postgres", "stop", data).Run() })
	b.own = strings.TrimSpace(string(out))
	return b.own, nil
}

// target makes an empty database beside db and returns its URL.
func (b *bench) target(ctx context.Context, db string) (string, error) {
	admin := withDatabase(db, "postgres")
	err := psql(ctx, admin, "drop database if exists penstock_bench_target with (force)", "create database penstock_bench_target")
	return withDatabase(db, "penstock_bench_target"), err
}

// configOf is what the configs of sources and destinations say of a database.
func configOf(db string) map[string]any {
	u, err := url.Parse(db)
	if err != nil {
		return nil // whoever is given it says what is missing
	}
	password, _ := u.User.Password()
	port, _ := strconv.Atoi(u.Port())
	return map[string]any{"host": u.Hostname(), "port": port, "database": strings.TrimPrefix(u.Path, "/"),
		"user": u.User.Username(), "password": password, "always_encrypted": false}
}

func withDatabase(url, name string) string {
	head, query, _ := strings.Cut(url, "?")
	return head[:strings.LastIndexByte(head, '/')+1] + name + "?" + query
}

func psql(ctx context.Context, db string, statements ...string) error {
	for _, s := range statements {
		if out, err := exec.CommandContext(ctx, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", db, "-c", s).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", s, err, out)
		}
	}
	return nil
}

// usage is what a process took.
type usage struct {
	cpu, wall float64 // seconds
	peak      float64 // MB of resident memory
}

// measure runs a command to its end.
func measure(ctx context.Context, name string, args ...string) (usage, []byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	u := usage{wall: time.Since(began).Seconds()}
	if cmd.ProcessState != nil {
		u.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			u.peak = float64(r.Maxrss) * 1024 / 1e6
		}
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), args[0], err, out.Bytes(), errs.Bytes())
	}
	return u, out.Bytes(), err
}

// sync runs `penstock sync` and returns the rows it says it moved.
func (b *bench) sync(ctx context.Context, args ...string) (usage, int64, error) {
	u, out, err := measure(ctx, b.program, append([]string{"sync", "--json"}, args...)...)
	if err != nil {
		return u, 0, err
	}
	var s struct {
		Rows int64   `json:"rows"`
		Peak float64 `json:"peak_bytes"`
	}
	err = json.Unmarshal(out, &s)
	u.peak = s.Peak / 1e6 // the system counts the peak of the process before it became the program as well
	return u, s.Rows, err
}

// start runs a command until the benchmarks end, and waits until its address answers.
func (b *bench) start(ctx context.Context, addr string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(b.program, args...)
	log, err := os.Create(b.path(args[0] + ".log"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	b.stop = append(b.stop, func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-gone })
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-gone:
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("%s ended:\n%s", args[0], text)
		default:
		}
		if resp, err := http.Get("http://" + addr + "/"); err == nil {
			resp.Body.Close()
			return cmd, nil
		}
		time.Sleep(time.Millisecond)
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// cpuOf returns the CPU seconds that a running process has used.
func cpuOf(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.ParseFloat(f[11], 64)
	system, err2 := strconv.ParseFloat(f[12], 64)
	const ticks = 100 // per second, on Linux
	return (user + system) / ticks, errors.Join(err1, err2)
}

// memoryOf returns the resident memory of a running process in MB: now, VmRSS,
// or at most, VmHWM.
func memoryOf(pid int, what string) (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if v, ok := strings.CutPrefix(sc.Text(), what+":"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, what)
}
