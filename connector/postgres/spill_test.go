package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/connectortest"
	"github.com/penstock-data/penstock/internal/pgtest"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// spilling returns a server of its own with what spills makes, and an opener of
// sources that spill to a folder, into many small files.
func spilling(t *testing.T) (dsn, dir string, open func() *source) {
	dsn, dir = newServer(t).url, filepath.Join(t.TempDir(), "log")
	pgtest.Exec(t, dsn, spills...)
	plain := opener(t, dsn, viaLog)
	return dsn, dir, func() *source {
		s := plain().(*source)
		s.env.Folder, s.spillPart, s.spillStep = dir, 4<<10, 1<<10
		return s
	}
}

// spills are tables, and changes of all kinds in them.
var spills = []string{
	"create table item (id int primary key, name text, big text)", "alter table item alter big set storage external",
	"insert into item select g, 'n' || g, repeat('b', 3000) from generate_series(1, 20) g",
	"create table event (day int, id int, name text, primary key (day, id)) partition by list (day)",
	"create table event_1 partition of event for values in (1)", "create table event_2 partition of event for values in (2)",
	"insert into event select g % 2 + 1, g, 'e' from generate_series(1, 20) g",
}

var spillChanges = [][]string{
	{"insert into item values (100, 'new', 'x')", "update item set name = 'kept' where id < 5", "delete from item where id = 6", "update item set id = 200 where id = 7"},
	{"update event set day = 3 - day where id < 4", "delete from event where id > 17", "insert into item select g, 'many', repeat('m', 500) from generate_series(300, 400) g"},
	{"alter table item add extra int", "update item set extra = id where id % 3 = 0", "truncate event", "insert into event values (1, 1, 'again')"},
	{"create table other (id int primary key)", "insert into item values (500, 'then', null)", "insert into other values (1), (2)", "alter table item rename name to title", "update item set title = 'last' where id = 2"},
	{"alter table item alter extra type bigint", "update item set extra = 5000000000 where id = 3", "begin; insert into item select g, 'large', repeat('l', 3000) from generate_series(1000, 1200) g; savepoint a; delete from item where id < 5; rollback to a; commit"},
}

// settled waits until nobody reads the slot, and has what was committed
// written, so that a reader gets all of it.
func settled(t *testing.T, dsn string) {
	t.Helper()
	unread(t, dsn)
	pgtest.Exec(t, dsn, "set synchronous_commit = on", "create table if not exists flushed ()", "drop table flushed")
}

// spilled spills all that has been committed, between two syncs.
func spilled(t *testing.T, s *source, m *connectortest.Model) {
	t.Helper()
	settled(t, dsnOf(s))
	if _, err := s.Spill(t.Context(), m.State); err != nil {
		t.Fatal(err)
	}
	unread(t, dsnOf(s))
}

func dsnOf(s *source) string {
	return fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", s.User, s.Host, s.Port, s.Database)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func warned(m *connectortest.Model, code string) bool {
	return slices.ContainsFunc(m.Warnings, func(w setup.Warning) bool { return w.Code == code })
}

// TestSpill has changes of all kinds moved to files, some before and some after
// the slot goes on, and syncs that break after each checkpoint while they apply
// them.
func TestSpill(t *testing.T) {
	t.Parallel()
	for _, every := range []int{1, 2, len(spillChanges)} {
		t.Run(fmt.Sprint("sync after ", every), func(t *testing.T) {
			t.Parallel()
			dsn, dir, open := spilling(t)
			m := &connectortest.Model{}
			if err := m.Sync(t.Context(), open()); err != nil {
				t.Fatal(err)
			}
			for i, c := range spillChanges {
				pgtest.Exec(t, dsn, c[:len(c)/2]...)
				spilled(t, open(), m)
				pgtest.Exec(t, dsn, c[len(c)/2:]...)
				if i%2 == 0 {
					spilled(t, open(), m)
				}
				if (i+1)%every != 0 {
					continue
				}
				if n := len(files(t, dir)); n == 0 {
					t.Error("there are no files")
				}
				breaks := 0
				for {
					src := &watched{Source: open(), onCheckpoint: func(n int) error {
						if n == 3 {
							return errBreak
						}
						return nil
					}}
					err := m.Sync(t.Context(), src)
					if warned(m, "log_gap") || len(m.Failed) > 0 {
						t.Fatalf("%d: %v, failed %v", i, m.Warnings, m.Failed)
					}
					if err == nil {
						break
					}
					if breaks++; !errors.Is(err, errBreak) && !errors.Is(err, connector.ErrSchemaChanged) || breaks > 1000 {
						t.Fatalf("%d: %v", i, err)
					}
				}
				compare(t, fmt.Sprint(i), m, dsn, "item", "event")
				if left := files(t, dir); len(left) > 0 {
					t.Errorf("%d: %q is left", i, left)
				}
			}
		})
	}
}

var errBreak = errors.New("broken off")

