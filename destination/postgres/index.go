package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// An index is what is known of a table's unique index.
type index struct {
	key    string // its columns, quoted
	exists bool
}

// Index makes a unique index on the key where there is none. A table is loaded
// without: sorting all keys once is far cheaper than adding them one by one. It
// is not a primary key, because a source's key may have columns that were NULL
// in rows of an earlier one.
//
// Where the index cannot be made (a key too long for it, keys that somebody's
// own rows repeat, a table of somebody else's, or one that is partitioned by
// another column) merges do without it.
func (s *session) Index(ctx context.Context, t *schema.Table) (bool, error) {
	var columns []schema.Column
	for _, c := range t.Columns {
		if c.Key {
			columns = append(columns, c)
		}
	}
	key := list(columns)
	s.d.mu.Lock()
	known, ok := s.d.indexed[t.Name]
	s.d.mu.Unlock()
	if ok && known.key == key {
		return known.exists, nil
	}
	exists, err := s.makeIndex(ctx, t.Name, columns, key)
	if err != nil {
		return false, err
	}
	s.d.mu.Lock()
	s.d.indexed[t.Name] = index{key, exists}
	s.d.mu.Unlock()
	return exists, nil
}

func (s *session) makeIndex(ctx context.Context, name schema.Name, columns []schema.Column, key string) (bool, error) {
	rows, err := s.rows(ctx, `
		SELECT i.relname, array_to_string(ARRAY(
			SELECT a.attname FROM unnest(x.indkey[0:x.indnkeyatts-1]) k JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k), E'\x01')
		FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
		WHERE x.indrelid = `+quoteText(dialect.Table(name))+`::regclass
		AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL`)
	if err != nil {
		return false, err
	}
	var want []string
	for _, c := range columns {
		want = append(want, c.Name)
	}
	slices.Sort(want)
	ours := indexName(name)
	found := false
	for _, row := range rows {
		have := strings.Split(string(row[1]), "\x01")
		slices.Sort(have)
		switch {
		case slices.Equal(have, want):
			found = true
		case string(row[0]) == ours: // of an earlier key, which no longer is one
			if err := s.exec(ctx, "DROP INDEX "+quote(name.Schema)+"."+quote(ours)); err != nil {
				return false, err
			}
		}
	}
	if found {
		return true, nil
	}
	err = s.exec(ctx, fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", quote(ours), dialect.Table(name), key))
	var said *serverError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &said) && slices.Contains([]string{"23505", "54000", "42704", "0A000"}, said.code):
		return false, nil
	case setup.AsProblem(err) != nil && setup.AsProblem(err).Code == "permission_denied":
		return false, nil
	}
	return false, err
}

// indexName is the same for a table always, and no other's in its schema.
func indexName(name schema.Name) string {
	sum := sha256.Sum256([]byte(name.Table))
	return "penstock_key_" + hex.EncodeToString(sum[:8])
}
