package runner

import (
	"context"

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
		out := treatments(cfg, cat, offered)
		return out, s.rekey(ctx, cat, out)
	}
}

func treatments(cfg *schemaconfig.Config, cat *schemaconfig.Catalog, offered []schema.Table) map[schema.Name]schemaconfig.Treatment {
	out := map[schema.Name]schemaconfig.Treatment{}
	for _, t := range offered {
		out[t.Name] = schemaconfig.Resolve(cfg, cat, t)
	}
	return out
}

// rekey asks for tables to be read anew before it keeps that it has.
func (s *syncing) rekey(ctx context.Context, cat *schemaconfig.Catalog, treatments map[schema.Name]schemaconfig.Treatment) error {
	_, anew := schemaconfig.Rekey(*cat, treatments)
	if len(anew) == 0 {
		return nil
	}
	if err := s.runner.Store.AskResync(ctx, s.run.ConnectionID, anew); err != nil {
		return ofStore("ask for tables to be read again", err)
	}
	_, _, err := s.runner.Store.UpdateSchema(ctx, s.run.ConnectionID, func(_ *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		*cat, _ = schemaconfig.Rekey(*cat, treatments)
		return nil
	})
	return ofStore("keep the keys", err)
}

// keepColumns adds the columns that rows had and the source did not offer to
// what is known of it, and takes the mark from those that were dropped from
// the destination, whatever became of the sync.
func (s *syncing) keepColumns(ctx context.Context, out pipe.Outcome) error {
	var changed []pipe.TableOutcome
	for _, t := range out.Tables {
		if len(t.Found)+len(t.Dropped) > 0 {
			changed = append(changed, t)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	_, _, err := s.runner.Store.UpdateSchema(context.WithoutCancel(ctx), s.run.ConnectionID, func(cfg *schemaconfig.Config, cat *schemaconfig.Catalog) error {
		for _, t := range changed {
			*cfg, *cat = schemaconfig.Find(*cfg, *cat, t.Source, t.Found)
			for _, column := range t.Dropped {
				cfg.Dropped(cat, t.Source, column)
			}
		}
		return nil
	})
	return ofStore("keep the columns found and dropped", err)
}
