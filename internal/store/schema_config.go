package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/schema"
)

// Schema statuses of a connection, as the API spells them.
const (
	SchemaReady      = "ready"
	BlockedOnCapture = "blocked_on_capture" // syncs only look what the source offers
)

const (
	schemaConfigOf = `select config from schema_configs where connection_id = $1`
	catalogOf      = `select catalog, captured_at from catalogs where connection_id = $1`
)

// SchemaConfig returns what was chosen of a connection's source; the zero
// Config if nothing was.
func (s *Store) SchemaConfig(ctx context.Context, connectionID string) (*schemaconfig.Config, error) {
	cfg, _, err := scanSchemaConfig(s.row(ctx, schemaConfigOf, connectionID))
	return cfg, err
}

// Catalog returns what a connection's source was last seen to offer; the zero
// Catalog if nobody has looked.
func (s *Store) Catalog(ctx context.Context, connectionID string) (*schemaconfig.Catalog, error) {
	cat, _, err := scanCatalog(s.row(ctx, catalogOf, connectionID))
	return cat, err
}

// UpdateSchema changes the choices for a connection and what is known of its
// source by f, which may not keep them, and returns both as stored. Nothing
// changes if f returns an error. It is the only way to write either but for
// [Store.UpdateFilters], and no two of their calls for a connection interleave.
// It is ErrNotFound if there is no such connection.
func (s *Store) UpdateSchema(ctx context.Context, connectionID string,
	f func(*schemaconfig.Config, *schemaconfig.Catalog) error) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	return s.updateSchema(ctx, connectionID, f, false)
}

// UpdateFilters is UpdateSchema for changes by which other rows than before
// may be wanted of some tables. A table whose filter changes is to be read
// again, as if [Store.AskResync] had been told in the same moment: rows that
// were left out so far have not changed.
func (s *Store) UpdateFilters(ctx context.Context, connectionID string,
	f func(*schemaconfig.Config, *schemaconfig.Catalog) error) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	return s.updateSchema(ctx, connectionID, f, true)
}

// updateSchema asks for tables to be read again whose filter changes, if resync.
func (s *Store) updateSchema(ctx context.Context, connectionID string, f func(*schemaconfig.Config, *schemaconfig.Catalog) error,
	resync bool) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	var cfg *schemaconfig.Config
	var cat *schemaconfig.Catalog
	err := s.in(ctx, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `select id from connections where id = $1`+s.dialect.forUpdate, connectionID).Scan(&id)
		if err != nil {
			return err
		}
		var oldConfig, oldCatalog []byte
		if cfg, oldConfig, err = scanSchemaConfig(tx.QueryRowContext(ctx, schemaConfigOf, connectionID)); err != nil {
			return err
		}
		if cat, oldCatalog, err = scanCatalog(tx.QueryRowContext(ctx, catalogOf, connectionID)); err != nil {
			return err
		}
		filters := cfg.Filters(cat)
		if err := f(cfg, cat); err != nil {
			return err
		}
		var again []schema.Name
		if resync {
			again = changedFilters(filters, cfg.Filters(cat))
		}
		if err := askResync(ctx, tx, connectionID, again); err != nil {
			return err
		}
		changed, err := putSchemaConfig(ctx, tx, connectionID, cfg, oldConfig)
		if err != nil {
			return err
		}
		if err := putCatalog(ctx, tx, connectionID, cat, oldCatalog); err != nil {
			return err
		}
		events, err := resynced(ctx, connectionID, again)
		if err == nil && changed && actor(ctx) != "" {
			var e Event
			e, err = (&Connection{ID: connectionID}).done(ctx, ChangeSchemaConfig, nil)
			events = append([]Event{e}, events...)
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, events...)
	})
	if err != nil {
		return nil, nil, err
	}
	return cfg, cat, nil
}

func changedFilters(before, after map[schema.Name]string) (tables []schema.Name) {
	for n, f := range after {
		if before[n] != f {
			tables = append(tables, n)
		}
	}
	for n := range before {
		if after[n] == "" {
			tables = append(tables, n)
		}
	}
	slices.SortFunc(tables, schema.Name.Compare)
	return tables
}

// scanSchemaConfig also returns the document.
func scanSchemaConfig(row scanner) (*schemaconfig.Config, []byte, error) {
	cfg := &schemaconfig.Config{}
	var packed []byte
	err := row.Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return cfg, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	doc, err := unpack(packed)
	if err == nil {
		err = json.Unmarshal(doc, cfg)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("schema config: %w", err)
	}
	return cfg, doc, nil
}

// scanCatalog also returns the document. The time of the capture is a column
// of its own, so that a source that offers what it did is not written again.
func scanCatalog(row scanner) (*schemaconfig.Catalog, []byte, error) {
	cat := &schemaconfig.Catalog{}
	var packed []byte
	var at time.Time
	err := row.Scan(&packed, stamp{&at})
	if errors.Is(err, sql.ErrNoRows) {
		return cat, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	doc, err := unpack(packed)
	if err == nil {
		err = json.Unmarshal(doc, cat)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("catalog: %w", err)
	}
	cat.CapturedAt = at
	return cat, doc, nil
}

// putSchemaConfig reports whether anything has changed.
func putSchemaConfig(ctx context.Context, tx *sql.Tx, connectionID string, cfg *schemaconfig.Config, old []byte) (bool, error) {
	doc, err := json.Marshal(cfg)
	if err != nil || bytes.Equal(doc, old) {
		return false, err
	}
	packed, err := pack(doc)
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `insert into schema_configs (connection_id, config, saved_at) values ($1, $2, $3)
		on conflict (connection_id) do update set config = excluded.config, saved_at = excluded.saved_at`,
		connectionID, packed, now().UnixMicro())
	return true, err
}

func putCatalog(ctx context.Context, tx *sql.Tx, connectionID string, cat *schemaconfig.Catalog, old []byte) error {
	if !cat.Captured() {
		return nil
	}
	untimed := *cat
	untimed.CapturedAt = time.Time{}
	doc, err := json.Marshal(untimed)
	if err != nil {
		return err
	}
	if bytes.Equal(doc, old) {
		_, err = tx.ExecContext(ctx, `update catalogs set captured_at = $2 where connection_id = $1`, connectionID, micros(cat.CapturedAt))
		return err
	}
	packed, err := pack(doc)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `insert into catalogs (connection_id, catalog, captured_at) values ($1, $2, $3)
		on conflict (connection_id) do update set catalog = excluded.catalog, captured_at = excluded.captured_at`,
		connectionID, packed, micros(cat.CapturedAt))
	return err
}
