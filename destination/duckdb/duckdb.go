// Package duckdb is the destination "duckdb": a DuckDB database file, which a
// sync keeps open only while it runs, so that people can query it in between.
//
// Batches go in as Arrow records that DuckDB reads where they are. Tables have
// no primary key: its index would cost two thirds more space and slow every
// load; the key is in the columns' comments, as is the type of a column that
// DuckDB has no exact type for.
package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/setup"
)

// Config is what a destination of this kind is configured with.
type Config struct {
	Path    string `json:"path" title:"File" help:"The DuckDB database file, made if it does not exist. The folder must exist on the machine that runs the syncs." required:"true"`
	Threads int    `json:"threads,omitempty" title:"Threads" help:"How many threads DuckDB may use; half of the machine's cores, as far as the memory suffices, if not given."`
}

// Service is the destination "duckdb".
var Service = destination.Service{
	ID:      "duckdb",
	Name:    "DuckDB",
	Config:  setup.Describe("DuckDB", Config{}),
	MaxName: 255,
	Open:    open,
}

type duck struct {
	path    string
	threads int
	renew   int64 // how many values are written before the file is opened anew
	env     destination.Env
}

func open(config json.RawMessage, env destination.Env) (destination.Destination, error) {
	var c Config
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if c.Path == "" {
		return nil, &setup.Problem{Code: "invalid_config", Message: "The path of the DuckDB file is missing."}
	}
	// The driver takes a path for a URL and cuts it at these.
	if i := strings.IndexAny(c.Path, "?%#"); i >= 0 {
		return nil, &setup.Problem{Code: "invalid_config", Message: fmt.Sprintf("The path %q has a %q in it, which DuckDB's driver cannot open.", c.Path, c.Path[i])}
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, err
	}
	return &duck{path: path, threads: c.Threads, renew: renewAfter, env: env}, nil
}

// Titles of the setup tests.
const (
	testFolder = "Folder exists"
	testFile   = "Database file opens"
)

func (k *duck) Test(ctx context.Context) []setup.TestResult {
	folder := setup.TestResult{Title: testFolder, Status: setup.Passed}
	if err := checkFolder(k.path); err != nil {
		folder.Status, folder.Message = setup.Failed, err.Error()
		return []setup.TestResult{folder}
	}
	results := setup.NewResults(ctx)
	results.Add(folder)
	opens := setup.TestResult{Title: testFile, Status: setup.Passed}
	const memory = 64 << 20
	switch f, err := acquire(ctx, k.path, memory, k.threads); {
	case err == nil:
		if err := f.release(memory); err != nil {
			opens.Status, opens.Message = setup.Failed, err.Error()
		}
	case setup.AsProblem(err) != nil:
		opens.Status, opens.Message = setup.Failed, err.Error()
	default: // somebody has it open just now
		opens.Status, opens.Message = setup.Warned, err.Error()
	}
	return results.Add(opens)
}

func checkFolder(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &setup.Problem{Code: "path_not_found", Message: fmt.Sprintf("The folder %s of the DuckDB file does not exist. Make it, or change the path.", folder)}
	case err != nil:
		return &setup.Problem{Code: "path_not_found", Message: fmt.Sprintf("The folder %s of the DuckDB file cannot be read", folder), Err: err}
	case !info.IsDir():
		return &setup.Problem{Code: "path_not_found", Message: fmt.Sprintf("%s is not a folder.", folder)}
	}
	return nil
}

// Of a writer's memory, an eighth, and no more than this, is for batches that
// wait for DuckDB, as much for what DuckDB allocates without counting it, and
// the rest is DuckDB's.
const maxQueue = 32 << 20

// columnBlocks is what a column takes of a table to which rows were added since
// the last checkpoint: a block of values and one of what is NULL. They can go to
// disk when the transaction has ended. A checkpoint after each would cost five
// times as much as the merges, since it writes such a table's last rows anew.
const columnBlocks = 512 << 10

// renewAfter is how many values are written before the file is opened anew:
// what DuckDB notes of each column of each 122,880 rows that it has written stays
// in memory until then, uncounted, 2 to 3 KB. This many are some 15 MB; a table
// is read lazily when its file was opened.
const renewAfter = 500_000_000

func (k *duck) Writer(ctx context.Context, opt destination.Options) (destination.Writer, error) {
	if opt.Memory == 0 {
		opt.Memory = 256 << 20
	}
	queue := min(opt.Memory/8, maxQueue)
	share := opt.Memory - 2*queue
	f, err := acquire(ctx, k.path, share, k.threads)
	if err != nil {
		return nil, err
	}
	db := newDatabase(f, opt.Warn, share, queue, k.renew)
	// A file's catalog is called after the file, and so is a schema often:
	// without the catalog such a name would be ambiguous.
	d := dialect
	d.Catalog = f.catalog
	return sqlwriter.New(db, &d, opt, sqlwriter.Limits{Sessions: 16, Stage: opt.Memory / 2, Inline: max(1, int(share/6/columnBlocks))}), nil
}
