package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/schema"
)

// TestDigestOfModes counts the rows that hold in each mode, equal ones of a
// table without a key once.
func TestDigestOfModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"CREATE TABLE soft AS SELECT i AS id, i % 4 = 0 AS _fivetran_deleted FROM range(100) r(i)",
		"CREATE TABLE live AS SELECT i AS id FROM range(100) r(i)",
		"CREATE TABLE history AS SELECT i % 10 AS id, i >= 90 AS _fivetran_active FROM range(100) r(i)",
		"CREATE TABLE keyless AS SELECT i % 5 AS id FROM range(100) r(i)",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	config, _ := json.Marshal(Config{Path: path})
	d, err := open(config, destination.Env{})
	if err != nil {
		t.Fatal(err)
	}
	long := schema.Type{Kind: schema.Long}
	for _, tt := range []struct {
		table string
		mode  schema.Mode
		keyed bool
		want  int64
	}{{"soft", schema.SoftDelete, true, 75}, {"live", schema.Live, true, 100}, {"history", schema.History, true, 10}, {"keyless", schema.Live, false, 5}} {
		for _, parts := range []int64{0, 1, 1024} {
			q := schema.DigestQuery{As: []schema.Type{long}, Parts: parts, Table: schema.Table{
				Name: schema.Name{Schema: "main", Table: tt.table}, Mode: tt.mode, Columns: []schema.Column{{Name: "id", Type: long, Key: tt.keyed}},
			}}
			var rows int64
			err := d.(destination.Digester).Digest(context.Background(), q, func(d schema.Digest) error {
				rows += d.Rows
				return nil
			})
			if err != nil || rows != tt.want {
				t.Errorf("%s in %d parts: %d rows, %v, want %d", tt.table, parts, rows, err, tt.want)
			}
		}
	}
}
