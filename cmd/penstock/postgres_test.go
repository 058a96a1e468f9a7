package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-data/penstock/internal/pgtest"
)

// own is a PostgreSQL server that the tests may break. It asks the role app
// for a password, and offers TLS with a certificate that nobody has signed.
var own struct {
	once sync.Once
	dir  string
	port string
	url  string // of a superuser
	err  error
}

const appPassword = "correct-horse-9b7d2f"

const accessRules = `
host all app 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
`

// ownPostgres returns the URL of the breakable server's superuser.
func ownPostgres(t testing.TB) string {
	t.Helper()
	pgtest.Server(t)
	own.once.Do(func() {
		if _, own.err = shell("scripts/need", "postgres"); own.err != nil {
			return
		}
		if own.port, own.err = shell("scripts/freeport"); own.err != nil {
			return
		}
		if own.dir, own.err = os.MkdirTemp("", "penstock-e2e-"); own.err != nil {
			return
		}
		if own.err = os.Chmod(own.dir, 0o755); own.err != nil {
			return
		}
		if own.err = startOwn(); own.err != nil {
			return
		}
		own.err = os.WriteFile(filepath.Join(own.dir, "data", "pg_hba.conf"), []byte(accessRules), 0o600)
	})
	if own.err != nil {
		t.Fatal(own.err)
	}
	// What is committed survives the crashes that the tests make.
	pgtest.Exec(t, own.url, "alter system set synchronous_commit = on", "select pg_reload_conf()")
	return own.url
}

func startOwn() (err error) {
	own.url, err = shell("scripts/postgres", "start", filepath.Join(own.dir, "data"), own.port)
	return err
}

// stopOwn is what a crash of the server's machine is to its clients.
func stopOwn() error {
	_, err := shell("scripts/postgres", "stop", filepath.Join(own.dir, "data"))
	return err
}

func stopOwnServers() {
	if own.dir != "" {
		stopOwn()
		os.RemoveAll(own.dir)
	}
}

// giveOwn puts a file into the breakable server's folder that belongs to it.
func giveOwn(t testing.TB, name string, content []byte) {
	t.Helper()
	folder := filepath.Join(own.dir, "data")
	file := filepath.Join(folder, name)
	info, err := os.Stat(folder)
	if err == nil {
		err = os.WriteFile(file, content, 0o600)
	}
	if err == nil {
		who := info.Sys().(*syscall.Stat_t)
		err = os.Chown(file, int(who.Uid), int(who.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A proxy stands between the program and a server, counts what passes, and
// can hold it back. The number of bytes is how tests know where a sync is.
type proxy struct {
	l      net.Listener
	target string
	host   string
	port   string

	passed atomic.Int64

	mu    sync.Mutex
	marks []mark
	gate  chan struct{} // nil: open; else closed to open it
	stop  int64         // the gate shuts when this much has passed; 0: it does not
	shut  chan struct{} // closed when it has
}

type mark struct {
	at      int64
	reached chan struct{}
}

// newProxy starts a proxy before the server at host and port.
func newProxy(t testing.TB, host, port string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, target: net.JoinHostPort(host, port)}
	p.host, p.port, _ = net.SplitHostPort(l.Addr().String())
	t.Cleanup(func() {
		l.Close()
		p.open()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		p.pass(client, server)
	}()
	p.pass(server, client)
}

func (p *proxy) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 8<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if gate := p.count(int64(n)); gate != nil {
				<-gate
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// count returns what the bytes have to wait for.
func (p *proxy) count(n int64) <-chan struct{} {
	now := p.passed.Add(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.marks) > 0 && p.marks[0].at <= now {
		close(p.marks[0].reached)
		p.marks = p.marks[1:]
	}
	if p.stop > 0 && now >= p.stop {
		p.stop, p.gate = 0, make(chan struct{})
		close(p.shut)
	}
	return p.gate
}

// after returns a channel that is closed when n more bytes have passed. There
// is one at a time.
func (p *proxy) after(n int64) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := mark{p.passed.Load() + n, make(chan struct{})}
	p.marks = []mark{m}
	return m.reached
}

// holdAfter lets n more bytes pass and holds back all that follow.
func (p *proxy) holdAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop, p.shut = p.passed.Load()+n, make(chan struct{})
}

// held waits until the gate is shut.
func (p *proxy) held(t testing.TB) {
	t.Helper()
	select {
	case <-p.shut:
	case <-time.After(patient):
		t.Fatalf("in %v not that much has passed", patient)
	}
}

// open lets everything pass again.
func (p *proxy) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = 0
	if p.gate != nil {
		close(p.gate)
		p.gate = nil
	}
}
