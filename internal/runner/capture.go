package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Capture looks what a connection's source offers now, keeps it in the store,
// and returns what is known and chosen then. Errors of the source are
// [ServiceError]s.
func (r *Runner) Capture(ctx context.Context, connectionID string) (*schemaconfig.Config, *schemaconfig.Catalog, error) {
	c, err := r.Store.Connection(ctx, connectionID)
	if err != nil {
		return nil, nil, err
	}
	src, err := r.source(ctx, c, r.Log.With("connection", connectionID))
	if err != nil {
		return nil, nil, ofService(err)
	}
	defer src.Close()
	offered, err := src.Tables(ctx, func(setup.Warning) {}) // the next sync tells them
	if err != nil {
		return nil, nil, ofService(explain(ctx, fmt.Errorf("list the tables: %w", err), src.tunnel))
	}
	return r.capture(ctx, c, src.service, offered)
}

// capture keeps what a connection's source was just seen to offer.
func (r *Runner) capture(ctx context.Context, c *store.Connection, service *connector.Service, offered []schema.Table) (
	*schemaconfig.Config, *schemaconfig.Catalog, error) {
	cfg, cat, err := r.Store.UpdateSchema(ctx, c.ID, func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		cat.Unnamed = service.ID
		*cfg, *cat = schemaconfig.Capture(*cfg, *cat, offered, r.Now())
		return nil
	})
	if err != nil {
		return nil, nil, ofStore("keep the schema", err)
	}
	return cfg, cat, nil
}

// errCaptured ends a sync that only looks what the source offers.
var errCaptured = errors.New("the schema was captured; no rows are moved before schema_status is ready")

// captureOnly is the sync of a connection that is blocked until somebody has
// chosen. No row leaves the source.
func (s *syncing) captureOnly(ctx context.Context, c *store.Connection, src *openSource) error {
	offered, err := src.Tables(ctx, s.warn)
	if err != nil {
		return fmt.Errorf("list the tables: %w", err)
	}
	if _, _, err := s.runner.capture(ctx, c, src.service, offered); err != nil {
		return err
	}
	return errCaptured
}
