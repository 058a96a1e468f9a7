package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/setup"
)

// A file is a database file that this process has open. A file can be opened
// once only, so all writers to it share one.
type file struct {
	path    string
	catalog string // DuckDB's name for it
	threads int
	db      *sql.DB // changed by renew, when there is one writer

	written atomic.Int64 // values, since it was opened

	sessions atomic.Int64 // so far

	define sync.Mutex // held while tables are defined: DuckDB refuses two definitions at a time in one schema

	closed chan struct{} // closed with the file

	// Guarded by files.mu.
	writers int
	memory  int64 // what the writers may take, together
}

// beside is a catalog in memory, beside the file's, for what has no business in
// the file: the driver can only make ordinary views of Arrow records.
const beside = "penstock:beside"

var files = struct {
	mu      sync.Mutex
	open    map[string]*file
	reading map[string]*asking
}{open: map[string]*file{}, reading: map[string]*asking{}}

// An asking is a query's process that has a file open.
type asking struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it has ended
}

// errSyncNeeds ends a query for a sync.
var errSyncNeeds = errors.New("a sync needs the file")

// reading begins to read a file in another process, when whoever has it now has
// ended: done ends it, and ctx does when a sync needs the file.
func reading(ctx context.Context, path string) (_ context.Context, done func(), err error) {
	files.mu.Lock()
	defer files.mu.Unlock()
	for {
		var busy chan struct{}
		said := "A sync is writing the file. Try again when it is done."
		if f := files.open[path]; f != nil {
			busy = f.closed
		} else if r := files.reading[path]; r != nil {
			busy, said = r.done, "Another query is being answered. Try again when it is done."
		} else {
			break
		}
		files.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			err = &destination.QueryError{Message: said}
		}
		files.mu.Lock()
		if err != nil {
			return nil, nil, err
		}
	}
	r := &asking{done: make(chan struct{})}
	ctx, r.cancel = context.WithCancelCause(ctx)
	files.reading[path] = r
	return ctx, func() {
		files.mu.Lock()
		defer files.mu.Unlock()
		delete(files.reading, path)
		r.cancel(nil)
		close(r.done)
	}, nil
}

// endReading ends who reads a file, and waits for it, with files.mu held before
// and after.
func endReading(ctx context.Context, path string) error {
	for r := files.reading[path]; r != nil; r = files.reading[path] {
		r.cancel(errSyncNeeds)
		files.mu.Unlock()
		var err error
		select {
		case <-r.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
		files.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// realPath returns the path by which this process knows a file, which need not
// exist; its folder must.
func realPath(path string) (string, error) {
	if err := checkFolder(path); err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path)), nil
	}
	return path, nil
}

// acquire opens the file, or joins those who have it open, with so many more
// bytes of memory for DuckDB.
func acquire(ctx context.Context, path string, memory int64, threads int) (*file, error) {
	path, err := realPath(path)
	if err != nil {
		return nil, err
	}
	files.mu.Lock()
	defer files.mu.Unlock()
	if err := endReading(ctx, path); err != nil {
		return nil, err
	}
	f := files.open[path]
	if f == nil {
		db, err := openFile(path, memory, threads)
		if err != nil {
			return nil, err
		}
		f = &file{path: path, threads: threads, db: db, closed: make(chan struct{})}
		if err = db.QueryRowContext(ctx, "SELECT current_database()").Scan(&f.catalog); err != nil {
			db.Close()
			return nil, explain(path, err)
		}
		files.open[path] = f
	}
	f.writers++
	f.memory += memory
	if f.writers > 1 {
		f.limit(ctx)
	}
	return f, nil
}

// limit tells DuckDB of a changed number of writers. It may refuse to shrink
// just now, and then keeps to what it had.
func (f *file) limit(ctx context.Context) {
	f.db.ExecContext(ctx, fmt.Sprintf("SET GLOBAL memory_limit = '%d B'", f.memory))
}

// release closes the file when its last writer goes.
func (f *file) release(memory int64) error {
	files.mu.Lock()
	defer files.mu.Unlock()
	f.writers--
	f.memory -= memory
	if f.writers > 0 {
		f.limit(context.Background())
		return nil
	}
	delete(files.open, f.path)
	defer close(f.closed)
	return explain(f.path, f.db.Close())
}

// alone reports whether the file has one writer.
func (f *file) alone() bool {
	files.mu.Lock()
	defer files.mu.Unlock()
	return f.writers == 1
}

// renew closes the file and opens it again, unless it has several writers.
func (f *file) renew() error {
	files.mu.Lock()
	defer files.mu.Unlock()
	if f.writers > 1 {
		return nil
	}
	if err := f.db.Close(); err != nil {
		return explain(f.path, err)
	}
	db, err := openFile(f.path, f.memory, f.threads)
	if err == nil {
		err = explain(f.path, db.Ping())
		f.db = db
		f.written.Store(0)
	}
	return err
}