// TestSpillDamaged has what was moved cut off, changed, gone and half written:
// a tail that the slot was not told of is nothing, and of anything else queries
// find what has changed.
func TestSpillDamaged(t *testing.T) {
	t.Parallel()
	dsn, dir, open := spilling(t)
	m := &connectortest.Model{}
	if err := m.Sync(t.Context(), open()); err != nil {
		t.Fatal(err)
	}
	last := func(t *testing.T) string { names := files(t, dir); return names[len(names)-1] }
	edit := func(t *testing.T, name string, how func([]byte) []byte) {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, how(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	unfinished := func(t *testing.T, name string) string {
		part := filepath.Join(dir, filepath.Base(name)[:16]+".part")
		if err := os.Rename(name, part); err != nil {
			t.Fatal(err)
		}
		return part
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T)
		gap  bool
	}{
		{"whole", func(*testing.T) {}, false},
		{"torn tail", func(t *testing.T) {
			edit(t, unfinished(t, last(t)), func(b []byte) []byte { return append(b, 0, 0, 1, 0, 'x') })
		}, false},
		{"torn in the middle of a frame", func(t *testing.T) {
			edit(t, unfinished(t, last(t)), func(b []byte) []byte { return append(b, b[:len(b)/2]...) })
		}, false},
		{"a begun file", func(t *testing.T) {
			names := files(t, dir)
			to := strings.TrimSuffix(filepath.Base(names[len(names)-1])[17:], ".log")
			os.WriteFile(filepath.Join(dir, to+".part"), nil, 0o600)
		}, false},
		{"cut off", func(t *testing.T) { edit(t, last(t), func(b []byte) []byte { return b[:len(b)-1] }) }, true},
		{"cut off, unfinished", func(t *testing.T) {
			edit(t, unfinished(t, last(t)), func(b []byte) []byte { return b[:len(b)-1] })
		}, true},
		{"one bit", func(t *testing.T) {
			edit(t, files(t, dir)[0], func(b []byte) []byte { b[rand.IntN(len(b))] ^= 1 << rand.IntN(8); return b })
		}, true},
		{"another slot's", func(t *testing.T) {
			edit(t, files(t, dir)[0], func(b []byte) []byte { return bytes.Replace(b, []byte("penstock"), []byte("penstick"), 1) })
		}, true},
		{"a file gone", func(t *testing.T) { os.Remove(files(t, dir)[0]) }, true},
		{"all gone", func(t *testing.T) { os.RemoveAll(dir) }, true},
		{"slot gone", func(t *testing.T) { dropSlot(t, dsn, "penstock") }, true},
	} {
		for n := range 2 {
			pgtest.Exec(t, dsn, "update item set name = name || '.' where id < 15", "delete from item where id = (select max(id) from item)",
				"insert into item values ((select max(id) from item) + 5, 'new', repeat('n', 2000))")
			if n == 0 {
				spilled(t, open(), m)
			}
		}
		c.do(t)
		if err := m.Sync(t.Context(), open()); err != nil || len(m.Failed) > 0 {
			t.Fatal(c.name, err, m.Failed)
		}
		if warned(m, "log_gap") != c.gap {
			t.Errorf("%s: warnings %v", c.name, m.Warnings)
		}
		compare(t, c.name, m, dsn, "item", "event")
		if left := files(t, dir); len(left) > 0 {
			t.Errorf("%s: %q is left", c.name, left)
		}
	}
}

// TestSpillBounds has no room for what is to be moved, a sync that reads the
// slot, and calls at a wrong time.
func TestSpillBounds(t *testing.T) {
	t.Parallel()
	dsn, dir, open := spilling(t)
	m := &connectortest.Model{}
	const active = "is active"
	spill := func(want string, edit func(*source)) int64 {
		t.Helper()
		s := open()
		if edit != nil {
			edit(s)
		}
		if want != active {
			settled(t, dsn)
		}
		moved, err := s.Spill(t.Context(), m.State)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("moved %d: %v, want %q", moved, err, want)
		}
		return moved
	}
	spill("nothing that a sync would go on with", nil)
	if err := m.Sync(t.Context(), open()); err != nil {
		t.Fatal(err)
	}
	spill("no folder", func(s *source) { s.env.Folder = "" })
	pgtest.Exec(t, dsn, "insert into item select g, 'x', repeat('x', 1000) from generate_series(1000, 1049) g")
	pgtest.Exec(t, dsn, "insert into item select g, 'x', repeat('x', 100000) from generate_series(2000, 2400) g")
	if moved := spill("may take no more than 2000000 bytes", func(s *source) { s.env.FolderBytes = 2e6 }); moved < 50e3 || moved > 2e6 {
		t.Errorf("%d bytes were moved", moved)
	}
	if n := folderBytes(dir); n == 0 || n > 2e6 {
		t.Errorf("the folder has %d bytes", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open().Spill(ctx, m.State); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b, err := open().Backlog(t.Context(), m.State)
	if err != nil || b.Spilled != folderBytes(dir) {
		t.Errorf("%+v, %v", b, err)
	}

	during := &watched{Source: open()}
	during.onWrite = func(b schema.Batch) error {
		during.onWrite = nil
		spill(active, nil)
		return nil
	}
	if err := m.Sync(t.Context(), during); err != nil || warned(m, "log_gap") {
		t.Fatal(err, m.Warnings)
	}
	compare(t, "in part", m, dsn, "item", "event")

	// Another server of the cluster moves changes to a folder of its own.
	pgtest.Exec(t, dsn, "update item set name = 'elsewhere' where id < 10")
	spill("", func(s *source) { s.env.Folder = filepath.Join(dir, "other") })
	spill("was read by somebody else", nil)
	if err := m.Sync(t.Context(), open()); err != nil || !warned(m, "log_gap") {
		t.Fatal(err, m.Warnings)
	}
	compare(t, "elsewhere", m, dsn, "item", "event")

	pgtest.Exec(t, dsn, "update item set name = 'here' where id < 10")
	spill("", nil)
	if what, err := open().Release(t.Context(), m.State, true); err != nil || what == "" || len(files(t, dir)) > 0 {
		t.Errorf("released %q, %v", what, err)
	}
}
