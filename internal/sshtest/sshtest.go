// Package sshtest gives tests an SSH server of their own: a real sshd, started
// as the tests' user on a free port of loopback, with keys and a configuration
// in a folder of its own.
package sshtest

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A Server is an sshd.
type Server struct {
	Host string
	Port int
	User string // who may log in, with the keys that Authorize has been told

	dir     string
	options []string // lines of sshd_config
	keys    []string // files of host keys

	cmd *exec.Cmd
	log *log
}

// Start starts a server with an Ed25519 host key, to which nobody may log in
// yet, and more lines for its sshd_config. It ends with the test. Without an
// sshd on this machine the test is skipped, and CI fails for it.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	if program() == "" {
		t.Skip("there is no sshd on this machine; `make test` installs one")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "penstock-sshd-") // shorter than TempDir
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Host: "127.0.0.1", User: me.Username, dir: dir, options: options}
	t.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	if me.Uid == "0" {
		// Run by root, sshd gives its rights up in this folder, which the
		// system makes only where it starts sshd itself. No option moves it.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.Authorize(t)
	s.SetHostKeys(t, ssh.KeyAlgoED25519)
	s.startAnywhere(t)
	return s
}

func program() string {
	for _, p := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"} { // sshd wants its absolute path
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// Authorize makes lines of authorized_keys the only ones by which User may log in.
func (s *Server) Authorize(t testing.TB, lines ...string) {
	t.Helper()
	s.write(t, "authorized_keys", []byte(strings.Join(lines, "\n")+"\n"))
}

// SetHostKeys gives the server new host keys of the types, for when it starts
// the next time, and returns what each is approved by, the hash and the line of
// its public key.
func (s *Server) SetHostKeys(t testing.TB, types ...string) (keys [][2]string) {
	t.Helper()
	s.keys = nil
	for i, kind := range types {
		var private any
		var err error
		switch kind {
		case ssh.KeyAlgoED25519:
			_, private, err = ed25519.GenerateKey(rand.Reader)
		case ssh.KeyAlgoRSA:
			private, err = rsa.GenerateKey(rand.Reader, 2048)
		default:
			err = fmt.Errorf("no host keys of type %s are made here", kind)
		}
		if err != nil {
			t.Fatal(err)
		}
		block, err := ssh.MarshalPrivateKey(private, "")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.NewSignerFromKey(private)
		if err != nil {
			t.Fatal(err)
		}
		s.keys = append(s.keys, s.write(t, fmt.Sprintf("host_key_%d", i), pem.EncodeToMemory(block)))
		sum := sha256.Sum256(signer.PublicKey().Marshal())
		keys = append(keys, [2]string{base64.StdEncoding.EncodeToString(sum[:]),
			strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))})
	}
	return keys
}

func (s *Server) write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startAnywhere starts the server on a free port: somebody may take one
// before the server does.
func (s *Server) startAnywhere(t testing.TB) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	var err error
	for range 5 {
		var port []byte
		if port, err = exec.Command(filepath.Join(filepath.Dir(here), "../../scripts/freeport")).Output(); err != nil {
			break
		}
		if s.Port, err = strconv.Atoi(strings.TrimSpace(string(port))); err != nil {
			break
		}
		if err = s.start(t); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// Again starts the server again on its port after Kill, with options instead
// of those that it had if any are given.
func (s *Server) Again(t testing.TB, options ...string) {
	t.Helper()
	if options != nil {
		s.options = options
	}
	if err := s.start(t); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) start(t testing.TB) error {
	lines := append([]string{
		fmt.Sprintf("ListenAddress %s:%d", s.Host, s.Port),
		"AuthorizedKeysFile " + filepath.Join(s.dir, "authorized_keys"),
		"PidFile none", "UsePAM no", "StrictModes no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel VERBOSE",
	}, s.options...)
	for _, k := range s.keys {
		lines = append(lines, "HostKey "+k)
	}
	conf := s.write(t, "sshd_config", []byte(strings.Join(lines, "\n")+"\n"))
	s.cmd = exec.Command(program(), "-D", "-e", "-f", conf)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.log = &log{listens: make(chan struct{}), ended: make(chan struct{})}
	go s.log.read(stderr)
	select {
	case <-s.log.listens:
		return nil
	case <-s.log.ended:
		s.cmd.Wait()
		s.cmd = nil
		return fmt.Errorf("sshd does not start: %s", s.log.text())
	}
}

// Log returns what the server has said since it was started.
func (s *Server) Log() string { return s.log.text() }

// Kill ends the server and the connections to it at once.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGSTOP) // so that it begets no more
	sessions := descendants(s.cmd.Process.Pid)
	s.cmd.Process.Kill()
	for _, pid := range sessions {
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
	}
	s.cmd.Wait()
	s.cmd = nil
}

// descendants returns the processes that a process has started, and theirs.
func descendants(pid int) (all []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(f); err == nil {
			all = append(append(all, child), descendants(child)...)
		}
	}
	return all
}

// A log is what a server says.
type log struct {
	listens, ended chan struct{}

	mu    sync.Mutex
	lines strings.Builder
}

func (l *log) read(r io.Reader) {
	defer close(l.ended)
	in := bufio.NewScanner(r)
	first := true
	for in.Scan() {
		l.mu.Lock()
		fmt.Fprintln(&l.lines, in.Text())
		l.mu.Unlock()
		if first && strings.HasPrefix(in.Text(), "Server listening on") {
			first = false
			close(l.listens)
		}
	}
}

func (l *log) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}