// readableBy is the oldest version of DuckDB that can read the files that are
// made here. It is the first that keeps text in dictionaries whose entries are
// compressed (DICT_FSST), which takes a quarter less of the processor than to try
// the two ways that there were before. A file of an older format keeps it.
const readableBy = "v1.3.0"

func openFile(path string, memory int64, threads int) (*sql.DB, error) {
	if threads <= 0 {
		// Half of the cores: the source needs the others, and each further
		// thread leaves a row group that is not full, which the checkpoint
		// at the end writes once more.
		threads = max(1, min(runtime.GOMAXPROCS(0)/2, int(memory/(64<<20))))
	}
	settings := []string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		fmt.Sprintf("SET GLOBAL memory_limit = '%d B'", memory),
		fmt.Sprintf("SET GLOBAL threads = %d", threads),
		"SET GLOBAL temp_directory = " + quoteText(path+".tmp"),
		// Rows of a table have no order; keeping one would hold batches back.
		"SET GLOBAL preserve_insertion_order = false",
		"SET GLOBAL TimeZone = 'UTC'",
		"ATTACH ':memory:' AS " + quote(beside),
	}
	first := true // the connections are opened one at a time by database/sql's own locking of this function
	var mu sync.Mutex
	connector, err := duckdb.NewConnector(path+"?storage_compatibility_version="+readableBy, func(c driver.ExecerContext) error {
		mu.Lock()
		defer mu.Unlock()
		if !first {
			return nil
		}
		first = false
		for _, s := range append(settings, macros...) {
			if _, err := c.ExecContext(context.Background(), s, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, explain(path, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(-1) // a connection's temporary tables must end with it
	return db, nil
}

var holder = regexp.MustCompile(`Conflicting lock is held in (.*?) \(PID (\d+)\)(?: by user (\S+?))?\.`)

// inUse is the code of what cannot be changed because of something of the
// user's.
const inUse = "column_in_use"

// explain says in the words of this destination what DuckDB says of a file.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "Could not set lock on file"):
		who := "another process"
		if m := holder.FindStringSubmatch(text); m != nil {
			who = fmt.Sprintf("another process: %s, process %s", m[1], m[2])
			if m[3] != "" {
				who += ", user " + m[3]
			}
		}
		return fmt.Errorf("%s is open in %s; it can be written when that process has closed it", path, who)
	case strings.Contains(text, "not a valid DuckDB database file"), strings.Contains(text, "file is not a database"):
		return &setup.Problem{Code: "not_a_database", Message: fmt.Sprintf("%s exists and is not a DuckDB database. Choose another path, or move the file away.", path)}
	case strings.Contains(text, "depend on it"), strings.Contains(text, "index depends on"):
		return &setup.Problem{Code: inUse, Message: fmt.Sprintf("A table in %s cannot be changed as long as something of yours hangs on it, such as an index: %s", path, firstLine(text))}
	case strings.Contains(text, "No space left on device"), strings.Contains(text, "max_temp_directory_size"):
		return fmt.Errorf("the disk of %s is full: %s", path, firstLine(text))
	case strings.Contains(text, "Out of Memory Error"), strings.Contains(text, "failed to pin block"):
		// DuckDB works on 2048 rows at a time, whatever they hold.
		return &memoryError{fmt.Sprintf("DuckDB has too little memory for %s; where 2048 rows of a table, or one value, are large, a sync must be allowed more: %s", path, firstLine(text))}
	case errors.Is(err, os.ErrPermission), strings.Contains(text, "Permission denied"):
		return &setup.Problem{Code: "permission_denied", Message: fmt.Sprintf("The program may not open %s for writing", path), Err: err}
	}
	var said *duckdb.Error
	if errors.As(err, &said) {
		return &saidError{"DuckDB says of " + path + ": " + firstLine(text), said.Type}
	}
	return err
}

// A memoryError says that there is too little memory.
type memoryError struct{ text string }

func (e *memoryError) Error() string { return e.text }

// A saidError is what else DuckDB says.
type saidError struct {
	text string
	kind duckdb.ErrorType
}

func (e *saidError) Error() string { return e.text }

// Refuses implements sqlwriter.Refuser. Memory may be short for many reasons; a
// row that takes much of it is one that stays.
func (d *database) Refuses(err error, row int64) bool {
	var said *saidError
	if errors.As(err, &said) {
		return slices.Contains([]duckdb.ErrorType{duckdb.ErrorTypeConstraint, duckdb.ErrorTypeConversion, duckdb.ErrorTypeOutOfRange}, said.kind)
	}
	return errors.As(err, new(*memoryError)) && row > d.memory/8
}

// firstLine leaves out the advice that follows an error; its settings are not
// the user's to change.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
