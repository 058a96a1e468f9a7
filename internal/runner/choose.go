package runner

import (
	"context"
	"fmt"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/internal/schemaconfig"
	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/schema"
)

// choose returns what [pipe.Plan.Choose] is for a connection: it keeps what
// the source offers and treats it as people chose. Tables whose keys become
// others by that are read anew.
func (s *syncing) choose(c *store.Connection, service *connector.Service) func(context.Context, []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
	return func(ctx context.Context, offered []schema.Table) (map[schema.Name]schemaconfig.Treatment, error) {
		cfg, cat, err := s.runner.capture(ctx, c, service, offered)
		if err != nil {
			return nil, err
		}
		out := map[schema.Name]schemaconfig.Treatment{}
		for _, t := range offered {
			out[t.Name] = schemaconfig.Resolve(cfg, cat, t)
		}
		return out, s.rekey(ctx, cat, out)
	}
}

// rekey asks for tables to be read anew before it keeps that it has.
func (s *syncing) rekey(ctx context.Context, cat *schemaconfig.Catalog, treatments map[schema.Name]schemaconfig.Treatment) error {
	_, anew := schemaconfig.Rekey(*cat, treatments)
	if len(anew) == 0 {
		return nil
	}
	if err := s.runner.Store.AskResync(ctx, s.run.ConnectionID, anew); err != nil {
		return fmt.Errorf("ask for tables to be read again: %w", err)
	}
	_, _, err := s.runner.Store.UpdateSchema(ctx, s.run.ConnectionID, func(_ *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		*cat, _ = schemaconfig.Rekey(*cat, treatments)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the keys: %w", err)
	}
	return nil
}

// keepFound adds the columns that rows had and the source did not offer to
// what is known of it, whatever became of the sync.
func (s *syncing) keepFound(ctx context.Context, out pipe.Outcome) error {
	var found []pipe.TableOutcome
	for _, t := range out.Tables {
		if len(t.Found) > 0 {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return nil
	}
	_, _, err := s.runner.Store.UpdateSchema(context.WithoutCancel(ctx), s.run.ConnectionID, func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		for _, t := range found {
			*cfg, *cat = schemaconfig.Find(*cfg, *cat, t.Source, t.Found)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the columns found: %w", err)
	}
	return nil
}
